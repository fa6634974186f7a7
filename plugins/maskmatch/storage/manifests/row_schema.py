"""The JSON Schema of a manifest row, for exporters: `python -m maskmatch.storage.manifests.row_schema`.

A row that it allows is read, as long as no value holds a secret in a spelling that a pattern cannot see. The
reader takes more: other spellings of names and values, other columns (docs/manifests.md).
"""

import json
import sys
from typing import Any

from maskmatch.core.pairs import (
    ATTRIBUTE_PREFIX,
    BOOLEANS,
    IMAGE_COLUMNS,
    MAX_LENGTH,
    QUALITIES,
    SUBJECT_COLUMNS,
    UNKNOWN,
)
from maskmatch.storage.manifests.columns import MOST_COLUMNS
from maskmatch.storage.manifests.numbers import MOST_EXACT

Schema = dict[str, Any]

_NO_CONTROL = r"[^\u0000-\u001f\u007f\ud800-\udfff]"
_NO_ADDRESS = (
    r"(?!.*//.*[?#&;@])(?!.*[@?#;].*//)(?!.*[?&#].*=)"  # one with a query or a user
    r"(?!.*:.*@)(?!.*\\)(?!.*%[0-9A-Fa-f]{2})"
)
_TEXT = rf"^{_NO_ADDRESS}{_NO_CONTROL}*$"
_KEY = r"^(?!\s)(?!.*\s$)(?!/)(?!(.*/)?\.\.(/|$))[^\u0000-\u001f\u007f\ud800-\udfff?&#@%\\:;]+$"
_BUCKET = r"(?!.*\.\.)[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?"
_OBJECT = rf"^s3://{_BUCKET}/(?!.*\s$)[^\u0000-\u001f\u007f\ud800-\udfff?&#@%\\:;]+$"
_WEB = r"^https://[a-z0-9-]+(\.[a-z0-9-]+)+/[A-Za-z0-9_/.=+-]*$"
_HEAD: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A row of a manifest of maskmatch",
    "description": "Made by `make docs`: one line of a .jsonl file, or one row of any other form.",
}


def row_schema() -> Schema:
    """Return the schema of one row."""
    return _HEAD | {
        "type": "object",
        "required": list(IMAGE_COLUMNS),
        "maxProperties": MOST_COLUMNS,
        "additionalProperties": False,
        "properties": {
            "pair_id": _known(_text("Names the pair; without it one is made of images and quality control.")),
            **{name: _image() for name in IMAGE_COLUMNS},
            "is_mated": _choice("Whether both images show one person.", [True, False], BOOLEANS),
            **{name: _or_unknown(_text("Who is on the image.")) for name in SUBJECT_COLUMNS},
            "quality_control": _choice("0 (off) to 4 (strict).", sorted({*QUALITIES.values()}), QUALITIES),
            "row_id": _or_unknown(_text("Names the row; leave it out unless a table of ours brings it.")),
        },
        "patternProperties": {
            f"^{ATTRIBUTE_PREFIX}[a-z0-9_]{{1,200}}$": {
                "description": "Kept as text.",
                "anyOf": [
                    {"type": "null"},
                    {"type": "boolean"},
                    {"type": "number", "minimum": -MOST_EXACT, "maximum": MOST_EXACT},
                    _text(""),
                ],
            }
        },
    }


def _text(description: str) -> Schema:
    schema: Schema = {"type": "string", "maxLength": MAX_LENGTH, "pattern": _TEXT}
    return {"description": description} | schema if description else schema


def _known(schema: Schema) -> Schema:
    """Return the schema of a value that must be there; whole numbers are texts, too."""
    return schema | {
        "type": ["string", "integer"],
        "minimum": -MOST_EXACT,
        "maximum": MOST_EXACT,
        "allOf": [{"not": {"enum": sorted(UNKNOWN)}}, {"not": {"type": "string", "pattern": r"^\s|\s$"}}],
    }


def _or_unknown(schema: Schema) -> Schema:
    return schema | {
        "type": ["string", "integer", "null"],
        "minimum": -MOST_EXACT,
        "maximum": MOST_EXACT,
    }


def _image() -> Schema:
    return {
        "description": "A key below the source, s3://bucket/key, or a public https:// address.",
        "type": "string",
        "maxLength": MAX_LENGTH,
        "not": {"enum": sorted(UNKNOWN)},
        "anyOf": [{"pattern": pattern} for pattern in (_KEY, _OBJECT, _WEB)],
    }


def _choice(description: str, values: list[Any], words: Any) -> Schema:
    return {"description": description, "enum": [None, *values, *words]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(row_schema(), indent=2, ensure_ascii=False) + "\n")
