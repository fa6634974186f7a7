"""A permit store that this version cannot read stops a run at once, before it pays for more."""

import sqlite3
import threading
from contextlib import closing
from dataclasses import replace

import pytest

from maskmatch.core.errors import StopRun
from maskmatch.pipeline.compare import compare_shards
from tests.account import local_account
from tests.commands import wait_for_calls
from tests.nights import night_in, options_for, plan_in_shards, write_pairs

pytestmark = pytest.mark.server

NEWER = b'{"format": 3}'


def write_document(folder, document):
    with closing(sqlite3.connect(folder / "permits.sqlite3")) as db, db:
        db.execute("UPDATE permit_documents SET document = ?", (document,))


def test_a_run_with_a_store_of_another_format_makes_no_more_calls_and_says_what_to_do(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 20)
    plan = plan_in_shards(run, (10, 10))
    with local_account() as local:
        options = options_for(local, tmp_path)
        compare_shards(run, plan, plan.shards[:1], options)
        write_document(tmp_path, NEWER)
        with pytest.raises(
            StopRun, match="has format 3, not 2: a newer version of maskmatch wrote it: install"
        ):
            compare_shards(run, plan, plan.shards, options)
        assert local.meter()["billed"] == 10


def test_a_run_whose_store_a_newer_version_takes_over_stops_and_pays_nothing_again(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 120)
    plan = plan_in_shards(run, (120,))
    with local_account(latency_ms=50) as local:
        options = replace(options_for(local, tmp_path), account=replace(local.account, calls_per_second=40))

        def take_over():
            wait_for_calls(local, 20)
            write_document(tmp_path, NEWER)

        newer = threading.Thread(target=take_over)
        newer.start()
        with pytest.raises(StopRun, match="has format 3, not 2"):
            compare_shards(run, plan, plan.shards, options)
        newer.join()
        assert local.meter()["billed"] < 120
        (tmp_path / "permits.sqlite3").unlink()
        compare_shards(run, plan, plan.shards, options)
        assert (local.meter()["billed"], local.meter()["paid_again"]) == (120, 0)
