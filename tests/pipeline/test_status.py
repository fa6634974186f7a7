"""How far a date is, looked at once and again."""

from dataclasses import replace

import pytest

from maskmatch.core.errors import InputError
from maskmatch.core.planning import PlanOptions
from maskmatch.pipeline.plan import make_plan
from maskmatch.pipeline.status import StatusReader
from maskmatch.storage.journal import Origin, ShardJournal, compact, read_known
from maskmatch.storage.plans import journal_prefix
from tests.account import local_account
from tests.nights import complete, night_in, options_for, write_pairs
from tests.storage.journals import Faulty, record_durably, scored, unknown

pytestmark = pytest.mark.server


def test_the_status_tells_how_far_a_date_is(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 3)
    reader = StatusReader(run)
    with pytest.raises(InputError, match="no plan for 2026-01-02"):
        reader.look()
    make_plan(run)
    before = reader.look()
    assert (before.done, before.pairs, before.published) == (0, 3, None)
    with local_account() as local:
        complete(run, options_for(local, tmp_path), run_id="mine")
    now = reader.look()
    assert [(shard.done, shard.scored, shard.failed) for shard in now.shards] == [(3, 3, 0)]
    assert now.run_ids == {"mine"}
    assert (now.published or "").startswith("file://")
    assert now == StatusReader(run).look()


def test_a_look_reads_no_outcome_and_asks_each_try_once_for_its_run(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 3)
    prefix = journal_prefix(make_plan(run).shards[0].key)
    faulty, asked = Faulty(run.warehouse), []
    faulty.before = lambda operation, key: asked.append((operation, key)) if prefix in key else None
    reader = StatusReader(replace(run, warehouse=faulty))

    def looked(*outcomes):
        for outcome in outcomes:
            record_durably(journal, outcome)
        asked.clear()
        shard = reader.look().shards[0]
        read = [key.rpartition("/")[2] for operation, key in asked if operation == "get"]
        return shard.scored, shard.again, read

    with ShardJournal(run.warehouse, prefix, origin=Origin("one"), epoch=1, only_new=True) as journal:
        assert looked(scored("p0"), unknown("p1")) == (1, 1, ["claim-0001.json"])
        assert looked(scored("p1")) == (2, 0, [])
    compact(run.warehouse, prefix)
    with ShardJournal(run.warehouse, prefix, origin=Origin("two"), epoch=2, only_new=True) as journal:
        journal.count_from(read_known(run.warehouse, prefix))
        assert looked() == (2, 0, ["claim-0002.json"])
        assert looked(scored("p2")) == (3, 0, [])
        assert looked() == (3, 0, [])
        assert asked == []
    assert reader.look().run_ids == {"one", "two"}


@pytest.mark.parametrize("claim", [None, b"a1b2c3", b"[]"])
def test_a_try_whose_claim_does_not_tell_its_run_is_left_out(tmp_path, claim):
    run = night_in(tmp_path)
    write_pairs(run.source, 3)
    prefix = journal_prefix(make_plan(run).shards[0].key)
    with ShardJournal(run.warehouse, prefix, origin=Origin("one"), epoch=1, only_new=True) as journal:
        record_durably(journal, scored("p0"))
    run.warehouse.delete(f"{prefix}/claim-0001.json")
    if claim is not None:
        run.warehouse.put(f"{prefix}/claim-0001.json", claim)
    now = StatusReader(run).look()
    assert (now.done, now.run_ids) == (1, frozenset())


def test_a_new_plan_of_the_date_is_looked_at_from_its_start(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 3)
    reader = StatusReader(run)
    make_plan(run)
    with local_account() as local:
        complete(run, options_for(local, tmp_path))
    assert reader.look().done == 3
    make_plan(run, PlanOptions(repetition="again"))
    assert reader.look().done == 0
