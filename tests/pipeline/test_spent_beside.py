"""A permit store that was lost, or replaced by an older one, lets no budget be spent a second time."""

import json
import logging
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from maskmatch.core.errors import BudgetSpent
from maskmatch.permits.steps.claims import Budget, Budgets
from maskmatch.pipeline import spent_beside
from maskmatch.pipeline.calling import coordinator_of
from maskmatch.pipeline.compare import compare_shards
from tests.account import local_account
from tests.nights import night_in, options_for, plan_in_shards, write_pairs
from tests.waiting import wait_until

pytestmark = pytest.mark.server

MOST = 25


@pytest.fixture
def first(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 20)
    return run, plan_in_shards(run, (10, 10))


@pytest.fixture
def options(first, tmp_path):
    with local_account() as local:
        yield local, options_for(local, tmp_path, budgets=Budgets(day=Budget(calls=MOST)))


def copy_store(origin, copy):
    with closing(sqlite3.connect(origin)) as here, closing(sqlite3.connect(copy)) as there:
        here.backup(there)


def spent_beyond_a_copy(run, plan, how, folder):
    """Compare a date; return the permit store, and a copy of it that was made in the middle."""
    store, older = folder / "permits.sqlite3", folder / "older"
    compare_shards(run, plan, plan.shards[:1], how)
    copy_store(store, older)
    compare_shards(run, plan, plan.shards[1:], how)
    return store, older


def next_date(run):
    later = replace(run, day=run.day + timedelta(days=1), run_id="next")
    write_pairs(run.source, 20, day=later.day)
    return later, plan_in_shards(later, (20,))


def test_an_older_store_counts_again_what_was_spent_and_says_so(first, options, tmp_path, caplog):
    run, plan = first
    local, how = options
    store, older = spent_beyond_a_copy(run, plan, how, tmp_path)
    copy_store(older, store)
    later, its_plan = next_date(run)
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(BudgetSpent, match=r"the budget of the day .* is spent"),
    ):
        compare_shards(later, its_plan, its_plan.shards, how)
    assert local.meter()["billed"] == MOST
    assert "it was lost, or an older one was restored; what was spent is counted again" in caplog.text


def test_a_store_that_is_new_knows_of_runs_days_and_months_before_it(first, options, tmp_path):
    run, plan = first
    local, how = options
    compare_shards(run, plan, plan.shards, how)
    with closing(coordinator_of(how)) as coordinator:
        before = {(each.kind, each.calls, each.cny) for each in coordinator.snapshot().windows}
    (tmp_path / "permits.sqlite3").unlink()
    compare_shards(run, plan, plan.shards, how)
    with closing(coordinator_of(how)) as coordinator:
        assert {(each.kind, each.calls, each.cny) for each in coordinator.snapshot().windows} == before
    assert local.meter()["billed"] == 20


def test_a_run_under_way_lets_the_store_that_was_restored_beneath_it_count_again(
    first, options, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(spent_beside, "_EVERY_SECONDS", 0.05)
    run, plan = first
    _, how = options
    store, older = spent_beyond_a_copy(run, plan, how, tmp_path)
    with closing(coordinator_of(how)) as coordinator:
        before = coordinator.spent()
        with spent_beside.SpentBeside(coordinator, run.warehouse, account_in(run)):
            copy_store(older, store)
            wait_until(lambda: "is counted again" in caplog.text, "that it is found out")
            wait_until(lambda: coordinator.spent() == before, "what was spent")


def account_in(run):
    (found,) = (each.key for each in run.warehouse.list("work/spent-"))
    return found.removeprefix("work/spent-").removesuffix(".json")


@pytest.mark.parametrize("content", [b"", b"[]", b'{"granted": "many"}'])
def test_what_is_damaged_beside_the_tables_is_written_anew(first, options, content, caplog):
    run, plan = first
    _, how = options
    compare_shards(run, plan, plan.shards[:1], how)
    key = f"work/spent-{account_in(run)}.json"
    run.warehouse.put(key, content)
    with caplog.at_level(logging.WARNING):
        compare_shards(run, plan, plan.shards[1:], how)
    assert f"{key} is damaged, and is written anew" in caplog.text
    assert json.loads(run.warehouse.get(key))["granted"] >= 20
