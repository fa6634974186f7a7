"""What a person has entered is shown without a secret that may be in it."""

from contextlib import suppress

import pytest

from maskmatch.core.errors import WrongSetting
from maskmatch.core.shown import plain, shown, shown_value, without_users
from maskmatch.settings.account_fields import ACCOUNT_FIELDS
from maskmatch.settings.fields import Entered
from maskmatch.settings.run_fields import RUN_FIELDS
from maskmatch.settings.store_fields import EXTRA_FIELDS, KEY_FIELDS

ALL_FIELDS = (*ACCOUNT_FIELDS, *KEY_FIELDS, *EXTRA_FIELDS, *RUN_FIELDS.values())


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("https://u:hunter2@h/p", "'https://...@h/p'"),
        ("s3://u:hun@ter2@b/p", "'s3://...@b/p'"),
        ("s3://u:hun/ter2@b/p", "'s3://...@b/p'"),
        ("redis://:hunter2#?\n@h", "'redis://...@h'"),
        ("hunter2@h", "'...@h'"),
        ("!hunter2@h", "'...@h'"),
        ("u:hunter2%40h", "'...@h'"),
        ("u:hunter2%2540h", "'...@h'"),
        ("https://h/p?X-Amz-Signature=hunter2", "'https://h/p?...'"),
        ("https://u:hunter2@h/p?sig=hunter2", "'https://...@h/p?...'"),
        ({"a": "u:hunter2@h"}, "...@h'}"),
        (["u:hunter2@h"], "...@h']"),
        ("images/a.jpg", "'images/a.jpg'"),
        ("５０\u200b", "'５０\\u200b'"),
        (12.5, "12.5"),
        (None, "None"),
    ],
)
def test_nothing_before_an_at_sign_and_no_query_is_shown(value, shown):
    assert shown_value(value) == shown


def test_what_is_long_is_shown_short():
    assert len(shown_value("a" * 10_000)) < 110


def test_the_message_of_a_library_loses_the_users_of_its_addresses():
    said = 'Could not connect to the endpoint URL: "https://u:hun/t er2@h/b?list-type=2"'
    assert without_users(said) == 'Could not connect to the endpoint URL: "https://...@h/b?list-type=2"'


@pytest.mark.parametrize("field", ALL_FIELDS, ids=lambda field: field.name)
@pytest.mark.parametrize(
    "value", ["https://u:hunter2@h/p", "s3://u:hunter2@b/p", "u:hunter2@h", "u:hun ter2@h", "u:hunter2%40h"]
)
def test_no_setting_tells_a_password_that_was_typed_into_it(field, value):
    with suppress(WrongSetting):
        field.value_of(Entered(value, "here"))
        return
    with pytest.raises(WrongSetting) as told:
        field.value_of(Entered(value, "here"))
    assert "ter2" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a\u200bb", r"a\u200bb"),  # no width
        ("a\u200db", r"a\u200db"),
        ("a\u202eb", r"a\u202eb"),  # writes backwards
        ("a\u2066b", r"a\u2066b"),
        ("a\ufeffb", r"a\ufeffb"),
        ("a\u00a0b", r"a\xa0b"),
        ("a\u3000b", r"a\u3000b"),
        ("a\u00adb", r"a\xadb"),
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\r\nb\0", r"a\r\nb\x00"),
        ("a\ud800b", r"a\ud800b"),
        ("a\u2028b", r"a\u2028b"),
        ("王（1）.jpg", "王（1）.jpg"),
    ],
)
def test_what_is_not_seen_is_in_escapes(text, escaped):
    assert shown(text) == f"'{escaped}'"
    assert plain(text) == escaped
    assert shown(text).encode()
    assert plain(text).encode()


@pytest.mark.parametrize("text", ["ｔｒｕｅ", "１", "ａ／ｂ", "ａ．ｊｐｇ", "＼", "＠"])
def test_full_width_forms_of_letters_and_digits_are_in_escapes(text):
    assert shown(text).isascii()


def test_texts_of_manifests_are_cut():
    assert len(shown("a" * 10_000)) < 70
    assert len(plain("a" * 10_000)) < 1100
