"""What was paid by the service's meter, against what journal and table say."""

import io
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from _night import DAY, Expected

from maskmatch.core.planning import Plan
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans, tables
from maskmatch.storage.journal import Entry, read_journal


@dataclass(frozen=True, slots=True)
class Books:
    """Calls by pair: billed by the meter, entered as billed, entered as perhaps billed, entered as scored."""

    billed: Counter[str]
    entered: Counter[str]
    maybe: Counter[str]
    scored: Counter[str]

    def figures(self) -> dict[str, float]:
        """Return the sums and differences.

        Unlisted is what was paid and stands nowhere, as a killed process leaves it; `entered_not_billed` and
        `scored_twice` cannot come of a kill.
        """
        pairs = self.billed.keys() | self.entered.keys() | self.maybe.keys()
        listed = {pair: self.entered[pair] + self.maybe[pair] for pair in pairs}
        return {
            "billed": self.billed.total(),
            "entered_as_billed": self.entered.total(),
            "entered_as_maybe_billed": self.maybe.total(),
            "maybe_billed_that_were_not": sum(max(0, listed[pair] - self.billed[pair]) for pair in pairs),
            "unlisted": sum(max(0, self.billed[pair] - listed[pair]) for pair in pairs),
            "entered_not_billed": sum(max(0, self.entered[pair] - self.billed[pair]) for pair in pairs),
            "scored_twice": sum(count - 1 for count in self.scored.values()),
            "paid_again": sum(count - 1 for count in self.billed.values()),
        }


def books_of(
    run: Run, plan: Plan, calls: Iterable[Mapping[str, Any]], pairs: Mapping[str, Expected]
) -> Books:
    """Read the journals, and the calls of the meter."""
    ids = {known.key: pair_id for pair_id, known in pairs.items()}
    books = Books(Counter(), Counter(), Counter(), Counter())
    books.billed.update(ids[call["pair"]] for call in calls if call["billed"])
    for shard in plan.shards:
        for entry in read_journal(run.warehouse, plans.journal_prefix(shard.key)):
            _enter(books, entry)
    return books


def _enter(books: Books, entry: Entry) -> None:
    outcome = entry.outcome
    books.entered[outcome.pair_id] += outcome.calls.billed
    books.maybe[outcome.pair_id] += outcome.calls.maybe_billed
    if outcome.score is not None:
        books.scored[outcome.pair_id] += 1


def table_figures(run: Run, pairs: Mapping[str, Expected]) -> dict[str, float]:
    """Return what is wrong with the published table, read with pandas."""
    table = pd.read_parquet(io.BytesIO(run.warehouse.get(tables.outcomes_key(DAY))))
    scored = table[table["score"].notna()]
    wanted = scored["pair_id"].map({pair_id: known.score for pair_id, known in pairs.items()})
    return {
        "rows": len(table),
        "lost": len(pairs) - scored["pair_id"].nunique(),
        "doubled_rows": int(table["pair_id"].duplicated().sum()),
        "wrong_scores": int(((scored["score"] - wanted).abs() > 0.01).sum()),
    }
