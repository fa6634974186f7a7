"""docs/manifest-row.schema.json agrees with the reader: what it allows is read."""

import json
import random

import jsonschema
import pytest

from devstack.project import project_root
from maskmatch.core.pairs import BOOLEANS, QUALITIES, UNKNOWN
from maskmatch.storage.manifests.row_schema import row_schema
from tests.core.test_image_ids import SECRETS
from tests.storage.manifests.reading import read

DOCUMENT = project_root() / "docs" / "manifest-row.schema.json"
VALIDATOR = jsonschema.Draft202012Validator(row_schema())
GOOD = {"reference_id": "a.jpg", "probe_id": "b.jpg"}
SOUND = [
    GOOD,
    GOOD | {"pair_id": "p-1", "row_id": "r", "reference_subject_id": "王", "probe_subject_id": None},
    GOOD | {"pair_id": 17, "quality_control": 3, "is_mated": True},
    GOOD | {"attr_city": "北京", "attr_share": "50%", "attr_mail": "a@b", "attr_n": 1.5, "attr_q": "why?"},
    GOOD | {"attr_b": False, "attr_none": None, "attr_i": -(2**53)},
    GOOD | {"reference_id": "images/王 (1).jpg", "probe_id": "s3://bucket/a b/王.jpg"},
    GOOD | {"probe_id": "https://cdn.example.com/a/b.jpg"},
    *[GOOD | {"is_mated": word} for word in [*BOOLEANS, True, False, None]],
    *[GOOD | {"quality_control": level} for level in [*QUALITIES, *range(5), None]],
]
WRONG = [
    {"reference_id": "a.jpg"},
    *[
        GOOD | {"reference_id": word}
        for word in [*sorted(UNKNOWN), None, "/a.jpg", "../a.jpg", "a/../b.jpg", "C:\\a", "s3://b"]
    ],
    *[GOOD | {"probe_id": secret} for secret in SECRETS],
    GOOD | {"pair_id": ""},
    GOOD | {"pair_id": None},
    GOOD | {"pair_id": "a\u0000b"},
    GOOD | {"pair_id": "x" * 1025},
    GOOD | {"is_mated": "maybe"},
    GOOD | {"quality_control": 5},
    GOOD | {"quality_control": "high"},
    GOOD | {"is_matd": "true"},
    GOOD | {"attr_n": 1e300},
    GOOD | {"attr_n": ["x"]},
    GOOD | {"attr_n": {"x": 1}},
    GOOD | {"reference_subject_id": "https://cdn/x.jpg?sig=abc"},
]


def read_alone(folder, row):
    return read(folder, "x.jsonl", json.dumps(row))


def test_the_document_is_that_of_the_code():
    assert json.loads(DOCUMENT.read_text()) == row_schema(), "run make docs"
    jsonschema.Draft202012Validator.check_schema(row_schema())


@pytest.mark.parametrize("row", SOUND, ids=str)
def test_a_sound_row_is_allowed_and_read(tmp_path, row):
    VALIDATOR.validate(row)
    assert not read_alone(tmp_path, row).bad


@pytest.mark.parametrize("row", WRONG, ids=lambda row: str(row)[:80])
def test_a_wrong_row_is_neither_allowed_nor_read(tmp_path, row):
    assert not VALIDATOR.is_valid(row)
    found = read_alone(tmp_path, row)
    assert (len(found.rows), len(found.bad)) == (0, 1)


def test_whatever_it_allows_is_read(tmp_path):
    choose, rows = random.Random(3), []
    pieces = [
        "a",
        "b/",
        ".",
        "..",
        "/",
        "//",
        ":",
        "@",
        "?",
        "=",
        "&",
        "#",
        ";",
        "%",
        "%41",
        "\\",
        " ",
        "王",
        "\u200b",
    ]
    starts = ["", "s3://bucket/", "https://cdn.example.com/", "http:", "NULL", "\n", "ｙ", "true", "3"]
    names = ["pair_id", "reference_id", "probe_id", "is_mated", "probe_subject_id", "row_id", "attr_x"]
    while len(rows) < 3000:
        text = choose.choice(starts) + "".join(choose.choices(pieces, k=choose.randint(0, 5)))
        row = GOOD | {"pair_id": f"p{len(rows)}", choose.choice(names): text}
        if VALIDATOR.is_valid(row):
            rows.append(row)
    found = read(tmp_path, "x.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert [(rows[bad.manifest_record - 1], bad.message) for bad in found.bad] == []
