"""The plain client under kills: killed at even shares of its work, and started again from its results."""

import time
from collections import Counter
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path

from benchmarks.account import account_of
from benchmarks.dataset import NumberedPair, expected, pairs_of, write_dataset
from benchmarks.plain_client import PlainClient, compare_rest, read_results
from benchmarks.tries import CONTEXT
from devstack.service import LocalService
from maskmatch.storage.object_stores import FileStore

KILLS = 5
THREADS = 32


def plain_figures(
    home: Path, service: LocalService, *, pairs: int, calls_per_second: int
) -> dict[str, float]:
    """Return what it loses, doubles and pays again, with results flushed by line or when Python likes."""
    write_dataset(FileStore(home / "plain"), pairs)
    figures: dict[str, float] = {}
    for name, flushes in (("plain_flushed", True), ("plain_buffered", False)):
        plain = PlainClient(
            account=account_of(service, calls_per_second=calls_per_second),
            images=home / "plain",
            results=home / f"{name}.jsonl",
            threads=THREADS,
            flushes=flushes,
        )
        service.reset_meter()
        _compare_under_kills(plain, list(pairs_of(pairs)), service)
        figures |= {f"{name}_{what}": count for what, count in _figures(plain, service, pairs).items()}
    return figures


def _compare_under_kills(plain: PlainClient, pairs: list[NumberedPair], service: LocalService) -> None:
    for kill in range(1, KILLS + 1):
        process = _started(plain, pairs)
        while process.is_alive() and _billed(service) < len(pairs) * kill / (KILLS + 1):
            time.sleep(0.05)
        process.kill()
        process.join()
    _started(plain, pairs).join()


def _started(plain: PlainClient, pairs: list[NumberedPair]) -> BaseProcess:
    process = CONTEXT.Process(target=compare_rest, args=(plain, pairs), daemon=True)
    process.start()
    return process


def _billed(service: LocalService) -> int:
    return int(service.meter()["distinct_billed_pairs"])


def _figures(plain: PlainClient, service: LocalService, pairs: int) -> Mapping[str, float]:
    wanted = expected(pairs)
    rows = read_results(plain.results)
    scored = Counter(str(row["pair_id"]) for row in rows if row["score"] is not None)
    return {
        "pairs": pairs,
        "kills": KILLS,
        "lost": len(wanted) - len(scored),
        "doubled_rows": len(rows) - len({row["pair_id"] for row in rows}),
        "paid_again": service.meter()["paid_again"],
        "throttled": service.meter()["throttled"],
    }
