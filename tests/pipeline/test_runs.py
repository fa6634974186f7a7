import threading
from dataclasses import replace

import pytest

from maskmatch.core.errors import BooksError, InputError, Interrupted, StopRun, Unavailable
from maskmatch.core.planning import SameImage
from maskmatch.engine.work import RetryLimits
from maskmatch.permits.opening import open_coordinator
from maskmatch.pipeline.calling import check_account
from maskmatch.pipeline.compare import compare_shard
from maskmatch.pipeline.plan import make_plan
from maskmatch.pipeline.publish import PublishOptions, publish
from maskmatch.storage.images import Transfer
from maskmatch.storage.journal import read_journal
from maskmatch.storage.object_stores import S3Store
from maskmatch.storage.plans import journal_prefix
from maskmatch.storage.schemas import RUNS
from tests.account import local_account
from tests.nights import DAY, complete, night_in, options_for, outcomes_of, write_pairs
from tests.s3 import client_of

pytestmark = pytest.mark.server

QUICK = RetryLimits(seconds=2, first_pause=0.01, longest_pause=0.05)


def test_every_value_of_a_run_has_a_column_and_every_column_a_value(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 1)
    with local_account() as local:
        row = complete(run, options_for(local, tmp_path))
    assert row.keys() == set(RUNS.names)


def test_every_manifest_row_comes_out_scored_or_with_its_reason(tmp_path):
    run = night_in(tmp_path)
    bad = [
        ",images/1.jpg,images/2.jpg,,",
        "x,images/1.jpg,images/none.jpg,,",
        "y,images/1.jpg",
        "p,images/1.jpg,images/2.jpg,,",
        "p,images/2.jpg,images/1.jpg,,",
    ]
    write_pairs(run.source, 60, extra_lines=bad)
    with local_account() as local:
        row = complete(run, options_for(local, tmp_path))
        assert local.meter()["billed"] == local.meter()["distinct_billed_pairs"] == 60
    table = outcomes_of(run)
    assert (row["scored"], row["failed"], row["skipped"], row["billed_calls"]) == (60, 5, 0, 60)
    assert len(table) == 65
    failures = table[table["outcome"] == "failed"].set_index("failure_code")["failure_message"]
    assert failures["image_missing"] == "probe images/none.jpg: there is no object under this key"
    assert failures["row_malformed"] == "pairs.csv line 64, record 63: the row has 2 fields, the header 5"
    assert failures["pair_id_missing"] == "pairs.csv line 62, record 61, column pair_id: the value is empty"
    assert all("'p' stands in 2 rows with other images" in why for why in failures["pair_id_repeated"])
    assert table["row_id"].nunique() == 65


def test_rows_that_repeat_a_pair_have_its_score_and_cost_nothing(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 3)
    header, *lines = run.source.get(f"manifests/ds={DAY}/pairs.csv").decode().splitlines()
    run.source.put(f"manifests/ds={DAY}/pairs.csv", "\n".join([header, *lines, lines[1], lines[1]]).encode())
    with local_account() as local:
        row = complete(run, options_for(local, tmp_path))
        assert local.meter()["billed"] == 3
    table = outcomes_of(run)
    assert (row["scored"], row["billed_calls"], len(table), table["billed_calls"].sum()) == (5, 3, 5, 3)
    assert table["row_id"].nunique() == 5
    assert table.groupby("pair_id")["score"].nunique().eq(1).all()


def test_one_call_settles_all_rows_with_the_same_images_and_each_row_says_how(tmp_path):
    run = night_in(tmp_path)
    more = [
        "again,images/0.jpg,images/1.jpg,,",
        "swapped,images/1.jpg,images/0.jpg,,",
        "same,images/2.jpg,images/2.jpg,,",
        "swapped-missing,images/none.jpg,images/1.jpg,,",
        "missing,images/1.jpg,images/none.jpg,,",
    ]
    write_pairs(run.source, 3, extra_lines=more)
    with local_account() as local:
        row = complete(run, options_for(local, tmp_path), same_image=SameImage.SKIP)
        assert local.meter()["billed"] == 3
    assert (row["scored"], row["failed"], row["skipped"], row["billed_calls"]) == (5, 2, 1, 3)
    table = outcomes_of(run).set_index("pair_id")
    first = table.loc[["p00000", "again", "swapped"]]
    called = first.index[first["result_source"] == "api"][0]
    others = first.drop(called)
    assert set(others["canonical_pair_id"]) == {called}
    assert first["score"].nunique() == first["request_id"].nunique() == 1
    assert (others["billed_calls"].sum(), table["billed_calls"].sum()) == (0, 3)
    assert sorted(others["result_source"]) in (["dedup", "swapped"], ["swapped", "swapped"])
    assert tuple(table.loc["same", ["outcome", "result_source"]]) == ("skipped", "preflight")
    assert table.loc["same", ["score", "failure_code", "canonical_pair_id"]].isna().all()
    assert table.loc["missing", "failed_side"] == "probe"
    assert table.loc["swapped-missing", "failed_side"] == "reference"
    assert table.loc["missing", "reference_content"].startswith("tag:")


def test_a_second_run_of_the_date_pays_nothing_and_publishes_the_same_scores(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 30)
    with local_account() as local:
        options = options_for(local, tmp_path)
        complete(run, options, run_id="first")
        first = outcomes_of(run)
        row = complete(run, options, run_id="second")
        assert (row["scored"], row["billed_calls"], row["cost"]) == (30, 0, 0)
        assert local.meter()["billed"] == 30
    again = outcomes_of(run)
    assert list(again["score"]) == list(first["score"])
    assert set(again["run_id"]) == {"first"}  # for nothing was published anew
    assert row["publication"] == again["publication"][0] == first["publication"][0]


def test_a_changed_manifest_is_a_new_plan(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 5)
    first = make_plan(run)
    write_pairs(run.source, 6)
    assert make_plan(run).plan_id != first.plan_id


def test_a_repetition_calls_every_pair_again_and_stays_the_newest(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 10)
    with local_account() as local:
        options = options_for(local, tmp_path)
        complete(run, options)
        complete(run, options, repetition="again")
        repeated = outcomes_of(run)
        assert local.meter()["billed"] == 20
        complete(run, options)
        assert local.meter()["billed"] == 20
    assert list(outcomes_of(run)["request_id"]) == list(repeated["request_id"])


def test_a_stopped_shard_goes_on_where_it_was(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 60)
    with local_account(latency_ms=100) as local:
        options = options_for(local, tmp_path, calls_in_flight=4)
        plan = make_plan(run)
        (shard,) = plan.shards
        timer = threading.Timer(0.6, options.stop.set)
        timer.start()
        with pytest.raises(Interrupted):
            compare_shard(run, plan, shard, options)
        done = len(read_journal(run.warehouse, journal_prefix(shard.key)))
        with pytest.raises(BooksError, match="pairs have no outcome yet"):
            publish(run, plan, PublishOptions(nominal_fmr=1e-4))
        compare_shard(run, plan, shard, replace(options, stop=threading.Event()))
        assert 0 < done < 60
        assert local.meter()["billed"] == local.meter()["distinct_billed_pairs"] == 60


def test_pairs_that_failed_for_infrastructure_are_called_again_by_the_next_try(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 8)
    with local_account(calls_per_second=1) as busy:
        account = replace(busy.account, calls_per_second=500.0)
        limits = RetryLimits(seconds=0.0)
        options = replace(options_for(busy, tmp_path, limits=limits), account=account)
        row = complete(run, options)
        assert row["failed_infrastructure"] >= 6
    with local_account() as local:
        assert complete(run, options_for(local, tmp_path))["scored"] == 8


def test_images_go_as_signed_urls_and_none_of_them_is_kept(tmp_path, seaweed, caplog):
    client = client_of(seaweed)
    run = replace(night_in(tmp_path), source=S3Store(client, bucket="maskmatch", prefix="urls"))
    write_pairs(run.source, 6, extra_lines=["x,images/1.jpg,images/none.jpg,,"])
    with local_account() as local, caplog.at_level("DEBUG"):
        row = complete(run, options_for(local, tmp_path, transfer=Transfer.URL))
    assert (row["scored"], row["failed"]) == (6, 1)
    client.close()
    kept = [path.read_bytes() for path in (tmp_path / "warehouse").rglob("*") if path.is_file()]
    assert not [data for data in kept if b"X-Amz-Signature" in data]
    assert "X-Amz-Signature" not in "".join(
        r.getMessage() for r in caplog.records if r.name == "maskmatch.pipeline.plan"
    )


def test_a_folder_cannot_send_urls_and_says_what_to_do(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 2)
    with local_account() as local, pytest.raises(InputError, match="use image_transfer bytes"):
        complete(run, options_for(local, tmp_path, transfer=Transfer.URL))


def test_a_service_that_goes_away_fails_the_task_and_not_its_pairs(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 10)
    with local_account() as local:
        options = options_for(local, tmp_path, limits=QUICK)
        plan = make_plan(run)
    with pytest.raises(Unavailable, match="cannot be reached"):
        compare_shard(run, plan, plan.shards[0], options)
    assert read_journal(run.warehouse, journal_prefix(plan.shards[0].key)) == []
    assert run.warehouse.head("outcomes/current/ds=2026-01-02/data.parquet") is None


def test_a_wrong_key_is_found_before_anything_is_written(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 10)
    with local_account() as local:
        wrong = replace(local.account, secret_key="wrong")
        with pytest.raises(StopRun, match=r"fix the SecretKey \(password\) of the connection"):
            check_account(replace(options_for(local, tmp_path), account=wrong))
    assert list(run.warehouse.list("")) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no manifest at .*manifests/ds=2026-01-02/: put one there"),
        ("id,a,b\n1,2,3\n", r"pairs.csv cannot be read: column reference_id, probe_id is missing"),
    ],
)
def test_a_wrong_manifest_is_named_and_nothing_is_written(tmp_path, text, message):
    run = night_in(tmp_path)
    if text is not None:
        run.source.put(f"manifests/ds={DAY}/pairs.csv", text.encode())
    with pytest.raises(InputError, match=message):
        make_plan(run)
    assert list(run.warehouse.list("")) == []


@pytest.mark.parametrize("image", ["s3://", "s3:///x", "s3://Bad Bucket/x", "x" * 300, "s3://nowhere/x"])
def test_an_image_that_cannot_be_reached_fails_its_pair_alone(tmp_path, seaweed, monkeypatch, image):
    for name, value in seaweed.environment().items():
        monkeypatch.setenv(name, value)
    run = night_in(tmp_path)
    write_pairs(run.source, 3, extra_lines=[f"odd,images/0.jpg,{image},,"])
    with local_account() as local:
        row = complete(run, options_for(local, tmp_path))
    assert (row["scored"], row["failed"]) == (3, 1)


def test_a_manifest_of_bad_rows_alone_is_published_without_a_call(tmp_path):
    run = night_in(tmp_path)
    run.source.put(f"manifests/ds={DAY}/pairs.csv", b"pair_id,reference_id,probe_id\n,a,b\n")
    plan = make_plan(run)
    assert plan.shards == ()
    assert publish(run, plan, PublishOptions(nominal_fmr=1e-4))["failed"] == 1


def test_a_plan_of_another_version_is_planned_anew(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 3)
    run.warehouse.put(f"work/ds={DAY}/newest.json", b'{"plan_id": "old", "etag": "?"}')
    assert make_plan(run).pairs == 3


def test_a_damaged_plan_is_named(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 3)
    run.warehouse.put(f"work/ds={DAY}/newest.json", b"{broken")
    with pytest.raises(BooksError, match=r"newest\.json is damaged"):
        make_plan(run)


def test_a_permit_store_that_is_away_at_the_start_is_waited_for_and_said_once(tmp_path, caplog):
    run = night_in(tmp_path)
    write_pairs(run.source, 4)
    plan = make_plan(run)
    in_the_way = tmp_path / "folder"
    in_the_way.write_text("a file where a folder should be")
    with local_account() as local:
        options = replace(
            options_for(local, tmp_path), permit_store=f"sqlite:///{in_the_way}/permits.sqlite3"
        )
        threading.Timer(1.0, in_the_way.unlink).start()
        progress = compare_shard(run, plan, plan.shards[0], options)
    assert progress.counts["scored"] == 4
    assert len([r for r in caplog.records if "waiting for the permit store" in r.getMessage()]) == 1


def test_a_shard_that_is_complete_leaves_one_object_and_no_lease(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 40)
    with local_account() as local:
        options = options_for(local, tmp_path, calls_in_flight=4)
        complete(run, options)
        coordinator = open_coordinator(
            options.permit_store,
            secret_id=local.account.secret_id,
            calls_per_second=local.account.calls_per_second,
            clock=options.clock,
        )
        assert coordinator.snapshot().leases == {}
        coordinator.close()
    (shard,) = make_plan(run).shards
    objects = [found.key.rpartition("/")[2] for found in run.warehouse.list(journal_prefix(shard.key))]
    assert [name[:7] for name in sorted(objects)] == ["claim-0", "compact"]
