"""Csv as RFC 4180 has it, with any of the usual separators: block by block from bytes to columns of text."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.csv as pv

from maskmatch.core.errors import InputError
from maskmatch.storage.manifests.columns import Naming
from maskmatch.storage.manifests.csv_lines import Mask, blank_lines, sure_lines
from maskmatch.storage.manifests.csv_records import OutOfLines, read_record, split_line
from maskmatch.storage.manifests.encodings import Decoder
from maskmatch.storage.manifests.lines import Block, Numbers, block_of
from maskmatch.storage.manifests.records import Malformed, Records, in_order, runs, text_array

SEPARATORS = (",", "\t", ";", "|")
_TOLD = "sep="


@dataclass(frozen=True, slots=True)
class Header:
    """The first record: how fields are separated, what they are to us, and their names."""

    separator: str
    targets: Sequence[str | None]
    names: Sequence[str]


@dataclass(slots=True)
class _Sorted:
    """What the lines of one block turned out to be."""

    is_record: Mask
    is_fast: Mask
    fields: dict[int, Sequence[str]] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)


class CsvReader:
    """Reads one file."""

    def __init__(self, blocks: Iterable[Block], naming: Naming, decoder: Decoder) -> None:
        self._blocks = iter(blocks)
        self._naming = naming
        self._decoder = decoder
        self._header: Header | None = None
        self._records = 0

    def __iter__(self) -> Iterator[Records]:
        """Yield the records of each block; raise InputError for a file that is no manifest."""
        left: Block | None = None
        for new in self._blocks:
            block = _joined(left, new) if left else new
            left = None
            if self._header is None:
                block = self._read_header(block)
            if len(block.ends):
                found, left = self._read(block, self._header)  # type: ignore[arg-type]  # it is read above
                yield found
        if self._header is None:
            self._naming.read_header([])

    def _read_header(self, block: Block) -> Block:
        """Read the first line with anything in it; return the lines behind it."""
        told = ""
        for place in range(len(block.ends)):
            line = block.line(place)
            if not line.strip():
                continue
            if line[:4].lower() == _TOLD.encode() and len(line) == len(_TOLD) + 1:
                told = chr(line[4])
                continue
            if place in block.cut:
                raise InputError("its first line has more than a mebibyte: this is no header of columns")
            self._header = _header_of(line, told, self._naming, self._decoder.complaint)
            return _behind(block, place + 1)
        return _behind(block, len(block.ends))

    def _read(self, block: Block, header: Header) -> tuple[Records, Block | None]:
        found, stop = self._sort(block, header)
        left = _behind(block, stop) if stop < len(block.ends) else None
        numbers = self._records + np.cumsum(found.is_record)
        self._records = int(numbers[stop - 1]) if stop else self._records
        if left:
            found.is_fast[stop:] = False
        table, places = _parse_fast(block, found, header)
        slow = np.fromiter(found.fields, np.int64, len(found.fields))
        every = np.concatenate([places, slow])
        order = np.argsort(every, kind="stable")
        columns = {}
        for number, target in enumerate(header.targets):
            if target:
                texts = text_array([fields[number] for fields in found.fields.values()])
                columns[target] = in_order([table.column(str(number)), texts], order)
        malformed = [
            Malformed(int(numbers[place]), int(block.lines[place]), why)
            for place, why in sorted(found.reasons.items())
        ]
        every = every[order]
        return Records(columns, numbers[every], block.lines[every], malformed), left

    def _sort(self, block: Block, header: Header) -> tuple[_Sorted, int]:
        """Tell the lines apart; return also how many of them are read now."""
        separator = ord(header.separator)
        is_record = ~blank_lines(block, separator, header.names)
        sure = sure_lines(block, separator)
        found = _Sorted(is_record, is_record & sure)
        behind = 0
        for place in np.flatnonzero(~sure & is_record).tolist():
            if place < behind:
                continue
            try:
                record = read_record(
                    block,
                    place,
                    separator=header.separator,
                    width=len(header.targets),
                    complaint=self._decoder.complaint,
                )
            except OutOfLines:
                is_record[place:] = False
                return found, place
            behind = place + record.lines
            found.is_fast[place:behind] = False
            if record.fields is not None:
                is_record[place + 1 : behind] = False
                found.fields[place] = record.fields
            else:
                if not record.swallowed:
                    is_record[place + 1 : behind] = False
                lines = (line for line in range(place, behind) if is_record[line])
                found.reasons.update(dict.fromkeys(lines, record.why))
        return found, len(block.ends)


def _header_of(line: bytes, told: str, naming: Naming, complaint: str) -> Header:
    best: tuple[int, str, list[str]] | None = None
    try:
        line.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"its header {complaint}") from error
    for separator in told or SEPARATORS:
        names = split_line(line, separator)
        if names is not None and (best is None or len(names) > best[0]):
            best = (len(names), separator, names)
    if best is None and b"\r" in line:
        raise InputError("some of its lines end with a carriage return alone: save it with line feeds")
    if best is None:
        raise InputError("its header has a quote that is not closed: mend the first line")
    names = [name.strip() for name in best[2]]
    return Header(best[1], naming.read_header(names), names)


def _parse_fast(block: Block, found: _Sorted, header: Header) -> tuple[pa.Table, Numbers]:
    """Return the sure lines as columns of text, and their places; ragged ones become reasons."""
    width = len(header.targets)
    places = np.flatnonzero(found.is_fast)
    wanted = [str(number) for number, target in enumerate(header.targets) if target]
    if not len(places):
        return pa.table({name: text_array([]) for name in wanted}), places
    data, ragged = _lines_of(block, found.is_fast), []

    def note(row: pv.InvalidRow) -> str:
        ragged.append(row.number - 1)
        found.reasons[int(places[row.number - 1])] = (
            f"the row has {row.actual_columns} fields, the header {width}"
        )
        return "skip"

    table = pv.read_csv(
        pa.BufferReader(data),
        read_options=pv.ReadOptions(
            column_names=[str(number) for number in range(width)],
            use_threads=False,
            block_size=len(data) + 1,
        ),
        parse_options=pv.ParseOptions(
            delimiter=header.separator, ignore_empty_lines=False, invalid_row_handler=note
        ),
        convert_options=pv.ConvertOptions(
            include_columns=wanted,
            column_types={name: pa.string() for name in wanted},
            strings_can_be_null=False,
            check_utf8=False,
        ),
    )
    return table, np.delete(places, ragged)


def _lines_of(block: Block, mask: Mask) -> bytes:
    if mask.all():
        return block.data
    view = memoryview(block.data)
    return b"".join(view[block.starts[first] : block.ends[last - 1] + 1] for first, last in runs(mask))


def _behind(block: Block, place: int) -> Block:
    """Return the lines of a block from a place on."""
    if place >= len(block.ends):
        return Block(b"", block.ends[:0], block.ends[:0], block.lines[:0], is_last=block.is_last)
    start = int(block.starts[place])
    return Block(
        block.data[start:],
        block.starts[place:] - start,
        block.ends[place:] - start,
        block.lines[place:],
        frozenset(each - place for each in block.cut if each >= place),
        block.is_last,
    )


def _joined(left: Block, new: Block) -> Block:
    cut = left.cut | {each + len(left.ends) for each in new.cut}
    whole = block_of(left.data + new.data, 1, cut=frozenset(cut), is_last=new.is_last)
    return replace(whole, lines=np.concatenate([left.lines, new.lines]))
