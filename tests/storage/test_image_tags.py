"""Tags come by a listing or by HEADs, whichever is fewer requests, and are no more than they say."""

import hashlib

import numpy as np
import pytest

from maskmatch.core.errors import StoreAway
from maskmatch.storage.image_tags import ImageTags, Sought, find_tags
from maskmatch.storage.object_stores import PatientStore, S3Store
from maskmatch.storage.sorted_hashes import text_hashes
from tests.pipeline.plan.tagged import TaggedStore
from tests.s3 import client_of


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def patient(store, seconds=0.0):
    said = []
    return PatientStore(store, patience_seconds=seconds, say=said.append)


def found_by(store, keys, *, prefix="images/"):
    hashes = text_hashes(keys)
    tags = ImageTags(np.unique(hashes))
    find_tags(store, tags, Sought(prefix, lambda: iter([(list(keys), hashes)]), "", len(keys)))
    places = tags.places(hashes)
    names, are_md5s = tags.names(places)
    found = [
        bytes(name).hex() if is_md5 else None
        for name, is_md5 in zip(names, are_md5s & (places >= 0), strict=True)
    ]
    return tags, dict(zip(keys, found, strict=True))


def store_with(folder, count, *, page_keys=10):
    store = TaggedStore(folder, page_keys=page_keys)
    for number in range(count):
        store.put(f"images/{number:04d}.jpg", b"%d" % number)
    return store


def test_a_folder_of_wanted_images_is_listed(tmp_path):
    store = store_with(tmp_path, 35)
    keys = [f"images/{number:04d}.jpg" for number in range(35)]
    tags, found = found_by(patient(store), keys)
    assert found == {key: md5(b"%d" % number) for number, key in enumerate(keys)}
    assert (tags.pages, tags.heads, store.heads) == (4, 0, [])


def test_few_images_of_many_are_looked_at_one_by_one(tmp_path):
    store = store_with(tmp_path, 400)
    keys = [f"images/{number:04d}.jpg" for number in (0, 100, 200, 300, 399)]
    tags, found = found_by(patient(store), keys)
    assert None not in found.values()
    assert len(store.pages) + len(store.heads) <= len(keys) + 2
    assert (tags.pages, tags.heads) == (len(store.pages), len(store.heads))


@pytest.mark.parametrize("wanted", [3, 30, 100, 300])
def test_requests_are_never_much_more_than_the_lesser_of_both(tmp_path, wanted):
    store = store_with(tmp_path, 300)
    keys = [f"images/{number * 300 // wanted:04d}.jpg" for number in range(wanted)]
    found_by(patient(store), keys)
    assert len(store.pages) + len(store.heads) <= min(wanted, 30) + 2


def test_what_is_missing_or_was_uploaded_in_parts_has_no_name_and_is_no_error(tmp_path):
    store = store_with(tmp_path, 3)
    store.put("images/parts.jpg", b"x")
    _, found = found_by(patient(store), ["images/0001.jpg", "images/none.jpg", "images/parts.jpg"])
    assert found == {"images/0001.jpg": md5(b"1"), "images/none.jpg": None, "images/parts.jpg": None}


def test_where_nobody_may_list_each_image_is_looked_at_without_waiting(tmp_path):
    store = store_with(tmp_path, 5)
    store.refuses_listing = True
    tags, found = found_by(patient(store, 300.0), ["images/0001.jpg", "images/none.jpg"])
    assert (tags.pages, tags.heads, found["images/0001.jpg"]) == (0, 2, md5(b"1"))


def test_a_store_that_is_away_is_waited_for_and_then_an_error(tmp_path, monkeypatch):
    store = store_with(tmp_path, 5)
    store.is_away = 1
    monkeypatch.setattr("maskmatch.storage.object_stores.patient.LOOK_SECONDS", 0.01)
    _, found = found_by(patient(store, 60.0), ["images/0001.jpg"])
    assert found["images/0001.jpg"] == md5(b"1")
    store.is_away = 10**9
    with pytest.raises(StoreAway):
        found_by(patient(store), ["images/0001.jpg"])


def sevens(keys):
    return np.full(len(keys), 7, np.uint64)


def test_two_keys_with_one_hash_have_no_name(tmp_path, monkeypatch):
    monkeypatch.setattr("maskmatch.storage.image_tags.text_hashes", sevens)
    tags = ImageTags(np.array([7], np.uint64))
    tags.note(store_with(tmp_path, 2).page("images/").objects)
    assert tags.places(np.array([7], np.uint64)).tolist() == [-1]


@pytest.mark.server
def test_pages_and_heads_of_a_real_store_agree(seaweed):
    client = client_of(seaweed)
    store = S3Store(client, bucket="maskmatch", prefix="tags")
    for number in range(3):
        store.put(f"images/{number}.jpg", b"%d" % number)
    keys = [f"images/{number}.jpg" for number in range(3)]
    tags, found = found_by(patient(store), keys)
    assert found == {key: md5(b"%d" % number) for number, key in enumerate(keys)}
    assert tags.pages == 1
    assert [each.key for each in store.page("images/", after="images/0.jpg").objects] == keys[1:]
    assert store.page("nothing/") == ([], True)
    client.close()
