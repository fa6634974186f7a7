"""Publishers for `publish_safety`: killed at some change to the store, or paused at the worst moment."""

import os
import random
import signal
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from benchmarks.tables import synthesised
from maskmatch.core.errors import Superseded
from maskmatch.pipeline.publish import PublishOptions, publish
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans
from maskmatch.storage.object_stores import Store, open_store
from maskmatch.storage.tables import current_key

DAY = synthesised.DAY
ZOMBIE_SHARE, ZOMBIE_SECONDS = 0.3, 3.0
FMRS = (1e-3, 1e-4, 1e-5)


def sum_of(row_ids: list[str], scores: list[float | None]) -> tuple[int, int]:
    """Return the number of rows and a sum over them that does not depend on their order."""
    lines = (f"{row} {score}".encode() for row, score in zip(row_ids, scores, strict=True))
    return len(row_ids), sum(map(zlib.crc32, lines))


def _deadly(store: Store, *, at: int, after: bool) -> Store:
    """Return the store whose process kills itself at its change number `at`."""
    left = [at]

    def counted(change: Callable[..., None]) -> Callable[..., None]:
        def work(*args: Any, **words: Any) -> None:
            left[0] -= 1
            if not left[0] and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                change(*args, **words)
            finally:  # also where the store refused it
                if not left[0]:
                    os.kill(os.getpid(), signal.SIGKILL)

        return work

    for name in ("put", "put_file", "swap"):
        setattr(store, name, counted(getattr(store, name)))
    return store


def publish_once(uri: str, number: int, *, at: int = 0, after: bool = False, pause: float = 0.0) -> None:
    """Publish one of three plans with one of three thresholds; in a process of its own."""
    store = open_store(uri)
    if at:
        store = _deadly(store, at=at, after=after)
    if pause:
        swap = store.swap
        key = current_key("outcomes", DAY)

        def late(where: str, path: str, *, over: str | None) -> None:
            if where == key:
                time.sleep(pause)
            swap(where, path, over=over)

        store.swap = late  # type: ignore[method-assign]  # a process that stands still at the worst moment
    plan = plans.find_plan(store, plans.plan_folder(DAY, f"synthesised{number % 3}"))
    run = Run(source=store, warehouse=store, day=DAY, run_id=f"run-{number}", store_patience=20)
    with suppress(Superseded):
        publish(run, plan, PublishOptions(nominal_fmr=FMRS[number // 3 % 3]))


def publish_until(uri: str, options: Mapping[str, str], number: int, seconds: float) -> None:
    """Publish again and again, now and then standing still before the swap."""
    os.environ.update(options)
    chance, until = random.Random(number), time.monotonic() + seconds  # noqa: S311
    while time.monotonic() < until:
        pause = ZOMBIE_SECONDS if chance.random() < ZOMBIE_SHARE else 0.0
        publish_once(uri, chance.randrange(9), pause=pause)
