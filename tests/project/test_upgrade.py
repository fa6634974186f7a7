"""A run that the version before has begun goes on with this one, which pays for nothing again.

The version before is the newest tag, lacking one that before Celery came.
"""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

import pytest

from devstack.postgres import Postgres
from devstack.project import project_root
from maskmatch.pipeline.calling import coordinator_of
from maskmatch.pipeline.publish import PublishOptions, publish
from maskmatch.pipeline.status import StatusReader
from maskmatch.storage.plans import newest_plan
from tests.account import local_account
from tests.commands import start, wait_for_calls
from tests.nights import DAY, night_in, options_for, outcomes_of, write_pairs
from tests.waiting import wait_until

pytestmark = pytest.mark.server

BEFORE = "e21b5b0348ee9a924f86db2868e0284b82ae04f3"
"""Has the formats of today."""
OF_OLDER_FORMATS = "d04a7b3a3922cd7a2e98e72d8f01e4ef3a5c0152"
"""Plans and journals of format 2."""
PAIRS = 300
IN_FLIGHT, GROUP = 8, 8


def git(*words: str) -> bytes | None:
    """Return what git says, None where it cannot."""
    try:
        said = subprocess.run(["git", "-C", project_root(), *words], check=False, capture_output=True)
    except FileNotFoundError:
        return None
    return None if said.returncode else said.stdout


def version_before() -> str:
    """Return what to take the version before from."""
    tag = git("describe", "--tags", "--abbrev=0", "HEAD^")
    return tag.decode().strip() if tag else BEFORE


def package_of(version: str, folder: Path) -> Path:
    """Return the folder with the package of a version."""
    if (packed := git("archive", version, "plugins")) is None:
        pytest.skip(f"the history is not there (a shallow clone?): no {version} to begin with")
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "plugins"


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    return package_of(version_before(), tmp_path_factory.mktemp("before"))


@pytest.fixture
def postgres(tmp_path_factory):
    """The address of a permit store in Postgres."""
    folder = tmp_path_factory.mktemp("postgres")
    for each in (folder, folder.parent):
        each.chmod(0o755)  # Postgres does not run as root
    with Postgres(folder) as server:
        yield server.uri


@pytest.fixture
def night(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, PAIRS)
    return run


def start_before(before, local, folder, *more):
    """Start a command of the version before."""
    with first_on_the_path(before):
        return start(local, folder, *more)


@contextmanager
def first_on_the_path(folder):
    path = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = f"{folder}"
    try:
        yield
    finally:
        del os.environ["PYTHONPATH"]
        if path is not None:
            os.environ["PYTHONPATH"] = path


def test_the_version_before_is_another_one_and_is_used(before, tmp_path):
    script = "import maskmatch; print(maskmatch.__file__)"
    environment = {**os.environ, "PYTHONPATH": f"{before}"}
    said = subprocess.run(
        [sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True
    )
    assert said.stdout.strip() == f"{before}/maskmatch/__init__.py"


def paused(local, night, folder):
    """Let no call be sent any more, and return when all that were in flight are in the journals."""
    with closing(coordinator_of(options_for(local, folder))) as coordinator:
        coordinator.pause()
    time.sleep(2)  # what is promised
    status = StatusReader(night)
    wait_until(lambda: status.look().done == local.meter()["billed"], "every call in the journals")


def resumed(local, folder):
    with closing(coordinator_of(options_for(local, folder))) as coordinator:
        coordinator.resume()


def complete(local, folder):
    process = start(local, folder)
    output, _ = process.communicate(timeout=100)
    assert process.returncode == 0, output


@pytest.mark.parametrize(
    ("how", "paid_again"),
    [("stopped", 0), ("paused and killed", 0), ("killed", IN_FLIGHT + GROUP)],
)
def test_a_run_begun_by_the_version_before_goes_on(before, night, tmp_path, how, paid_again):
    with local_account(latency_ms=30) as local:
        process = start_before(before, local, tmp_path)
        wait_for_calls(local, PAIRS // 3)
        if how == "stopped":
            process.send_signal(signal.SIGINT)
        else:
            if how.startswith("paused"):
                paused(local, night, tmp_path)
            process.kill()
        process.communicate(timeout=30)
        so_far = local.meter()["billed"]
        resumed(local, tmp_path)
        complete(local, tmp_path)
        meter = local.meter()
    assert PAIRS // 3 <= so_far < PAIRS
    assert meter["distinct_billed_pairs"] == PAIRS
    assert meter["paid_again"] <= paid_again
    table = outcomes_of(night)
    assert sorted(table["pair_id"]) == [f"p{number:05d}" for number in range(PAIRS)]
    assert set(table["outcome"]) == {"scored"}


def test_both_versions_share_one_rate_and_one_budget_meanwhile(before, tmp_path):
    other = DAY.replace(day=3)
    with local_account(latency_ms=30, calls_per_second=60) as local:
        nights = {}
        for name, day in (("old", DAY), ("new", other)):
            nights[name] = night_in(tmp_path, day=day)
            write_pairs(nights[name].source, 120, day=day)
        old = start_before(before, local, tmp_path)
        new = start(local, tmp_path, f"--date={other}")
        told = [process.communicate(timeout=100)[0] for process in (old, new)]
        with closing(coordinator_of(options_for(local, tmp_path))) as coordinator:
            (day,) = (each for each in coordinator.snapshot().windows if each.kind == "day")
        meter = local.meter()
    assert (old.returncode, new.returncode) == (0, 0), told
    assert (meter["billed"], day.calls) == (240, 240)
    assert meter["throttled"] <= 5
    assert all(set(outcomes_of(each)["outcome"]) == {"scored"} for each in nights.values())


def test_a_date_begun_in_older_formats_is_refused_before_anything_is_paid(night, tmp_path):
    older = package_of(OF_OLDER_FORMATS, tmp_path / "older")
    with local_account(latency_ms=30) as local:
        process = start_before(older, local, tmp_path)
        wait_for_calls(local, PAIRS // 3)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        so_far = local.meter()["billed"]
        process = start(local, tmp_path)
        output, _ = process.communicate(timeout=100)
        assert local.meter()["billed"] == so_far
    assert process.returncode == 1
    assert "has format 2, and this version of maskmatch reads 3: finish the date with the version" in output


@pytest.fixture
def one_shard(tmp_path, postgres):
    """Return a function that starts `one_shard` of this version, or of that in a folder."""
    started = []

    def start_it(local, *shards, package=None):
        fields = ("secret_id", "secret_key", "endpoint", "protocol", "calls_per_second")
        account = json.dumps({name: getattr(local.account, name) for name in fields})
        words = [sys.executable, "-m", "tests.project.one_shard", f"{tmp_path}", postgres, account]
        with first_on_the_path(package) if package else nullcontext():
            process = subprocess.Popen(
                [*words, *map(str, shards)], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
        started.append(process)
        return process

    yield start_it
    for process in started:
        process.kill()
        process.communicate()


def test_a_shard_is_taken_over_by_this_version_while_the_one_before_is_at_another(
    before, night, tmp_path, postgres, one_shard
):
    with local_account(latency_ms=30, calls_per_second=60) as local:
        one_shard(local, package=before).communicate(timeout=60)
        plan = newest_plan(night.warehouse, DAY)
        stays, goes = (one_shard(local, number, package=before) for number in (0, 1))
        wait_for_calls(local, PAIRS // 3)
        goes.kill()
        with closing(coordinator_of(options_for(local, tmp_path, permit_store=postgres))) as coordinator:
            coordinator.pause()
            comes = one_shard(local, 1)
            wait_until(lambda: 2 in coordinator.snapshot().leases.values(), "the second lease of a shard")
            assert stays.poll() is None
            coordinator.resume()
            told = [process.communicate(timeout=100)[0] for process in (stays, comes)]
            (day,) = (each for each in coordinator.snapshot().windows if each.kind == "day")
        meter = local.meter()
    assert (stays.returncode, comes.returncode) == (0, 0), told
    assert meter["distinct_billed_pairs"] == PAIRS
    assert meter["paid_again"] <= IN_FLIGHT + GROUP
    assert day.calls >= meter["billed"]
    assert publish(night, plan, PublishOptions(nominal_fmr=1e-4))["scored"] == PAIRS
