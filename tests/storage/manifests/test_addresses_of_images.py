"""One object is one image, whichever way a manifest names it and whichever way it is read."""

import json

import pytest

from maskmatch.core.addresses import SourcePlace
from maskmatch.core.pairs import Place, parse_row
from maskmatch.storage.manifests import Manifest
from maskmatch.storage.object_stores import FileStore

COS = SourcePlace.of("s3://faces-1/in", "cos.ap-guangzhou.myqcloud.com")
WEB = "https://faces-1.cos.ap-guangzhou.myqcloud.com"
KEY = "manifests/ds=2026-01-02/x.jsonl"

SAME = [
    "a/b.jpg",
    "s3://faces-1/in/a/b.jpg",
    "s3a://faces-1/in/a/b.jpg",
    "cos://faces-1/in/a/b.jpg",
    "cosn://faces-1/in/a/b.jpg",
    f"{WEB}/in/a/b.jpg",
    f"{WEB}/in/a%2Fb.jpg",
    "https://cos.ap-guangzhou.myqcloud.com/faces-1/in/a/b.jpg",
]
OTHERS = [
    "s3://faces-1/in/-a.jpg",
    "s3://faces-1/in//a.jpg",
    "s3://faces-1/in/王.jpg",
    "s3://faces-1/in/a#b?.jpg",
    "s3://faces-1/in/a b.jpg",
    "s3://faces-1/inside/a.jpg",
    "s3://other/in/a.jpg",
    "cosn://other/in/a.jpg",
    f"{WEB}/elsewhere/a.jpg",
    f"{WEB}/in/%E7%8E%8B.jpg",
    "https://other-1.cos.ap-shanghai.myqcloud.com/in/a.jpg",
    "https://cdn.example.com/in/a.jpg",
    "s3://faces-1/in/../a.jpg",
    "s3://faces-1/../a.jpg",
    "oss://faces-1/in/a.jpg",
    "hdfs://faces-1/in/a.jpg",
    "s3://faces-1/in/",
    "https:a.jpg",
    "images\\a.jpg",
    "s3://faces-1/in/" + "a" * 1008,
    "s3://faces-1/in/" + "a" * 1009,
]


def read(folder, images, source=COS):
    store = FileStore(folder)
    rows = [{"pair_id": f"p{n}", "reference_id": image, "probe_id": "z"} for n, image in enumerate(images)]
    store.put(KEY, "".join(json.dumps(row) + "\n" for row in rows).encode())
    portions = list(Manifest(store, KEY, source=source))
    found = {row["pair_id"]: row["reference_id"] for each in portions for row in each.rows.to_pylist()}
    bad = {f"p{row.manifest_record - 1}": row.message for each in portions for row in each.bad_rows}
    return found, bad


def test_an_object_is_one_image_however_it_is_named(tmp_path):
    found, bad = read(tmp_path, SAME)
    assert (set(found.values()), len(found), bad) == ({"a/b.jpg"}, len(SAME), {})


def test_pairs_without_an_id_have_the_same_one_however_images_are_named(tmp_path):
    store = FileStore(tmp_path)
    store.put(KEY, "".join(f'{{"reference_id":"{each}","probe_id":"z"}}\n' for each in SAME).encode())
    rows = [row for each in Manifest(store, KEY, source=COS) for row in each.rows.to_pylist()]
    assert len({(row["pair_id"], row["fingerprint"]) for row in rows}) == 1


def test_columns_read_at_once_say_the_same_as_the_rule_for_one_row(tmp_path):
    images = [*SAME, *OTHERS]
    found, bad = read(tmp_path, images)
    for number, image in enumerate(images):
        fields = {"pair_id": f"p{number}", "reference_id": image, "probe_id": "z"}
        place = Place(file="x.jsonl", record=number + 1, line=number + 1)
        expected = parse_row(fields, place, COS)
        got = found.get(f"p{number}") or bad[f"p{number}"]
        assert got == getattr(expected, "reference_id", None) or got == expected.message


@pytest.mark.parametrize("source", ["s3", "cos", "web"])
def test_plain_addresses_of_the_source_are_read_in_columns(tmp_path, source, monkeypatch):
    monkeypatch.setattr("maskmatch.storage.manifests.checks.parse_row", None)  # one row at a time
    start = {"s3": "s3://faces-1/in/", "cos": "cos://faces-1/in/", "web": f"{WEB}/in/"}[source]
    found, _ = read(tmp_path, [f"{start}images/{number}.jpg" for number in range(100)])
    assert found["p99"] == "images/99.jpg"


def test_a_refused_address_tells_the_reason(tmp_path):
    _, bad = read(tmp_path, ["oss://faces-1/in/a.jpg"])
    assert bad["p0"].endswith(
        "column reference_id: 'oss://faces-1/in/a.jpg': oss:// is an address of Alibaba OSS, and the source "
        "is Tencent COS: give the key below it"
    )
