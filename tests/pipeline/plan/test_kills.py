"""A plan that was killed (-9) is whole or none, leaves nothing on the disk, and the next one is the same."""

import os
import signal
import tempfile
from contextlib import contextmanager
from dataclasses import replace

import pytest

from maskmatch.core.errors import Unavailable
from maskmatch.core.planning import PlanOptions
from maskmatch.pipeline.plan import make_plan, reading
from maskmatch.storage import plans, spools
from maskmatch.storage.object_stores import FileStore
from tests.nights import DAY
from tests.pipeline.plan.dates import date_of, planned
from tests.pipeline.plan.test_same_plan import rows_of

OPTIONS = PlanOptions(max_shards=2)
BAD = {"pair_id": "", "reference_id": "a", "probe_id": "b"}
MOST_WRITES = 40


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class Deadly(FileStore):
    """Kills the process before or after its n-th write."""

    def __init__(self, root, *, at, after):
        super().__init__(root)
        self.left, self.after = at, after

    @contextmanager
    def _written(self, key, check):
        self.left -= 1
        if not self.left and not self.after:
            die()
        try:
            with super()._written(key, check) as stream:
                yield stream
        finally:
            if not self.left:
                die()


def in_a_child(work):
    """Return True if the work ended by itself, False if it was killed."""
    if not (child := os.fork()):
        try:
            work()
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1] == 0


@pytest.fixture
def date(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "BLOCK_ROWS", 500)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return date_of(tmp_path, [*rows_of(4000), BAD])


def check_and_plan_again(run, folder):
    """Look at what a killed plan left; plan again and return the digest."""
    for found in run.warehouse.list(f"work/ds={DAY}/plan="):
        if found.key.endswith("/plan.json"):
            plan = plans.read_plan(run.warehouse, found.key.rpartition("/")[0])
            assert sum(shard.pairs + shard.rest for shard in plan.shards) + plan.bad_rows == plan.rows
            assert all(run.warehouse.head(shard.key) for shard in plan.shards)
    plan, rows = planned(run, max_shards=2)
    assert (len(rows), plan.bad_rows) == (4000, 1)
    assert list((folder / "temporary").iterdir()) == []
    assert list((folder / "warehouse").rglob(".writing-*")) == []
    assert plans.newest_plan(run.warehouse, DAY) == plan
    return plan.digest


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
def test_a_kill_at_any_write_of_the_warehouse(date, tmp_path, after):
    digests, writes = set(), 0
    for at in range(1, MOST_WRITES):
        warehouse = FileStore(tmp_path / "warehouse" / str(at))
        run = replace(date, warehouse=warehouse)
        deadly = replace(date, warehouse=Deadly(tmp_path / "warehouse" / str(at), at=at, after=after))
        has_ended = in_a_child(lambda deadly=deadly: make_plan(deadly, OPTIONS))
        digests.add(check_and_plan_again(run, tmp_path))
        if has_ended:
            break
        writes += 1
    assert len(digests) == 1
    assert writes == len(list(warehouse.list(""))) + 1  # the probe writes one key twice


@pytest.mark.slow
def test_a_kill_between_any_two_writes_to_the_disk(date, tmp_path, monkeypatch):
    whole, left = spools.room, [0]

    @contextmanager
    def deadly():
        left[0] -= 1
        if not left[0]:
            die()
        with whole():
            yield

    digests, at, kills = set(), 1, 0
    while True:
        run = replace(date, warehouse=FileStore(tmp_path / "warehouse" / str(at)))
        left[0] = at
        with monkeypatch.context() as patch:
            patch.setattr(spools, "room", deadly)
            has_ended = in_a_child(lambda run=run: make_plan(run, OPTIONS))
        digests.add(check_and_plan_again(run, tmp_path))
        if has_ended:
            break
        at, kills = int(at * 1.7) + 1, kills + 1
    assert len(digests) == 1
    assert kills > 8


def test_a_full_disk_is_said_with_the_cure_and_leaves_nothing(date, tmp_path, monkeypatch):
    monkeypatch.setattr(spools, "SPARE_BYTES", 1 << 60)
    with pytest.raises(Unavailable, match="no room for the files of a plan: free it, or let TMPDIR name"):
        make_plan(date)
    assert list((tmp_path / "temporary").iterdir()) == []
    assert list(date.warehouse.list("")) == []
