from string import Formatter

import pytest
from comparemaskface.wire.errors import ServiceError
from comparemaskface.wire.vendor_errors import Language, VendorError
from tencentcloud.iai.v20200303 import errorcodes

PUBLISHED = {value for name, value in vars(errorcodes).items() if name.isupper()}
COMMON = ("AuthFailure.", "RequestLimitExceeded.")


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("error", VendorError)
def test_both_languages_fill_in_the_same_details(error: VendorError) -> None:
    english, chinese = (error.text(language) for language in Language)
    assert places(english) == places(chinese)
    assert english != chinese


@pytest.mark.parametrize("error", [error for error in VendorError if "." in error.code])
def test_the_actions_own_codes_are_those_the_sdk_publishes(error: VendorError) -> None:
    assert error.code.startswith(COMMON) or error.code in PUBLISHED


def test_what_a_caller_sent_is_filled_in_as_it_is() -> None:
    error = ServiceError(VendorError.UNKNOWN_PARAMETER, name="{limit}")
    assert error.message(Language.ENGLISH) == "The parameter `{limit}` is not recognized."
    assert "{limit}" not in repr(error)
