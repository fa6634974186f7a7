import threading
from dataclasses import replace

import pytest

from maskmatch import publications, runs
from maskmatch.adapters.broker import open_broker
from maskmatch.adapters.images import Transfer
from maskmatch.adapters.journal import read_journal
from maskmatch.adapters.plans import journal_prefix
from maskmatch.adapters.stores import S3Store
from maskmatch.core.errors import BooksError, InputError, Interrupted, StopRun, Unavailable
from maskmatch.core.planning import PlanOptions
from maskmatch.core.retries import RetryLimits
from tests.account import local_account
from tests.nights import DAY, night_in, options_for, outcomes_of, write_pairs
from tests.s3 import client_of

QUICK = RetryLimits(seconds=2, first_pause=0.01, longest_pause=0.05)


def run(job, options, *, run_id="test", **plan_options):
    job = replace(job, run_id=run_id)
    plan = runs.make_plan(job, PlanOptions(**plan_options))
    for shard in plan.shards:
        runs.compare_shard(job, plan, shard, options)
    return publications.publish(job, plan, nominal_fmr=1e-4)


def test_every_manifest_row_comes_out_scored_or_with_its_reason(tmp_path):
    job = night_in(tmp_path)
    bad = [
        ",images/1.jpg,images/2.jpg,,",
        "x,images/1.jpg,images/none.jpg,,",
        "y,images/1.jpg",
        "p00003,a,b,,",
    ]
    write_pairs(job.source, 60, extra_lines=bad)
    with local_account() as local:
        row = run(job, options_for(local, tmp_path))
        assert local.meter()["billed"] == local.meter()["distinct_billed_pairs"] == 60
    table = outcomes_of(job)
    assert (row["scored"], row["failed"], row["skipped"], row["billed_calls"]) == (60, 4, 0, 60)
    assert len(table) == 64
    failures = table[table["outcome"] == "failed"].set_index("failure_code")["failure_message"]
    assert failures["image_missing"] == "probe images/none.jpg: there is no object under this key"
    assert failures["row_malformed"] == "pairs.csv line 64: the row has 2 fields, the header 5"
    assert failures["pair_id_missing"] == "pairs.csv line 62, column pair_id: the value is empty"
    assert "'p00003' stands in an earlier row" in failures["pair_id_repeated"]


def test_a_second_run_of_the_date_pays_nothing_and_publishes_the_same_scores(tmp_path):
    job = night_in(tmp_path)
    write_pairs(job.source, 30)
    with local_account() as local:
        options = options_for(local, tmp_path)
        run(job, options, run_id="first")
        first = outcomes_of(job)
        row = run(job, options, run_id="second")
        assert (row["scored"], row["billed_calls"], row["cost"]) == (30, 0, 0)
        assert local.meter()["billed"] == 30
    again = outcomes_of(job)
    assert list(again["score"]) == list(first["score"])
    assert set(again["run_id"]) == {"second"}


def test_a_changed_manifest_is_a_new_plan(tmp_path):
    job = night_in(tmp_path)
    write_pairs(job.source, 5)
    first = runs.make_plan(job)
    write_pairs(job.source, 6)
    assert runs.make_plan(job).plan_id != first.plan_id


def test_a_repetition_calls_every_pair_again_and_stays_the_newest(tmp_path):
    job = night_in(tmp_path)
    write_pairs(job.source, 10)
    with local_account() as local:
        options = options_for(local, tmp_path)
        run(job, options)
        run(job, options, repetition="again")
        repeated = outcomes_of(job)
        assert local.meter()["billed"] == 20
        run(job, options)
        assert local.meter()["billed"] == 20
    assert list(outcomes_of(job)["request_id"]) == list(repeated["request_id"])


def test_a_stopped_shard_goes_on_where_it_was(tmp_path):
    job = night_in(tmp_path)
    write_pairs(job.source, 60)
    with local_account(latency_ms=100) as local:
        options = options_for(local, tmp_path, calls_in_flight=4)
        plan = runs.make_plan(job)
        (shard,) = plan.shards
        timer = threading.Timer(0.6, options.stop.set)
        timer.start()
        with pytest.raises(Interrupted):
            runs.compare_shard(job, plan, shard, options)
        done = len(read_journal(job.warehouse, journal_prefix(shard.key)))
        with pytest.raises(BooksError, match="pairs have no outcome yet"):
            publications.publish(job, plan, nominal_fmr=1e-4)
        runs.compare_shard(job, plan, shard, replace(options, stop=threading.Event()))
        assert 0 < done < 60
        assert local.meter()["billed"] == local.meter()["distinct_billed_pairs"] == 60


def test_pairs_that_failed_for_infrastructure_are_called_again_by_the_next_attempt(tmp_path):
    job = night_in(tmp_path)
    write_pairs(job.source, 8)
    with local_account(calls_per_second=1) as busy:
        account = replace(busy.account, calls_per_second=500.0)
        limits = RetryLimits(seconds=0.0)
        options = replace(options_for(busy, tmp_path, limits=limits), account=account)
        row = run(job, options)
        assert row["failed_infrastructure"] >= 6
    with local_account() as local:
        assert run(job, options_for(local, tmp_path))["scored"] == 8


def test_images_go_as_signed_urls_and_none_of_them_is_kept(tmp_path, seaweed, caplog):
    client = client_of(seaweed)
    job = replace(night_in(tmp_path), source=S3Store(client, bucket="maskmatch", prefix="urls"))
    write_pairs(job.source, 6, extra_lines=["x,images/1.jpg,images/none.jpg,,"])
    with local_account() as local, caplog.at_level("DEBUG"):
        row = run(job, options_for(local, tmp_path, transfer=Transfer.URL))
    assert (row["scored"], row["failed"]) == (6, 1)
    client.close()
    kept = [path.read_bytes() for path in (tmp_path / "warehouse").rglob("*") if path.is_file()]
    assert not [data for data in kept if b"X-Amz-Signature" in data]
    assert "X-Amz-Signature" not in "".join(
        r.getMessage() for r in caplog.records if r.name == "maskmatch.runs"
    )


def test_a_folder_cannot_send_urls_and_says_what_to_do(tmp_path):
    job = night_in(tmp_path)
    write_pairs(job.source, 2)
    with local_account() as local, pytest.raises(InputError, match="use image_transfer bytes"):
        run(job, options_for(local, tmp_path, transfer=Transfer.URL))


def test_a_service_that_goes_away_fails_the_task_and_not_its_pairs(tmp_path):
    job = night_in(tmp_path)
    write_pairs(job.source, 10)
    with local_account() as local:
        options = options_for(local, tmp_path, limits=QUICK)
        plan = runs.make_plan(job)
    with pytest.raises(Unavailable, match="cannot be reached"):
        runs.compare_shard(job, plan, plan.shards[0], options)
    assert read_journal(job.warehouse, journal_prefix(plan.shards[0].key)) == []
    assert job.warehouse.head("outcomes/current/ds=2026-01-02/data.parquet") is None


def test_a_wrong_key_is_found_before_anything_is_written(tmp_path):
    job = night_in(tmp_path)
    write_pairs(job.source, 10)
    with local_account() as local:
        wrong = replace(local.account, secret_key="wrong")
        with pytest.raises(StopRun, match=r"mend the SecretKey \(password\) of the connection"):
            runs.check_account(replace(options_for(local, tmp_path), account=wrong))
    assert list(job.warehouse.list("")) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no manifest at .*manifests/ds=2026-01-02/: put one there"),
        ("pair_id,reference_id,probe_id\n", "have no rows: manifests/ds=2026-01-02/pairs.csv"),
        ("id,a,b\n1,2,3\n", r"pairs.csv: column pair_id, reference_id, probe_id is missing"),
    ],
)
def test_a_manifest_that_is_none_is_named_and_nothing_is_written(tmp_path, text, message):
    job = night_in(tmp_path)
    if text is not None:
        job.source.put(f"manifests/ds={DAY}/pairs.csv", text.encode())
    with pytest.raises(InputError, match=message):
        runs.make_plan(job)
    assert list(job.warehouse.list("")) == []


@pytest.mark.parametrize("image", ["s3://", "s3:///x", "s3://Bad Bucket/x", "x" * 300, "s3://nowhere/x"])
def test_an_image_that_cannot_be_reached_fails_its_pair_alone(tmp_path, seaweed, monkeypatch, image):
    for name, value in seaweed.environment().items():
        monkeypatch.setenv(name, value)
    job = night_in(tmp_path)
    write_pairs(job.source, 3, extra_lines=[f"odd,images/0.jpg,{image},,"])
    with local_account() as local:
        row = run(job, options_for(local, tmp_path))
    assert (row["scored"], row["failed"]) == (3, 1)


def test_a_manifest_of_bad_rows_alone_is_published_without_a_call(tmp_path):
    job = night_in(tmp_path)
    job.source.put(f"manifests/ds={DAY}/pairs.csv", b"pair_id,reference_id,probe_id\n,a,b\n")
    plan = runs.make_plan(job)
    assert plan.shards == ()
    assert publications.publish(job, plan, nominal_fmr=1e-4)["failed"] == 1


def test_a_plan_of_another_version_is_planned_anew(tmp_path):
    job = night_in(tmp_path)
    write_pairs(job.source, 3)
    job.warehouse.put(f"work/ds={DAY}/newest.json", b'{"plan_id": "old", "etag": "?"}')
    assert runs.make_plan(job).pairs == 3


def test_a_damaged_plan_is_named(tmp_path):
    job = night_in(tmp_path)
    write_pairs(job.source, 3)
    job.warehouse.put(f"work/ds={DAY}/newest.json", b"{broken")
    with pytest.raises(BooksError, match=r"newest\.json is damaged"):
        runs.make_plan(job)


def test_a_broker_that_is_away_at_the_start_is_waited_for_and_said_once(tmp_path, caplog):
    job = night_in(tmp_path)
    write_pairs(job.source, 4)
    plan = runs.make_plan(job)
    in_the_way = tmp_path / "folder"
    in_the_way.write_text("a file where a folder should be")
    with local_account() as local:
        options = replace(options_for(local, tmp_path), broker=f"sqlite:///{in_the_way}/broker.sqlite3")
        threading.Timer(1.0, in_the_way.unlink).start()
        progress = runs.compare_shard(job, plan, plan.shards[0], options)
    assert progress.counts["scored"] == 4
    assert len([r for r in caplog.records if "waiting for the permit broker" in r.getMessage()]) == 1


def test_a_shard_that_is_complete_leaves_one_object_and_no_lease(tmp_path):
    job = night_in(tmp_path)
    write_pairs(job.source, 40)
    with local_account() as local:
        options = options_for(local, tmp_path, calls_in_flight=4)
        run(job, options)
        broker = open_broker(
            options.broker,
            secret_id=local.account.secret_id,
            calls_per_second=local.account.calls_per_second,
            clock=options.clock,
        )
        assert broker.snapshot().leases == {}
        broker.close()
    (shard,) = runs.make_plan(job).shards
    objects = [found.key.rpartition("/")[2] for found in job.warehouse.list(journal_prefix(shard.key))]
    assert [name[:7] for name in sorted(objects)] == ["0001-00", "compact"]
