import hashlib
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from devstack.pictures import JPEG_HEAD
from maskmatch.core.errors import ImageUnusable, InputError
from maskmatch.core.image_rules import MAX_FILE_BYTES, ImageFacts
from maskmatch.core.reach import Reach
from maskmatch.storage.images import URL_SECONDS, StoreImages, Transfer
from maskmatch.storage.object_stores import FileStore, S3Store, Store
from maskmatch.storage.other_buckets import OtherBuckets
from maskmatch.storage.source_watch import SourceWatch

JPEG = JPEG_HEAD + b" and more"


class CountingStore:
    """A store that counts what is asked of it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked: Counter[str] = Counter()

    def __getattr__(self, name):
        self.asked[name] += 1
        return getattr(self._store, name)


EVERYWHERE = Reach(("*",), ("*",))


def images_of(store, transfer=Transfer.BYTES, open_store=None, reach=EVERYWHERE):
    watch = SourceWatch(store, "manifest.csv", now=time.monotonic, say=lambda _: None, patience_seconds=60)
    others = OtherBuckets(open_store or (lambda _: store), now=time.monotonic, say=lambda _: None)
    return StoreImages(store, watch, transfer=transfer, others=others, reach=reach)


def code_of(images, image_id):
    with pytest.raises(ImageUnusable) as caught:
        images.load(image_id)
    return caught.value.code


def test_an_image_is_loaded_as_it_is(store):
    store.put("a.jpg", JPEG)
    assert images_of(store).load("a.jpg").data == JPEG


def test_megabytes_are_loaded_whole(store):
    data = JPEG + bytes(3_000_000)
    store.put("a.jpg", data)
    assert images_of(store).load("a.jpg").data == data


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "image_empty"),
        (b"GIF89a", "image_undecodable"),
        (JPEG + bytes(MAX_FILE_BYTES), "image_too_many_bytes"),
    ],
)
def test_what_the_vendor_would_refuse_is_refused_before(store, data, code):
    store.put("a.jpg", data)
    assert code_of(images_of(store), "a.jpg") == code


def test_a_missing_image_is_named_so_in_both_ways(s3_store):
    assert code_of(images_of(s3_store), "none.jpg") == "image_missing"
    assert code_of(images_of(s3_store, Transfer.URL), "none.jpg") == "image_missing"


def test_an_image_of_another_bucket_is_loaded_from_there(tmp_path):
    here, there = FileStore(tmp_path / "here"), FileStore(tmp_path / "there")
    there.put("a/b.jpg", JPEG)
    opened = []

    def open_store(uri):
        opened.append(uri)
        return there

    images = images_of(here, open_store=open_store)
    assert [images.load("s3://there/a/b.jpg").data for _ in range(2)] == [JPEG, JPEG]
    assert opened == ["s3://there"]


@pytest.mark.parametrize("image_id", ["s3://there/a.jpg", "https://p.test/a.jpg", "http://p.test/a.jpg"])
def test_what_manifests_may_not_name_is_not_even_asked_for(store, image_id):
    images = images_of(store, open_store=pytest.fail, reach=Reach())
    assert code_of(images, image_id) == "image_not_allowed"


def test_a_size_that_comes_after_long_notes_is_looked_for_before_the_vendor_is_paid(s3_store):
    notes = b"\xff\xe1\xea\x60" + bytes(0xEA60 - 2)
    frame = b"\xff\xc0\x00\x11\x08" + (3024).to_bytes(2) + (4032).to_bytes(2) + b"\x03" + bytes(9)
    s3_store.put("camera.jpg", b"\xff\xd8" + 2 * notes + frame + b"\xff\xda" + bytes(2_000))
    for transfer in Transfer:
        assert code_of(images_of(s3_store, transfer), "camera.jpg") == "image_too_many_pixels"


def test_a_store_that_cannot_sign_is_refused_for_urls(tmp_path):
    with pytest.raises(InputError, match="cannot sign URLs"):
        images_of(FileStore(tmp_path), Transfer.URL)


def test_a_public_address_is_passed_on_without_a_look(tmp_path):
    assert images_of(FileStore(tmp_path)).load("https://p.test/a.jpg").url == "https://p.test/a.jpg"


@pytest.mark.parametrize("transfer", Transfer)
def test_an_image_in_many_pairs_is_asked_for_once_by_all_threads(s3_store: S3Store, transfer):
    s3_store.put("a.jpg", JPEG)
    counting = CountingStore(s3_store)
    images = images_of(counting, transfer)
    counting.asked.clear()
    with ThreadPoolExecutor(8) as pool:
        pictures = set(pool.map(images.load, ["a.jpg"] * 40))
    assert len(pictures) == 1 or transfer is Transfer.URL
    asked = {name: counting.asked[name] for name in ("read", "peek", "head", "get") if counting.asked[name]}
    assert asked == ({"read": 1} if transfer is Transfer.BYTES else {"peek": 1})


def test_a_picture_that_is_kept_says_so_because_it_does_not_show_that_the_store_is_there(store):
    store.put("a.jpg", JPEG)
    images = images_of(store)
    loaded = [images.load("a.jpg") for _ in range(3)]
    assert [picture.is_kept for picture in loaded] == [False, True, True]
    assert [picture.facts.load_ms is None for picture in loaded] == [False, True, True]


def test_bytes_are_known_by_tag_digests_and_size_and_urls_by_what_the_store_tells(s3_store: S3Store):
    s3_store.put("a.jpg", JPEG)
    md5 = hashlib.md5(JPEG, usedforsecurity=False).hexdigest()
    read, signed = (images_of(s3_store, transfer).load("a.jpg").facts for transfer in Transfer)
    assert (read.tag, read.md5, read.sha256) == (md5, md5, hashlib.sha256(JPEG).hexdigest())
    assert read.load_ms > 0
    assert (read.size, read.store_host) == (len(JPEG), s3_store.host)
    assert signed == ImageFacts(store_host=s3_store.host, image_id="a.jpg", tag=md5, size=len(JPEG))
    public = images_of(s3_store).load("https://p.test:8/a.jpg").facts
    assert public == ImageFacts(store_host="p.test", image_id="https://p.test:8/a.jpg")


def test_memory_for_pictures_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("maskmatch.storage.images.KEPT_BYTES", 10_000)
    counting = CountingStore(FileStore(tmp_path))
    for number in range(20):
        counting.put(f"{number}.jpg", JPEG + bytes(1000))
    images = images_of(counting)
    for number in (*range(20), 19, 0):
        images.load(f"{number}.jpg")
    assert counting.asked["read"] == 21  # the newest is still there, the oldest is not


def test_a_url_is_signed_anew_for_each_call_and_lives_for_minutes(s3_store):
    s3_store.put("a.jpg", JPEG)
    counting = CountingStore(s3_store)
    images = images_of(counting, Transfer.URL)
    for _ in range(3):
        assert f"X-Amz-Expires={URL_SECONDS}" in images.load("a.jpg").url
    assert (counting.asked["peek"], counting.asked["signed_url"]) == (1, 1 + 3)
    assert URL_SECONDS <= 600


@pytest.mark.parametrize("transfer", Transfer)
def test_an_image_that_the_vendor_could_not_fetch_is_looked_at_anew(s3_store, transfer):
    s3_store.put("a.jpg", JPEG)
    images = images_of(s3_store, transfer)
    images.load("a.jpg")
    s3_store.delete("a.jpg")
    assert images.load("a.jpg").is_kept or transfer is Transfer.URL
    assert images.forget("a.jpg") == (transfer is Transfer.URL)
    assert not images.forget("https://p.test/a.jpg")
    if transfer is Transfer.URL:
        assert code_of(images, "a.jpg") == "image_missing"


def test_an_image_that_came_later_is_found_then(s3_store):
    images = images_of(s3_store, Transfer.URL)
    assert code_of(images, "late.jpg") == "image_missing"
    s3_store.put("late.jpg", JPEG)
    assert images.load("late.jpg").url


def test_a_signed_url_is_not_shown_by_repr(s3_store):
    s3_store.put("a.jpg", JPEG)
    assert "Signature" not in repr(images_of(s3_store, Transfer.URL).load("a.jpg"))


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("a%20b.jpg", "it looks percent-encoded, and keys are taken as they are: was 'a b.jpg' meant?"),
        ("images\\a.jpg", "it has backslashes, and keys have slashes"),
        ("a\u200b.jpg", r"characters that are not seen, or look like others: 'a\u200b.jpg'"),
        ("ａ.jpg", r"look like others: '\uff41.jpg'"),
    ],
)
def test_a_missing_image_tells_what_may_be_wrong_with_its_key(store, key, hint):
    store.put("a b.jpg", JPEG)
    with pytest.raises(ImageUnusable) as caught:
        images_of(store).load(key)
    assert caught.value.code == "image_missing"
    assert str(caught.value).startswith("there is no object under this key; it ")
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    "key", ["a#b.jpg", "a?b.jpg", "100%.jpg", "a[1].jpg", "a b.jpg", "王.jpg", "a%20b.jpg"]
)
def test_each_character_of_a_key_is_meant(store, key):
    store.put(key, JPEG)
    assert images_of(store).load(key).data == JPEG


def test_an_image_behind_a_link_out_of_the_source_is_never_sent(tmp_path):
    store = FileStore(tmp_path / "source")
    store.put("b.jpg", JPEG)
    (tmp_path / "secret.jpg").write_bytes(JPEG)
    (tmp_path / "source" / "a.jpg").symlink_to(tmp_path / "secret.jpg")
    assert code_of(images_of(store), "a.jpg") == "image_id_invalid"
