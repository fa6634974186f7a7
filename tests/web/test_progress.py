"""How far a run is, out of what Airflow and the permit store know, and how the page writes it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from maskmatch.permits.steps.orders import Order
from maskmatch.permits.steps.snapshot import Snapshot, WindowNow
from maskmatch.permits.steps.state import ALL_RUNS
from maskmatch.web.account import AccountNow
from maskmatch.web.airflow import RunNow, TaskNow
from maskmatch.web.progress import progress_of
from maskmatch.web.rendering import money, percent, render, span

AT = datetime(2026, 11, 22, 2, tzinfo=UTC)
RECORD = {
    "day": "2026-11-22",
    "account": "tencent_iai_default",
    "warehouse": "s3://w",
    "table": "s3://w/outcomes/current/ds=2026-11-22/data.parquet",
    "plan": "work/p",
    "pairs": 200,
    "shards": [{"key": "work/p/a", "pairs": 100}, {"key": "work/p/b", "pairs": 100}],
}

NOT_PLANNED = {"day": "2026-11-22", "account": "a", "warehouse": "s3://w", "table": "s3://w/t"}


def told(shard="work/p/a", **changes):
    return {
        "day": "2026-11-22",
        "shard": shard,
        "total": 90,
        "done": 40,
        "already_known": 10,
        "counts": {"scored": 35, "no_face": 5},
        "known": {"scored": 8, "no_face": 2},
        "pairs_per_second": 10.0,
        "calls_in_flight": 4,
        "cny": "0.1280",
        **changes,
    }


def task(number=0, state="running", **changes):
    values = {"label": f"shard {number}", "try_number": 1, "progress": told(), **changes}
    return TaskNow(task_id="compare", map_index=number, state=state, **values)


def run(*tasks, state="running", **changes):
    values = {"records": (RECORD,), "started_at": AT, **changes}
    return RunNow(dag_id="d", run_id="r1", state=state, run_type="manual", tasks=tasks, **values)


def account(*, paused=(), drained=(), orders=(), windows=()):
    now = Snapshot(
        is_known=True, calls_per_second=50, margin=0.01, effective=9.0, users=(), priorities=(),
        windows=windows, paused=paused, drained=drained, leases={}, slowed_hosts=(), runs=("r1",),
    )  # fmt: skip
    return AccountNow(conn_id="tencent_iai_default", place="permit store x", now=now, orders=orders)


def test_shards_of_a_run_are_one_progress_with_rate_time_left_spend_and_reasons():
    two = run(task(), task(1, progress=told("work/p/b", pairs_per_second=5.0)))
    this = progress_of(two, None)
    assert (this.done, this.pairs, this.pairs_per_second, this.seconds_left) == (100, 200, 15.0, 100 / 15)
    assert [(each.code, each.pairs, each.is_final) for each in this.reasons] == [("no_face", 14, True)]
    assert "No face was found" in this.reasons[0].meaning
    assert (this.stage, this.share, this.spent_cny) == ("comparing", 0.5, Decimal("0.2560"))


def test_the_spend_is_that_of_the_permit_store_where_it_knows_the_run():
    window = WindowNow(
        kind="run", name="r1", calls=50, cny=Decimal("0.16"), most_calls=60, most_cny=None, ends=None
    )
    this = progress_of(run(task()), account(windows=(window,)))
    assert (this.spent_cny, this.spent.left_calls) == (Decimal("0.16"), 10)


@pytest.mark.parametrize(("whom", "words"), [("r1", "this run"), (ALL_RUNS, "all runs")])
def test_a_paused_run_has_no_time_left_and_says_by_whom_and_how_it_goes_on(whom, words):
    order = Order(at=AT, by="ann in Airflow", what="pause", whom=whom)
    this = progress_of(run(task()), account(paused=(whom,), orders=(order,)))
    assert (this.seconds_left, this.why_no_time) == (None, "paused")
    assert this.paused_words.startswith(f"paused ({words}) by ann in Airflow at 2026-11-22 02:00:00 UTC")
    html = page(this)
    assert f"Paused ({words}) by ann in Airflow" in html
    assert "maskmatch resume" in html


def test_a_pause_of_which_no_record_is_left_is_shown_all_the_same():
    assert progress_of(run(task()), account(paused=("r1",))).paused.by == "unknown"


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (run(), "nothing is called now"),
        (run(records=(NOT_PLANNED,)), "not planned yet"),
        (run(task(progress=told(pairs_per_second=0.0))), "nothing is called now"),
        (run(task(state="success"), state="success"), "the run has ended"),
    ],
)  # fmt: skip
def test_without_a_time_left_it_is_said_why(found, why):
    this = progress_of(found, None)
    assert (this.seconds_left, this.why_no_time) == (None, why)
    assert page(this)


def test_a_plan_with_nothing_to_call_is_done_and_says_so():
    this = progress_of(run(records=({**RECORD, "pairs": 0, "shards": []},)), None)
    assert (this.share, this.done) == (1.0, 0)
    assert "nothing to call" in page(this)


def test_what_a_task_told_of_an_earlier_plan_does_not_count():
    this = progress_of(run(task(), task(1, progress=told("work/earlier/b"))), None)
    assert this.done == 50


def test_a_task_that_ended_ill_tells_where_what_and_do_and_one_at_work_does_not():
    noted = {
        "place": "task compare, date 2026-11-22",
        "reason": "the <b>budget</b> is spent",
        "cure": "Raise it.",
    }
    html = page(progress_of(run(task(state="failed", problem=noted), state="failed", ended_at=AT), None))
    assert "the &lt;b&gt;budget&lt;/b&gt; is spent" in html
    assert "Raise it." in html
    assert not progress_of(run(task(problem=noted)), None).problems


@pytest.mark.parametrize(
    ("state", "is_shown"), [("up_for_reschedule", True), ("failed", False), ("up_for_retry", False)]
)
def test_what_a_task_waited_for_is_shown_only_while_it_waits(state, is_shown):
    noted = {
        "place": "task compare",
        "reason": "spent",
        "cure": "Nothing: it goes on by itself.",
        "is_wait": True,
    }
    html = page(progress_of(run(task(state=state, problem=noted)), None))
    assert ("it goes on by itself" in html) is is_shown


def published(day="2026-11-22", *, missing=20):
    outcomes = [
        {"outcome": "scored", "failure_class": "", "failure_code": "", "rows": 180},
        {"outcome": "failed", "failure_class": "data", "failure_code": "image_missing", "rows": missing},
    ]
    return {
        "day": day, "table": f"s3://w/{day}", "rows": 180 + missing, "outcomes": outcomes,
        "spent": f"Spent: CNY 0.5760 for {missing} billed calls",
    }  # fmt: skip


def test_each_date_of_a_run_has_its_summary_and_the_reasons_are_those_of_all():
    days = ("2026-11-22", "2026-11-23")
    records = tuple({**NOT_PLANNED, "day": day, "table": f"s3://w/{day}"} for day in days)
    summaries = tuple(published(day, missing=n) for day, n in zip(days, (20, 3), strict=True))
    this = progress_of(run(state="success", records=records, summaries=summaries, ended_at=AT), None)
    assert [(each.code, each.pairs) for each in this.reasons] == [("image_missing", 23)]
    html = page(this)
    for day in days:
        assert f"<code>s3://w/{day}</code>" in html
        assert f"{day}, as published by this run" in html
    assert "for 20 billed calls" in html
    assert "for 3 billed calls" in html


def test_of_a_date_that_is_not_published_yet_the_reasons_are_what_its_tasks_have_told():
    at_work = task(progress=told(day="2026-11-23"))
    this = progress_of(run(task(), at_work, summaries=(published(),)), None)
    assert {each.code: each.pairs for each in this.reasons} == {"image_missing": 20, "no_face": 7}


def test_a_run_that_has_ended_without_a_plan_has_its_date_and_no_word_of_what_is_to_come():
    html = page(progress_of(run(state="success", records=(NOT_PLANNED,), ended_at=AT), None))
    assert ">2026-11-22</h1>" in html
    assert "nothing was planned" in html
    assert not [word for word in ("not begun", "not planned yet", " yet.", "no call yet") if word in html]
    assert ">r1</h1>" in page(progress_of(run(state="failed", records=(), ended_at=AT), None))


def test_after_the_run_the_reasons_are_those_of_the_table():
    ended = run(
        task(state="success"), state="success", summaries=(published(),), ended_at=AT + timedelta(minutes=5)
    )
    this = progress_of(ended, None)
    assert [(each.code, each.pairs, each.is_final) for each in this.reasons] == [("image_missing", 20, False)]
    html = page(this)
    assert "CNY 0.5760 for 20 billed calls" in html
    assert RECORD["table"] in html


def test_an_account_that_cannot_be_seen_leaves_what_airflow_knows():
    away = AccountNow(conn_id="x", problem="the permit store cannot be reached")
    this = progress_of(run(task()), away)
    assert this.done == 50
    assert "the permit store cannot be reached" in page(this, away)


def test_orders_are_offered_only_to_who_may_give_them_and_while_the_run_lasts():
    this = progress_of(run(task()), account())
    assert "data-order" in page(this, account(), may_order=True)
    assert "data-order" not in page(this, account())
    ended = progress_of(replace(this.run, state="success"), account())
    assert "data-order" not in page(ended, account(), may_order=True)


def page(this, account=None, *, may_order=False):
    return render("run.html", this=this, task=None, account=account, may_order=may_order)


def test_numbers_are_written_as_a_person_says_them():
    assert [span(each) for each in (5, 65, 3700, 90_000)] == ["5 s", "1 min 5 s", "1 h 1 min", "1 d 1 h"]
    assert [percent(each) for each in (0.5, 0.99999, 1)] == ["50.0 %", "99.9 %", "100 %"]
    assert money(Decimal("1234.5")) == "CNY 1,234.50"


def test_a_budget_says_what_is_left_and_never_less_than_nothing():
    budget = WindowNow(kind="day", calls=12, most_calls=10, cny=Decimal(1), most_cny=Decimal(4))
    assert (budget.left_calls, budget.left_cny, budget.used_share) == (0, Decimal(3), 1.0)
    without = replace(budget, most_calls=None, most_cny=None)
    assert (without.left_calls, without.left_cny, without.used_share) == (None, None, None)
