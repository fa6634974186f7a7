"""A folder of images is a list; what is no image is told, and never left out unseen."""

import pytest

from maskmatch.core.addresses import SourcePlace
from maskmatch.core.errors import InputError
from maskmatch.storage.image_lists import read_folder
from maskmatch.storage.object_stores import FileStore


def test_a_folder_names_images_and_their_subjects(store):
    for key in ("bert/2.png", "anna/1.JPG", "anna/deep/3.bmp", "loose.jpeg", "anna/noending"):
        store.put(key, b"x")
    for key in ("anna/.hidden.jpg", "Thumbs.db", "empty.jpg"):
        store.put(key, b"" if key == "empty.jpg" else b"x")
    store.put("anna/notes.json", b"{}")
    found = read_folder(store, "images/", SourcePlace.of(store.uri, store.host), subject_from_folder=True)
    assert list(zip(found.ids.to_pylist(), found.subjects.to_pylist(), strict=True)) == [
        ("images/anna/1.JPG", "anna"),
        ("images/anna/deep/3.bmp", "anna"),
        ("images/anna/noending", "anna"),
        ("images/bert/2.png", "bert"),
        ("images/loose.jpeg", None),
    ]
    assert [row.code for row in found.bad_rows] == ["image_name_strange"]
    assert "anna/notes.json record 4: 'notes.json' is no name of a JPG" in found.bad_rows[0].message
    assert found.rows == 6
    assert "passed over: " in found.told[1]
    assert all(name in found.told[1] for name in (".hidden.jpg", "Thumbs.db", "empty.jpg"))


def test_addresses_of_a_store_become_keys_below_the_source(store):
    store.put("images/a b#1.jpg", b"x")
    source = SourcePlace.of("s3://faces/source", "s3.amazonaws.com")
    found = read_folder(store, "s3://faces/source/", source, subject_from_folder=False)
    assert found.ids.to_pylist() == ["images/a b#1.jpg"]
    assert found.subjects.to_pylist() == [None]


def test_a_folder_without_anything_is_refused(tmp_path):
    with pytest.raises(InputError, match="no image at file://"):
        read_folder(FileStore(tmp_path), "", SourcePlace(), subject_from_folder=False)


def test_what_is_no_file_is_told(tmp_path):
    store = FileStore(tmp_path)
    store.put("a.jpg", b"x")
    (tmp_path / "link.jpg").symlink_to("/etc/hostname")
    found = read_folder(store, "", SourcePlace(), subject_from_folder=False)
    assert found.ids.to_pylist() == ["a.jpg"]
    assert "link.jpg" in found.bad_rows[0].message
