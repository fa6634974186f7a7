"""Backup and restore of a permit store as docs/operations.md says it: no budget is spent twice."""

import re
import shlex
import subprocess
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from devstack.postgres import postgres_programs
from devstack.project import project_root
from maskmatch.core.clock import SystemClock
from maskmatch.core.errors import BudgetSpent
from maskmatch.permits.opening import open_coordinator
from maskmatch.permits.steps.claims import Budget, Budgets, Claim, Priority

pytestmark = pytest.mark.server

OPERATIONS = (project_root() / "docs" / "operations.md").read_text()
MOST = 10
CLAIM = Claim(run_id="night", priority=Priority.NIGHTLY, budgets=Budgets(day=Budget(calls=MOST)))


SAID = re.findall(r"^docker compose exec -T postgres (.* permits)(?: [<>]|$)", OPERATIONS, re.MULTILINE)
*RESTORE, BACKUP = [shlex.split(line) for line in SAID]


@pytest.fixture
def permits(postgres):
    """The address of a database of permits, and what calls a documented program on it."""
    programs = postgres_programs()
    where = urlsplit(postgres.uri)

    def call(program, *words, **options):
        reach = ["-h", "127.0.0.1", "-p", f"{where.port}"]
        said = [word.replace("airflow", where.username or "") for word in words]
        done = subprocess.run(
            [programs / program, *reach, *said], capture_output=True, check=False, **options
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    call("createdb", "-U", "airflow", "permits")
    yield postgres.uri.replace("/postgres", "/permits"), call
    call("dropdb", "--force", "-U", "airflow", "permits")


def restore(call, backup):
    for program, *words in RESTORE:
        call(program, *words, **({"input": backup} if program == "psql" else {}))


def opened(address):
    return closing(
        open_coordinator(address, secret_id="AKIDtest", calls_per_second=1000.0, clock=SystemClock())
    )


def spend(coordinator, calls):
    got = 0
    while got < calls:
        got += len(coordinator.reserve(calls - got, CLAIM).delays)


def test_a_restored_store_spends_nothing_twice_once_it_was_told_what_was_spent(permits):
    address, call = permits
    with opened(address) as coordinator:
        spend(coordinator, 6)
        backup = call(*BACKUP)
        spend(coordinator, 4)
        with pytest.raises(BudgetSpent):
            coordinator.reserve(1, CLAIM)
    restore(call, backup)
    with opened(address) as coordinator:
        assert coordinator.snapshot().windows[0].calls == 6  # four are forgotten
        coordinator.count_spent("day", MOST, CLAIM)
        with pytest.raises(BudgetSpent):
            coordinator.reserve(1, CLAIM)
    with opened(address) as anew, pytest.raises(BudgetSpent):
        anew.reserve(1, CLAIM)


def test_a_try_that_the_restored_store_does_not_know_is_fenced_by_its_journal(permits):
    address, call = permits
    with opened(address) as coordinator:
        coordinator.take_lease("shard")
        backup = call(*BACKUP)
        newest = coordinator.take_lease("shard")
    restore(call, backup)
    with opened(address) as coordinator:
        # A shard is opened with the newest epoch that its journal has seen.
        assert coordinator.take_lease("shard", at_least=newest + 1) == newest + 1


def test_a_backup_that_is_cut_short_restores_nothing_and_says_so(permits):
    address, call = permits
    with opened(address) as coordinator:
        spend(coordinator, 6)
    backup = call(*BACKUP)
    cut = backup[: backup.index(b"COPY ")] + b"COPY public.nowhere (x) FROM stdin;\n"
    with pytest.raises(AssertionError, match="nowhere"):
        restore(call, cut)
    assert call("psql", "-U", "airflow", "-qAtc", "\\dt", "permits") == b""
    restore(call, backup)
    with opened(address) as coordinator:
        assert coordinator.snapshot().windows[0].calls == 6
