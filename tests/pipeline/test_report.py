"""What the report of a run says of scores and decisions."""

import pandas as pd

from maskmatch.pipeline.report import render, score_table


def outcomes(decision: "str | None") -> pd.DataFrame:
    rows = {
        "outcome": ["scored"] * 2,
        "failure_class": [None] * 2,
        "failure_code": [None] * 2,
        "score": [90.0, 10.0],
        "is_mated": pd.array([True, True], "boolean"),
        "decision": pd.Categorical([decision, decision and "non-match"], ["match", "non-match"]),
        "attributes": [[("attr_mask", "both")], [("attr_mask", "both")]],
    }
    return pd.DataFrame(rows)


def test_matches_are_a_share_of_the_scores():
    (row,) = score_table(outcomes("match")).to_dict("records")
    assert (row["pairs"], row["mask"], row["scored"], row["matches"]) == ("mated", "both", 2, 0.5)
    assert "50%" in render(outcomes("match"))


def test_matches_of_a_model_without_threshold_are_unknown_and_not_none_of_them():
    (row,) = score_table(outcomes(None)).to_dict("records")
    assert pd.isna(row["matches"])
    assert "unknown" in render(outcomes(None))
    assert "0%" not in render(outcomes(None))
