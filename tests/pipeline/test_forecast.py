from contextlib import closing
from dataclasses import replace
from decimal import Decimal

import pytest

from devstack.pictures import JPEG_HEAD
from maskmatch.core.clock import SystemClock
from maskmatch.core.errors import StoreAway, Unavailable
from maskmatch.core.forecast import Unknown
from maskmatch.core.forecast_record import to_record
from maskmatch.core.pairs import Pair
from maskmatch.permits.opening import open_coordinator
from maskmatch.permits.steps.claims import Budget, Budgets, Claim, Priority
from maskmatch.pipeline.forecast import ForecastOptions, forecast_plan, read_forecast
from maskmatch.pipeline.image_sample import bytes_per_call
from maskmatch.pipeline.plan import make_plan
from maskmatch.storage.images import Transfer
from tests.nights import HEADER, night_in, write_pairs


@pytest.fixture
def run(tmp_path):
    return night_in(tmp_path)


@pytest.fixture
def options(tmp_path):
    def opened():
        return open_coordinator(
            f"sqlite:///{tmp_path}/permits.sqlite3",
            secret_id="AKIDtest",
            calls_per_second=100.0,
            clock=SystemClock(),
        )

    return ForecastOptions(open_coordinator=opened, priority=Priority.NIGHTLY)


def test_a_new_account_has_made_no_call_and_the_rate_for_itself(run, options):
    write_pairs(run.source, 20)
    this = forecast_plan(run, make_plan(run), options)
    assert (this.around.month_calls, this.cost) == (0, Decimal("0.0640"))
    assert (this.around.rate.allowed, this.around.rate.beside) == (100.0, pytest.approx(99.2))
    assert (this.counts.calls, this.counts.known, this.counts.repeated) == (20, 0, 0)


def test_the_month_so_far_and_who_is_there_come_from_the_permit_store(run, options):
    write_pairs(run.source, 20)
    coordinator = options.open_coordinator()
    coordinator.reserve(8, Claim(run_id="a backfill", priority=Priority.BACKFILL))
    coordinator.close()
    this = forecast_plan(run, make_plan(run), options)
    assert this.around.month_calls == 8
    assert [user.run_id for user in this.around.rate.users] == ["a backfill"]
    assert this.around.rate.beside < this.around.rate.alone


class Taken:
    """A coordinator of an account of which a run of the night takes all, and no floor is kept."""

    def __init__(self, coordinator):
        with closing(coordinator):
            coordinator.reserve(1, Claim(run_id="the night", priority=Priority.NIGHTLY))
            self._now = coordinator.snapshot()

    def snapshot(self):
        users = [replace(user, calls_per_second=100.0) for user in self._now.users]
        priorities = [replace(each, floor=0.0) for each in self._now.priorities]
        return replace(self._now, users=tuple(users), priorities=tuple(priorities))

    def close(self):
        pass


def test_a_run_to_which_others_leave_nothing_has_no_rate_with_the_reason(run, options):
    write_pairs(run.source, 20)
    taken = Taken(options.open_coordinator())
    others = replace(options, open_coordinator=lambda: taken, priority=Priority.AD_HOC)
    this = forecast_plan(run, make_plan(run), others)
    why = Unknown("others who use the account now leave nothing of its rate")
    assert this.around.rate == this.seconds == this.ends_at == why
    assert this.cost == Decimal("0.0640")


def test_the_tightest_budget_counts_with_what_is_spent_of_it(run, options):
    write_pairs(run.source, 20)
    budgets = Budgets(
        run=Budget(calls=19),
        day=Budget(calls=25),
        month=Budget(cny=Decimal("0.1")),  # of 31 calls
    )
    coordinator = options.open_coordinator()
    coordinator.reserve(8, Claim(run_id="other", priority=Priority.BACKFILL, budgets=budgets))
    coordinator.close()
    this = forecast_plan(run, make_plan(run), replace(options, budgets=budgets))
    assert this.ends_at == Unknown("the budget of the day has 17 calls left")


def test_bytes_are_those_of_the_images_as_they_are_sent(run, options):
    run.source.put("images/a.jpg", JPEG_HEAD + bytes(3000 - len(JPEG_HEAD)))
    run.source.put("images/b.jpg", JPEG_HEAD + bytes(1000 - len(JPEG_HEAD)))
    lines = [HEADER, "p1,images/a.jpg,images/b.jpg,,", "p2,images/a.jpg,images/missing.jpg,,"]
    run.source.put("manifests/ds=2026-01-02/pairs.csv", "\n".join(lines).encode())
    plan = make_plan(run)
    this = forecast_plan(run, plan, options)
    assert (this.bytes_sent, this.around.sampled_pairs) == (2 * (4000 + 1336), 1)
    by_url = forecast_plan(run, plan, replace(options, transfer=Transfer.URL))
    assert by_url.bytes_sent == 0
    assert [each.bytes_sent for each in this.alternatives][-1] == 0
    assert 0 not in [each.bytes_sent for each in by_url.alternatives]


class Refusing:
    def head(self, key):
        raise StoreAway("the store is away", rule=None)


def test_sizes_that_are_not_told_are_unknown_with_the_reason():
    near = Pair(pair_id="p", reference_id="a.jpg", probe_id="b.jpg", manifest_file="m.csv", manifest_row=1)
    far = replace(near, probe_id="https://host/b.jpg")
    found, _ = bytes_per_call(Refusing(), [near])
    assert found == Unknown("the sizes of images were not told: the store is away")
    assert bytes_per_call(Refusing(), [far]) == (
        Unknown("no pair of the sample has both its images in the source"),
        0,
    )


def test_a_permit_store_that_is_away_makes_its_part_unknown(run, options):
    write_pairs(run.source, 3)

    def away():
        raise Unavailable("the permit store is away")

    this = forecast_plan(run, make_plan(run), replace(options, open_coordinator=away))
    assert this.cost == this.seconds == Unknown("the permit store is away")
    assert this.cost_at_most == Decimal("0.0096")


def test_the_page_is_whole_escaped_and_names_no_image(run, options):
    coordinator = options.open_coordinator()
    coordinator.reserve(1, Claim(run_id="<script>alert(1)</script>", priority=Priority.NIGHTLY))
    coordinator.close()
    write_pairs(run.source, 5, extra_lines=["p9,images/1.jpg"])
    plan = make_plan(run)
    this = forecast_plan(run, plan, options)
    page = run.warehouse.get(f"{plan.folder}/plan.html").decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "1 (1 row_malformed)" in page
    assert "images/" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert read_forecast(run, plan.folder) == to_record(this)
    assert read_forecast(run, "work/elsewhere") is None
