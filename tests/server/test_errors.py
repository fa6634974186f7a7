from string import Formatter

import pytest
from tencentcloud.iai.v20200303 import errorcodes

from maskmatch.server.errors import Language, Mistake, ServiceError

PUBLISHED = {value for name, value in vars(errorcodes).items() if name.isupper()}
COMMON = ("AuthFailure.", "RequestLimitExceeded.")


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("mistake", Mistake)
def test_both_languages_fill_in_the_same_details(mistake: Mistake) -> None:
    english, chinese = (mistake.text(language) for language in Language)
    assert places(english) == places(chinese)
    assert english != chinese


@pytest.mark.parametrize("mistake", [mistake for mistake in Mistake if "." in mistake.code])
def test_the_actions_own_codes_are_those_the_sdk_publishes(mistake: Mistake) -> None:
    assert mistake.code.startswith(COMMON) or mistake.code in PUBLISHED


def test_what_a_caller_sent_is_filled_in_as_it_is() -> None:
    error = ServiceError(Mistake.UNKNOWN_PARAMETER, name="{limit}")
    assert error.message(Language.ENGLISH) == "The parameter `{limit}` is not recognized."
    assert "{limit}" not in repr(error)
