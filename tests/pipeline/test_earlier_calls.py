"""What an earlier date took tells a forecast how many calls bad images will save."""

from dataclasses import replace
from datetime import timedelta

import pytest

from devstack.pictures import JPEG_HEAD
from maskmatch.core.forecast import Earlier
from maskmatch.pipeline import earlier_calls
from maskmatch.pipeline.compare import compare_shards
from maskmatch.pipeline.earlier_calls import newest_earlier
from maskmatch.pipeline.plan import make_plan
from tests.account import local_account
from tests.nights import DAY, night_in, options_for, write_pairs

PAIRS = 600


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(earlier_calls, "_FEWEST_PAIRS", 500)
    run = night_in(tmp_path)
    write_pairs(run.source, PAIRS)
    return run


@pytest.fixture
def local():
    with local_account() as local:
        yield local


def later(run, *, days=1):
    return replace(run, day=DAY + timedelta(days=days))


def test_without_an_earlier_date_that_is_complete_nothing_is_known(run):
    assert newest_earlier(later(run)) is None
    make_plan(run)
    assert newest_earlier(later(run)) is None


@pytest.mark.server
def test_pairs_that_a_bad_image_has_settled_took_no_call(run, local, tmp_path):
    run.source.put("images/7.jpg", JPEG_HEAD + b"7 no face")
    plan = make_plan(run)
    compare_shards(run, plan, plan.to_compare, options_for(local, tmp_path))
    billed = local.meter()["billed"]
    assert billed < PAIRS
    assert newest_earlier(later(run, days=3)) == Earlier(day=DAY, pairs=PAIRS, calls=billed)
    assert newest_earlier(later(run, days=32)) is None
    assert newest_earlier(run) is None


@pytest.mark.server
def test_a_date_of_few_pairs_is_passed_over(run, local, tmp_path, monkeypatch):
    plan = make_plan(run)
    compare_shards(run, plan, plan.to_compare, options_for(local, tmp_path))
    small = later(run)
    write_pairs(run.source, 20, day=small.day)
    few = make_plan(small)
    compare_shards(small, few, few.to_compare, options_for(local, tmp_path))
    assert newest_earlier(later(run, days=2)).day == DAY
