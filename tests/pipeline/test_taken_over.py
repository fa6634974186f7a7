"""A date said again in another way, from files, which have no tags; a real service counts what it bills."""

from dataclasses import replace
from datetime import timedelta

import pytest
from comparemaskface.faults.named_faults import plan_of

from devstack.pictures import JPEG_HEAD
from maskmatch.core.errors import BudgetSpent, StopRun
from maskmatch.core.planning import PlanOptions
from maskmatch.engine.model_versions import OnModelChange
from maskmatch.permits.steps.claims import Budget, Budgets
from maskmatch.pipeline.answered_plan import asked, make_answered_plan
from maskmatch.pipeline.compare import compare_shards
from maskmatch.pipeline.publish import PublishOptions, publish
from maskmatch.storage import plans
from maskmatch.storage.object_stores import FileStore
from tests.account import local_account
from tests.nights import DAY, HEADER, night_in, options_for, outcomes_of, write_pairs
from tests.pipeline.plan.tagged import TaggedStore

pytestmark = pytest.mark.server

NEXT_DAY = DAY + timedelta(days=1)
MANIFEST = f"manifests/ds={DAY}/pairs.csv"


def complete(run, options, **plan_options):
    plan = make_answered_plan(run, asked(PlanOptions(**plan_options), options))
    compare_shards(run, plan, plan.to_compare, options)
    return publish(run, plan, PublishOptions(nominal_fmr=1e-4))


def lines_in(source):
    return source.get(MANIFEST).decode().splitlines()


def write_lines(source, lines):
    source.put(MANIFEST, ("\n".join(lines) + "\n").encode())


def test_a_manifest_with_one_row_more_pays_for_this_one_and_publishes_all(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 40)
    with local_account() as local:
        complete(run, options_for(local, tmp_path))
        header, *rows = lines_in(run.source)
        write_lines(run.source, [header, "new,images/1.jpg,images/9.jpg,true,none", *rows[::-1]])
        row = complete(replace(run, run_id="second"), options_for(local, tmp_path))
        assert (local.meter()["billed"], row["billed_calls"], row["scored"]) == (41, 1, 41)
    table = outcomes_of(run).set_index("pair_id")
    assert table["result_source"].value_counts().to_dict() == {"reused": 40, "api": 1}
    assert table["request_id"].notna().all()
    assert table["billed_calls"].sum() == 1


def test_copies_of_pictures_cost_nothing_and_each_row_has_its_outcome(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 20)
    header, *rows = lines_in(run.source)
    for number in range(20):
        run.source.put(f"images/copy-{number}.jpg", JPEG_HEAD + b"%d" % number)
    copies = [f"c{row}".replace("images/", "images/copy-") for row in rows]
    write_lines(run.source, [header, *rows, *copies])
    with local_account() as local:
        row = complete(run, options_for(local, tmp_path))
        assert (local.meter()["billed"], row["scored"]) == (20, 40)
    table = outcomes_of(run).set_index("pair_id")
    taken = table[table["result_source"] == "dedup"]
    assert len(taken) == 20
    assert (taken["score"].to_numpy() == table.loc[taken["canonical_pair_id"], "score"].to_numpy()).all()


def test_a_picture_that_was_replaced_under_its_key_is_called_again(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 20)
    with local_account() as local:
        complete(run, options_for(local, tmp_path))
        run.source.put("images/3.jpg", JPEG_HEAD + b"another")
        rows = lines_in(run.source)[1:]
        complete(run, options_for(local, tmp_path))
        assert local.meter()["billed"] == 20 + sum("images/3.jpg" in row for row in rows)


def test_pictures_that_are_gone_keep_their_scores_and_others_fail(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 20)
    with local_account() as local:
        complete(run, options_for(local, tmp_path))
        run.source.delete("images/3.jpg")
        header, *rows = lines_in(run.source)
        write_lines(run.source, [header, *rows, "new,images/3.jpg,images/9.jpg,,"])
        row = complete(run, options_for(local, tmp_path))
        assert (local.meter()["billed"], row["scored"], row["failed"]) == (20, 20, 1)
    table = outcomes_of(run).set_index("pair_id")
    assert table.loc["new", "failure_code"] == "image_missing"
    assert set(table["result_source"]) <= {"reused", "preflight"}


def test_a_bad_picture_is_not_paid_for_again_in_another_plan(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 60)
    run.source.put("images/3.jpg", JPEG_HEAD + b"another without a face: no face")
    header, *rows = lines_in(run.source)
    bad = [f"b{number},images/3.jpg,images/{number}.jpg,," for number in range(10, 30)]
    with local_account() as local:
        write_lines(run.source, [header, *rows, *bad[:10]])
        complete(run, options_for(local, tmp_path))
        before = local.meter()["billed"]
        write_lines(run.source, [header, *rows, *bad])
        complete(run, options_for(local, tmp_path))
        assert local.meter()["billed"] == before
    failed = outcomes_of(run).query("failure_code == 'no_face'")
    assert len(failed) == 22
    assert set(failed["result_source"]) >= {"verdict", "reused"}


def test_another_face_model_stops_the_run_at_its_first_score_unless_it_is_to_go_on(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 30)
    with local_account() as local:
        complete(run, options_for(local, tmp_path))
    header, *rows = lines_in(run.source)
    more = [f"n{number},images/{number}.jpg,images/{number + 2}.jpg,," for number in range(20)]
    write_lines(run.source, [header, *rows, *more])
    with local_account(faults=plan_of(["model-version=4,5.0"])) as local:
        with pytest.raises(StopRun, match=r"5\.0 answers now.*of 3\.0"):
            complete(run, options_for(local, tmp_path, calls_in_flight=1))
        paid = local.meter()["billed"]
        assert 1 <= paid < 10
        row = complete(run, options_for(local, tmp_path, on_model_change=OnModelChange.GO_ON))
        assert local.meter()["billed"] == 20
    assert (row["scored"], row["model_versions"]) == (50, "3.0, 5.0")
    assert outcomes_of(run)["model_version"].value_counts()["5.0"] >= 17  # the service changed after a few


def test_another_face_model_than_that_of_the_date_before_stops_the_run(tmp_path):
    for day in (DAY, NEXT_DAY):
        write_pairs(FileStore(tmp_path / "source"), 30, day=day)
    with local_account() as local:
        complete(night_in(tmp_path), options_for(local, tmp_path))
    tomorrow = night_in(tmp_path, day=NEXT_DAY)
    with local_account(faults=plan_of(["model-version=1,5.0"])) as local:
        with pytest.raises(StopRun, match=r"5\.0 answers now.*of 3\.0"):
            complete(tomorrow, options_for(local, tmp_path))
        elsewhere = replace(tomorrow, warehouse=FileStore(tmp_path / "elsewhere"))
        complete(elsewhere, options_for(local, tmp_path))
        go_on = options_for(local, tmp_path, on_model_change=OnModelChange.GO_ON)
        assert complete(tomorrow, go_on)["model_versions"] == "5.0"


def test_a_repetition_calls_all_again_once(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 15)
    with local_account() as local:
        for paid, repetition in ((15, ""), (30, "again"), (30, "again"), (30, "")):
            complete(run, options_for(local, tmp_path), repetition=repetition)
            assert local.meter()["billed"] == paid


def planned(run, options, **plan_options):
    return make_answered_plan(run, asked(PlanOptions(**plan_options), options))


def test_a_picture_that_is_replaced_between_plan_and_compare_lends_its_score_to_no_copy(tmp_path):
    run = replace(night_in(tmp_path), source=TaggedStore(tmp_path / "source"))
    for name in "ab":
        for folder in ("images", "copies"):
            run.source.put(f"{folder}/{name}.jpg", JPEG_HEAD + name.encode())
    write_lines(run.source, [HEADER, "p,images/a.jpg,images/b.jpg,,", "q,copies/a.jpg,copies/b.jpg,,"])
    with local_account() as local:
        options = options_for(local, tmp_path)
        plan = planned(run, options)
        assert (plan.pairs, plan.dedup_rows) == (1, 1)
        ((_, called),) = plans.read_shard(run.warehouse, plan.shards[0].key)
        run.source.put(called.probe_id, JPEG_HEAD + b"another")
        compare_shards(run, plan, plan.to_compare, options)
        publish(run, plan, PublishOptions(nominal_fmr=1e-4, allow_empty=True))
        assert (set(outcomes_of(run)["failure_code"]), local.meter()["billed"]) == ({"image_replaced"}, 0)
        assert complete(run, options)["scored"] == local.meter()["billed"] == 2


@pytest.mark.parametrize("begun", [False, True])
def test_a_date_that_was_planned_before_another_one_was_answered_takes_these_answers_over(tmp_path, begun):
    run = night_in(tmp_path)
    run = replace(run, source=TaggedStore(tmp_path / "source"))
    later = replace(run, day=DAY + timedelta(days=1))
    write_pairs(run.source, 20)
    write_pairs(run.source, 20, day=later.day)
    with local_account() as local:
        options = options_for(local, tmp_path)
        plan = planned(later, options, reuse_days=1)
        if begun:
            with pytest.raises(BudgetSpent):
                compare_shards(
                    later, plan, plan.to_compare, replace(options, budgets=Budgets(run=Budget(calls=5)))
                )
        complete(run, options)
        before = local.meter()["billed"]
        row = complete(later, options, reuse_days=1)
        assert (local.meter()["billed"] - before, row["scored"]) == (0, 20)
        digest = planned(later, options, reuse_days=1).plan_id
        assert digest == row["plan_id"]
