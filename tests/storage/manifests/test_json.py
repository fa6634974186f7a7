"""JSON lines: fast for flat objects however they are written, and a reason for each other line."""

import json

import pytest

from maskmatch.core.errors import InputError
from maskmatch.core.pairs import made_pair_id
from maskmatch.storage.manifests import json_reader, lines
from tests.storage.manifests.reading import read

GOOD = '{"pair_id": "p1", "reference_id": "a", "probe_id": "b"}'


def without(monkeypatch):
    """Let the json module take nothing: what comes out came the fast way."""

    def refuse(*_args):
        raise AssertionError("a line went to the json module")

    monkeypatch.setattr(json_reader, "read_object", refuse)


@pytest.mark.parametrize(
    "line",
    [
        GOOD,
        GOOD.replace(" ", ""),
        GOOD.replace(",", " , ").replace(":", " : "),
        GOOD + "\r",
        '{"probe_id": "b", "reference_id": "a", "pair_id": "p1"}',
        '{"pair_id": "p1", "reference_id": "a", "probe_id": "b", "is_mated": null, "score": 1.5}',
        '{"quality_control": 1.0, "pair_id": "p1", "reference_id": "a", "probe_id": "b", "is_mated": true}',
        '{"quality_control": NaN, "pair_id": "p1", "reference_id": "a", "probe_id": "b", "is_mated": 1}',
        '{"pair_id": "\\u0070\\u0031", "reference_id": "a", "probe_id": "b"}',
        '{"pair_id": "p1", "reference_id": "a", "probe_id": "b", "attr_n": "say \\"x\\", {ok}: \\\\"}',
    ],
)
def test_flat_objects_come_the_fast_way_and_mean_what_json_means(tmp_path, line, monkeypatch):
    without(monkeypatch)
    found = read(tmp_path, "x.jsonl", f"{line}\n{line}\n")
    expected = json.loads(line)
    assert not found.bad
    for row in found.rows:
        assert (row["pair_id"], row["reference_id"], row["probe_id"]) == ("p1", "a", "b")
        assert row["attributes"] == {name: expected[name] for name in ("attr_n",) if name in expected}


def test_text_with_every_character_escaped_comes_the_fast_way(tmp_path, monkeypatch):
    without(monkeypatch)
    names = ["张三.jpg", "ä.jpg", "😀.jpg", 'a"b\\c.jpg']
    rows = [{"pair_id": name, "reference_id": name, "probe_id": "b"} for name in names]
    found = read(tmp_path, "x.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert found.ids == names


def test_lines_may_have_other_keys_in_another_order(tmp_path, monkeypatch):
    without(monkeypatch)
    second = '{"attr_x": "1", "PROBE_ID": "b", "pair_id": "p2", "reference_id": "a"}'
    found = read(tmp_path, "x.jsonl", f"{GOOD}\n{second}\n")
    assert found.ids == ["p1", "p2"]
    assert [row["attributes"] for row in found.rows] == [{}, {"attr_x": "1"}]


@pytest.mark.parametrize(
    ("line", "code", "why"),
    [
        ("{broken", "row_malformed", "it is not JSON"),
        (GOOD[:-1], "row_malformed", "it is not JSON"),
        (GOOD + GOOD, "row_malformed", "it is not JSON"),
        (GOOD.replace(":", ","), "row_malformed", "it is not JSON"),
        (GOOD.replace(", ", " "), "row_malformed", "it is not JSON"),
        (GOOD.replace('"b"', "bare"), "row_malformed", "it is not JSON"),
        (GOOD.replace('"b"', '"b'), "row_malformed", "it is not JSON"),
        (GOOD.replace('"b"', '"b\\x"'), "row_malformed", "it is not JSON"),
        (GOOD.replace('"b"', '"b\tc"'), "row_malformed", "it is not JSON"),
        (GOOD.replace('"b"', "01"), "row_malformed", "it is not JSON"),
        ("[1]", "row_malformed", "not a JSON object"),
        ("{}", "reference_id_missing", "the row has no key reference_id: add it"),
        ("{", "row_malformed", "write each object on one line, or all of them into an array"),
        ("[" * 100_000, "row_malformed", "it is not JSON"),
        (GOOD.replace('"b"', '{"c": 1}'), "value_invalid", "holds others"),
        (GOOD.replace('"b"', "9" * 5000), "value_invalid", "5,000 characters"),
        (GOOD.replace('"b"', '"\\ud800"'), "value_invalid", "half a character"),
        (GOOD.replace('"b"', '"\\u0000"'), "value_invalid", "control characters"),
        (GOOD.replace('"b"', "Infinity"), "row_malformed", "Infinity is no value of JSON"),
        (GOOD.replace('"b"', "1e400"), "value_invalid", "beyond all bounds"),
        (GOOD.replace('"b"', "9007199254740994.0"), "value_invalid", "write ids as text"),
        (GOOD.replace('"b"', "NaN"), "probe_id_missing", "the value is empty"),
        (GOOD.replace('"b"', "null"), "probe_id_missing", "the value is empty"),
        (GOOD.replace('"probe_id"', '"pair_id"'), "row_malformed", "a key stands twice"),
        (GOOD[:-1] + ', "Pair_ID": "p2"}', "row_malformed", "two keys of the row are pair_id"),
        (GOOD[:-1] + ', "is_matd": "p2"}', "column_unknown", "did you mean is_mated?"),
    ],
)
def test_any_other_line_is_one_bad_row_with_its_reason(tmp_path, line, code, why):
    found = read(tmp_path, "x.jsonl", f"{GOOD}\n\n{line}\n{GOOD}\n")
    (bad,) = found.bad
    assert (bad.code, bad.manifest_line, bad.manifest_record) == (code, 3, 2)
    assert bad.message.startswith("x.jsonl line 3, record 2")
    assert why in bad.message
    assert [row["manifest_record"] for row in found.rows] == [1, 3]


def test_whole_numbers_of_any_size_are_exact(tmp_path):
    found = read(tmp_path, "x.jsonl", GOOD.replace('"p1"', "12345678901234567890") + "\n")
    assert found.ids == ["12345678901234567890"]


def test_bytes_that_are_no_text_are_one_bad_row(tmp_path):
    found = read(tmp_path, "x.jsonl", f"{GOOD}\n".encode() + GOOD.encode().replace(b"a", b"\xff") + b"\n")
    assert (len(found.rows), found.bad_lines) == (1, [2])


@pytest.mark.parametrize("size", [100, 1000])
def test_the_size_of_blocks_changes_nothing(tmp_path, size, monkeypatch):
    monkeypatch.setattr(lines, "BLOCK_BYTES", size)
    monkeypatch.setattr("maskmatch.storage.manifests.record_file.HEAD_BYTES", 50)
    text = "".join(GOOD.replace("p1", f"p{number}") + "\n" for number in range(100))
    assert read(tmp_path, "x.jsonl", text).ids == [f"p{number}" for number in range(100)]


@pytest.mark.parametrize("first", [0, 1, 2])
@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("name", ["x.jsonl", "x.json"])
def test_each_row_says_for_itself_whether_it_has_a_pair_id(tmp_path, first, end, name, monkeypatch):
    monkeypatch.setattr(lines, "BLOCK_BYTES", 60)
    monkeypatch.setattr("maskmatch.storage.manifests.record_file.HEAD_BYTES", 50)
    rows = [GOOD, GOOD.replace('"pair_id": "p1", ', ""), GOOD.replace('"p1"', "null")]
    rows = rows[first:] + rows[:first]
    text = "\n".join(rows) + end if name == "x.jsonl" else "[" + ",\n".join(rows) + "]"
    found = read(tmp_path, name, text)
    assert sorted(found.ids) == ["p1", made_pair_id("a", "b", None)]
    assert [bad.code for bad in found.bad] == ["pair_id_missing"]


@pytest.mark.parametrize("second", ["pair_id", "img1"])
def test_a_key_that_is_mapped_goes_before_one_with_our_name_as_in_csv(tmp_path, second):
    names = ["img1", "pair_id", "reference_id", "probe_id"]
    names.remove(second)
    row = {name: name for name in [*names, second]}
    text = f"{json.dumps(row)}\n{GOOD}\n"
    found = read(tmp_path, "x.jsonl", text, columns="reference_id=img1")
    assert [each["reference_id"] for each in found.rows] == ["img1", "a"]
    (bad,) = read(tmp_path, "x.jsonl", text.replace("pair_id", "IMG1", 1), columns="reference_id=img1").bad
    assert "two keys of the row are reference_id: leave one out" in bad.message


@pytest.mark.parametrize("name", ["x.jsonl", "x.json"])
def test_a_row_without_our_keys_says_which_it_has_and_how_to_map_them(tmp_path, name):
    rows = [{"pair_id": "p", "Img 1": "a", "img2": None, "n": 1, "m": 2}, {"reference_id": "a"}]
    text = "\n".join(map(json.dumps, rows)) if name == "x.jsonl" else json.dumps(rows)
    first, second = read(tmp_path, name, text).bad
    assert (first.code, first.column, first.pair_id) == ("reference_id_missing", "reference_id", "p")
    assert first.message.endswith(
        "the row has no key reference_id; others are: 'Img 1', 'img2', 'n'; rename them, or set "
        "manifest_columns, such as reference_id=Img 1"
    )
    assert (second.code, second.pair_id) == ("probe_id_missing", None)
    assert second.message.endswith("the row has no key probe_id: add it")
    mapped = read(tmp_path, name, text.replace("null", '"b"'), columns="reference_id=Img 1,probe_id=img2")
    assert mapped.ids == ["p"]


def test_a_key_that_a_folder_gives_is_not_missing(tmp_path):
    assert read(tmp_path, "probe_id=b/x.jsonl", '{"reference_id": "a"}').rows[0]["probe_id"] == "b"


@pytest.mark.parametrize("separator", ["\n", "\n\n", " ", ",\n"])
@pytest.mark.parametrize("name", ["x.json", "x.jsonl"])
@pytest.mark.parametrize("size", [40, 1000])
def test_objects_over_several_lines_are_read_like_an_array(tmp_path, separator, name, size, monkeypatch):
    monkeypatch.setattr(lines, "BLOCK_BYTES", size)
    monkeypatch.setattr("maskmatch.storage.manifests.record_file.HEAD_BYTES", 30)
    objects = [json.dumps(json.loads(GOOD.replace("p1", f"p{number}")), indent=2) for number in range(9)]
    objects[4] = objects[4].replace(":", "", 1)
    found = read(tmp_path, name, separator.join(objects) + "\n")
    assert found.ids == ["p0", "p1", "p2", "p3", "p5", "p6", "p7", "p8"]
    assert [bad.manifest_record for bad in found.bad] == [5]
    assert found.summary.form == "json objects over several lines"


def test_objects_that_are_cut_short_cost_the_last_alone(tmp_path):
    spread = json.dumps(json.loads(GOOD), indent=2)
    found = read(tmp_path, "x.json", f"{spread}\n{spread[:-20]}")
    assert (found.ids, len(found.bad)) == (["p1"], 1)


def test_a_first_line_that_is_damaged_to_a_brace_costs_itself_alone(tmp_path):
    found = read(tmp_path, "x.jsonl", f"{{\n{GOOD}\n{GOOD}\n")
    assert (found.ids, found.bad_lines) == (["p1", "p1"], [1])


@pytest.mark.parametrize("tail", [",", " ,", ",\n"])
def test_a_comma_behind_the_last_element_costs_nothing(tmp_path, tail):
    found = read(tmp_path, "x.json", f"[{GOOD},\n{GOOD}{tail}]")
    assert (found.ids, found.bad) == (["p1", "p1"], [])


@pytest.mark.parametrize("odd", ["5", "null", '"x"', '"}"', "[1, 2]", '[{"a": 1}]', "5, null", "tru"])
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("separator", [", ", ",\n", "\n,\n"])
def test_an_element_that_is_no_object_costs_no_other(tmp_path, odd, place, separator):
    elements = [GOOD, GOOD.replace("p1", "p2")]
    elements.insert(place, odd)
    found = read(tmp_path, "x.json", f"[{separator.join(elements)}]")
    assert found.ids == ["p1", "p2"]
    records = [place + 1, place + 2][: odd.count(", n") + 1]
    assert [bad.manifest_record for bad in found.bad] == records
    assert [bad.manifest_line for bad in found.bad] == [1 + place * separator.count("\n")] * len(records)
    assert "not a JSON object" in found.bad[0].message or "is not JSON" in found.bad[0].message


@pytest.mark.parametrize("between", ["", "\n", ",\n", " \n "])
@pytest.mark.parametrize("first", [f"[{GOOD}]", "[]", f"[{GOOD}, 5]", f"[{GOOD},]"])
def test_a_second_array_is_told(tmp_path, between, first):
    line = between.count("\n") + 1
    with pytest.raises(InputError, match=f"another array begins in line {line}: put all objects into one"):
        read(tmp_path, "x.json", f"{first}{between}[{GOOD}]\n")
