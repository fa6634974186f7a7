"""Records of ours as another version may have written them.

A version may add fields; an older one passes over those that it does not know. Where that changes the meaning
of the rest, the number of the format is raised.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any


def known(kind: type, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record holds for the fields of a dataclass."""
    return {field.name: record[field.name] for field in fields(kind) if field.name in record}
