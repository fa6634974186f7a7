"""The vendor's key is revoked in the middle of a run: it stops, names the cure, and goes on with another."""

from dataclasses import replace

import pytest

from tests.account import local_account, set_faults
from tests.commands import start, wait_for_calls
from tests.nights import night_in, outcomes_of, write_pairs

pytestmark = pytest.mark.server

PAIRS, BEGUN, CALLS_IN_FLIGHT = 300, 100, 8
ACCOUNT = """
[[account]]
name = "ours"
key = [
    {secret_id = "AKIDtest", secret_key = "a-key-for-tests-only"},
    {secret_id = "AKIDnew", secret_key = "another-key-for-tests"},
]
"""


def test_a_key_that_is_revoked_in_the_middle_stops_the_run_and_nothing_is_paid_again(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, PAIRS)
    keys = tmp_path / "accounts.toml"
    keys.write_text(ACCOUNT)
    with local_account(latency_ms=30, admin=True, accounts=keys) as local:
        process = start(local, tmp_path)
        wait_for_calls(local, BEGUN)
        set_faults(local, "key-revoked")
        said, _ = process.communicate(timeout=60)
        stopped = local.meter()
        assert process.returncode == 1, said
        assert "The SecretId does not exist or is disabled: fix the login of the connection" in said
        assert "AuthFailure.SecretIdNotFound" in said
        assert 1 <= stopped["refused"] <= CALLS_IN_FLIGHT  # those that were on their way
        assert stopped["billed"] < PAIRS

        process = start(local, tmp_path)  # too early: the opening call finds it out, and nothing else is sent
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 1, said
        assert local.meter()["refused"] == stopped["refused"] + 1
        assert local.meter()["accepted"] == stopped["accepted"]

        set_faults(local)
        new = replace(local.account, secret_id="AKIDnew", secret_key="another-key-for-tests")
        process = start(replace(local, account=new), tmp_path)
        said, _ = process.communicate(timeout=60)
        meter = local.meter()
    assert process.returncode == 0, said
    assert (meter["billed"], meter["paid_again"]) == (PAIRS, 0)
    assert set(outcomes_of(run)["outcome"]) == {"scored"}
