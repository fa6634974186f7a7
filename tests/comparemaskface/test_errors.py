from string import Formatter

import pytest
from comparemaskface.wire.errors import Language, ServiceError, VendorError
from tencentcloud.iai.v20200303 import errorcodes

PUBLISHED = {value for name, value in vars(errorcodes).items() if name.isupper()}
COMMON = ("AuthFailure.", "RequestLimitExceeded.")


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("mistake", VendorError)
def test_both_languages_fill_in_the_same_details(mistake: VendorError) -> None:
    english, chinese = (mistake.text(language) for language in Language)
    assert places(english) == places(chinese)
    assert english != chinese


@pytest.mark.parametrize("mistake", [mistake for mistake in VendorError if "." in mistake.code])
def test_the_actions_own_codes_are_those_the_sdk_publishes(mistake: VendorError) -> None:
    assert mistake.code.startswith(COMMON) or mistake.code in PUBLISHED


def test_what_a_caller_sent_is_filled_in_as_it_is() -> None:
    error = ServiceError(VendorError.UNKNOWN_PARAMETER, name="{limit}")
    assert error.message(Language.ENGLISH) == "The parameter `{limit}` is not recognized."
    assert "{limit}" not in repr(error)
