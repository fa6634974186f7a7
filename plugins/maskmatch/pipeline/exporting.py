"""Export the published outcomes of some dates as one file in the form of another tool."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from maskmatch.core.errors import InputError
from maskmatch.core.shown import plain
from maskmatch.storage.exports import FORMS, Form, Tables, Tally, Target, check_path, is_there, write_whole
from maskmatch.storage.object_stores import Store
from maskmatch.storage.schemas import TABLES
from maskmatch.storage.tables import current_key

Progress = Callable[[int, int], None]
"""Is told how many rows are read, of how many."""
_OWN_FOLDERS = (*TABLES, "work")
"""Of the warehouse: what is read there is what runs have written."""
_SHOWN_DAYS = 5


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written where, and which dates of those asked for have no table."""

    address: str
    days: Sequence[date]
    without: Sequence[date]
    tally: Tally

    def lines(self) -> list[str]:
        """Return what a person wants to know of it."""
        counted = self.tally
        return [
            f"wrote {plain(self.address)}: {_counts(counted.written) or 'no rows'}",
            *(f"left out: {number:,} {kind}" for kind, number in counted.left_out.items() if number),
            *(f"note: {number:,} {kind}" for kind, number in counted.notes.items() if number),
            *([f"dates without outcomes: {_days(self.without)}"] if self.without else ()),
        ]


def export(
    warehouse: Store,
    asked: Sequence[date],
    *,
    form: str,
    target: Target,
    replace: bool,
    progress: Progress,
) -> Exported:
    """Write the outcomes of the dates that have some; raise InputError where none has.

    The target is written whole, or not at all; one that is there only if it is to `replace` it.
    """
    _check_target(warehouse, target, form)
    if not replace and is_there(target):
        raise InputError(f"{plain(target.address)} is there already: name another file, or add --replace")
    days = _published(warehouse, asked)
    tally = Tally()
    with Tables(warehouse, days) as tables:
        write_whole(target, _blocks(tables, FORMS[form](), tally, progress))
    return Exported(target.address, days, [day for day in asked if day not in days], tally)


def days_between(first: date, last: date) -> list[date]:
    """Return both dates and those between; raise InputError where the second comes before the first."""
    if last < first:
        raise InputError(f"{last} is before {first}: give the earlier date first")
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _blocks(tables: Tables, form: Form, tally: Tally, progress: Progress) -> Iterator[bytes]:
    rows, done = tables.rows, 0
    yield form.head(tables.schema)
    for block in tables.blocks(form.columns):
        yield form.lines(block, tally)
        done += len(block)
        progress(done, rows)


def _published(warehouse: Store, asked: Sequence[date]) -> list[date]:
    there = {found.key for found in warehouse.list("outcomes/current/")}
    if days := [day for day in asked if current_key("outcomes", day) in there]:
        return days
    which = f"{asked[0]}" if len(asked) == 1 else f"any date from {asked[0]} to {asked[-1]}"
    raise InputError(f"{warehouse.uri}/outcomes/current has no outcomes of {which}: run it first")


def _check_target(warehouse: Store, target: Target, form: str) -> None:
    if target.address.startswith(tuple(f"{warehouse.uri}/{name}/" for name in _OWN_FOLDERS)):
        raise InputError(f"{plain(target.address)} lies among tables and plans: name a place beside them")
    if target.path:
        check_path(target.path)
    if form == "bob" and ".csv" in target.address.rpartition("/")[2]:
        raise InputError("bob reads a file with .csv in its name as another form: name it scores.txt")


def _counts(counted: "dict[str, int]") -> str:
    return ", ".join(f"{number:,} {kind}" for kind, number in counted.items() if number)


def _days(days: Sequence[date]) -> str:
    shown = ", ".join(str(day) for day in days[:_SHOWN_DAYS])
    return shown + (f" and {len(days) - _SHOWN_DAYS:,} more" if len(days) > _SHOWN_DAYS else "")
