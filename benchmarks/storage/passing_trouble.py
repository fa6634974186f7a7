"""What a trouble of the store costs that passes, and how soon one that lasts ends a night.

300 pairs at 20 calls a second, images and tables in a real S3 store behind a proxy that answers with each
code of our table, or not at all, from the third to the thirteenth second: as bytes and as signed URLs, one
store for both and two. Then the store is well and the date is run again; the service's meter says what was
paid. Further the same codes lasting, one forbidden image among readable ones, and twenty rows of 1,500 that
name a store out of reach.
"""

import itertools
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.account import account_of
from benchmarks.dataset import DAY, write_dataset
from benchmarks.report import main
from devstack.s3_troubles import Troubles
from devstack.seaweed import Seaweed
from devstack.service import LocalService
from maskmatch.core.errors import MaskmatchError, StoreAway, StoreRefused
from maskmatch.core.planning import PlanOptions
from maskmatch.core.reach import Reach
from maskmatch.core.store_troubles import Kind, store_rules
from maskmatch.pipeline.compare import compare_shards
from maskmatch.pipeline.compare_options import CompareOptions
from maskmatch.pipeline.plan import make_plan
from maskmatch.pipeline.publish import publish
from maskmatch.pipeline.run import Run
from maskmatch.storage.images import Transfer
from maskmatch.storage.object_stores import FileStore, S3Store, StoreSettings
from maskmatch.storage.object_stores.s3_client import s3_client
from maskmatch.storage.tables import read_outcomes

PAIRS, CALLS_PER_SECOND = 300, 20
BEGINS_AFTER, LASTS = 3.0, 10.0
GROUP = 64
AT_ONCE = 10
_PORTS = itertools.count(20_000)
"""Below those that the system gives to connections, of which there are many here."""
LASTING_PATIENCE = 6.0
_STATUS = {
    Kind.PERMISSION: 403,
    Kind.CREDENTIAL: 403,
    Kind.CLOCK: 403,
    Kind.SETTING: 400,
    Kind.AWAY: 503,
    Kind.FULL: 507,
}
QUICK_CODES = ("ExpiredToken", "AccessDenied", "503", "hung")
GOALS = {
    "failed_for_good": ("<=", 0),
    "without_answer_after_the_rerun": ("<=", 0),
    "paid_again_most": ("<=", GROUP + CALLS_PER_SECOND),
    "lasting_rows": ("<=", 0),
    "lasting_ends_seconds_most": ("<=", LASTING_PATIENCE + 15),
    "lasting_without_cure": ("<=", 0),
    "forbidden_rows": ("<=", 1),
    "unreachable_scored": (">=", 1500),
}


@dataclass(frozen=True)
class Cell:
    """One trouble: the store's code, how images are sent, and whether the tables lie in the same store."""

    code: str
    transfer: Transfer
    is_one_store: bool


def run(quick: bool) -> dict[str, float]:
    """Meet all troubles; quick: four codes, as bytes, in two stores."""
    with tempfile.TemporaryDirectory() as folder, Seaweed(Path(folder) / "s3") as server:
        home = Path(folder)
        cells = [
            Cell(code, transfer, one)
            for code, transfer, one in itertools.product(_codes(quick), Transfer, (False, True))
            if not quick or (transfer is Transfer.BYTES and not one)
        ]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            passing = list(pool.map(lambda item: _passing(home, server, *item), enumerate(cells)))
            lasting = list(pool.map(lambda item: _lasting(home, server, *item), enumerate(_codes(quick))))
        return {
            "cells": len(cells),
            "failed_for_good": sum(each[0] for each in passing),
            "without_answer_after_the_rerun": sum(each[1] for each in passing),
            "paid_again_most": max(each[2] for each in passing),
            "lasting_rows": sum(each[0] for each in lasting),
            "lasting_ends_seconds_most": max(each[1] for each in lasting),
            "lasting_without_cure": sum(each[2] for each in lasting),
            "forbidden_rows": _forbidden(home, server),
            "unreachable_scored": _unreachable(home),
        }


def _codes(quick: bool) -> list[str]:
    of_ours = [code for code, rule in store_rules().items() if rule.kind in _STATUS and "_" not in code]
    return list(QUICK_CODES) if quick else [*of_ours, "hung"]


def _status(code: str) -> int:
    if code.isdigit():
        return int(code)
    return 0 if code == "hung" else _STATUS[store_rules()[code].kind]


def _passing(home: Path, server: Seaweed, number: int, cell: Cell) -> tuple[int, int, int]:
    """Return pairs failed for good, pairs without an answer after a second run, and calls paid again."""
    with _night(home, server, f"passing{number}", cell) as (night, troubles, service, options):

        def trouble() -> None:
            while not service.meter()["accepted"]:
                time.sleep(0.05)
            time.sleep(BEGINS_AFTER)
            troubles.begin(cell.code, _status(cell.code))
            time.sleep(LASTS)
            troubles.end()

        _with_trouble(trouble, lambda: _complete(night, options))
        first = _failed(night)
        _complete(replace(night, run_id="again"), options)
        final = sum(not is_open for is_open in first["is_open"])
        return final, len(_failed(night)), service.meter()["paid_again"]


def _lasting(home: Path, server: Seaweed, number: int, code: str) -> tuple[int, float, int]:
    """Return failed rows, the seconds until the run ended, and 1 if it ended without the cure."""
    cell = Cell(code, Transfer.BYTES, is_one_store=False)
    with _night(home, server, f"lasting{number}", cell) as (night, troubles, service, options):
        impatient = replace(night, store_patience=LASTING_PATIENCE)
        began = [0.0]

        def trouble() -> None:
            while not service.meter()["accepted"]:
                time.sleep(0.05)
            troubles.begin(code, _status(code))
            began[0] = time.monotonic()

        ended = _with_trouble(trouble, lambda: _complete(impatient, options))
        seconds = time.monotonic() - began[0]
        known = code == "hung" or store_rules()[code].meaning in str(ended)
        is_told = isinstance(ended, StoreAway | StoreRefused) and known
        return len(_failed(night)), round(seconds, 1), int(not is_told)


def _forbidden(home: Path, server: Seaweed) -> int:
    """Return how many kinds of failure there are when one image of 300 pairs may not be read."""
    cell = Cell("AccessDenied", Transfer.BYTES, is_one_store=False)
    with _night(home, server, "forbidden", cell) as (night, troubles, _, options):
        troubles.begin("AccessDenied", 403, concerned=lambda _, path: path.endswith("/images/24.jpg"))
        _complete(night, options)
        codes = set(_failed(night)["failure_code"])
        return len(codes - {"image_forbidden"}) + 1


def _unreachable(home: Path) -> int:
    """Return the pairs scored of 1,500, beside twenty that name a store out of reach."""
    source = FileStore(home / "unreachable" / "in")
    write_dataset(source, 1500, shards=1)
    key = f"manifests/ds={DAY}/pairs.csv"
    rows = "".join(f"far{n},s3://far-away-{n}/a.jpg,images/0.jpg,\n" for n in range(20))
    source.put(key, source.get(key) + rows.encode())
    night = Run(source=source, warehouse=FileStore(home / "unreachable" / "out"), day=DAY, run_id="night")
    with LocalService(home / "unreachable" / "service", scores="hash", calls_per_second=200) as service:
        _complete(night, _options(home / "unreachable", service, Transfer.BYTES, calls_per_second=200))
    return len(read_outcomes(night.warehouse, DAY).to_pandas().query("outcome == 'scored'"))


@contextmanager
def _night(
    home: Path, server: Seaweed, name: str, cell: Cell
) -> Iterator[tuple[Run, Troubles, LocalService, CompareOptions]]:
    with (
        Troubles(server.endpoint_url) as troubles,
        LocalService(
            home / name / "service", scores="hash", calls_per_second=CALLS_PER_SECOND, port=next(_PORTS)
        ) as service,
    ):
        client = _client(troubles.endpoint_url, server)
        source = S3Store(client, bucket="maskmatch", prefix=f"{name}/in")
        write_dataset(source, PAIRS, shards=1)
        out = S3Store(client, bucket="maskmatch", prefix=f"{name}/out") if cell.is_one_store else None
        night = Run(source=source, warehouse=out or FileStore(home / name / "out"), day=DAY, run_id="night")
        yield night, troubles, service, _options(home / name, service, cell.transfer)


def _options(
    home: Path, service: LocalService, transfer: Transfer, *, calls_per_second: float = CALLS_PER_SECOND
) -> CompareOptions:
    return CompareOptions(
        account=account_of(service, calls_per_second=calls_per_second),
        permit_store=f"sqlite:///{home}/permits.sqlite3",
        transfer=transfer,
        reach=Reach(buckets=("far-away-*",)),
    )


def _client(endpoint_url: str, server: Seaweed):  # type: ignore[no-untyped-def]
    settings = StoreSettings(
        endpoint_url=endpoint_url,
        region="us-east-1",
        access_key=server.access_key,
        secret_key=server.secret_key,
        addressing_style="path",
    )
    return s3_client(settings)


def _complete(night: Run, options: CompareOptions) -> None:
    plan = make_plan(night, PlanOptions(max_shards=1))
    compare_shards(night, plan, plan.shards, options)
    publish(night, plan, nominal_fmr=1e-4)


def _failed(night: Run):  # type: ignore[no-untyped-def]
    if night.warehouse.head(f"outcomes/current/ds={DAY}/data.parquet") is None:
        return []
    return read_outcomes(night.warehouse, DAY).to_pandas().query("outcome == 'failed'")


def _with_trouble(trouble: Callable[[], None], work: Callable[[], None]) -> MaskmatchError | None:
    """Do both at once; return the error that ended the work, if any."""
    thread = threading.Thread(target=trouble)
    thread.start()
    try:
        work()
    except MaskmatchError as error:
        return error
    finally:
        thread.join()
    return None


if __name__ == "__main__":
    sys.exit(main("passing_trouble", str(__doc__), run, GOALS))
