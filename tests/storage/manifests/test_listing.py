"""What lies in the folder of a date."""

import os
from datetime import date

import pytest

from maskmatch.core.errors import InputError
from maskmatch.storage.manifests import Manifest, find_manifests
from maskmatch.storage.object_stores import FileStore

DAY = date(2026, 1, 2)
FOLDER = "manifests/ds=2026-01-02"
ROWS = b"pair_id,reference_id,probe_id\np,a,b\n"


def found_in(store):
    listing = find_manifests(store, DAY)
    return [key.removeprefix(f"{FOLDER}/") for key in listing.keys]


def test_the_manifests_of_a_date_are_found_in_order(store):
    for name in ("b.CSV", "a.jsonl.gz", "sub/c.parquet", "d.xlsx", "e.tsv.zst", "part-00000-c000", "notes"):
        store.put(f"{FOLDER}/{name}", b"x")
    store.put("manifests/ds=2026-01-03/other.csv", b"x")
    assert found_in(store) == [
        "a.jsonl.gz",
        "b.CSV",
        "d.xlsx",
        "e.tsv.zst",
        "notes",
        "part-00000-c000",
        "sub/c.parquet",
    ]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("_SUCCESS", "begins with _"),
        ("_committed_123", "begins with _"),
        (".hidden.csv", "begins with _ or a dot"),
        (".DS_Store", "or a dot"),
        ("._pairs.csv", "or a dot"),
        (".part-0.csv.crc", "or a dot"),
        (".~lock.pairs.xlsx#", "or a dot"),
        (".ipynb_checkpoints/pairs-checkpoint.csv", "of a folder"),
        ("_temporary/0/part-0.csv", "of a folder"),
        ("is_mated=true/_temporary/part-0.csv", "of a folder"),
        ("_temporary/0/pairs.csv.tmp", "of a folder"),
        ("~$pairs.xlsx", "lock of Excel"),
        ("Thumbs.db", "Windows"),
        ("sub/Thumbs.db", "Windows"),
        ("ehthumbs.db", "Windows"),
        ("desktop.ini", "Windows"),
        ("12ab.csv.metadata", "Athena"),
        ("12ab.txt.metadata", "Athena"),
        ("sub_$folder$", "marker of a folder"),
    ],
)
def test_what_tools_leave_beside_data_is_passed_over_and_named(store, name, why):
    store.put(f"{FOLDER}/a.csv", b"x")
    store.put(f"{FOLDER}/{name}", ROWS)
    listing = find_manifests(store, DAY)
    assert listing.keys == (f"{FOLDER}/a.csv",)
    ((told, reason),) = [(each.name, each.why) for each in listing.passed_over]
    assert told == name
    assert why in reason


@pytest.mark.parametrize("name", ["b.csv", "b.parquet", "sub/part-0"])
def test_an_object_without_a_byte_is_passed_over_and_named(store, name):
    store.put(f"{FOLDER}/a.csv", b"x")
    store.put(f"{FOLDER}/{name}", b"")
    listing = find_manifests(store, DAY)
    assert listing.keys == (f"{FOLDER}/a.csv",)
    assert [(each.name, each.why) for each in listing.passed_over] == [(name, "it is empty")]


@pytest.mark.server
@pytest.mark.parametrize("name", ["", "sub/"])
def test_markers_of_folders_are_passed_over(s3_store, name):
    s3_store.put(f"{FOLDER}/a.csv", b"x")
    s3_store.put(f"{FOLDER}/{name}", b"")
    assert find_manifests(s3_store, DAY).keys == (f"{FOLDER}/a.csv",)


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("b.csv.part", "not whole: finish it"),
        ("b.csv.filepart", "not whole"),
        ("b.csv.crdownload", "not whole"),
        ("b.csv.tmp", "not whole"),
        ("b.csv~", "not whole"),
        ("b.csv._COPYING_", "not whole"),
        ("b.csv.download", "not whole"),
        ("b.csv.aria2", "not whole"),
        ("b.csv.inprogress", "not whole"),
        ("#b.csv#", "not whole"),
        ("b.csv.backup", "it is old"),
        ("b.csv.bak", "it is old: remove it, or let its name begin with _"),
        ("b.csv.old", "it is old"),
    ],
)
def test_a_file_that_is_not_whole_or_old_is_neither_read_nor_passed_over(store, name, cure):
    store.put(f"{FOLDER}/a.csv", ROWS)
    store.put(f"{FOLDER}/{name}", ROWS)
    with pytest.raises(InputError, match=f"{name} is no manifest: its name says that .*{cure}"):
        find_manifests(store, DAY)


@pytest.mark.parametrize("name", ["_delta_log/00000000000000000000.json", ".hoodie/hoodie.properties"])
def test_a_table_with_removed_rows_is_refused(store, name):
    store.put(f"{FOLDER}/part-0.parquet", b"x")
    store.put(f"{FOLDER}/{name}", b"{}")
    with pytest.raises(InputError, match="whose files hold removed rows, too: export its rows as parquet"):
        find_manifests(store, DAY)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"Rar!\x1a\x07\x01\x00", "it is a rar archive: pack it with gzip or zstd"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an xls workbook of old.*save it as xlsx or csv"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "it is a picture: images do not lie among the manifests"),
        (b"\x89PNG\r\n\x1a\n", "it is a picture"),
        (b"these are notes\non the pairs\n", "reference_id, probe_id is missing.*let its name begin with _"),
        (b'{"entries": [{"url": "s3://b/x"}]}\n', None),
    ],
)
@pytest.mark.parametrize("name", ["notes", "pairs.csv", "pairs.doc"])
def test_content_that_is_not_understood_is_an_error_whatever_its_name(tmp_path, name, data, told):
    store = FileStore(tmp_path)
    store.put(f"{FOLDER}/{name}", data)
    (key,) = find_manifests(store, DAY).keys
    if told:
        with pytest.raises(InputError, match=rf"{name} cannot be read: .*{told}"):
            list(Manifest(store, key))
    else:
        assert [bad for portion in Manifest(store, key) for bad in portion.bad_rows]


def test_an_odd_name_refuses_nothing_whose_content_is_understood(tmp_path):
    store = FileStore(tmp_path)
    store.put(f"{FOLDER}/pairs of tonight", ROWS)
    (key,) = find_manifests(store, DAY).keys
    assert sum(portion.rows.num_rows for portion in Manifest(store, key)) == 1


def test_a_date_without_manifests_says_where_to_put_one(store):
    with pytest.raises(InputError, match=r"no manifest at .*/manifests/ds=2026-01-02/: put one there"):
        find_manifests(store, DAY)
    store.put(f"{FOLDER}/_SUCCESS", b"")
    with pytest.raises(InputError, match=r"1 objects there are none: _SUCCESS \(its name"):
        find_manifests(store, DAY)


def test_what_is_no_file_among_manifests_is_an_error_unless_it_is_hidden(tmp_path):
    store = FileStore(tmp_path)
    store.put(f"{FOLDER}/a.csv", ROWS)
    (tmp_path / FOLDER / ".#a.csv").symlink_to("user@host.123")
    assert [each.name for each in find_manifests(store, DAY).passed_over] == [".#a.csv"]
    os.mkfifo(tmp_path / FOLDER / "b.csv")
    with pytest.raises(InputError, match=r"ds=2026-01-02/b.csv is a pipe: remove it"):
        find_manifests(store, DAY)
    (tmp_path / FOLDER / "b.csv").unlink()
    (tmp_path / FOLDER / "b.csv").symlink_to(tmp_path / "nothing")
    with pytest.raises(
        InputError, match=r"b.csv is a link that leads nowhere: remove it, or put the file there"
    ):
        find_manifests(store, DAY)


def test_odd_characters_of_names_are_escaped(tmp_path):
    store = FileStore(tmp_path)
    store.put(f"{FOLDER}/a.csv", ROWS)
    store.put(f"{FOLDER}/_\u202e\u200b\n.csv", ROWS)
    assert [each.name for each in find_manifests(store, DAY).passed_over] == ["_\\u202e\\u200b\\n.csv"]


SECRETS = [
    "x?X-Amz-Signature=geheim.csv",
    "x?X-Amz-Signature=geheim/a.csv",
    "_x?X-Amz-Signature=geheim",
    "sub/quality_control=3/user:geheim@host.csv",
    "x%3Ftoken%3Dgeheim/Thumbs.db",
]


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("data", [ROWS, b""])
def test_a_name_that_may_hold_a_key_is_refused_and_never_shown(store, name, data):
    store.put(f"{FOLDER}/a.csv", ROWS)
    store.put(f"{FOLDER}/{name}", data)
    with pytest.raises(InputError, match=r"a name that is not shown: .*; name it anew, and withdraw") as told:
        find_manifests(store, DAY)
    assert "geheim" not in str(told.value)
    assert FOLDER in str(told.value)


def test_what_is_neither_file_nor_folder_is_not_shown_by_such_a_name(tmp_path):
    store = FileStore(tmp_path)
    store.put(f"{FOLDER}/a.csv", ROWS)
    (tmp_path / FOLDER / "x?token=geheim").symlink_to("nowhere")
    with pytest.raises(InputError, match="a name that is not shown") as told:
        find_manifests(store, DAY)
    assert "geheim" not in str(told.value)


@pytest.mark.parametrize("name", ["R&D/quality_control=3/a.csv", "team#1/attr_x=a/b.csv", "50%/a?.csv"])
def test_a_name_with_odd_signs_is_no_secret(store, name):
    store.put(f"{FOLDER}/{name}", ROWS)
    assert find_manifests(store, DAY).keys == (f"{FOLDER}/{name}",)
