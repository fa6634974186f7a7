"""Lines of text from columns, a block of rows at a time.

Decision: docs/adr/0026-exports-say-what-a-form-cannot-hold.md
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.outcomes import FailureClass

NO_PAIR = "rows that are no pairs"
SCORES = "scores"
ACQUIRE = "failures to acquire"
OTHER = "other failures"
_SAFE = "".join(each for each in map(chr, range(0x21, 0x7F)) if each not in "%\"'#")
"""What no reader of such files takes for a blank, an escape, a quote or a comment."""
_ODD = r"[^!$&(-~]"
"""All else."""


@dataclass(slots=True)
class Tally:
    """How many rows of which kind were written, and how many left out; `notes` are about rows written."""

    written: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)


class Form(Protocol):
    """A form of file."""

    @property
    def columns(self) -> Sequence[str] | None:
        """Return the columns of the table that it reads, None for all."""
        ...

    def head(self, schema: pa.Schema) -> bytes:
        """Return what stands before the first row, for rows with these columns."""
        ...

    def lines(self, block: pa.RecordBatch, tally: Tally) -> bytes:
        """Return rows as lines, and count them."""
        ...


def joined(columns: Sequence[pa.Array], *, between: str, end: str) -> bytes:
    """Return a line for each row; null is nothing between two separators."""
    if not len(columns[0]):
        return b""
    rows = pc.binary_join_element_wise(*columns, between, null_handling="replace", null_replacement="")
    ends = pa.repeat(pa.scalar(end), len(rows))
    whole = pa.ListArray.from_arrays([0, len(rows)], pc.binary_join_element_wise(rows, ends, ""))
    return bytes(pc.binary_join(whole, "")[0].as_buffer())


def text_of(block: pa.RecordBatch, name: str) -> pa.Array:
    """Return a column as text, null where it is empty."""
    text = block.column(name).cast(pa.string())
    return pc.if_else(pc.equal(text, ""), None, text)


def words(texts: pa.Array) -> pa.Array:
    """Return texts as words of ASCII, without blanks, quotes, `#` and `%`: all else is %XX of its UTF-8.

    `urllib.parse.unquote` gives the text back. Other alphabets stay no letters, since numpy reads files of
    bob as Latin-1, in which bytes of UTF-8 are blanks.
    """
    is_odd = pc.fill_null(pc.match_substring_regex(texts, _ODD), False)
    odd = [quote(text, safe=_SAFE) for text in texts.filter(is_odd).to_pylist()]
    return pc.replace_with_mask(texts, is_odd, pa.array(odd, pa.string()))


def pairs_alone(block: pa.RecordBatch, tally: Tally) -> pa.RecordBatch:
    """Return the rows that name two images, and count the others as left out."""
    both = pc.and_(text_of(block, "reference_id").is_valid(), text_of(block, "probe_id").is_valid())
    pairs = block.filter(both)
    tally.left_out[NO_PAIR] += len(block) - len(pairs)
    return pairs


def failed_to_acquire(block: pa.RecordBatch) -> pa.Array:
    """Return True for rows without a score whose failure is biometric."""
    is_biometric = pc.equal(text_of(block, "failure_class"), FailureClass.BIOMETRIC.value)
    return pc.and_(block.column("score").is_null(), pc.fill_null(is_biometric, False))


def count(rows: pa.Array) -> int:
    """Return how many are true."""
    return int(pc.sum(rows).as_py() or 0)
