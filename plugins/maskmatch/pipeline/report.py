"""Report a run: its outcomes by reason, and its scores by kind of pair, in two small tables."""

from typing import Any

import pandas as pd

from maskmatch.core.errors import InputError, ObjectMissing
from maskmatch.core.limits import ShareLimit
from maskmatch.core.outcomes import Status
from maskmatch.pipeline.run import Run
from maskmatch.storage import tables

MASK_ATTRIBUTE = "attr_mask"


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
    perhaps = f" and perhaps {row['maybe_billed_calls']:,} more" if row["maybe_billed_calls"] else ""
    return f"Spent: CNY {row['cost']:,.4f} for {row['billed_calls']:,} billed calls{perhaps}"


def summary(outcomes: pd.DataFrame, spent: str) -> dict[str, Any]:
    """Return rows, outcomes and reasons with their numbers, publication and spend, as JSON values."""
    counts = outcome_counts(outcomes).to_dict("records")
    name = str(outcomes["publication"].iloc[0])
    return {"rows": len(outcomes), "outcomes": counts, "publication": name, "spent": spent}


def outcome_counts(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return the number of rows by outcome, failure class and failure code, most first."""
    keys = ["outcome", "failure_class", "failure_code"]
    counts = outcomes[keys].astype("string").fillna("").groupby(keys, as_index=False).size()
    return counts.rename(columns={"size": "rows"}).sort_values(
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


def render(outcomes: pd.DataFrame) -> str:
    """Return both tables as text."""
    parts = ["Outcomes by reason", outcome_counts(outcomes).to_string(index=False)]
    scores = score_table(outcomes)
    if len(scores):
        shares = ["unknown" if pd.isna(share) else f"{share:.0%}" for share in scores["matches"]]
        shown = scores.assign(matches=shares).to_string(index=False, float_format="%.1f")
        parts += ["", f"Scores of {scores['scored'].sum():,} pairs with known truth", shown]
    return "\n".join(parts)
