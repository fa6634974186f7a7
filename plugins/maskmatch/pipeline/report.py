"""Report a run: its outcomes by reason, and its scores by kind of pair, in two small tables."""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from maskmatch.core.errors import InputError, ObjectMissing
from maskmatch.core.limits import ShareLimit
from maskmatch.core.outcomes import Status
from maskmatch.pipeline.run import Run
from maskmatch.storage import tables
from maskmatch.storage.fetching import fetched

MASK_ATTRIBUTE = "attr_mask"
_REASON = ["outcome", "failure_class", "failure_code"]


def published(run: Run) -> pd.DataFrame | None:
    """Return the published outcomes of the date, None when there are none."""
    try:
        outcomes: pd.DataFrame = tables.read_table(run.patient_warehouse(), "outcomes", run.day).to_pandas()
    except ObjectMissing:
        return None
    return outcomes


def check_failed(outcomes: pd.DataFrame, limit: ShareLimit) -> None:
    """Raise InputError naming the first reasons when more rows failed than the limit allows."""
    failed = outcomes[outcomes["outcome"] == Status.FAILED]
    if limit.is_passed(len(failed), of=len(outcomes)):
        counts = ", ".join(
            f"{n:,} {code}" for code, n in failed["failure_code"].value_counts().head(5).items()
        )
        raise InputError(
            f"{len(failed):,} of {len(outcomes):,} rows failed ({counts}), more than max_failed_share "
            f"{limit}; they are published"
        )


def spending(run: Run) -> str:
    """Return in words what the current publication of the date has cost."""
    try:
        row = tables.read_table(run.patient_warehouse(), "runs", run.day).to_pylist()[-1]
    except ObjectMissing:
        return "Spent: unknown, there is no table `runs`"
    return spent_words(row)


def spent_words(row: Mapping[str, Any]) -> str:
    """Return in words what a publication has cost, by its row in the table of runs."""
    perhaps = f" and perhaps {row['maybe_billed_calls']:,} more" if row["maybe_billed_calls"] else ""
    return f"Spent: CNY {row['cost'] or 0:,.4f} for {row['billed_calls']:,} billed calls{perhaps}"


def summary(run: Run, counts: pd.DataFrame, spent: str, *, publication: str) -> dict[str, Any]:
    """Return date, publication, table, rows of each outcome and reason, and the spend, as JSON values."""
    return {
        "day": run.day.isoformat(),
        "publication": publication,
        "table": tables.outcomes_address(run.warehouse, run.day),
        "rows": int(counts["rows"].sum()),
        "outcomes": counts.to_dict("records"),
        "spent": spent,
    }


def count_published(run: Run) -> pd.DataFrame:
    """Return what `outcome_counts` says of the published outcomes, without having them all in memory."""
    counts: Counter[tuple[str, ...]] = Counter()
    key = tables.current_key("outcomes", run.day)
    with suppress(ObjectMissing), fetched(run.patient_warehouse(), key) as path:
        for batch in pq.ParquetFile(path, pre_buffer=False).iter_batches(columns=_REASON, use_threads=False):
            words = [pc.fill_null(batch[name].cast(pa.string()), "") for name in _REASON]
            found = pa.table(words, _REASON).group_by(_REASON).aggregate([([], "count_all")])
            for row in found.to_pylist():
                counts[tuple(row[name] for name in _REASON)] += row["count_all"]
    rows = [[*reason, n] for reason, n in counts.items()]
    return _most_first(pd.DataFrame(rows, columns=[*_REASON, "rows"]))


def outcome_counts(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return the number of rows by outcome, failure class and failure code, most first."""
    counts = outcomes[_REASON].astype("string").fillna("").groupby(_REASON, as_index=False).size()
    return _most_first(counts.rename(columns={"size": "rows"}))


def _most_first(counts: pd.DataFrame) -> pd.DataFrame:
    return counts.sort_values(
        ["outcome", "rows", "failure_code"], ascending=[False, False, True], ignore_index=True
    )


def score_table(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return scores (0-100) and the share of matches of mated and non-mated pairs, by mask where known.

    The share is of the scores that have a decision, null where none has.
    """
    scored = outcomes[outcomes["score"].notna() & outcomes["is_mated"].notna()]
    groups = scored.assign(
        pairs=scored["is_mated"].map({True: "mated", False: "non-mated"}),
        mask=scored["attributes"].map(lambda each: dict(each).get(MASK_ATTRIBUTE, "unknown")),
        is_match=(scored["decision"].astype("string") == "match").astype("Float64"),
    ).groupby(["pairs", "mask"])
    return groups.agg(
        scored=("score", "size"),
        lowest=("score", "min"),
        median=("score", "median"),
        highest=("score", "max"),
        matches=("is_match", "mean"),
    ).reset_index()


def by_reason(counts: pd.DataFrame) -> str:
    """Return the first table as text."""
    return f"Outcomes by reason\n{counts.to_string(index=False)}"


def render(outcomes: pd.DataFrame) -> str:
    """Return both tables as text."""
    parts = [by_reason(outcome_counts(outcomes))]
    scores = score_table(outcomes)
    if len(scores):
        shares = ["unknown" if pd.isna(share) else f"{share:.0%}" for share in scores["matches"]]
        shown = scores.assign(matches=shares).to_string(index=False, float_format="%.1f")
        parts += ["", f"Scores of {scores['scored'].sum():,} pairs with known truth", shown]
    return "\n".join(parts)
