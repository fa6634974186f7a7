"""What a store's refusal means for a run: one table, `store_codes.csv`, and one decision.

    whose          an image of the source                     an image in another bucket
    missing        a row                                      a row
    archived       a row                                      a row
    permission     a row, if the store is proved well,        a row
                   else wait, then stop
    credential     renew it and wait, then stop; a row, if    a row
                   the store has long refused it alone
    clock, setting wait, then stop; or a row, as above        a row
    away, full     wait, then end the task; or a row, as      a row
                   above

A trouble that is ours (key, clock, right on the bucket) is no property of an image: it waits until it is
mended, as long as the patience of the run lasts, and no pair fails for it.

Decision: docs/adr/0016-a-trouble-that-passes-is-no-failure.md
"""

import csv
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files


class Kind(StrEnum):
    """What a code of a store speaks of."""

    MISSING = "missing"
    ARCHIVED = "archived"
    INVALID_KEY = "invalid_key"
    PERMISSION = "permission"
    CREDENTIAL = "credential"
    CLOCK = "clock"
    SETTING = "setting"
    AWAY = "away"
    FULL = "full"


class Whose(StrEnum):
    """Where the image lies: in the source, or in another bucket that its row names."""

    SOURCE = "source"
    ELSEWHERE = "elsewhere"


class Proof(StrEnum):
    """What is known of the source beside the refusal: it reads well, it refuses all, or neither is shown.

    `OBSTINATE`: it reads well, and has refused this image for half a minute.
    """

    WELL = "well"
    OBSTINATE = "obstinate"
    ILL = "ill"
    UNCLEAR = "unclear"


class Step(StrEnum):
    """What follows; what waits for longer than the patience of the run ends it, with the cure."""

    WAIT = "wait"
    RENEW = "renew"
    ROW = "row"


@dataclass(frozen=True, slots=True)
class StoreRule:
    """What one code means: what it speaks of, and in words, with the cure."""

    code: str
    kind: Kind
    meaning: str

    @property
    def is_passing(self) -> bool:
        """Return True if nobody has to act: the store comes back by itself."""
        return self.kind in (Kind.AWAY, Kind.FULL)


def store_rule(code: str, *, status: int = 500) -> StoreRule:
    """Return the rule of a code; an unknown one has that of its HTTP status, or of the status' hundred."""
    table = store_rules()
    for known in (code, str(status)):
        if known in table:
            return StoreRule(code or known, table[known].kind, table[known].meaning)
    like = table["500" if status >= 500 else "400"]
    return StoreRule(code or str(status), like.kind, like.meaning)


@cache
def store_rules() -> dict[str, StoreRule]:
    """Return every known code with its rule."""
    with files(__package__).joinpath("store_codes.csv").open(encoding="utf-8") as lines:
        return {
            row["code"]: StoreRule(row["code"], Kind(row["kind"]), row["meaning"])
            for row in csv.DictReader(lines)
        }


IMAGE_MISSING = "image_missing"
"""The failure code of a pair whose image is not there."""
IMAGE_UNAVAILABLE = "image_unavailable"
"""The failure code of a pair whose image is in a store that we cannot use now."""
_FAILURE_CODES = {
    Kind.MISSING: IMAGE_MISSING,
    Kind.ARCHIVED: "image_archived",
    Kind.INVALID_KEY: "image_id_invalid",
    Kind.PERMISSION: "image_forbidden",
}


def failure_code(kind: Kind) -> str:
    """Return the failure code of a pair whose image was refused so."""
    return _FAILURE_CODES.get(kind, IMAGE_UNAVAILABLE)


_OF_THE_OBJECT = (Kind.MISSING, Kind.ARCHIVED, Kind.INVALID_KEY)


def step_for(kind: Kind, whose: Whose, proof: Proof) -> Step:
    """Return what follows from the refusal of one image."""
    if kind in _OF_THE_OBJECT or whose is Whose.ELSEWHERE or proof is Proof.OBSTINATE:
        return Step.ROW
    if kind is Kind.CREDENTIAL:
        return Step.RENEW
    if kind is Kind.PERMISSION and proof is Proof.WELL:
        return Step.ROW
    return Step.WAIT
