from dataclasses import replace
from decimal import Decimal

import pytest

from maskmatch.core.errors import ApprovalMissing
from maskmatch.pipeline.approval import approve, check_approved, check_asked, note_question, open_question
from maskmatch.pipeline.compare import compare_shards
from maskmatch.pipeline.plan import make_plan
from tests.account import local_account
from tests.nights import night_in, options_for, write_pairs

LIMIT = Decimal("0.02")
"""CNY: six calls are below it, seven above."""


@pytest.fixture
def run(tmp_path):
    return night_in(tmp_path)


def planned(run, count):
    write_pairs(run.source, count)
    return make_plan(run)


def approved(run, plan):
    approve(run, open_question(run, plan, LIMIT), by="ada", through="a test")


def test_below_the_limit_nobody_is_asked(run):
    assert open_question(run, planned(run, 6), LIMIT) is None
    assert open_question(run, planned(run, 7), LIMIT).cost_cny == Decimal("0.0224")


def test_the_refusal_names_plan_cost_and_every_cure(run):
    plan = planned(run, 7)
    with pytest.raises(ApprovalMissing) as refused:
        check_approved(run, plan, LIMIT)
    text = str(refused.value)
    assert (
        f"plan {plan.digest} makes 7 calls for at most CNY 0.03, more than approval_cost_limit 0.02" in text
    )
    assert f"--approve {plan.digest}" in text
    assert "raise approval_cost_limit" in text


def test_an_approved_plan_is_not_asked_for_again_and_a_changed_one_is(run):
    plan = planned(run, 7)
    approved(run, plan)
    check_approved(run, plan, LIMIT)
    check_approved(run, make_plan(run), LIMIT)
    with pytest.raises(ApprovalMissing):
        check_approved(run, planned(run, 8), LIMIT)


def test_an_answer_counts_for_a_question_that_this_run_has_asked_alone(run):
    question = open_question(run, planned(run, 7), LIMIT)
    note_question(run, question)
    check_asked(run, question)
    larger = open_question(run, planned(run, 8), LIMIT)
    for run_id, changed in (
        ("test", larger),
        ("test", replace(question, digest=larger.digest)),
        ("test", replace(question, folder=larger.folder)),
        ("another", question),
    ):
        with pytest.raises(ApprovalMissing, match="this run has not asked about plan"):
            check_asked(replace(run, run_id=run_id), changed)


@pytest.mark.server
def test_compare_takes_no_permit_for_a_plan_that_nobody_has_approved(run, tmp_path):
    plan = planned(run, 7)
    with local_account() as local:
        options = options_for(local, tmp_path, approval_cost_limit=LIMIT)
        with pytest.raises(ApprovalMissing):
            compare_shards(run, plan, plan.shards, options)
        assert local.meter()["accepted"] == 0
        assert not (tmp_path / "permits.sqlite3").exists()
        assert not list(run.warehouse.list(f"{plan.folder}/shard-00000.journal/"))
        approved(run, plan)
        compare_shards(run, plan, plan.shards, options)
        assert local.meter()["billed"] == 7


@pytest.mark.server
def test_only_calls_that_are_left_count(run, tmp_path):
    plan = planned(run, 7)
    with local_account() as local:
        compare_shards(run, plan, plan.shards, options_for(local, tmp_path))
        assert open_question(run, make_plan(run), LIMIT) is None
        again = replace(run, run_id="another")
        compare_shards(again, plan, plan.shards, options_for(local, tmp_path, approval_cost_limit=LIMIT))
        assert local.meter()["billed"] == 7
