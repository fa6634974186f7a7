"""From a score to a decision, at a threshold chosen by the false match rate it stands for."""

from enum import StrEnum

from maskmatch.core.errors import InputError

# Score at each nominal FMR, by model version: https://cloud.tencent.com/document/product/867/50425
_SCORES_AT_FMR = {
    "3.0": {1e-3: 40.0, 1e-4: 50.0, 1e-5: 60.0},
    "2.0": {1e-3: 70.0, 1e-4: 80.0, 1e-5: 90.0},
}
NOMINAL_FMRS = (1e-3, 1e-4, 1e-5)


class Decision(StrEnum):
    """Whether a score says that both images show one person."""

    MATCH = "match"
    NON_MATCH = "non-match"


def threshold_for(*, model_version: str | None, nominal_fmr: float) -> float | None:
    """Return the lowest score that counts as a match, or None if the vendor publishes none for this model.

    Raise InputError for an FMR that the vendor gives no score for.
    """
    if nominal_fmr not in NOMINAL_FMRS:
        known = ", ".join(f"{fmr:g}" for fmr in NOMINAL_FMRS)
        raise InputError(f"no threshold is known for FMR {nominal_fmr:g}: use one of {known}")
    return _SCORES_AT_FMR.get(model_version or "", {}).get(nominal_fmr)


def decide(score: float, *, threshold: float) -> Decision:
    """Return match for a score at or above the threshold."""
    return Decision.MATCH if score >= threshold else Decision.NON_MATCH
