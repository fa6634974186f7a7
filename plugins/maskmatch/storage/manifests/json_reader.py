"""JSON lines, and the elements of an array: block by block from bytes to columns of text."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.storage.manifests.absent_keys import absent_keys
from maskmatch.storage.manifests.columns import ColumnMisspelt, Naming
from maskmatch.storage.manifests.csv_lines import Mask
from maskmatch.storage.manifests.encodings import Decoder
from maskmatch.storage.manifests.json_records import Fields, NoRecord, read_object
from maskmatch.storage.manifests.json_tokens import Members, take_apart, unescape
from maskmatch.storage.manifests.lines import Block, Numbers
from maskmatch.storage.manifests.records import Malformed, Records, in_order, text_array

_RETURN, _BLANK, _TAB = b"\r \t"


class JsonReader:
    """Reads one file, whose blocks hold one object in each line."""

    def __init__(self, blocks: Iterable[Block], naming: Naming, decoder: Decoder) -> None:
        self._blocks = blocks
        self._naming = naming
        self._decoder = decoder
        self._records = 0

    def __iter__(self) -> Iterator[Records]:
        """Yield the records of each block."""
        for block in self._blocks:
            if len(block.starts):  # an array may have no element
                yield self._read(block)

    def _read(self, block: Block) -> Records:
        is_record = ~_blank(block)
        numbers = self._records + np.cumsum(is_record)
        self._records = int(numbers[-1])
        members = take_apart(block, is_record)
        columns = self._fast_columns(members)
        places = np.flatnonzero(members.is_fast)
        slow, malformed = self._slow_rows(block, np.flatnonzero(is_record & ~members.is_fast), numbers)
        every = np.concatenate([places, np.fromiter(slow, np.int64, len(slow))])
        order = np.argsort(every, kind="stable")
        lines = len(members.is_fast)
        taken = np.concatenate([places, lines + np.arange(len(slow))])[order]
        targets = dict.fromkeys([*columns, *(target for fields in slow.values() for target in fields)])
        merged = {}
        for target in targets:
            fast = columns.get(target, pa.nulls(lines, pa.string()))
            merged[target] = in_order([fast, text_array([row.get(target) for row in slow.values()])], taken)
        every = every[order]
        absent = list(absent_keys(merged, len(every), self._naming))
        return Records(merged, numbers[every], block.lines[every], malformed, absent, lacks_pair_id=True)

    def _slow_rows(
        self, block: Block, places: Numbers, numbers: Numbers
    ) -> tuple[dict[int, Fields], list[Malformed]]:
        slow: dict[int, Fields] = {}
        malformed = []
        for place in places.tolist():
            try:
                slow[place] = self._read_line(block, place)
            except NoRecord as no:
                number, line = int(numbers[place]), int(block.lines[place])
                malformed.append(Malformed(number, line, no.why, no.code, no.column))
        return slow, malformed

    def _read_line(self, block: Block, place: int) -> Fields:
        if place in block.cut:
            raise NoRecord("the line has more than a mebibyte: no row is so long")
        return read_object(block.line(place), self._naming, self._decoder.complaint)

    def _fast_columns(self, members: Members) -> dict[str, pa.Array]:
        """Return columns over all lines; those in doubt are taken out of the lines that were taken apart."""
        targets = self._targets(members)
        key = members.keys.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        unclear = [number for number, target in enumerate(targets) if target == ""]
        members.is_fast[members.rows[np.isin(key, unclear)]] = False
        members.is_fast[_twice(members.rows, [targets[number] for number in range(len(targets))], key)] = (
            False
        )
        columns = {}
        wanted = list(dict.fromkeys(filter(None, targets)))
        column_of_key = np.array([wanted.index(each) if each else -1 for each in targets], np.int64)
        column_of = column_of_key[key] if len(key) else key
        for number, target in enumerate(wanted):
            columns[target] = _column(members, column_of == number)
        return columns

    def _targets(self, members: Members) -> list[str | None]:
        """Return what each key is to us; an empty name leaves its lines to the json module."""
        targets: list[str | None] = []
        for name in members.keys.dictionary.to_pylist():
            try:
                targets.append("" if "\\" in name else self._naming.target(name))
            except ColumnMisspelt:
                targets.append("")
        return targets


def _blank(block: Block) -> Mask:
    data = np.frombuffer(block.data, np.uint8)
    first = data[block.starts]
    blank: Mask = block.starts == block.ends
    for place in np.flatnonzero(((first == _RETURN) | (first == _BLANK) | (first == _TAB)) & ~blank).tolist():
        blank[place] = not block.line(place).strip()
    return blank


def _twice(rows: Numbers, targets: list[str | None], key: Numbers) -> Numbers:
    """Return the lines in which a key, or another key for the same column, stands more than once."""
    first = {target: number for number, target in reversed(list(enumerate(targets))) if target}
    same = np.array([first.get(target or "", number) for number, target in enumerate(targets)], np.int64)
    if not len(key):
        return rows
    place = rows * (len(targets) + 1) + same[key]
    ordered = np.sort(place)
    twice: Numbers = ordered[1:][ordered[1:] == ordered[:-1]] // (len(targets) + 1)
    return twice


def _column(members: Members, chosen: Mask) -> pa.Array:
    """Return one column over all lines of the block, null where a line lacks it."""
    count = len(members.is_fast)
    text, bare = np.full(count, -1), np.full(count, -1)
    rows = members.rows[chosen]
    text[rows], bare[rows] = members.values[chosen], members.bare[chosen]
    column = members.elements.take(pa.array(text, mask=text < 0))
    is_text = text >= 0
    column, wrong = unescape(column, np.flatnonzero(is_text & members.is_escaped[np.where(is_text, text, 0)]))
    members.is_fast[wrong] = False
    if (bare >= 0).any():
        bares = text_array(members.bare_texts).take(pa.array(bare, mask=bare < 0))
        column = pc.coalesce(column, bares)
    return column
