"""Exports that other programs read: the match log of NIST and the score file of bob, read as they do."""

import csv
import math
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskmatch.storage.exports.lines import words
from maskmatch.storage.object_stores import FileStore
from tests.cli.exporting import TEXTS, bad_row, exported, published, row


@pytest.fixture
def warehouse(tmp_path):
    return FileStore(tmp_path / "warehouse")


def match_log(path):
    """Read words between white space, as a stream of C++ does: header, then lines of four."""
    found = path.read_bytes().split()
    assert [word.decode() for word in found[:4]] == ["enrollTempl", "verifTempl", "simScore", "returnCode"]
    assert len(found) % 4 == 0
    lines = [found[place : place + 4] for place in range(4, len(found), 4)]
    return [(unquote(a.decode()), unquote(b.decode()), float(s), int(c)) for a, b, s, c in lines]


def scores(path):
    """Read as `bob.bio.base.score.load` does: csv with a blank between two, the last a number."""
    with path.open(newline="") as file:
        lines = list(csv.reader(file, delimiter=" "))
    assert {len(line) for line in lines} <= {4}
    with path.open("rb") as file:  # as load_score does
        loaded = np.genfromtxt(file, dtype=None, names=("a", "b", "c", "score"), encoding="latin-1")
    assert [f"{score}" for score in np.atleast_1d(loaded)["score"]] == [f"{float(line[3])}" for line in lines]
    return [(claimed, real, unquote(label), float(score)) for claimed, real, label, score in lines]


def test_a_match_log_has_a_code_for_every_pair(warehouse, tmp_path, capsys):
    published(
        warehouse,
        [
            row(1, score=100.0),
            row(2, score=0.0),
            row(3, failure_class="biometric"),
            row(4, failure_class="data"),
            row(5, failure_class="infrastructure"),
            row(6, failure_class=None, outcome="skipped"),
            bad_row(7),
        ],
    )
    assert exported(warehouse, "nist", tmp_path / "match.log") == 0
    assert match_log(tmp_path / "match.log") == [
        ("a1.jpg", "b1.jpg", 100.0, 0),
        ("a2.jpg", "b2.jpg", 0.0, 0),
        ("a3.jpg", "b3.jpg", -1.0, 7),
        ("a4.jpg", "b4.jpg", -1.0, 1),
        ("a5.jpg", "b5.jpg", -1.0, 1),
        ("a6.jpg", "b6.jpg", -1.0, 1),
    ]
    assert (
        capsys.readouterr()
        .out.splitlines()[0]
        .endswith(
            "match.log: 2 scores, 1 failures to acquire (returnCode 7), 3 other failures (returnCode 1)"
        )
    )


def test_every_bit_of_a_score_is_written(warehouse, tmp_path):
    exact = [0.1, 33.333332, 1e-7, 99.99999]
    published(warehouse, [row(n, score=score, is_mated=True) for n, score in enumerate(exact)])
    for form, read in (("nist", match_log), ("bob", scores)):
        assert exported(warehouse, form, tmp_path / form) == 0
        found = [line[2] if form == "nist" else line[3] for line in read(tmp_path / form)]
        assert pa.array(found).cast(pa.float32()) == pa.array(exact).cast(pa.float32())


def test_hostile_ids_come_back_from_both_forms(warehouse, tmp_path):
    published(
        warehouse,
        [
            row(n, reference_id=text, probe_id=text, reference_subject_id=text, probe_subject_id=text)
            for n, text in enumerate(TEXTS)
        ],
    )
    assert exported(warehouse, "nist", tmp_path / "match.log") == 0
    assert [line[:2] for line in match_log(tmp_path / "match.log")] == [(text, text) for text in TEXTS]
    assert exported(warehouse, "bob", tmp_path / "scores.txt") == 0
    assert [(unquote(claimed), label) for claimed, _, label, _ in scores(tmp_path / "scores.txt")] == [
        (text, text) for text in TEXTS
    ]


@given(st.lists(st.text(min_size=1)))
def test_a_word_gives_its_text_back(texts):
    found = words(pa.array(texts, pa.string())).to_pylist()
    assert [unquote(word) for word in found] == texts
    assert [word.split() for word in found] == [[word] for word in found]
    assert not [word for word in found if {*word} & {*"\"'#"} or not word.isascii()]


def test_a_score_file_says_who_is_mated(warehouse, tmp_path, capsys):
    def subjects(reference, probe, is_mated=None):
        return {"reference_subject_id": reference, "probe_subject_id": probe, "is_mated": is_mated}

    published(
        warehouse,
        [
            row(1, **subjects("s1", "s1")),
            row(2, **subjects("s1", "s2", is_mated=False)),
            row(3, **subjects(None, None, is_mated=True)),
            row(4, **subjects(None, None, is_mated=False), reference_id="x", probe_id="x"),
            row(5, **subjects("s1", None, is_mated=True)),
            row(6, **subjects(None, "s2", is_mated=True)),
            row(7, **subjects("s1", None, is_mated=False)),
            row(8, **subjects("s1", "", is_mated=None)),
            row(9, **subjects(None, None)),
            row(10, **subjects("s1", "s1", is_mated=False)),
        ],
    )
    assert exported(warehouse, "bob", tmp_path / "scores.txt") == 0
    assert [line[:3] for line in scores(tmp_path / "scores.txt")] == [
        ("s1", "s1", "b1.jpg"),
        ("s1", "s2", "b2.jpg"),
        ("image:a3.jpg", "image:a3.jpg", "b3.jpg"),
        ("reference:x", "probe:x", "x"),
        ("s1", "s1", "b5.jpg"),
        ("s2", "s2", "b6.jpg"),
        ("s1", "probe:b7.jpg", "b7.jpg"),
        ("s1", "s1", "b10.jpg"),
    ]
    shown = capsys.readouterr().out
    assert "8 scores" in shown
    assert "left out: 2 rows whose subjects and is_mated are unknown" in shown
    assert "note: 1 rows whose is_mated says otherwise than their subjects" in shown


def test_only_failures_to_acquire_are_nan_in_a_score_file(warehouse, tmp_path, capsys):
    published(
        warehouse,
        [
            row(1, is_mated=True),
            row(2, is_mated=True, failure_class="biometric"),
            row(3, is_mated=True, failure_class="data"),
            row(4, is_mated=True, failure_class="infrastructure"),
            bad_row(5),
        ],
    )
    assert exported(warehouse, "bob", tmp_path / "scores.txt") == 0
    found = scores(tmp_path / "scores.txt")
    assert [line[2] for line in found] == ["b1.jpg", "b2.jpg"]
    assert (found[0][3], math.isnan(found[1][3])) == (55.25, True)
    shown = capsys.readouterr().out
    assert "1 scores, 1 failures to acquire (NaN)" in shown
    assert "left out: 2 other failures" in shown
    assert "left out: 1 rows that are no pairs" in shown
