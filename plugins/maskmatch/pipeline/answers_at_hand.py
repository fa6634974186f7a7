"""The answers that stand in the warehouse: what was paid for is found again by the contents of its images.

All journals of a date count, of whole plans and others, whatever run wrote them, and those of dates before it
as far as `reuse_days` goes; of several answers to one comparison the last.

Decision: docs/adr/0021-answers-are-taken-over.md
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pyarrow as pa

from maskmatch.engine.work import KnownAnswer
from maskmatch.storage import plans
from maskmatch.storage.answer_files import AnswerFile, Scatter, Words
from maskmatch.storage.journal.answers import NAME, Wanted, scan_answers
from maskmatch.storage.journal.records import OUTCOME_COLUMNS, outcomes_of
from maskmatch.storage.object_stores import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """Which journals count: those of a date, and of so many days before it; or those of one folder alone."""

    day: date
    reuse_days: int = 0
    folder: str | None = None

    def journals(self, warehouse: Store, wanted: Wanted) -> Iterator[tuple[str, Wanted]]:
        """Yield the prefix of each journal, the oldest day first, and what counts there.

        An address tells an image on its own date alone.
        """
        for back in range(self.reuse_days, -1, -1):
            day = self.day - timedelta(days=back)
            for prefix in plans.journals_of(warehouse, day):
                if self.folder is None or prefix.startswith(f"{self.folder}/"):
                    yield prefix, replace(wanted, by_address=day == self.day)


class AnswersAtHand:
    """Finds answers by the names of comparisons, in temporary files that are gone when nobody holds it.

    `digest` names what was gathered: other answers have another one, wherever they lie.
    """

    def __init__(self, warehouse: Store, dates: Dates, wanted: Wanted) -> None:
        """Gather the answers.

        Raise BooksError for a damaged journal or one of another format, Unavailable when the disk is full.
        """
        scatter = Scatter()
        for prefix, counting in dates.journals(warehouse, wanted):
            for table in scan_answers(warehouse, prefix, counting):
                scatter.add(table)
        self._digest = hashlib.sha256(repr(wanted).encode())
        self._file = AnswerFile(self._noted(scatter), most=scatter.rows)

    def __len__(self) -> int:
        """Return how many comparisons have an answer."""
        return len(self._file)

    @property
    def digest(self) -> str:
        """Return the name of what was gathered."""
        return self._digest.hexdigest()[:16]

    def lookup(self, comparisons: pa.FixedSizeBinaryArray, _pairs: Words, /) -> pa.Table:
        """Return the answers to comparisons, in any order.

        `place` is the index of the comparison, each at most once; the other columns are those of the journal
        without images, and `failed_content`, which names the image at fault, whichever side it was on.
        """
        places, rows = self._file.find(comparisons)
        return rows.drop_columns("comparison").add_column(0, "place", pa.array(places, pa.int64()))

    def find(self, comparison: bytes) -> KnownAnswer | None:
        """Return the answer to one comparison, if there is one; for several threads."""
        _, rows = self._file.find(pa.array([comparison], NAME))
        if not rows.num_rows:
            return None
        ((_, outcome),) = outcomes_of(rows.select(OUTCOME_COLUMNS))
        return KnownAnswer(outcome, rows["failed_content"][0].as_py())

    def _noted(self, scatter: Scatter) -> Iterator[pa.Table]:
        for part in scatter.sorted_parts():
            for name in ("comparison", "score", "failure_code", "called_at"):
                self._digest.update(_bytes_of(part[name]))
            yield part


def _bytes_of(column: pa.ChunkedArray) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("c", column.type)])) as file:
        file.write_table(pa.table({"c": column.combine_chunks()}))
    return bytes(sink.getvalue())
