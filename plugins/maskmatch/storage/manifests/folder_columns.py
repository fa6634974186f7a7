"""Columns that stand in the names of folders, as Hive and Spark write them: `quality_control=3/`.

A file may have such a column, too: what both know must agree.

Decision: docs/adr/0018-one-reader-of-manifests.md
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.errors import InputError
from maskmatch.core.pairs import BOOLEANS, QUALITIES, UNKNOWN, fold
from maskmatch.core.shown import shown
from maskmatch.storage.manifests.columns import Naming, fold_name
from maskmatch.storage.manifests.records import Fault, Records, text_array

_UNKNOWN = "__HIVE_DEFAULT_PARTITION__"
_DAY = "ds"
_IN_MANIFESTS = re.compile(r"\Amanifests/ds=([^/]*)/")
_SPELLINGS: Mapping[str, Mapping[str, object]] = {"is_mated": BOOLEANS, "quality_control": QUALITIES}

FolderColumns = dict[str, str | None]
"""What the folders of a file say, by what the column is to us; None is unknown."""


def read_folders(key: str, naming: Naming) -> FolderColumns:
    """Return the columns that stand in the folders of a key below its date; raise InputError."""
    date = _IN_MANIFESTS.match(key)
    found: FolderColumns = {}
    for folder in key[date.end() if date else 0 :].split("/")[:-1]:
        name, separator, value = folder.partition("=")
        if not separator or not name:
            continue
        name, value = _unescaped(name, folder), _unescaped(value, folder)
        if fold_name(name) == _DAY:
            if date and value != date[1]:
                raise InputError(
                    f"the folder {shown(folder)} lies in that of {shown(date[1])}: move it to the other dates"
                )
            continue
        if target := naming.folder_target(name):
            text = None if value == _UNKNOWN or value.strip() in UNKNOWN else value.strip()
            if target in found and found[target] != text:
                raise InputError(f"two folders say what {target} is, {shown(folder)} the last: leave one out")
            found[target] = text
    return found


def _unescaped(text: str, folder: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise InputError(f"the folder {shown(folder)} has escapes that are not those of UTF-8") from None


def with_folders(records: Records, folders: FolderColumns) -> Records:
    """Return records with the columns of their folders; a value that says otherwise is a fault."""
    columns, faults = dict(records.columns), list(records.faults)
    for target, value in folders.items():
        theirs = columns.get(target)
        if theirs is None:
            columns[target] = text_array([value]).take(pa.array([0] * records.count, pa.int8()))
        elif value is not None:
            faults += [
                Fault(row, target, f"{shown(text)} is not what its folder says, {shown(value)}: mend one")
                for row, text in _others(theirs, value, target)
            ]
            columns[target] = _filled(theirs, value)
    lacks = records.lacks_pair_id and "pair_id" not in folders
    return replace(records, columns=columns, faults=faults, lacks_pair_id=lacks)


def _others(column: pa.Array, value: str, target: str) -> list[tuple[int, str]]:
    """Return the rows with another value than that of the folder, as it is understood."""
    meant = _meaning(value, target)
    distinct = column.dictionary_encode()
    texts = distinct.dictionary.to_pylist()
    wrong = {
        number
        for number, text in enumerate(texts)
        if text is not None and text.strip() not in UNKNOWN and _meaning(text, target) != meant
    }
    if not wrong:
        return []
    indices = distinct.indices.to_pylist()
    return [(row, texts[each]) for row, each in enumerate(indices) if each in wrong]


def _meaning(text: str, target: str) -> object:
    spellings = _SPELLINGS.get(target)
    return spellings.get(fold(text), text) if spellings else text.strip()


def _filled(column: pa.Array, value: str) -> pa.Array:
    """Return a column with the value of the folder where it is unknown."""
    unknown = pc.is_in(pc.utf8_trim_whitespace(column), pa.array(sorted(UNKNOWN), pa.string()))
    known = pc.if_else(unknown, pa.scalar(None, pa.string()), column)
    return pc.fill_null(known, value)
