import re

import pytest

from maskmatch.core.reach import Reach

SOURCE = "s3://faces/in"
REACH = Reach(("archive", "faces-*"), ("cdn.example.com", "*.pictures.example.org"))


@pytest.mark.parametrize(
    "image_id",
    [
        "images/a.jpg",
        "s3://faces/in/a.jpg",
        "s3://faces/elsewhere/a.jpg",
        "s3://archive/a.jpg",
        "s3://faces-2026/a.jpg",
        "https://cdn.example.com/a.jpg",
        "https://CDN.Example.com:443/a.jpg?w=3",
        "https://cdn.example.com./a.jpg",
        "https://eu.pictures.example.org/a%20b.jpg",
    ],
)
def test_the_source_and_what_is_allowed_may_be_named(image_id):
    assert REACH.what_is_wrong(image_id, source=SOURCE) is None


@pytest.mark.parametrize(
    ("image_id", "told"),
    [
        ("s3://salaries/a.jpg", "bucket 'salaries' .* add it to image_buckets"),
        ("s3://archive-2/a.jpg", "bucket 'archive-2'"),
        ("s3://faces2/a.jpg", "bucket 'faces2'"),
        ("https://example.com/a.jpg", "host 'example.com' .* add it to image_hosts"),
        ("https://cdn.example.com.evil.test/a.jpg", "host 'cdn.example.com.evil.test'"),
        ("https://evil.test/cdn.example.com", "host 'evil.test'"),
        ("https://cdn.example.com@evil.test/a.jpg", "every reader"),
        ("https://evil.test\\.cdn.example.com/a.jpg", "every reader"),
        ("https://evil.test%2f.cdn.example.com/a.jpg", "every reader"),
        ("https://evil.test%23.cdn.example.com/a.jpg", "every reader"),
        ("https://cdn.example.com:99999/a.jpg", "every reader"),
        ("https://cdn.example.com/a b.jpg", "every reader"),
        ("https://cdn.example.com/a.jpg#X-Amz-Signature:abc", "every reader"),
        ("https://cdn.example.com/a\\b.jpg", "every reader"),
        ("https://cdn.example.com?x", "every reader"),
        ("https://cdn\u3002example.com/a.jpg", "every reader"),
        ("http://cdn.example.com/a.jpg", "every reader"),
        ("HTTPS://cdn.example.com/a.jpg", "every reader"),
        ("https://pictures.example.org/a.jpg", "host"),
        ("https://[::1/a.jpg", "every reader"),
        ("https:///a.jpg", "every reader"),
        ("file:///etc/passwd", "every reader"),
        ("s3://faces/../salaries/a.jpg", "no .. between slashes"),
        ("s3://archive/../salaries/a.jpg", "no .. between slashes"),
        ("s3://faces", "s3://bucket/key"),
        ("../salaries/a.jpg", "no .. between slashes"),
        ("https:\\\\evil.test\\a.jpg", "must not begin as an address does"),
    ],
)
def test_all_else_is_refused_with_the_setting_that_allows_it(image_id, told):

    assert re.search(told, REACH.what_is_wrong(image_id, source=SOURCE))


def test_by_default_nothing_but_the_source_may_be_named():
    assert Reach().what_is_wrong("s3://faces/a.jpg", source=SOURCE) is None
    assert Reach().what_is_wrong("s3://faces/a.jpg", source="file:///faces")
    assert Reach().what_is_wrong("https://faces/a.jpg", source=SOURCE)
