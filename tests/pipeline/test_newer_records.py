"""What a newer version of the same formats has written is read: a field or column more is passed over."""

import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from maskmatch.core.planning import PlanOptions
from maskmatch.core.redrive import read_selection
from maskmatch.core.waits import Waits
from maskmatch.permits.steps.orders import decode_order
from maskmatch.pipeline.approval import Question, approve, check_approved, open_question
from maskmatch.pipeline.forecast import read_forecast
from maskmatch.pipeline.plan import make_plan
from maskmatch.pipeline.plan_page import approval_request
from maskmatch.pipeline.publish import PublishOptions, publications, publish, publish_again
from maskmatch.pipeline.redrive import kept_outcomes, make_redrive_plan
from maskmatch.pipeline.report import published, spending
from maskmatch.storage import plans
from maskmatch.storage.approvals import read_approval
from maskmatch.storage.journal.segments import run_of
from maskmatch.storage.publications import FACTS_KEY
from maskmatch.storage.schemas.shared import SCHEMA_VERSION_COLUMN
from maskmatch.storage.tables import current_key
from tests.account import local_account
from tests.nights import complete, night_in, options_for, write_pairs

ROWS = 34
LATER = "of_a_later_version"
MAPS = {"bad_row_codes", "found", "in_words"}
"""Whose names are no fields."""
FREE = Decimal(0)


@pytest.fixture
def run(tmp_path):
    """Return a date with a bad row, a repeated one, an image that is missing, and a turned pair."""
    run = night_in(tmp_path)
    more = [
        "p00000,images/0.jpg,images/1.jpg,true,none",
        "turned,images/1.jpg,images/0.jpg,true,none",
        "missing,images/0.jpg,images/none.jpg,false,none",
        "bad,images/1.jpg",
    ]
    write_pairs(run.source, 30, extra_lines=more)
    return run


@pytest.mark.server
def test_a_date_goes_on_from_objects_with_more_in_them_than_is_known(run, tmp_path):
    with local_account() as local:
        options = options_for(local, tmp_path)
        plan = make_plan(run, PlanOptions())
        question = open_question(run, plan, FREE)
        approval = approve(run, question, by="ada", through="a test")
        before = complete(run, options)
        billed = local.meter()["billed"]
        as_a_later_version_writes(tmp_path / "warehouse")
        check_approved(run, plan, FREE)
        assert read_approval(run.warehouse, plan.folder, plan.digest) == approval
        assert (
            plans.read_plan(run.warehouse, plan.folder) == plan == plans.newest_plan(run.warehouse, run.day)
        )
        again = complete(run, options, run_id="again")
        assert local.meter()["billed"] == billed
        assert again["publication"] == before["publication"]  # nothing has changed
        other = publish(run, plan, PublishOptions(nominal_fmr=1e-3))
        assert other["scored"] == before["scored"]
    rolled = publish_again(run, before["publication"], PublishOptions(nominal_fmr=1e-4))
    there = [row["publication"] for row in publications(run)[0]]
    assert there == [before["publication"], other["publication"], rolled["publication"]]


@pytest.mark.server
def test_a_redrive_keeps_what_a_later_version_has_published(run, tmp_path):
    with local_account() as local:
        complete(run, options_for(local, tmp_path))
    as_a_later_version_writes(tmp_path / "warehouse")
    with kept_outcomes(run, read_selection([])) as kept:
        plan = make_redrive_plan(run, PlanOptions(), kept)
    assert (plan.pairs, plan.rows) == (1, ROWS)


@pytest.mark.server
def test_tables_of_a_later_version_are_read_and_stay_when_something_older_comes(run, tmp_path):
    with local_account() as local:
        complete(run, options_for(local, tmp_path))
    as_a_later_version_writes(tmp_path / "warehouse")
    table = pq.read_table(tmp_path / "warehouse" / current_key("outcomes", run.day))
    assert {*table[SCHEMA_VERSION_COLUMN.name].to_pylist()} == {99}
    assert len(published(run)) == ROWS
    assert spending(run)


def test_claims_forecasts_and_questions_with_more_in_them_are_read(run):
    run.warehouse.put("s.journal/claim-0001.json", written({"format": "3", "token": "a", "run_id": "r1"}))
    assert run_of(run.warehouse, "s.journal", 1) == "r1"
    question = Question(day="2026-01-02", folder="work", digest="abc", calls=5, only_new=True)
    assert Question.from_record(more(question.to_record())) == question
    forecast = {"in_words": {"calls": "5"}}
    run.warehouse.put("work/forecast.json", written(forecast))
    told = approval_request(question, read_forecast(run, "work"), "page")
    assert told == approval_request(question, forecast, "page")


def test_waits_and_orders_with_more_in_them_are_read():
    told = []
    before = more({"the service": {"since": 0.0, "last": 200.0, "is_told": True}})
    Waits(now=lambda: 201.0, tell=told.append, before={"the service": before["the service"]}).goes_on(
        "the service", "it does not answer"
    )
    assert told == []
    order = {"at": "2026-11-22T02:00:00Z", "by": "ada", "what": "pause", "whom": "r1"}
    assert decode_order(written(order)) == decode_order(json.dumps(order).encode())


def as_a_later_version_writes(warehouse):
    """Put a field into each JSON object, and a column into each table; journals refuse it by their number."""
    for path in warehouse.rglob("*"):
        if path.suffix == ".json" and "forecast" not in path.name:
            path.write_text(json.dumps(more(json.loads(path.read_text()))))
        elif path.suffix == ".parquet" and ".journal" not in f"{path}":
            pq.write_table(more_columns(pq.ParquetFile(path).read()), path)


def written(record):
    return json.dumps(more(record)).encode()


def more(value):
    match value:
        case dict():
            return {name: each if name in MAPS else more(each) for name, each in value.items()} | {LATER: 1}
        case list():
            return [more(each) for each in value]
    return value


def more_columns(table):
    facts = dict(table.schema.metadata or {})
    if said := facts.get(FACTS_KEY.encode()):
        facts[FACTS_KEY.encode()] = json.dumps(more(json.loads(said))).encode()
    if SCHEMA_VERSION_COLUMN.name in table.column_names:
        place = table.schema.get_field_index(SCHEMA_VERSION_COLUMN.name)
        table = table.set_column(place, table.schema.field(place), pa.array([99] * len(table), pa.int16()))
    return table.append_column(LATER, pa.array(["x"] * len(table))).replace_schema_metadata(facts)
