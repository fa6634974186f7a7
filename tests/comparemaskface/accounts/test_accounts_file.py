"""Files of accounts: the one in the documentation, and what is wrong with others."""

from dataclasses import replace
from pathlib import Path

import pytest
from comparemaskface.accounts.account import Account, Counting, Key, KeyState, Permission, Scope, Standing
from comparemaskface.settings import load_accounts

from tests.comparemaskface.conftest import StartService
from tests.comparemaskface.contract.by_hand import SCORED, Credential
from tests.comparemaskface.contract.by_sdk import by_sdk
from tests.comparemaskface.service import SETTINGS

pytestmark = pytest.mark.server

EXAMPLE = Path(__file__).parents[3] / "docs" / "accounts.example.toml"
KEY = '[[account.key]]\nsecret_id = "AKIDone"\nsecret_key = "SECRETKEY"\n'
ONE = f'[[account]]\nname = "one"\n{KEY}'


def read(folder: Path, text: str) -> tuple[Account, ...]:
    file = folder / "accounts.toml"
    file.write_text(text)
    return load_accounts(replace(SETTINGS, accounts=file))


def test_the_example_in_the_documentation_means_what_it_says() -> None:
    nightly, trial, leaver = load_accounts(replace(SETTINGS, accounts=EXAMPLE))
    assert nightly.limits == ((Scope.API, 50), (Scope.IP, 40))
    assert (nightly.counting, nightly.burst, nightly.free_calls_per_month) == (Counting.BUCKET, 10, 10_000)
    assert [key.state for key in nightly.keys] == [KeyState.ACTIVE, KeyState.ACTIVE]
    assert nightly.keys[1].token is not None
    assert (trial.balance_calls, trial.standing) == (1000, Standing.ACTIVE)
    assert (leaver.permission, leaver.standing) == (Permission.DENIED, Standing.STOPPED)


def test_a_service_started_with_the_example_serves_its_accounts(start_service: StartService) -> None:
    address = start_service(accounts=EXAMPLE)
    nightly, trial, leaver = (
        account.keys[0] for account in load_accounts(replace(SETTINGS, accounts=EXAMPLE))
    )
    codes = [
        by_sdk(address, Credential(key.secret_id, key.secret_key)).code for key in (nightly, trial, leaver)
    ]
    assert codes == [SCORED, SCORED, "UnauthorizedOperation"]


def test_what_an_account_leaves_out_is_as_the_options_say(tmp_path: Path) -> None:
    (account,) = read(tmp_path, ONE)
    assert account.limits == ((Scope.API, SETTINGS.calls_per_second),)
    assert account == Account(name="one", keys=(Key("AKIDone", "SECRETKEY"),), limits=account.limits)


def test_without_a_file_the_options_make_one_account() -> None:
    (account,) = load_accounts(SETTINGS)
    assert account.keys[0].secret_id == SETTINGS.secret_id
    assert account.calls_per_second == SETTINGS.calls_per_second


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected one table [[account]]"),
        ("account = 1", "expected one table [[account]]"),
        (f'other = "SECRETKEY"\n{ONE}', "expected one table [[account]]"),
        ("account = [1]", "account 1 is not a table"),
        ("[[account", "at end of document"),
        ('[[account]]\nname = "one"\nkey = []\n', "account 1 (one): `key` must hold one key or several"),
        (
            ONE.replace("[[account.key]]", "allowed_addresses = [5]\n[[account.key]]"),
            "must look like 10.0.0.0/8",
        ),
        (ONE.replace('name = "one"', ""), "account 1: `name` is missing"),
        ('[[account]]\nname = "one"\n', "account 1 (one): `key` is missing"),
        (ONE.replace('secret_id = "AKIDone"', ""), "account 1 (one), key 1: `secret_id` is missing"),
        (ONE.replace("SECRETKEY", ""), "key 1: `secret_key` must be a text in quotes, and not empty"),
        (ONE.replace("[[account.key]]", "burst = 0\n[[account.key]]"), "must be a whole number from 1"),
        (ONE + "expires = 1\n", "account 1 (one), key 1: unknown expires"),
        (ONE + "expires_at = 2026-01-01T00:00:00\n", "must end in an offset from UTC"),
        (ONE + "expires_at = 2026-01-01\n", "`expires_at` must be a date with a time"),
        (ONE + 'state = "lost"\n', "`state` must be one of active, disabled, wrong_kind, mfa_required"),
        (ONE.replace("[[account.key]]", "calls = 1\n[[account.key]]"), "account 1 (one): unknown calls"),
        (
            ONE.replace("[[account.key]]", "calls_per_second = -1\n[[account.key]]"),
            "must be a whole number from 0",
        ),
        (
            ONE.replace("[[account.key]]", "calls_per_second = true\n[[account.key]]"),
            "must be a whole number",
        ),
        (ONE.replace("[[account.key]]", "limits = {vpc = 1}\n[[account.key]]"), "limits: unknown vpc"),
        (
            ONE.replace("[[account.key]]", 'balance_cny = "much"\n[[account.key]]'),
            "must be an amount in quotes",
        ),
        (
            ONE.replace("[[account.key]]", 'balance_cny = "NaN"\n[[account.key]]'),
            "must be an amount in quotes",
        ),
        (
            ONE.replace("[[account.key]]", 'allowed_addresses = ["home"]\n[[account.key]]'),
            "must look like 10.0.0.0/8",
        ),
        (
            ONE.replace("[[account.key]]", 'standing = "poor"\n[[account.key]]'),
            "`standing` must be one of active,",
        ),
        (ONE + ONE, "two accounts have the name one"),
        (ONE + ONE.replace('"one"', '"two"'), "key 1 of the account two has the SecretId of another key"),
    ],
)
def test_what_is_wrong_with_a_file_is_named_without_its_keys(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is looked at below
        read(tmp_path, text)
    assert complaint in str(caught.value)
    assert "SECRETKEY" not in str(caught.value)


def test_an_account_does_not_show_its_keys(tmp_path: Path) -> None:
    (account,) = read(tmp_path, ONE + 'token = "THETOKEN"\n')
    for secret in ("AKIDone", "SECRETKEY", "THETOKEN"):
        assert secret not in repr(account)
