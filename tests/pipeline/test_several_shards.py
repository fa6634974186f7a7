"""Shards of one command, compared as one against a real service."""

import signal
import threading
import time
from dataclasses import replace

import pytest
from comparemaskface.faults.named_faults import plan_of

from maskmatch.core.clock import SystemClock
from maskmatch.core.errors import BudgetSpent, Interrupted, Replaced, StopRun
from maskmatch.permits.opening import open_coordinator
from maskmatch.permits.steps.claims import Budget, Budgets
from maskmatch.pipeline.compare import compare_shard, compare_shards
from maskmatch.pipeline.publish import PublishOptions, publish
from maskmatch.storage.journal import read_journal
from maskmatch.storage.object_stores import S3Store
from maskmatch.storage.plans import journal_prefix, read_shard
from tests.account import local_account
from tests.commands import complete_in_spite_of_kills, start, wait_for_calls
from tests.nights import night_in, options_for, outcomes_of, plan_in_shards, write_pairs
from tests.s3 import client_of

pytestmark = pytest.mark.server


@pytest.fixture(params=["files", "s3"])
def run(request, tmp_path):
    """Yield a run with its warehouse in files, and with all in a real S3 store."""
    if request.param == "files":
        yield night_in(tmp_path)
        return
    client = client_of(request.getfixturevalue("seaweed"))
    places = {
        name: S3Store(client, bucket="maskmatch", prefix=f"{tmp_path.name}/{name}")
        for name in ("source", "warehouse")
    }
    yield replace(night_in(tmp_path), **places)
    client.close()


def coordinator_of(options):
    return open_coordinator(
        options.permit_store,
        secret_id=options.account.secret_id,
        calls_per_second=options.account.calls_per_second,
        clock=SystemClock(),
    )


def journaled(run, shard):
    return [entry.outcome for entry in read_journal(run.warehouse, journal_prefix(shard.key))]


def stop_at(local, count, stop):
    """Set the event when the service has billed so many calls."""
    threading.Thread(target=lambda: (wait_for_calls(local, count), stop.set()), daemon=True).start()


def test_each_pair_is_in_the_journal_of_its_shard_and_nothing_stays_behind(run, tmp_path):
    write_pairs(run.source, 90)
    plan = plan_in_shards(run, (40, 7, 43))
    with local_account() as local:
        options = options_for(local, tmp_path)
        progress = compare_shards(run, plan, plan.shards, options)
        assert local.meter()["billed"] == local.meter()["distinct_billed_pairs"] == 90
    assert (progress.counts, progress.facts()["total"]) == ({"scored": 90}, 90)
    for shard in plan.shards:
        pairs = {pair.pair_id for _, pair in read_shard(run.warehouse, shard.key)}
        assert {outcome.pair_id for outcome in journaled(run, shard)} == pairs
        objects = [found.key.rpartition("/")[2] for found in run.warehouse.list(journal_prefix(shard.key))]
        assert [name[:7] for name in sorted(objects)] == ["claim-0", "compact"]
    coordinator = coordinator_of(options)
    assert coordinator.snapshot().leases == {}
    coordinator.close()
    assert publish(run, plan, PublishOptions(nominal_fmr=1e-4))["scored"] == 90


def test_a_stopped_run_goes_on_with_what_is_missing_whatever_shard_it_was_in(run, tmp_path):
    write_pairs(run.source, 90)
    plan = plan_in_shards(run, (30, 30, 30))
    with local_account(latency_ms=50) as local:
        options = options_for(local, tmp_path, calls_in_flight=4)
        stop_at(local, 40, options.stop)
        with pytest.raises(Interrupted):
            compare_shards(run, plan, plan.shards, options)
        done = [len(journaled(run, shard)) for shard in plan.shards]
        facts = compare_shards(run, plan, plan.shards, replace(options, stop=threading.Event())).facts()
        assert local.meter()["billed"] == local.meter()["distinct_billed_pairs"] == 90
    assert (done[0], done[2]) == (30, 0)
    assert 0 < done[1] < 30
    assert facts["total"] == facts["done"] == 90 - sum(done)


def test_shards_that_another_process_has_done_are_not_called_again(run, tmp_path):
    write_pairs(run.source, 60)
    plan = plan_in_shards(run, (20, 20, 20))
    reported = []
    with local_account() as local:
        options = options_for(local, tmp_path)
        compare_shard(run, plan, plan.shards[1], options)
        progress = compare_shards(run, plan, plan.shards, replace(options, report=reported.append))
        assert local.meter()["billed"] == 60
    assert progress.facts()["total"] == progress.done == 40


def test_a_run_stops_when_a_shard_that_it_has_is_taken_over_and_says_so(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 120)
    plan = plan_in_shards(run, (60, 60))
    with local_account(latency_ms=50) as local:
        slow = replace(local.account, calls_per_second=40)  # no permits are booked for calls to come
        options = replace(options_for(local, tmp_path, calls_in_flight=4), account=slow)
        coordinator = coordinator_of(options)
        name = f"{run.warehouse.uri}/{plan.shards[1].key}"
        billed = []

        def take_over():
            wait_for_calls(local, 20)  # by now the second shard is open, too
            coordinator.take_lease(name)
            billed.append(local.meter()["billed"])

        other = threading.Thread(target=take_over)
        other.start()
        with pytest.raises(Replaced, match=r"try 2 of .*shard-00001.parquet has taken over from 1"):
            compare_shards(run, plan, plan.shards, options)
        other.join()
        assert local.meter()["billed"] <= billed[0] + 4 + 4  # in flight, and permits that were taken
        compare_shards(run, plan, plan.shards, options)
        assert local.meter()["paid_again"] == 0
    coordinator.close()


def test_the_budget_of_a_run_holds_for_all_its_shards_and_a_larger_one_goes_on(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 60)
    plan = plan_in_shards(run, (20, 20, 20))
    with local_account() as local:
        options = options_for(local, tmp_path, budgets=Budgets(run=Budget(calls=33)))
        with pytest.raises(BudgetSpent, match="the budget of the run test is spent"):
            compare_shards(run, plan, plan.shards, options)
        assert local.meter()["billed"] == 33
        compare_shards(run, plan, plan.shards, replace(options, budgets=Budgets()))
        assert local.meter()["billed"] == local.meter()["distinct_billed_pairs"] == 60


def test_the_first_error_stops_all_shards_with_its_cure(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 60)
    plan = plan_in_shards(run, (20, 20, 20))
    with local_account(faults=plan_of(["arrears"])) as local:
        options = options_for(local, tmp_path, calls_in_flight=4)
        with pytest.raises(StopRun, match="top it up"):
            compare_shards(run, plan, plan.shards, options)
        assert local.meter()["accepted"] <= 4
    assert all(not outcome.is_final for shard in plan.shards for outcome in journaled(run, shard))


def test_a_stop_ends_all_within_5_s_though_the_calls_of_two_shards_hang(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 8)
    plan = plan_in_shards(run, (3, 5))
    with local_account(faults=plan_of(["hang=30"])) as local:
        options = options_for(local, tmp_path, calls_in_flight=6)
        stopped_at = []

        def stop():
            while local.meter()["accepted"] < 6:
                time.sleep(0.01)  # until six calls hang
            stopped_at.append(time.monotonic())
            options.stop.set()

        threading.Thread(target=stop, daemon=True).start()
        with pytest.raises(Interrupted):
            compare_shards(run, plan, plan.shards, options)
        assert time.monotonic() - stopped_at[0] < 4.5
    entries = [[outcome.calls.maybe_billed for outcome in journaled(run, shard)] for shard in plan.shards]
    assert entries == [[1, 1, 1], [1, 1, 1]]


def test_after_kill_9_of_the_command_no_pair_of_any_shard_is_lost_or_doubled(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 300)
    plan_in_shards(run, (50, 50, 5, 45, 150))
    with local_account(latency_ms=30) as local:
        complete_in_spite_of_kills(local, tmp_path, after=(45, 110, 200))
        meter = local.meter()
    table = outcomes_of(run)
    assert sorted(table["pair_id"]) == [f"p{number:05d}" for number in range(300)]
    assert set(table["outcome"]) == {"scored"}
    assert meter["distinct_billed_pairs"] == 300
    assert meter["paid_again"] <= 3 * (8 + 8)  # calls in flight, and one group of all journals


def test_ctrl_c_ends_the_command_in_whatever_shard_and_the_same_command_goes_on(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 200)
    plan_in_shards(run, (40, 40, 40, 40, 40))
    with local_account(latency_ms=30) as local:
        process = start(local, tmp_path)
        wait_for_calls(local, 60)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
        assert (process.returncode, "run the same command to go on" in output) == (130, True)
        process = start(local, tmp_path)
        output, _ = process.communicate(timeout=100)
        assert (process.returncode, local.meter()["paid_again"]) == (0, 0), output
    assert len(outcomes_of(run)) == 200
