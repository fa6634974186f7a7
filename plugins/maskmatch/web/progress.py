"""How far a run is, out of what Airflow and the permit store know: for its page and for lists of runs."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache

from maskmatch.core.codes import table
from maskmatch.core.failure_codes import failure_codes
from maskmatch.core.outcomes import FINAL_FAILURES, Status
from maskmatch.permits.steps.orders import Order, pause_in_words
from maskmatch.permits.steps.snapshot import WindowNow
from maskmatch.web.account import AccountNow
from maskmatch.web.airflow import STAGES, Record, RunNow, TaskNow

_AT_WORK = frozenset({"running", "restarting"})
_ENDED_ILL = frozenset({"failed", "up_for_retry"})
_STALLED_PER_SECOND = 0.05
"""Pairs a second; at less, a time left would be days of nothing."""
_MOST_ALIKE = 3
"""Vendor codes that one failure code may stand for, if the meaning of one is to tell that of all."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why pairs have failed: a failure code, so many of them, and whether the next run tries them again."""

    code: str
    pairs: int
    is_final: bool
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardNow:
    """A task that compares: how many of its pairs are done, and at which rate."""

    task: TaskNow
    done: int
    pairs: int
    pairs_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressNow:
    """A run as a whole; `pairs` is None before it is planned, `seconds_left` where `why_no_time` says why.

    `paused` and `drained` are the orders that hold for it now.
    """

    run: RunNow
    days: tuple[str, ...]
    stage: str
    done: int
    pairs: int | None
    pairs_per_second: float
    seconds_left: float | None
    why_no_time: str
    reasons: tuple[Reason, ...]
    spent: WindowNow | None
    spent_cny: Decimal | None
    shards: tuple[ShardNow, ...]
    problems: tuple[TaskNow, ...]
    paused: Order | None = None
    drained: Order | None = None

    @property
    def share(self) -> float:
        """Return the share of pairs that are done, from 0 to 1."""
        if self.pairs is None:
            return 0.0
        return self.done / self.pairs if self.pairs else 1.0

    @property
    def is_over(self) -> bool:
        """Return True if the run has ended."""
        return self.run.is_over

    @property
    def ends_at(self) -> datetime | None:
        """Return when it will be done at this rate."""
        return None if self.seconds_left is None else datetime.now(UTC) + timedelta(seconds=self.seconds_left)

    @property
    def paused_words(self) -> str:
        """Return who has paused it and how it goes on, empty while it may go on."""
        return pause_in_words(self.paused, self.run.run_id) if self.paused else ""


def progress_of(run: RunNow, account: AccountNow | None) -> ProgressNow:
    """Return how far a run is; without an account, what only the permit store knows stays out."""
    shards = tuple(_shards(run))
    pairs = _pairs(run)
    done = sum(shard.done for shard in shards)
    rate = sum(shard.pairs_per_second for shard in shards)
    paused = account.order_for("pause", run.run_id) if account else None
    drained = account.order_for("drain", run.run_id) if account else None
    why = _why_no_time(run, rate, pairs, is_paused=bool(paused), is_drained=bool(drained))
    spent = account.now.of_run(run.run_id) if account and account.now else None
    return ProgressNow(
        run=run,
        days=tuple(record["day"] for record in run.records),
        stage=_stage(run),
        done=done,
        pairs=pairs,
        pairs_per_second=rate,
        seconds_left=None if why or pairs is None else max(0, pairs - done) / rate,
        why_no_time=why,
        reasons=tuple(_reasons(run, shards)),
        spent=spent,
        spent_cny=spent.cny if spent else _cny(shards),
        shards=shards,
        problems=tuple(task for task in run.tasks if _problem(task)),
        paused=paused if run.state == "running" else None,
        drained=drained,
    )


def _pairs(run: RunNow) -> int | None:
    known = [record["pairs"] for record in run.records if "pairs" in record]
    return sum(known) if known else None


def _shards(run: RunNow) -> Iterable[ShardNow]:
    """Yield the tasks that compare; what one has told of an earlier plan does not count."""
    planned = {shard["key"] for record in run.records for shard in record.get("shards", ())}
    for task in run.tasks:
        told = task.progress
        if not told or (told.get("shard") and told["shard"] not in planned):
            continue
        yield ShardNow(
            task=task,
            done=told["already_known"] + told["done"],
            pairs=told["already_known"] + told["total"],
            pairs_per_second=told["pairs_per_second"] if task.state in _AT_WORK else 0.0,
        )


def _problem(task: TaskNow) -> Record | None:
    """Return what ended a task, or why it waits; what it waited for before it was killed is not shown."""
    noted = task.problem
    if noted and noted.get("is_wait"):
        return noted if task.state == "up_for_reschedule" else None
    return noted if task.state in _ENDED_ILL else None


def _stage(run: RunNow) -> str:
    """Return in words what is being done; the state of a run that has ended."""
    if run.is_over:
        return {"success": "done", "failed": "failed"}[run.state]
    waits = [task for task in run.tasks if task.state in ("awaiting_input", "deferred")]
    at_work = [task for task in run.tasks if task.state in _AT_WORK] or waits
    if at_work:
        return STAGES.get(at_work[-1].task_id, at_work[-1].task_id)
    if any(task.state == "up_for_reschedule" for task in run.tasks):
        return "waiting, without a slot"
    if any(task.state == "up_for_retry" for task in run.tasks):
        return "waiting for the next try"
    return "waiting for a slot"


def _why_no_time(run: RunNow, rate: float, pairs: int | None, *, is_paused: bool, is_drained: bool) -> str:
    """Return why the time left is unknown; empty where it is known."""
    if run.is_over:
        return "the run has ended"
    if is_paused:
        return "paused"
    if is_drained:
        return "drained"
    if pairs is None:
        return "not planned yet"
    return "" if rate >= _STALLED_PER_SECOND else "nothing is called now"


def _reasons(run: RunNow, shards: Iterable[ShardNow]) -> Iterable[Reason]:
    """Yield why pairs have failed, most first: as published, or as far as tasks have told."""
    counts: Counter[str] = Counter()
    for summary in run.summaries:
        for row in summary["outcomes"]:
            if row["outcome"] == Status.FAILED:
                counts[row["failure_code"]] += row["rows"]
    published = {summary["day"] for summary in run.summaries}
    for told in (shard.task.progress or {} for shard in shards):
        if told.get("day") not in published:
            counts.update(told.get("counts") or {})
            counts.update(told.get("known") or {})
    del counts[Status.SCORED.value]
    for code, pairs in counts.most_common():
        yield Reason(code, pairs, code in FINAL_FAILURES, _meanings().get(code, ""))


@cache
def _meanings() -> dict[str, str]:
    """Return what each failure code says, but for those that many codes of the vendor share."""
    of_vendor = Counter(rule.failure_code for rule in table().values())
    return {code: known.meaning for code, known in failure_codes().items() if of_vendor[code] <= _MOST_ALIKE}


def _cny(shards: Iterable[ShardNow]) -> Decimal | None:
    """Return what the last tries have told of their spend, where the permit store is not asked."""
    told = [Decimal(cny) for shard in shards if (cny := (shard.task.progress or {}).get("cny"))]
    return sum(told, Decimal(0)) if told else None
