"""Publications that are cut off, race or are late: readers find one of them, whole, never an older one."""

from contextlib import nullcontext, suppress
from dataclasses import replace

import pytest

from maskmatch.core.errors import BooksError, InputError, ObjectExists, Superseded
from maskmatch.pipeline.publish import publications, publish, publish_again
from maskmatch.pipeline.publish.permits_used import MOST_AT_ONCE, Used
from maskmatch.pipeline.publish.publishing import publisher_of
from maskmatch.storage import plans
from maskmatch.storage.journal.names import claim_key
from maskmatch.storage.publications import Publisher
from maskmatch.storage.schemas import TABLES
from maskmatch.storage.tables import current_key, history_prefix, pointer_key, read_table
from tests.nights import DAY
from tests.pipeline.publish.made import (
    OPTIONS,
    Careless,
    answer,
    night,
    pointed,
    publication_of,
    published,
    state,
)
from tests.storage.journals import Faulty


class Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


class Deadly(Faulty):
    """A store whose user is killed after so many changes, before or after the last of them took place."""

    def __init__(self, store, *, changes, is_after):
        super().__init__(store)
        self.left = changes
        setattr(self, "after" if is_after else "before", self._count)

    def _count(self, operation, key):
        if operation in ("put", "put_file", "swap"):
            self.left -= 1
            if not self.left:
                raise Killed


@pytest.mark.slow
@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("is_first", [True, False])
def test_who_is_killed_at_any_step_leaves_the_old_or_the_new_and_the_next_one_finishes(
    tmp_path, is_first, is_after
):
    run, plan = night(tmp_path, 5, score=20.0)
    old = None if is_first else published(run, plan)
    deaths, is_done = 0, False
    while not is_done:
        deaths += 1
        score = 20.0 + deaths
        answer(run.warehouse, plan, score=score)
        deadly = Deadly(run.warehouse, changes=deaths, is_after=is_after)
        before = state(run.warehouse) if run.warehouse.head(current_key("outcomes", DAY)) else None
        try:
            published(replace(run, warehouse=deadly), plan)
            is_done = True
        except Killed:
            pass
        if before is not None or is_done:
            names, scores = state(run.warehouse)
            assert len(names) == len(scores) == 1
            assert scores == {score} or (names, scores) == before
    assert deaths > 10
    name = published(run, plan)
    assert state(run.warehouse) == ({name}, {20.0 + deaths})
    assert {publication_of(run.warehouse, table) for table in TABLES} == {name} != {old}
    rows = read_table(run.warehouse, "runs", DAY).to_pylist()
    assert len({row["publication"] for row in rows}) == len(rows)
    assert [row["run_seq"] for row in rows] == sorted(row["run_seq"] for row in rows)


@pytest.mark.parametrize("changes", range(1, 16))
def test_what_was_cut_off_after_the_outcomes_is_finished_by_the_next_even_if_that_has_nothing_new(
    tmp_path, changes
):
    run, plan = night(tmp_path, 3)
    with suppress(Killed):
        published(replace(run, warehouse=Deadly(run.warehouse, changes=changes, is_after=True)), plan)
    was_swapped = run.warehouse.head(current_key("outcomes", DAY)) is not None
    name = published(run, plan)
    assert not was_swapped or name.startswith("000001-")
    for table in TABLES:
        assert publication_of(run.warehouse, table) == name
        assert pointed(run.warehouse, table)["run_seq"] == int(name[:6])
        path = pointed(run.warehouse, table)["path"].removeprefix(f"{run.warehouse.uri}/")
        assert run.warehouse.head(path)
    assert read_table(run.warehouse, "runs", DAY).num_rows == 1


def test_what_is_published_already_is_not_published_again(tmp_path):
    run, plan = night(tmp_path, 3)
    name = published(run, plan)
    keys = {found.key for table in TABLES for found in run.warehouse.list(f"{table}/")}
    assert published(run, plan) == name
    later = {found.key for table in TABLES for found in run.warehouse.list(f"{table}/")}
    assert later - keys == {f"{history_prefix('outcomes', DAY)}000002.json"}  # a number was taken


def test_a_slower_older_publication_does_not_replace_a_newer_one(tmp_path):
    run, plan = night(tmp_path, 3, score=20.0)
    newer = []

    def overtake(operation, key):
        if operation == "swap" and "/current/" in key and not newer:
            newer.append("")
            answer(run.warehouse, plan, score=90.0)
            newer.append(published(run, plan))

    slow = Faulty(run.warehouse)
    slow.before = overtake
    with pytest.raises(Superseded, match="is newer than 000001-"):
        published(replace(run, warehouse=slow), plan)
    assert state(run.warehouse) == ({newer[1]}, {90.0})
    assert {publication_of(run.warehouse, table) for table in TABLES} == {newer[1]}
    assert {pointed(run.warehouse, table)["run_seq"] for table in TABLES} == {2}


def test_one_that_is_overtaken_after_its_outcomes_leaves_all_tables_to_the_newer_one(tmp_path):
    run, plan = night(tmp_path, 3, score=20.0)
    newer = []

    def overtake(operation, key):
        if operation == "swap" and key.startswith("attempts/current") and not newer:
            newer.append("")
            answer(run.warehouse, plan, score=90.0)
            newer.append(published(run, plan))

    slow = Faulty(run.warehouse)
    slow.before = overtake
    first = published(replace(run, warehouse=slow), plan)
    assert {publication_of(run.warehouse, table) for table in TABLES} == {newer[1]}
    assert {pointed(run.warehouse, table)["run_seq"] for table in TABLES} == {2}
    assert read_table(run.warehouse, "runs", DAY)["publication"].to_pylist() == [first, newer[1]]
    assert pointed(run.warehouse, "runs")["rows"] == 2


def test_each_threshold_is_a_publication_of_its_own_with_a_row_of_its_own(tmp_path):
    run, plan = night(tmp_path, 3)
    names = [published(run, plan, nominal_fmr=fmr) for fmr in (1e-3, 1e-4, 1e-5)]
    assert len({*names}) == len({len(name) for name in names}) == 3
    rows = read_table(run.warehouse, "runs", DAY).to_pylist()
    assert [row["publication"] for row in rows] == names
    assert [row["threshold_nominal_fmr"] for row in rows] == [1e-3, 1e-4, 1e-5]
    assert {row["run_id"] for row in rows} == {"test"}


def test_columns_of_two_publications_stand_at_other_places(tmp_path):
    import pyarrow.parquet as pq  # noqa: PLC0415

    run, plan = night(tmp_path, 3)
    names = [published(run, plan, nominal_fmr=fmr) for fmr in (1e-3, 1e-5)]
    places = []
    for name in names:
        found = pq.read_metadata(tmp_path / f"warehouse/{history_prefix('outcomes', DAY)}{name}.parquet")
        group = found.row_group(0)
        places.append(
            {
                (n, group.column(n).dictionary_page_offset or group.column(n).data_page_offset)
                for n in range(group.num_columns)
            }
        )
    assert not places[0] & places[1]


def test_an_earlier_publication_comes_back_under_a_name_of_its_own(tmp_path):
    run, plan = night(tmp_path, 3)
    first, second = (published(run, plan, nominal_fmr=fmr) for fmr in (1e-3, 1e-5))
    earlier = publish_again(run, "", replace(OPTIONS, nominal_fmr=1e-5))["publication"]
    assert earlier == second
    row = publish_again(replace(run, run_id="back"), first, replace(OPTIONS, by="somebody"))
    table = read_table(run.warehouse, "outcomes", DAY)
    old = read_table(run.warehouse, "outcomes", DAY).drop_columns(["publication"])
    assert set(table["publication"].to_pylist()) == {row["publication"]} != {first}
    assert set(table["threshold"].to_pylist()) == {40.0}
    assert old.num_rows == 3
    rows, current = publications(run)
    assert current == row["publication"] == rows[-1]["publication"]
    assert (rows[-1]["reason"], rows[-1]["published_by"]) == (f"rollback to {first}", "somebody")
    assert (rows[-1]["scored"], rows[-1]["billed_calls"]) == (3, 0)
    assert published(run, plan, nominal_fmr=1e-3) == row["publication"]  # it is the same content


def test_a_publication_that_never_was_cannot_come_back(tmp_path):
    run, plan = night(tmp_path, 3)
    name = published(run, plan)
    with pytest.raises(InputError, match=f"no publication 'x' in its history: .* the last are {name}"):
        publish_again(run, "x", OPTIONS)


def test_a_store_without_conditional_writes_is_locked_meanwhile(tmp_path):
    run, plan = night(tmp_path, 3)
    locked = []

    def lock(name):
        locked.append(name)
        return nullcontext()

    careless = replace(run, warehouse=Careless(run.warehouse))
    assert not publisher_of(careless, lock).can_swap
    name = published(careless, plan, lock=lock)
    assert {publication_of(run.warehouse, table) for table in TABLES} == {name}
    uri = run.warehouse.uri
    assert {f"{uri}/{current_key(table, DAY)}" for table in TABLES} <= {*locked}
    assert {f"{uri}/{pointer_key(table, DAY)}" for table in TABLES} <= {*locked}


def test_what_is_no_table_of_ours_is_replaced(tmp_path, caplog):
    run, plan = night(tmp_path, 3)
    run.warehouse.put(current_key("outcomes", DAY), b"void" * 10)
    name = published(run, plan)
    assert state(run.warehouse)[0] == {name}
    assert "is no table of ours" in caplog.text


def test_a_long_footer_is_read_whole(tmp_path, monkeypatch):
    run, plan = night(tmp_path, 3)
    name = published(run, plan)
    monkeypatch.setattr("maskmatch.storage.publications._TAIL_BYTES", 100)
    there = Publisher(run.warehouse, DAY, can_swap=True).present("outcomes")
    assert (there.facts.publication, there.rows) == (name, 3)


def test_two_claims_never_have_one_number(tmp_path):
    run, _ = night(tmp_path, 3)
    publisher = Publisher(run.warehouse, DAY, can_swap=True)
    rival = Faulty(run.warehouse)
    taken = []

    def come_first(operation, key):
        if operation == "put" and not taken:
            taken.append("")
            taken.append(publisher.claim({}))

    rival.before = come_first
    assert replace(publisher, store=rival).claim({}) == 2
    assert taken[1] == 1
    with pytest.raises(ObjectExists):
        run.warehouse.put(f"{history_prefix('outcomes', DAY)}000001.json", b"", only_new=True)


def test_fewer_permits_than_calls_keep_everything_from_being_published(tmp_path):
    run, plan = night(tmp_path, 3)
    with pytest.raises(BooksError, match=r"tell of 3 calls of test that may be billed, .* of 2 permits"):
        published(run, plan, permits=lambda run_id: Used(2))
    assert not list(run.warehouse.list("outcomes/current/"))
    row = publish(run, plan, replace(OPTIONS, permits={"test": Used(5)}.get))
    assert (row["permits_used"], row["permits_without_record"]) == (5, 2)


def test_permits_that_a_crash_of_the_store_can_have_cost_are_warned_of_and_no_more(tmp_path, caplog):
    run, plan = night(tmp_path, 3)
    with pytest.raises(BooksError, match="somebody calls without it"):
        published(run, plan, permits=lambda run_id: Used(1, perhaps_forgotten=1.9))
    row = publish(run, plan, replace(OPTIONS, permits=lambda run_id: Used(1, perhaps_forgotten=2)))
    assert (row["permits_used"], row["permits_without_record"]) == (1, 0)
    assert "it has forgotten the others" in caplog.text


@pytest.mark.parametrize(("without", "level"), [(MOST_AT_ONCE, "INFO"), (MOST_AT_ONCE + 1, "WARNING")])
def test_permits_without_a_record_beyond_what_kills_explain_are_warned_of(tmp_path, caplog, without, level):
    caplog.set_level("INFO")
    run, plan = night(tmp_path, 3)
    run.warehouse.put(claim_key(plans.journal_prefix(plan.shards[0].key), 2), b"{}")  # one try was cut off
    publish(run, plan, replace(OPTIONS, permits={"test": Used(3 + without)}.get))
    assert [each.levelname for each in caplog.records if "without a record" in each.message] == [level]


def test_calls_of_an_earlier_plan_of_the_date_are_attempts_too(tmp_path):
    run, plan = night(tmp_path, 3)
    prefix = plans.journal_prefix(plan.shards[0].key)
    other = prefix.replace(plan.plan_id, "another")
    for found in [*run.warehouse.list(f"{prefix}/")]:
        run.warehouse.put(found.key.replace(prefix, other), run.warehouse.get(found.key))
    published(run, plan)
    table = read_table(run.warehouse, "attempts", DAY)
    assert sorted(table["plan_id"].to_pylist()) == sorted(3 * [plan.plan_id] + 3 * ["another"])
    assert read_table(run.warehouse, "runs", DAY)["billed_calls"].to_pylist() == [6]
