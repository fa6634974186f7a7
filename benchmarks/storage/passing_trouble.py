"""What a trouble of the store costs that passes, and how soon one that lasts ends a night.

300 pairs of 600 images at 20 calls a second, in a real S3 store. From the third to the thirteenth second the
store is in a trouble: each code of our table, no answer, connections that are dropped, bodies that break off,
no name, no certificate that we know, no key; with images as bytes and as signed URLs, and with tables in the
same store and in another. Then it is well and the date is run again; the service's meter says what was paid.

Further the same troubles lasting, from the start and from the third second, of all requests and of those for
images alone; one forbidden image; and twenty of 1,520 rows that name a store which never answers.

It takes half an hour.
"""

import itertools
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.report import main
from benchmarks.storage.troubled_night import (
    CALLS_PER_SECOND,
    OF_THE_NETWORK,
    PAIRS,
    Night,
    Place,
    is_image,
    night_in,
    write_night,
)
from devstack.seaweed import Seaweed
from devstack.tls_host import tls_host
from maskmatch.core.errors import MaskmatchError
from maskmatch.core.store_troubles import Kind, store_rules
from maskmatch.storage.images import Transfer
from maskmatch.storage.object_stores import S3Store

BEGINS_AFTER, LASTS = 3.0, 10.0
GROUP = 64
AT_ONCE = 8
LASTING_PATIENCE = 6.0
SILENT = "hung"
SILENCE_SECONDS = 30
"""After so long without an answer a try has failed; the patience begins with the first."""
TRY_SECONDS = 10
"""What one try may take where nobody is silent: boto3 asks three times, with pauses."""
_OF_THE_OBJECT = (Kind.MISSING, Kind.ARCHIVED, Kind.INVALID_KEY)
_NEVER_FROM_A_STORE = "invalid_address"
_LIVED_WITH = ("no_size", "no_tag")
"""Headers that some stores never send."""
QUICK_CODES = ("ExpiredToken", "AccessDenied", "503", SILENT)
FAR, NEAR = 20, 1500
GOALS = {
    "ended_early": ("<=", 0),
    "not_in_trouble": ("<=", 0),
    "failed_for_good": ("<=", 0),
    "without_answer_after_the_rerun": ("<=", 0),
    "paid_again_most": ("<=", GROUP + CALLS_PER_SECOND),
    "lasting_rows": ("<=", 0),
    "lasting_paid": ("<=", 0),
    "lasting_without_cure": ("<=", 0),
    "lasting_ends_seconds_most": ("<=", LASTING_PATIENCE + TRY_SECONDS),
    "silent_ends_seconds_most": ("<=", LASTING_PATIENCE + 2 * SILENCE_SECONDS + 6),
    "forbidden_failed": ("<=", 1),
    "forbidden_seconds_more": ("<=", 10),
    "forbidden_others_scored": (">=", PAIRS - 1),
    "unreachable_scored": (">=", NEAR),
    "unreachable_open_rows": (">=", FAR),
}


@dataclass(frozen=True)
class Passing:
    """A trouble that passes: how images are sent, and whether the tables lie in the same store."""

    code: str
    transfer: Transfer
    is_one_store: bool


@dataclass(frozen=True)
class Lasting:
    """A trouble that lasts: of images alone or of all, from the start or the third second."""

    code: str
    of_images: bool
    from_start: bool


@dataclass(frozen=True)
class Passed:
    """What became of a night with a trouble that passed."""

    ended_early: int
    refused: int
    final: int
    unanswered: int
    paid_again: int


@dataclass(frozen=True)
class Lasted:
    """What became of a night with a trouble that lasted; `paid` while it lasted, whatever was in flight."""

    rows: int
    paid: int
    seconds: float
    is_told: bool


def run(quick: bool) -> dict[str, float]:
    """Meet all troubles; quick: four codes, as bytes, in two stores, lasting ones of all from the start."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Seaweed(Path(folder) / "s3") as server,
        tls_host(Path(folder)) as tls_port,
    ):
        place = Place(Path(folder), server.endpoint_url, server.access_key, server.secret_key, tls_port)
        write_night(S3Store(place.client(place.endpoint_url), bucket="maskmatch", prefix="in"))
        passing, lasting = _passing_cells(quick), _lasting_cells(quick)
        with ProcessPoolExecutor(AT_ONCE) as pool:
            passed = list(pool.map(partial(_pass, place), itertools.count(), passing))
            lasted = list(pool.map(partial(_last, place), itertools.count(len(passing)), lasting))
        after = len(passing) + len(lasting)
        return {
            **_sum_passed(passing, passed),
            **_sum_lasted(lasting, lasted),
            **_forbidden(place, after),
            **_unreachable(place, after + 1),
        }


def _codes(quick: bool) -> list[str]:
    """Return what may befall any request; a bad address is no trouble of a store."""
    known = [code for code in store_rules() if code != _NEVER_FROM_A_STORE]
    return list(QUICK_CODES) if quick else [*known, SILENT]


def _passing_cells(quick: bool) -> list[Passing]:
    ways = [(Transfer.BYTES, False)] if quick else itertools.product(Transfer, (False, True))
    return [Passing(code, *way) for way in ways for code in _codes(quick)]


def _lasting_cells(quick: bool) -> list[Lasting]:
    ways = [(False, True)] if quick else [(True, True), (False, True), (False, False)]
    codes = [code for code in _codes(quick) if code not in _LIVED_WITH]
    return [Lasting(code, *way) for way in ways for code in codes if way[0] or not _is_of_the_object(code)]


def _is_of_the_object(code: str) -> bool:
    return code != SILENT and store_rules()[code].kind in _OF_THE_OBJECT


def _pass(place: Place, number: int, cell: Passing) -> Passed:
    with night_in(place, number, transfer=cell.transfer, is_one_store=cell.is_one_store) as night:

        def trouble() -> None:
            _wait_for_calls(night)
            time.sleep(BEGINS_AFTER)
            night.client.begin(cell.code)
            time.sleep(LASTS)
            night.client.end()

        ended, _ = _beside(trouble, night.complete)
        first = night.outcomes().query("outcome == 'failed'")
        night.complete(run_id="again")
        unanswered = PAIRS - len(night.outcomes().query("outcome == 'scored'"))
        final = sum(not is_open for is_open in first["is_open"])
        met = night.troubles.refused + night.client.astray
        return Passed(int(ended is not None), met, final, unanswered, night.service.meter()["paid_again"])


def _last(place: Place, number: int, cell: Lasting) -> Lasted:
    with night_in(place, number) as night:
        began = [time.monotonic(), 0]

        def trouble() -> None:
            if not cell.from_start:
                _wait_for_calls(night)
                time.sleep(BEGINS_AFTER)
            if cell.of_images:
                night.client.begin(cell.code, concerned=is_image)
            else:
                night.client.begin(cell.code)
            began[:] = [time.monotonic(), night.service.meter()["accepted"]]

        work = partial(night.complete, store_patience=LASTING_PATIENCE)
        if cell.from_start:
            trouble()
            ended, at = _ended(work)
        else:
            ended, at = _beside(trouble, work)
        paid = night.service.meter()["accepted"] - int(began[1])
        if not cell.from_start:
            paid = max(0, paid - CALLS_PER_SECOND)  # for these the images were read before the trouble
        return Lasted(len(night.outcomes()), paid, at - began[0], _is_told(cell.code, ended))


def _is_told(code: str, ended: MaskmatchError | None) -> bool:
    """Return True if the error says what to do: as our table does, or to look at the source's images.

    Troubles of the network show in more than one way: a listing that breaks off is an error of the store.
    """
    text = str(ended)
    if _is_of_the_object(code):
        return "max_missing_share" in text
    codes = store_rules() if code in OF_THE_NETWORK else (code,)
    return any(store_rules()[each].meaning in text for each in codes)


def _wait_for_calls(night: Night) -> None:
    while not night.service.meter()["accepted"]:
        time.sleep(0.05)


def _beside(trouble: Callable[[], None], work: Callable[[], None]) -> tuple[MaskmatchError | None, float]:
    thread = threading.Thread(target=trouble)
    thread.start()
    try:
        return _ended(work)
    finally:
        thread.join()


def _ended(work: Callable[[], None]) -> tuple[MaskmatchError | None, float]:
    """Return the error that ended some work, if any, and when."""
    try:
        work()
    except MaskmatchError as error:
        return error, time.monotonic()
    return None, time.monotonic()


def _sum_passed(cells: list[Passing], passed: list[Passed]) -> dict[str, float]:
    for cell, end in zip(cells, passed, strict=True):
        if end.ended_early or not end.refused or end.final or end.unanswered:
            sys.stderr.write(f"{cell}: {end}\n")
    return {
        "passing_cells": len(passed),
        "ended_early": sum(each.ended_early for each in passed),
        "not_in_trouble": sum(not each.refused for each in passed),
        "failed_for_good": sum(each.final for each in passed),
        "without_answer_after_the_rerun": sum(each.unanswered for each in passed),
        "paid_again_most": max(each.paid_again for each in passed),
    }


def _sum_lasted(cells: list[Lasting], lasted: list[Lasted]) -> dict[str, float]:
    for cell, end in zip(cells, lasted, strict=True):
        if end.rows or end.paid or not end.is_told or end.seconds > LASTING_PATIENCE + TRY_SECONDS:
            sys.stderr.write(f"{cell}: {end}\n")
    seconds = [(cell.code == SILENT, round(end.seconds, 1)) for cell, end in zip(cells, lasted, strict=True)]
    return {
        "lasting_cells": len(lasted),
        "lasting_rows": sum(each.rows for each in lasted),
        "lasting_paid": sum(each.paid for each in lasted),
        "lasting_without_cure": sum(not each.is_told for each in lasted),
        "lasting_ends_seconds_most": max(each for is_silent, each in seconds if not is_silent),
        "silent_ends_seconds_most": max(each for is_silent, each in seconds if is_silent),
    }


def _forbidden(place: Place, number: int) -> dict[str, float]:
    """Let one image of 600 be forbidden: how much longer the night takes, and what becomes of the others."""
    with night_in(place, number) as night:
        night.client.begin("AccessDenied", concerned=lambda _, path: "/images/24a.jpg" in path)
        began = time.monotonic()
        night.complete()
        seconds = time.monotonic() - began
        outcomes = night.outcomes()
        return {
            "forbidden_failed": len(outcomes.query("failure_code == 'image_forbidden'")),
            "forbidden_seconds_more": round(seconds - PAIRS / CALLS_PER_SECOND, 1),
            "forbidden_others_scored": len(outcomes.query("outcome == 'scored'")),
        }


def _unreachable(place: Place, number: int) -> dict[str, float]:
    """Let some rows name a store that never answers."""
    far = "".join(f"far{n},s3://far-away-{n % 4}/{n}.jpg,images/{n}b.jpg\n" for n in range(FAR))
    with night_in(place, number, calls_per_second=200, source="far") as night:
        write_night(night.run.source, pairs=NEAR, beside=far)
        night.client.begin(SILENT, concerned=lambda _, path: "/far-away-" in path)
        began = time.monotonic()
        night.complete()
        outcomes = night.outcomes()
        return {
            "unreachable_scored": len(outcomes.query("outcome == 'scored'")),
            "unreachable_open_rows": len(outcomes.query("failure_code == 'image_unavailable' and is_open")),
            "unreachable_seconds_more": round(time.monotonic() - began - NEAR / 200, 1),
        }


if __name__ == "__main__":
    sys.exit(main("passing_trouble", str(__doc__), run, GOALS))
