"""The short way to call a URL legal agrees with the long one."""

from comparemaskface.wire.comparison import _PLAIN_URL, _is_legal
from hypothesis import given
from hypothesis import strategies as st


@given(st.from_regex(_PLAIN_URL, fullmatch=True))
def test_what_is_plain_is_legal(url: str) -> None:
    assert _is_legal(url)


@given(st.text(alphabet="htps:/.@[]0125ab%?# \n\u00e4", max_size=24).map("http".__add__))
def test_what_is_not_legal_is_not_plain(url: str) -> None:
    assert _is_legal(url) or not _PLAIN_URL.fullmatch(url)
