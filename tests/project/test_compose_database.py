"""What docker-compose.yml does to Airflow's database, in a real one: pools are made, rows deleted."""

import os
import re

import pytest
from airflow.utils.db_cleanup import _effective_table_names, config_dict

from tests.project.airflow_database import airflow_database
from tests.project.compose import SERVICES

pytestmark = pytest.mark.server

INIT = SERVICES["airflow-init"]["command"]
ONCE_A_DAY = re.search(r"while true; do (.*) sleep 86400; done", SERVICES["upkeep"]["command"][2])[1]
OF_A_DAG_THAT_IS_GONE = """
insert into dag_bundle (name) values ('dags');
insert into dag (dag_id, is_paused, is_stale, bundle_name, timetable_type, partition_mapper_info,
    max_active_tasks, max_consecutive_failed_dag_runs, has_task_concurrency_limits, last_parsed_time)
  values ('gone', false, true, 'dags', '', '{}', 16, 0, false, '2020-01-01');
insert into dag_version (id, version_number, dag_id, created_at, last_updated)
  values ('019a2639-6675-74ec-bafd-a4f6b7a58a07', 1, 'gone', '2020-01-01', '2020-01-01');
insert into dag_run (dag_id, run_id, run_type, run_after, start_date)
  values ('gone', 'old', 'manual', '2020-01-01', '2020-01-01'), ('gone', 'new', 'manual', now(), now());
insert into task_instance (id, task_id, dag_id, run_id, try_number, pool, pool_slots, start_date,
    dag_version_id)
  select gen_random_uuid(), 'compare', dag_id, run_id, 1, 'default_pool', 1, start_date,
    '019a2639-6675-74ec-bafd-a4f6b7a58a07' from dag_run;
insert into task_state_store (dag_run_id, task_id, key, dag_id, run_id, value, updated_at, expires_at)
  select id, 'compare', 'progress', dag_id, run_id, '{}', now(), now() - interval '1 hour'
    from dag_run where run_id = 'new';
insert into log (event, dttm) values ('old', '2020-01-01'), ('new', now());
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    with airflow_database(tmp_path_factory.mktemp("database")) as found:
        found.must(*INIT)
        yield found


@pytest.mark.timeout(900)
def test_a_start_makes_the_pools_and_leaves_those_that_a_person_has_changed(database):
    pools = "select pool, slots from slot_pool where pool like 'maskmatch%' order by pool"
    assert database.sql(pools) == ["maskmatch_ad_hoc|3", "maskmatch_backfill|3"]
    database.sql("update slot_pool set slots = 5 where pool = 'maskmatch_backfill'")
    database.must(*INIT)
    assert database.sql(pools) == ["maskmatch_ad_hoc|3", "maskmatch_backfill|5"]


@pytest.mark.timeout(900)
def test_upkeep_deletes_what_is_old_and_keeps_what_is_not_though_a_dag_is_gone(database, tmp_path):
    database.sql(OF_A_DAG_THAT_IS_GONE)
    old, new = tmp_path / "logs" / "old.log", tmp_path / "logs" / "new.log"
    old.parent.mkdir()
    old.touch()
    os.utime(old, (0, 0))
    new.touch()
    assert upkeep(database, tmp_path)
    assert database.sql("select run_id from dag_run union select run_id from task_instance") == ["new"]
    assert database.sql("select event from log where dttm < now() - interval '90 days'") == []
    assert database.sql("select event from log where event = 'new'") == ["new"]
    assert database.sql("select key from task_state_store") == []
    assert database.sql("select dag_id from dag") == ["gone"]
    assert not old.exists()
    assert new.exists()


@pytest.mark.timeout(900)
def test_upkeep_goes_on_after_a_step_that_fails_and_is_then_not_done(database, tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "old.log").touch()
    os.utime(logs / "old.log", (0, 0))
    assert not upkeep(
        database, tmp_path, AIRFLOW__DATABASE__SQL_ALCHEMY_CONN="postgresql+psycopg2://nowhere:1/airflow"
    )
    assert list(logs.iterdir()) == []


def test_upkeep_cleans_every_table_that_airflow_can_clean_but_that_of_the_dags():
    (words,) = re.findall(r"--tables (\S+)", ONCE_A_DAY)
    assert {*_effective_table_names(table_names=words.split(","))[0]} == config_dict.keys() - {"dag"}
    assert {*words.split(",")} <= config_dict.keys()


def upkeep(database, folder, **variables):
    """Return whether all was done that upkeep does once a day."""
    lines = ONCE_A_DAY.replace("$$", "$").replace("/opt/airflow/logs", f"{folder}/logs")
    done = folder / "done"
    database.run("sh", "-c", lines.replace("/tmp/done", f"{done}"), KEEP_DAYS="90", **variables)
    return done.exists()
