"""Tries of tasks as processes, as Airflow makes them: a supervisor forks the task and waits for it.

    fork server ──> supervisor ──fork──> task: lease, journal, calls
                    ends as the task did; killed, it takes the task with it

Whoever starts a try starts the next one when it has failed, as Airflow's scheduler does.
"""

import logging
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.dataset import DAY
from maskmatch.core.errors import Replaced, Unavailable
from maskmatch.pipeline.compare import compare_shard
from maskmatch.pipeline.compare_options import CompareOptions
from maskmatch.pipeline.run import Run
from maskmatch.pipeline.task_process import ParentWatchdog, die_with_parent
from maskmatch.storage.object_stores import open_store
from maskmatch.storage.plans import find_plan
from maskmatch.tencent import Account

DONE, FAILED, TRY_AGAIN = 0, 1, 75
_PAUSE_SECONDS = 0.5
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["httpx", "maskmatch.pipeline.publish", "maskmatch.pipeline.plan", "comparemaskface.wire.comparison"]
)


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a try needs to know, in a form that can be sent to a process."""

    source: str
    warehouse: str
    plan: str
    account: Account
    permit_store: str
    logs: Path
    calls_in_flight: int | None = None
    run_id: str = "benchmark"
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    def run(self) -> Run:
        """Return the run; the environment must hold the store's address and key."""
        source, warehouse = open_store(self.source), open_store(self.warehouse)
        return Run(source=source, warehouse=warehouse, day=DAY, run_id=self.run_id)

    def options(self, stop: threading.Event) -> CompareOptions:
        """Return how to compare."""
        return CompareOptions(
            account=self.account,
            permit_store=self.permit_store,
            calls_in_flight=self.calls_in_flight,
            stop=stop,
        )


class TaskTry:
    """One try of the task that compares a shard, and its two processes."""

    def __init__(self, work: Work, shard: str) -> None:
        self.shard = shard
        self._process = CONTEXT.Process(target=_supervise, args=(work, shard), daemon=True)
        self._process.start()

    @property
    def supervisor(self) -> int:
        """Return the process id of the supervisor."""
        return self._process.pid or 0

    @property
    def task(self) -> int | None:
        """Return the process id of the task while it has one."""
        with suppress(OSError, ValueError):
            children = Path(f"/proc/{self.supervisor}/task/{self.supervisor}/children").read_text()
            return int(children)
        return None

    @property
    def exit_code(self) -> int | None:
        """Return None while it runs, DONE, FAILED or TRY_AGAIN, or a signal's number below zero."""
        return self._process.exitcode

    def wait(self) -> int:
        """Return the exit code when it has ended."""
        self._process.join()
        return self._process.exitcode or DONE

    def stop(self) -> None:
        """Kill supervisor and task."""
        self._process.kill()
        self._process.join()


class ShardTries:
    """Tries of the tasks of all shards, each followed by another one until its shard is done."""

    def __init__(self, work: Work, shards: Iterable[str]) -> None:
        self._work = work
        self.running = {shard: TaskTry(work, shard) for shard in shards}
        self.started = len(self.running)

    def look_after(self) -> bool:
        """Start again what has ended too early; return True while any shard is not done."""
        for shard, task_try in list(self.running.items()):
            if task_try.exit_code == DONE:
                del self.running[shard]
            elif task_try.exit_code == FAILED:
                raise RuntimeError(f"{shard} has failed; the end of its log:\n{self._log(shard)}")
            elif task_try.exit_code is not None:
                self.running[shard] = TaskTry(self._work, shard)
                self.started += 1
        return bool(self.running)

    def stop(self) -> None:
        """Kill what still runs."""
        for task_try in self.running.values():
            task_try.stop()

    def _log(self, shard: str) -> str:
        return (self._work.logs / f"{Path(shard).stem}.log").read_text()[-2000:]


def _supervise(work: Work, shard: str) -> None:
    die_with_parent()
    os.environ.update(work.environment)
    task = os.fork()
    if task == 0:
        os._exit(_run(work, shard))
    _, status = os.waitpid(task, 0)
    code = os.waitstatus_to_exitcode(status)
    sys.exit(TRY_AGAIN if code < 0 else code)


def _run(work: Work, shard: str) -> int:
    die_with_parent()
    _log_to(work.logs / f"{Path(shard).stem}.log")
    stop = threading.Event()
    try:
        with ParentWatchdog(stop):
            run = work.run()
            plan = find_plan(run.patient_warehouse(), work.plan)
            compare_shard(run, plan, plan.shard(shard), work.options(stop))
    except (Unavailable, Replaced) as error:
        logging.getLogger(__name__).warning("%s: another try follows", error)
        time.sleep(_PAUSE_SECONDS)
        return TRY_AGAIN
    except BaseException:
        logging.getLogger(__name__).exception("the try has failed")
        return FAILED
    return DONE


def _log_to(file: Path) -> None:
    form = "%(asctime)s %(process)d %(name)s %(message)s"
    logging.basicConfig(filename=file, level=logging.INFO, format=form)
    logging.getLogger("botocore").setLevel(logging.WARNING)
