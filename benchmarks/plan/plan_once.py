"""Plan a date, read a shard of it, run it again or look at it, each in a process whose memory is watched."""

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psutil

from benchmarks.plan.answered import ANSWERED_BY, IMAGE_POLICY, answer_all
from benchmarks.plan.listed_store import ListedStore
from maskmatch.core.planning import PlanOptions
from maskmatch.pipeline.answered_plan import make_answered_plan
from maskmatch.pipeline.compare import compare_shards
from maskmatch.pipeline.compare_options import CompareOptions
from maskmatch.pipeline.plan import naming
from maskmatch.pipeline.run import Run
from maskmatch.pipeline.status import StatusReader
from maskmatch.storage import plans
from maskmatch.storage.image_tags import ImageTags, Sought, find_tags
from maskmatch.storage.object_stores import FileStore, PatientStore, Store
from maskmatch.tencent import Account

DAY = date(2026, 1, 2)
LISTING = "listing"
"""Of the images of all dates, beside their folders."""
_OPTIONS = PlanOptions(strata_attribute="attr_site", answered_by=ANSWERED_BY, image_policy=IMAGE_POLICY)
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took, and what it printed."""

    wall_seconds: float
    peak_mib: float
    """Resident memory of the process and its children together, pages that they share more than once."""
    printed: dict[str, Any]


def in_own_process(*words: str) -> Cost:
    """Run this module with some words; raise RuntimeError when it fails."""
    began, peak = time.monotonic(), 0
    command = [sys.executable, "-m", "benchmarks.plan.plan_once", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    seen = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            peak = max(peak, sum(each.memory_info().rss for each in (seen, *seen.children(recursive=True))))
        except psutil.NoSuchProcess:
            break
        time.sleep(_LOOK_SECONDS)
    output, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{words} ended with {process.returncode}")
    return Cost(time.monotonic() - began, peak / 2**20, json.loads(output.splitlines()[-1]))


def _plan(home: Path) -> dict[str, Any]:
    source = ListedStore(home / "source", home.parent / LISTING)
    asked, images = 0.0, 0

    def timed(store: PatientStore, tags: ImageTags, sought: Sought) -> None:
        nonlocal asked, images
        began, images = time.process_time(), tags.count
        find_tags(store, tags, sought)
        asked = time.process_time() - began

    naming.find_tags = timed  # the listing is reckoned apart
    plan = make_answered_plan(_run(home, source), _OPTIONS)
    return {
        "digest": plan.digest,
        "rows": plan.rows,
        "pairs": plan.pairs,
        "repeated": plan.repeated_rows,
        "dedup": plan.dedup_rows,
        "bad_rows": plan.bad_row_codes,
        "tags_cpu_seconds": asked - source.replay_seconds,
        "replay_cpu_seconds": source.replay_seconds,
        "distinct_images": images,
        "pages": source.pages,
        "heads": source.heads,
        "shard": plan.shards[0].key,
    }


def _run(home: Path, source: Store) -> Run:
    return Run(source=source, warehouse=FileStore(home / "warehouse"), day=DAY, run_id="benchmark")


def _answer(home: Path) -> dict[str, Any]:
    run = _run(home, FileStore(home / "source"))
    plan = plans.newest_plan(run.warehouse, DAY)
    if plan is None:
        raise RuntimeError("it was not planned")
    answer_all(run, plan)
    return {}


def _again(home: Path) -> dict[str, Any]:
    """Plan a date whose pairs all have answers, and compare what is left, which is nothing."""
    found = _plan(home)
    run = _run(home, FileStore(home / "source"))
    if (plan := plans.newest_plan(run.warehouse, DAY)) is None:
        raise RuntimeError("it was not planned")
    account = Account(secret_id="AKIDnobody", secret_key="-", endpoint="127.0.0.1:9")  # noqa: S106
    options = CompareOptions(account=account, permit_store=f"sqlite:///{home}/permits.sqlite3")
    progress = compare_shards(run, plan, plan.to_compare, options)
    return found | {"compared": progress.done}


def _status(home: Path) -> dict[str, Any]:
    return {"done": StatusReader(_run(home, FileStore(home / "source"))).look().done}


def _read(home: Path, key: str) -> dict[str, Any]:
    count = sum(1 for _ in plans.read_shard(FileStore(home / "warehouse"), key))
    return {"pairs": count}


def _main(what: str, home: str, *more: str) -> int:
    steps = {"plan": _plan, "read": _read, "answer": _answer, "again": _again, "status": _status}
    found = steps[what](Path(home), *more)
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    found["cpu_seconds"] = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    found["ru_maxrss_mib"] = own.ru_maxrss / 1024
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
