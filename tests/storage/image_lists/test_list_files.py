"""Lists of images as people have them: read by the rules of manifests, bad rows told with their place."""

import gzip
import io
import json

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from maskmatch.core.addresses import ANYWHERE, SourcePlace
from maskmatch.core.errors import InputError
from maskmatch.core.manifest_options import ManifestOptions
from maskmatch.storage.image_lists import ImageList, read_list_file
from maskmatch.storage.object_stores import FileStore

SOURCE = SourcePlace.of("s3://faces/source", "cos.ap-guangzhou.myqcloud.com")


def read(folder, name: str, data: bytes | str, source: SourcePlace = ANYWHERE, **columns: str) -> ImageList:
    store = FileStore(folder)
    store.put(name, data.encode() if isinstance(data, str) else data)
    return read_list_file(store, name, ManifestOptions(columns=columns), source)


def images(found: ImageList) -> list[tuple[str, str | None]]:
    return list(zip(found.ids.to_pylist(), found.subjects.to_pylist(), strict=True))


ROWS = [("a.jpg", "anna"), ("b.jpg", None)]


def parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"image_id": ["a.jpg", "b.jpg"], "subject_id": ["anna", None]}), file)
    return file.getvalue()


def workbook() -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in (("Image ID", "subject_id"), *ROWS):
        book.active.append(row)
    book.save(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.csv", b"image_id,subject_id\na.jpg,anna\nb.jpg,\n"),
        ("x.tsv", "Image ID\tSubject-ID\na.jpg\tanna\nb.jpg\tNaN\n".encode("utf-16")),
        ("x.csv.gz", gzip.compress(b"subject_id;image_id\nanna;a.jpg\n;b.jpg\n")),
        ("x.jsonl", '{"image_id": "a.jpg", "subject_id": "anna"}\n{"image_id": "b.jpg"}\n'),
        ("x.json", json.dumps([{"image_id": "a.jpg", "subject_id": "anna"}, {"image_id": "b.jpg"}])),
        ("x.parquet", parquet()),
        ("x.xlsx", workbook()),
    ],
)
def test_each_kind_of_file_is_a_list(tmp_path, name, data):
    found = read(tmp_path, name, data)
    assert images(found) == ROWS
    assert not found.bad_rows
    assert found.rows == 2


def test_columns_are_named_and_others_are_attributes(tmp_path):
    found = read(tmp_path, "x.csv", "file,who,camera\na,1,x\nb,2,\n", image_id="file", subject_id="who")
    assert images(found) == [("a", "1"), ("b", "2")]
    assert {name: column.to_pylist() for name, column in found.attributes.items()} == {
        "attr_camera": ["x", None]
    }


BAD = """\
image_id,subject_id
a.jpg,anna
,bert
s3://key:secret@faces/x.jpg,bert
https://cdn.example.com/a.jpg?X-Amz-Signature=abc,carl
b\x01.jpg,bert
c.jpg,be\x02rt
../up.jpg,bert
short
a.jpg,anna
d.jpg,dora
d.jpg,dirk
e.jpg,emil
"""


def test_bad_rows_have_line_column_and_reason_and_the_others_go_on(tmp_path):
    found = read(tmp_path, "x.csv", BAD)
    assert images(found) == [("a.jpg", "anna"), ("e.jpg", "emil")]
    assert [(row.manifest_line, row.code, row.column) for row in found.bad_rows] == [
        (3, "image_id_missing", "image_id"),
        (4, "signed_url_refused", "image_id"),
        (5, "signed_url_refused", "image_id"),
        (6, "value_invalid", "image_id"),
        (7, "value_invalid", "subject_id"),
        (8, "value_invalid", "image_id"),
        (9, "row_malformed", None),
        (10, "image_id_repeated", "image_id"),
        (11, "subject_id_unclear", "subject_id"),
        (12, "subject_id_unclear", "subject_id"),
    ]
    assert found.bad_rows[7].message == (
        "x.csv line 10, record 9, column image_id: the image stands in x.csv line 2, record 1, too: leave "
        "one out"
    )
    assert not any("secret" in row.message or "abc" in row.message for row in found.bad_rows)
    assert found.told == ["x.csv: csv, UTF-8, 12 rows, 10 of them bad"]


def test_an_image_is_one_whichever_way_it_is_written(tmp_path):
    rows = "image_id\nimages/a.jpg\ns3://faces/source/images/a.jpg\ncos://faces/source/images/b c.jpg\n"
    found = read(tmp_path, "x.csv", rows, SOURCE)
    assert images(found) == [("images/a.jpg", None), ("images/b c.jpg", None)]
    assert [row.code for row in found.bad_rows] == ["image_id_repeated"]


def test_a_list_without_the_column_says_how_to_name_it(tmp_path):
    with pytest.raises(InputError, match=r"column image_id is missing.*set --columns, such as image_id=file"):
        read(tmp_path, "x.csv", "file,who\na,b\n")
    with pytest.raises(InputError, match="did you mean image_id"):
        read(tmp_path, "x.csv", "image_idd\na\n")


def test_a_manifest_is_no_list(tmp_path):
    with pytest.raises(InputError, match="column image_id is missing"):
        read(tmp_path, "x.csv", "pair_id,reference_id,probe_id\np,a,b\n")


def test_the_digest_is_that_of_what_a_list_says(tmp_path):
    csv = read(tmp_path, "x.csv", "image_id,subject_id\na.jpg,anna\nb.jpg,\n").digest()
    assert read(tmp_path, "y.csv", "subject_id;image_id\nanna;a.jpg\nNULL;b.jpg\n").digest() == csv
    for other in ("b.jpg,\na.jpg,anna\n", "a.jpg,anna\nb.jpg,bert\n", "a.jpg,anna\n"):
        assert read(tmp_path, "x.csv", f"image_id,subject_id\n{other}").digest() != csv


def test_lists_longer_than_a_batch_keep_order_lines_and_attributes(tmp_path):
    count = 100_000
    rows = "".join(f"i{number}.jpg,s{number % 7},{number}\n" for number in range(count))
    found = read(tmp_path, "x.csv", f"image_id,subject_id,n\n{rows},x,\ni5.jpg,s5,x\n")
    assert found.ids.to_pylist() == [f"i{number}.jpg" for number in range(count)]
    assert found.attributes["attr_n"].to_pylist() == [str(number) for number in range(count)]
    assert [row.manifest_line for row in found.bad_rows] == [count + 2, count + 3]
    assert found.bad_rows[1].message.startswith(
        f"x.csv line {count + 3}, record {count + 2}, column image_id"
    )
