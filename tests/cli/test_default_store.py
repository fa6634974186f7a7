"""Two users of one host who name no permit store, as real processes: the second one pays for nothing."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from maskmatch.permits.opening import quota_key
from maskmatch.permits.stores.default_file import NOTES
from tests.account import local_account
from tests.commands import command
from tests.nights import night_in, write_pairs

pytestmark = pytest.mark.server


@pytest.fixture
def account_id():
    """Return an account of this test's own; what is noted of it is removed."""
    name = f"test-{uuid4().hex}"
    yield name
    for note in NOTES.glob(f"maskmatch-{quota_key(name).rpartition(':')[2]}-*"):
        note.unlink()


def run_as(user: Path, local, account_id, *more):
    """Run the date below the home of a user, who names no permit store unless `more` does."""
    user.mkdir(exist_ok=True)
    write_pairs(night_in(user).source, 5)
    words = [word for word in command(local, user) if not word.startswith("--permit-store")]
    environment = {key: value for key, value in os.environ.items() if key != "MASKMATCH_PERMIT_STORE"} | {
        "HOME": str(user),
        "TENCENTCLOUD_SECRET_ID": local.account.secret_id,
        "TENCENTCLOUD_SECRET_KEY": local.account.secret_key,
        "TENCENTCLOUD_ACCOUNT_ID": account_id,
    }
    program = [sys.executable, "-m", "maskmatch.cli.__main__", *words, *more]
    return subprocess.run(program, env=environment, text=True, capture_output=True, check=False, timeout=120)


def test_the_second_user_is_refused_until_both_name_one_store(tmp_path, account_id):
    shared = f"--permit-store=sqlite:///{tmp_path}/shared.sqlite3"
    with local_account() as local:
        first = run_as(tmp_path / "ann", local, account_id)
        assert first.returncode == 0, first.stderr
        assert f"{tmp_path}/ann/.maskmatch/permits.sqlite3: shared only by processes of user" in first.stderr
        second = run_as(tmp_path / "bob", local, account_id)
        assert (second.returncode, local.meter()["billed"]) == (2, 5)
        assert "two users of this host pay for one account" in second.stderr
        assert f"{tmp_path}/ann/.maskmatch" in second.stderr
        assert run_as(tmp_path / "bob", local, account_id, shared).returncode == 0
        again = run_as(tmp_path / "ann", local, account_id)
        assert (again.returncode, local.meter()["billed"]) == (0, 10)
