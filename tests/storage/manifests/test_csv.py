"""Csv by RFC 4180; a stray quote costs its line, and nothing that was swallowed is paid for."""

import pytest

from maskmatch.core.errors import InputError
from maskmatch.storage.manifests import lines
from tests.storage.manifests.reading import HEADER, read

GOOD = [f"g{number},a,b" for number in range(200)]


@pytest.fixture(params=[200, 1 << 20], autouse=True)
def block_bytes(request, monkeypatch):
    monkeypatch.setattr(lines, "BLOCK_BYTES", request.param)
    monkeypatch.setattr("maskmatch.storage.manifests.record_file.HEAD_BYTES", min(100, request.param))


def csv_of(*rows, header=HEADER):
    return "\n".join([header, *rows]) + "\n"


def test_a_value_may_go_on_over_lines_and_numbers_stay_right(tmp_path):
    found = read(
        tmp_path,
        "x.csv",
        csv_of('p1,a,b,"two\nlines, ""x"""', "p2,a,b,y", "p3,a,,z", header=HEADER + ",attr_n"),
    )
    assert [row["attributes"]["attr_n"] for row in found.rows] == ['two\nlines, "x"', "y"]
    assert [row["manifest_line"] for row in found.rows] == [2, 4]
    assert [row["manifest_record"] for row in found.rows] == [1, 2]
    assert found.bad[0].message == "x.csv line 5, record 3, column probe_id: the value is empty"


@pytest.mark.parametrize(
    "line",
    [
        'p"x,"a,b',
        'p5,"a,b',
        'p5,"a"b,c',
        'p5,"a" ,b',
        '"p5,a,b',
        'p5,a,"b',
        "p5,a",
        "p5,a,b,c",
        "p5,a\rx,b",
        ",a,b",
        "p5,a,b\x00",
    ],
)
def test_a_bad_line_costs_itself_alone(tmp_path, line):
    found = read(tmp_path, "x.csv", csv_of(*GOOD[:90], line, *GOOD[90:]))
    assert (found.ids, found.bad_lines) == ([row[: row.index(",")] for row in GOOD], [92])
    assert found.bad[0].manifest_record == 91
    assert found.bad[0].message.startswith("x.csv line 92, record 91")


def test_a_quote_that_closes_lines_below_makes_each_line_between_a_bad_row(tmp_path):
    rows = [*GOOD[:4], 'p5,"a,b', *GOOD[4:7], 'p9,a",b', *GOOD[7:]]
    found = read(tmp_path, "x.csv", csv_of(*rows))
    assert found.bad_lines == [6, 7, 8, 9, 10]
    assert all("a quote that opens in line 6 and closes in line 10" in bad.message for bad in found.bad)
    assert len(found.rows) == len(GOOD) - 3
    assert [bad.manifest_record for bad in found.bad] == [5, 6, 7, 8, 9]


def test_a_quote_open_for_more_than_64_lines_is_stray(tmp_path):
    found = read(tmp_path, "x.csv", csv_of('p5,"a,b', *GOOD[:70], 'p9,a",b'))
    assert found.bad_lines == [2]
    assert len(found.rows) == 71


def test_a_value_of_64_lines_is_read_and_one_of_more_than_64_kib_is_not(tmp_path):
    header = HEADER + ",attr_n"
    found = read(
        tmp_path, "x.csv", csv_of('p1,a,b,"' + "\n".join("x" * 10 for _ in range(64)) + '"', header=header)
    )
    assert found.ids == ["p1"]
    long = 'p1,a,b,"' + "\n".join("x" * 8000 for _ in range(10)) + '"'
    found = read(tmp_path, "x.csv", csv_of(long, "p2,a,b,c", header=header))
    assert found.ids == ["p2"]
    assert "not closed within 64 lines or 64 KiB" in found.bad[0].message


@pytest.mark.parametrize(
    "line", ['p1, "a,1.jpg", "b"', 'p1,  "a,1.jpg",b', '"p1","a,1.jpg","b"', 'p1,"a,1.jpg",b\r']
)
def test_blanks_before_a_quote_and_any_line_end_are_allowed(tmp_path, line):
    (row,) = read(tmp_path, "x.csv", csv_of(line)).rows
    assert (row["pair_id"], row["reference_id"], row["probe_id"]) == ("p1", "a,1.jpg", "b")


def test_doubled_quotes_are_one(tmp_path):
    found = read(tmp_path, "x.csv", csv_of('p1,"a""b.jpg","""c"""', 'p2,"",b'))
    assert (found.rows[0]["reference_id"], found.rows[0]["probe_id"]) == ('a"b.jpg', '"c"')
    assert found.bad[0].code == "reference_id_missing"


@pytest.mark.parametrize("line", ["", ",,", " , , ", '"","",""', "\r", HEADER, "\ufeff" + HEADER])
def test_lines_without_a_row_are_passed_over(tmp_path, line):
    found = read(tmp_path, "x.csv", csv_of("p1,a,b", line, "\ufeffp2,a,b", line, ",a,b"))
    assert (found.ids, found.bad_lines) == (["p1", "p2"], [6])
    assert found.bad[0].manifest_record == 3


def test_carriage_returns_alone_end_lines(tmp_path):
    assert read(tmp_path, "x.csv", csv_of("p1,a,b", "p2,a,b").replace("\n", "\r")).ids == ["p1", "p2"]


def test_the_last_line_needs_no_end_and_a_quote_may_be_open_there(tmp_path):
    found = read(tmp_path, "x.csv", csv_of("p1,a,b")[:-1])
    assert found.ids == ["p1"]
    found = read(tmp_path, "x.csv", csv_of("p1,a,b", 'p2,"a,b', "p3,a,b")[:-1])
    assert (found.ids, found.bad_lines) == (["p1", "p3"], [3])


def test_blank_lines_may_stand_before_the_header(tmp_path):
    found = read(tmp_path, "x.csv", "\n\n" + csv_of("p1,a,b"))
    assert [row["manifest_line"] for row in found.rows] == [4]


@pytest.mark.parametrize(
    "line",
    [
        HEADER,
        HEADER.upper(),
        HEADER + "\r",
        "\ufeff" + HEADER,
        '"pair_id","reference_id","probe_id"',
        '"PAIR_ID",reference_id, "Probe ID"',
        " pair_id,reference_id,probe_id",
        "Pair-ID,Reference-ID,Probe-ID",
        '\ufeff"pair_id","reference_id","probe_id"',
    ],
)
@pytest.mark.parametrize(
    "header", [HEADER, '"Pair ID","Reference ID","Probe ID"', "ｐａｉｒ＿ｉｄ,reference_id,probe_id"]
)
def test_a_header_that_stands_again_however_it_is_written_is_no_row(tmp_path, line, header):
    found = read(tmp_path, "x.csv", csv_of("p1,a,b", line, "p2,a,b", header=header))
    assert (found.ids, found.bad) == (["p1", "p2"], [])
    assert [row["manifest_line"] for row in found.rows] == [2, 4]


@pytest.mark.parametrize("first", ["", "编号", "ｐａｉｒ＿ｉｄ"])
def test_a_header_whose_first_name_is_unlike_ours_may_stand_again(tmp_path, first):
    header = f"{first},reference_id,probe_id"
    assert len(read(tmp_path, "x.csv", csv_of("1,a,b", header, "2,a,b", header=header)).rows) == 2


def test_a_row_that_begins_as_the_header_does_is_a_row(tmp_path):
    rows = ["pair_id,a,b", "pair_id_7,reference_id,probe_id", "pair_id,reference_id,x"]
    assert len(read(tmp_path, "x.csv", csv_of(*rows)).rows) == 3


def test_lines_that_end_now_so_and_now_so_are_told(tmp_path):
    with pytest.raises(InputError, match="some of its lines end with a carriage return alone"):
        read(tmp_path, "x.csv", f'{HEADER},attr_n\rp1,a,b,"x\ny"\r')


def test_a_header_with_an_open_quote_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"x.csv cannot be read: "):
        read(tmp_path, "x.csv", 'pair_id,"reference_id,probe_id\n')
