"""A place is read as it is written, or refused with what is wrong and the right form."""

from pathlib import Path

import pytest

from maskmatch.core.errors import InputError
from maskmatch.core.places import S3Place, read_place

FORMS = "give s3://bucket/prefix or file:///folder"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("s3://bucket", S3Place("bucket", "")),
        ("s3://bucket/", S3Place("bucket", "")),
        ("s3://b/w#1", S3Place("b", "w#1")),
        ("s3://b/w#2", S3Place("b", "w#2")),
        ("s3://b/w?x#y", S3Place("b", "w?x#y")),
        ("s3://b/100%25", S3Place("b", "100%25")),
        ("s3://b/a b@c", S3Place("b", "a b@c")),
        (" S3://b/w\n", S3Place("b", "w")),
        ("file:///tmp/a%20b", Path("/tmp/a b")),
        ("file:///tmp/w%231", Path("/tmp/w#1")),
        ("file:///tmp/50%", Path("/tmp/50%")),
        ("FILE:///tmp/a b", Path("/tmp/a b")),
    ],
)
def test_every_character_is_meant(text, place):
    assert read_place(text) == place


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "neither"),
        ("/tmp/x", "neither"),
        ("s3:/bucket", "neither"),
        ("gs://bucket/x", "neither"),
        ("https://bucket/x", "neither"),
        ("s3://", "name of a bucket"),
        ("s3:///x", "name of a bucket"),
        ("s3://[b/p", "name of a bucket"),
        ("s3://B/p", "name of a bucket"),
        ("s3://b_c/p", "name of a bucket"),
        ("s3://-b/p", "name of a bucket"),
        ("s3://b-/p", "name of a bucket"),
        ("s3://b..c/p", "name of a bucket"),
        ("s3://b:80/p", "name of a bucket"),
        ("s3://b?x/p", "name of a bucket"),
        ("s3://b#1", "name of a bucket"),
        ("s3://" + "b" * 64, "name of a bucket"),
        ("s3://arn:aws:s3:eu-west-1:1:accesspoint/a", "name of a bucket"),
        ("s3://b/../c", "no .. between"),
        ("s3://b/a/..", "no .. between"),
        ("s3://b/a\x00b", "control character"),
        ("s3://b/a\nb", "control character"),
        ("s3://u:hunter2@b/p", "a user or a password"),
        ("s3://u:hun/ter2@b/p", "a user or a password"),
        ("file://tmp/x", "absolute path"),
        ("file://u:hunter2@host/x", "absolute path"),
        ("file://", "absolute path"),
        ("file:///tmp/w?x#y", "%3F and %23"),
        ("file:///tmp/w#1", "%3F and %23"),
        ("file:///tmp/%00", "control character"),
        ("file:///tmp/%0A", "control character"),
        ("file:///tmp/%ff", "UTF-8"),
    ],
)
def test_what_is_no_place_is_told_with_the_cure_and_without_a_password(text, why):
    with pytest.raises(InputError) as told:
        read_place(text)
    assert why in str(told.value)
    assert str(told.value).endswith(FORMS)
    assert "ter2" not in str(told.value)
