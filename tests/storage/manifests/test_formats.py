"""What a file is comes from its content: format, compression, encoding."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib

import pyarrow as pa
import pytest

from maskmatch.core.errors import InputError
from maskmatch.storage.manifests import Manifest
from tests.s3 import client_of
from tests.storage.manifests.reading import FORMATS, HEADER, as_array, as_csv, as_parquet, read

ROWS = [
    {"pair_id": "p1", "reference_id": "a.jpg", "probe_id": "b.jpg", "is_mated": True, "attr_x": "1"},
    {"pair_id": "p2", "reference_id": "ä ß.jpg", "probe_id": "b.jpg", "is_mated": None, "attr_x": None},
]
CHINESE = f"{HEADER},attr_name\np1,照片/张三.jpg,b.jpg,广州\np2,a.jpg,王伟.jpg,Kärcher\n"


def by_arrow(codec):
    def pack(data):
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, codec) as stream:
            stream.write(data)
        return sink.getvalue().to_pybytes()

    return pack


def as_zip(data, name="x.csv"):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/._x", b"")
        archive.writestr(name, data)
    return sink.getvalue()


PACKERS = {
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zstd": by_arrow("zstd"),
    "lz4": by_arrow("lz4"),
    "zip": as_zip,
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_rows(tmp_path, name):
    found = read(tmp_path, name, FORMATS[name](ROWS))
    assert not found.bad
    assert found.ids == ["p1", "p2"]
    first, second = found.rows
    assert (first["is_mated"], first["attributes"]) == (True, {"attr_x": "1"})
    assert (second["reference_id"], second["is_mated"], second["attributes"]) == ("ä ß.jpg", None, {})
    fingerprints = [row["fingerprint"] for row in read(tmp_path, "y.csv", as_csv(ROWS)).rows]
    assert [row["fingerprint"] for row in found.rows] == fingerprints


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("form", ["x.csv", "x.jsonl", "x.parquet", "x.xlsx"])
def test_every_compression_is_known_by_its_bytes_whatever_the_name(tmp_path, packer, form):
    found = read(tmp_path, form, PACKERS[packer](FORMATS[form](ROWS)))
    assert found.ids == ["p1", "p2"]
    assert found.summary.compressions == (packer,)


@pytest.mark.parametrize("packer", ["gzip", "bz2", "xz", "zstd", "lz4"])
def test_several_members_are_one_file(tmp_path, packer):
    pack = PACKERS[packer]
    data = pack(f"{HEADER}\np1,a,b\n".encode()) + pack(b"p2,a,b\n")
    assert read(tmp_path, "x.csv", data).ids == ["p1", "p2"]


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("share", [0.5, 0.9, 0.999])
def test_a_packed_file_that_is_cut_short_is_an_error(tmp_path, packer, share):
    lines = "".join(f"p{n},images/{hash((n, 'x'))}.jpg,b{n}\n" for n in range(3000))
    data = PACKERS[packer](f"{HEADER}\n{lines}".encode())
    with pytest.raises(InputError, match="damaged or cut short"):
        read(tmp_path, "x.csv", data[: int(len(data) * share)])


@pytest.mark.parametrize("packer", ["gzip", "bz2", "xz", "zstd", "lz4"])
def test_a_second_member_that_is_cut_short_is_an_error(tmp_path, packer):
    pack = PACKERS[packer]
    data = pack(f"{HEADER}\np1,a,b\n".encode()) + pack(b"p2,a,b\n" * 100)[:-3]
    with pytest.raises(InputError, match="damaged or cut short"):
        read(tmp_path, "x.csv", data)


def test_what_a_store_packed_once_more_is_unpacked_twice(tmp_path):
    found = read(tmp_path, "x.csv.gz", gzip.compress(gzip.compress(as_csv(ROWS))))
    assert (found.ids, found.summary.compressions) == (["p1", "p2"], ("gzip", "gzip"))


def test_a_file_packed_again_and_again_is_refused(tmp_path):
    data = as_csv(ROWS)
    for _ in range(5):
        data = gzip.compress(data)
    with pytest.raises(InputError, match="pack it once"):
        read(tmp_path, "x.csv.gz", data)


def test_a_zip_of_several_files_is_refused(tmp_path):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("a.csv", HEADER)
        archive.writestr("b.csv", HEADER)
    with pytest.raises(InputError, match="holds 2 files"):
        read(tmp_path, "x.zip", sink.getvalue())


@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
def test_every_separator_is_found(tmp_path, separator):
    assert read(tmp_path, "x.csv", as_csv(ROWS, separator)).ids == ["p1", "p2"]


def test_a_separator_that_the_file_tells_is_taken(tmp_path):
    text = "sep=;\npair_id;reference_id;probe_id;a,b\np1;a;b;x,y\n"
    found = read(tmp_path, "x.csv", text)
    assert found.ids == ["p1"]
    assert found.rows[0]["manifest_line"] == 3


@pytest.mark.parametrize("indent", [None, 2])
def test_an_array_of_objects_is_read_in_one_line_or_many(tmp_path, indent):
    found = read(tmp_path, "x.json", as_array([*ROWS, {"pair_id": "},{", "reference_id": "a"}], indent))
    assert found.ids == ["p1", "p2"]
    (bad,) = found.bad
    assert (bad.code, bad.manifest_record, bad.manifest_row) == ("probe_id_missing", 3, 3)
    assert bad.manifest_line == (1 if indent is None else 16)


@pytest.mark.parametrize("indent", ["", "\n  "])
@pytest.mark.parametrize(
    ("text", "damaged"), [('"a"', '"a'), ('"b"}', '"b"'), ('"b"}', ""), ('{"', '"'), ("{", ""), (":", "")]
)
def test_an_element_that_is_broken_costs_itself_alone(tmp_path, text, damaged, indent):
    elements = [indent + '{"pair_id":"p1","reference_id":"a","probe_id":"b"}'] * 5
    elements[2] = elements[2].replace(text, damaged, 1)
    found = read(tmp_path, "x.json", "[" + ", ".join(elements) + "]")
    assert (len(found.rows), [bad.manifest_record for bad in found.bad]) == (4, [3])


def test_an_array_that_is_cut_short_is_an_error(tmp_path):
    with pytest.raises(InputError, match="the array is not closed"):
        read(tmp_path, "x.json", as_array(ROWS)[:-1])


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8 with BOM"),
        ("utf-16", "UTF-16 with BOM"),
        ("gb18030", "GB18030"),
    ],
)
def test_the_encodings_of_excel_are_found_and_told(tmp_path, encoding, told):
    found = read(tmp_path, "x.csv", CHINESE.replace("\n", "\r\n").encode(encoding))
    assert found.summary.encoding == told
    assert [row["probe_id"] for row in found.rows] == ["b.jpg", "王伟.jpg"]
    assert found.rows[0]["attributes"] == {"attr_name": "广州"}


@pytest.mark.parametrize("encoding", ["utf-16", "gb18030"])
def test_an_array_may_be_in_another_encoding(tmp_path, encoding):
    text = '[{"reference_id": "张三.jpg", "probe_id": "b"}]'
    assert read(tmp_path, "x.json", text.encode(encoding)).rows[0]["reference_id"] == "张三.jpg"


def test_an_encoding_can_be_set(tmp_path):
    text = f"{HEADER}\np1,é.jpg,b\n"
    assert (
        read(tmp_path, "x.csv", text.encode("latin-1"), encoding="latin-1").rows[0]["reference_id"] == "é.jpg"
    )
    with pytest.raises(InputError, match="manifest_encoding 'klingon' is not known"):
        read(tmp_path, "x.csv", text, encoding="klingon")


@pytest.mark.parametrize("data", ["Müller", "é", "Kärcher"])
def test_a_line_in_another_encoding_is_one_bad_row_with_the_cure(tmp_path, data):
    text = f"{HEADER},attr_n\np1,a,b,张三\n".encode() + f"p2,a,b,{data}\n".encode("latin-1") + b"p3,a,b,x\n"
    found = read(tmp_path, "x.csv", text)
    assert (found.ids, found.bad_lines, found.summary.encoding) == (["p1", "p3"], [3], "UTF-8")
    assert "the line is not UTF-8: save the file as UTF-8, or set manifest_encoding" in found.bad[0].message


def test_half_a_character_of_utf16_is_a_bad_row(tmp_path):
    found = read(tmp_path, "x.csv", f"{HEADER}\np1,a,b\np2,a,b\n".encode("utf-16")[:-3])
    assert (found.ids, found.bad_lines) == (["p1"], [3])


@pytest.mark.parametrize(
    ("data", "cure"),
    [
        (f"{HEADER}\np,a,b\n".encode("utf-16-le"), "UTF-16 without a byte order mark: save it as UTF-8"),
        (f"{HEADER}\np,a,b\n".encode("utf-32"), "it is UTF-32: save it as UTF-8"),
        (f"{HEADER},é\n".encode("latin-1"), "its header is not UTF-8: save the file as UTF-8"),
        (b"PARE" + bytes(100), "write it without encryption"),
        (b"\xd0\xcf\x11\xe0" + bytes(100), "save it as xlsx or csv"),
        (b"Obj\x01" + bytes(100), "write it as parquet"),
        (b"<!DOCTYPE html>\n<p>", "a web page"),
        (b"PAR1 is not enough", "the footer of parquet is missing"),
        (b"PK\x03\x04" + bytes(100), "damaged or cut short"),
        (b"", "it has no header and no row: write it anew, or remove it"),
    ],
)
def test_another_file_is_refused_with_its_name_and_the_cure(tmp_path, data, cure):
    with pytest.raises(InputError, match=cure) as refused:
        read(tmp_path, "x.csv", data)
    assert "/x.csv cannot be read: " in str(refused.value)
    assert (
        cure == "its header is not UTF-8: save the file as UTF-8"
        or "save it as UTF-8" in cure
        or ("as UTF-8" not in str(refused.value))
    )


def test_a_parquet_cut_short_is_an_error(tmp_path):
    data = FORMATS["x.parquet"](ROWS)
    with pytest.raises(InputError, match="footer of parquet is missing"):
        read(tmp_path, "x.parquet", data[: len(data) // 2])


@pytest.mark.parametrize("packer", ["gzip", "bz2", "xz", "zstd", "lz4"])
@pytest.mark.parametrize("behind", [b"garbage, and more", b"x" * 200_000])
def test_what_stands_behind_a_packed_file_is_an_error(tmp_path, packer, behind):
    with pytest.raises(InputError, match="damaged or cut short"):
        read(tmp_path, "x.csv", PACKERS[packer](f"{HEADER}\np1,a,b\n".encode()) + behind)


@pytest.mark.parametrize("packer", ["gzip", "bz2", "xz", "zstd", "lz4"])
def test_a_second_member_with_a_damaged_head_is_an_error(tmp_path, packer):
    pack = PACKERS[packer]
    second = bytearray(pack(b"p2,a,b\n"))
    second[1] ^= 0xFF
    with pytest.raises(InputError, match="damaged or cut short"):
        read(tmp_path, "x.csv", pack(f"{HEADER}\np1,a,b\n".encode()) + second)


@pytest.mark.parametrize("padding", [4, 200_000])
def test_members_of_xz_may_be_padded(tmp_path, padding):
    members = [lzma.compress(f"{HEADER}\np1,a,b\n".encode()), lzma.compress(b"p2,a,b\n")]
    data = bytes(padding).join(members) + bytes(padding)
    assert read(tmp_path, "x.csv", data).ids == ["p1", "p2"]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("note", ["C:\\dir\\", "\\", 'x\\"', "},{", '\\"},{"', '"'])
def test_a_text_of_an_array_may_end_with_a_backslash(tmp_path, note, indent):
    rows = [{"pair_id": f"p{number}", "reference_id": "a", "probe_id": "b", "n": note} for number in range(3)]
    found = read(tmp_path, "x.json", as_array(rows, indent))
    assert [row["attributes"]["attr_n"] for row in found.rows] == [note] * 3


@pytest.mark.parametrize("name", ["PARENT_ID", "ORC", "ORCID", "BZh9", "BZh"])
def test_a_header_may_begin_as_another_format_does(tmp_path, name):
    assert read(tmp_path, "x.csv", f"{name},reference_id,probe_id\n1,a,b\n").rows


@pytest.mark.parametrize("encoding", ["cp1251", "euc-kr", "big5", "shift-jis", "cp1252"])
def test_another_encoding_is_not_taken_for_chinese(tmp_path, encoding):
    texts = {
        "cp1251": "Москва Казань",
        "euc-kr": "서울특별시 부산광역시 대구광역시 인천광역시",
        "big5": "臺灣 廣州",
        "shift-jis": "東京カメラ ゲート",
        "cp1252": "Jürgen Müller, Zürich, Köln",
    }
    lines = f"{HEADER},attr_n\n" + f'p,a,b,"{texts[encoding]}"\n' * 3
    found = read(tmp_path, "x.csv", lines.encode(encoding))
    assert (found.rows, len(found.bad)) == ([], 3)
    assert "save the file as UTF-8, or set manifest_encoding" in found.bad[0].message
    found = read(tmp_path, "x.csv", lines.encode(encoding), encoding=encoding)
    assert found.rows[0]["attributes"]["attr_n"] == texts[encoding]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_told_by_its_name_and_read_by_it(tmp_path, encoding):
    data = f"{HEADER}\np1,a,b\n".encode(encoding)
    with pytest.raises(InputError, match=f"or set manifest_encoding to {encoding}"):
        read(tmp_path, "x.csv", data)
    assert read(tmp_path, "x.csv", data, encoding=encoding).ids == ["p1"]
    with pytest.raises(
        InputError, match="no byte order mark of utf-16: set manifest_encoding to utf-16-le or"
    ):
        read(tmp_path, "x.csv", data, encoding="utf-16")


@pytest.mark.parametrize("encoding", ["cp037", "utf-7", "iso2022_jp", "hz", "rot13"])
def test_an_encoding_without_the_bytes_of_ascii_is_refused(tmp_path, encoding):
    with pytest.raises(InputError, match="is not known: take utf-8, gb18030 or utf-16"):
        read(tmp_path, "x.csv", f"{HEADER}\np1,a,b\n", encoding=encoding)


def test_bytes_with_many_zeros_are_not_taken_for_a_text(tmp_path):
    with pytest.raises(InputError, match="it is binary, and of no kind that is read"):
        read(tmp_path, "x.dat", b"\x93NUMPY\x01\0v\0" + bytes(3000))


@pytest.mark.server
def test_an_object_that_says_it_is_packed_is_unpacked_once(s3_store, seaweed):
    key = "manifests/ds=2026-01-02/x.csv"
    client = client_of(seaweed)
    client.put_object(
        Bucket="maskmatch",
        Key=f"{s3_store.uri.removeprefix('s3://maskmatch/')}/{key}",
        Body=gzip.compress(as_csv(ROWS)),
        ContentEncoding="gzip",
    )
    client.close()
    manifest = Manifest(s3_store, key)
    assert sum(portion.rows.num_rows for portion in manifest) == 2
    assert manifest.summary.compressions == ("gzip",)


def skippable(size, number=0):
    return bytes([0x50 + number]) + b"\x2a\x4d\x18" + size.to_bytes(4, "little") + bytes(size)


@pytest.mark.parametrize("packer", ["zstd", "lz4"])
@pytest.mark.parametrize("sizes", [[0], [7], [3, 0, 500]])
def test_a_frame_with_notes_may_stand_before_the_others(tmp_path, packer, sizes):
    data = b"".join(skippable(size, number) for number, size in enumerate(sizes))
    found = read(tmp_path, "x.csv", data + PACKERS[packer](as_csv(ROWS)))
    assert (found.ids, found.summary.compressions) == (["p1", "p2"], (packer,))


def test_frames_with_notes_alone_are_no_manifest(tmp_path):
    with pytest.raises(InputError, match=r"no header and no row|damaged or cut short"):
        read(tmp_path, "x.csv", skippable(9) + skippable(0))


def test_xz_that_asks_for_too_much_memory_is_refused(tmp_path):
    packed = bytearray(lzma.compress(f"{HEADER}\np1,a,b\n".encode()))
    head, size = 12, (packed[12] + 1) * 4
    place = packed.index(b"\x21\x01", head) + 2
    packed[place] = 36  # a dictionary of a gibibyte
    end = head + size - 4
    packed[end : end + 4] = zlib.crc32(packed[head:end]).to_bytes(4, "little")
    with pytest.raises(InputError, match="xz asks for more than 256 MiB of memory: pack it with xz -9 or"):
        read(tmp_path, "x.csv", bytes(packed))


@pytest.mark.parametrize("name", ["attr_when", "pair_id"])
def test_a_time_zone_that_is_not_known_is_told(tmp_path, name):
    moment = pa.array([0], pa.timestamp("s", "Mars/Olympus"))
    table = pa.table({"reference_id": ["a"], "probe_id": ["b"], name: moment})
    with pytest.raises(InputError, match="the unknown time zone 'Mars/Olympus': write times of UTC, or text"):
        read(tmp_path, "x.parquet", as_parquet(table))


def test_a_time_of_a_known_zone_is_text(tmp_path):
    moment = pa.array([0], pa.timestamp("s", "Asia/Shanghai"))
    table = pa.table({"reference_id": ["a"], "probe_id": ["b"], "attr_when": moment})
    found = read(tmp_path, "x.parquet", as_parquet(table))
    assert found.rows[0]["attributes"]["attr_when"].startswith("1970-01-01 08:00:00")
