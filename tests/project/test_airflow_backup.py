"""Airflow's database is dumped and restored by the commands of docs/operations.md."""

import re
import shlex

import pytest

from devstack.project import project_root
from tests.project.airflow_database import airflow_database
from tests.project.compose import SERVICES

pytestmark = pytest.mark.server

OPERATIONS = (project_root() / "docs" / "operations.md").read_text()
SAID = re.findall(r"^docker compose exec -T postgres (.* airflow)(?: [<>]|$)", OPERATIONS, re.MULTILINE)
BACKUP, *RESTORE = [shlex.split(line.replace(" -U airflow", "")) for line in SAID]
INIT = SERVICES["airflow-init"]["command"]


@pytest.mark.timeout(900)
def test_what_was_dumped_is_there_after_the_restore_and_nothing_else(tmp_path_factory):
    with airflow_database(tmp_path_factory.mktemp("backup")) as database:
        database.must("airflow", "db", "migrate")
        pools = "select pool from slot_pool order by pool"
        database.sql("insert into slot_pool (pool, slots, include_deferred) values ('kept', 3, false)")
        dump = database.must(*BACKUP)
        database.sql("insert into slot_pool (pool, slots, include_deferred) values ('later', 3, false)")
        database.sql("create table of_a_newer_version (n int); create type of_it as enum ('a')")
        restore(database, dump)
        assert database.sql(pools) == ["default_pool", "kept"]
        assert database.sql("select to_regclass('of_a_newer_version'), to_regtype('of_it')") == ["|"]
        database.must("airflow", "db", "check-migrations")
        restore(database, None)
        database.must(*INIT)
        assert database.sql(pools) == ["default_pool", "maskmatch_ad_hoc", "maskmatch_backfill"]


def restore(database, dump):
    """Run what the document says; without a dump all but psql."""
    for program, *words in RESTORE:
        if program != "psql" or dump is not None:
            database.must(program, *words, told=dump)
