"""Services in every state the cases need: accounts of all kinds, a stopped clock, the face model."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from comparemaskface.accounts.account import Standing
from comparemaskface.settings import Scores
from comparemaskface.vision.scorers import HashScorer, build_scorer
from comparemaskface.web.app import build_app

from tests.comparemaskface.contract.by_hand import Credential, Old, Tc3
from tests.comparemaskface.pictures_host import PicturesHost, pictures_host
from tests.comparemaskface.service import SETTINGS, running

KEY = "a-key-for-tests-only"
LATER, EARLIER = "2100-01-01T00:00:00Z", "2020-01-01T00:00:00Z"


def accounts_toml() -> str:
    """Return a file with an account for each thing that can be wrong with one."""
    accounts = {
        "good": "",
        "denied": 'permission = "denied"',
        "deniedkey": 'permission = "denied_to_key"\nuin = "100000000042"',
        "blocked": 'blocked_addresses = ["127.0.0.0/8"]',
        "unlisted": 'allowed_addresses = ["10.0.0.0/8", "::/0"]',
        "listed": 'allowed_addresses = ["127.0.0.0/8"]',
        "twocalls": "balance_calls = 2",
        "twofen": 'balance_cny = "0.0064"',
        "freefirst": 'balance_cny = "0.0032"\nfree_calls_per_month = 2',
    }
    for counting in ("calendar", "sliding", "bucket"):
        accounts[counting] = f'calls_per_second = 2\ncounting = "{counting}"\nburst = 2'
    for scope in ("region", "uin", "global", "ip"):
        accounts[f"per{scope}"] = f"limits = {{ {scope} = 1 }}"
    for standing in Standing:
        accounts[standing.name.lower()] = f'standing = "{standing.name.lower()}"'
    # Each case spoils its account for the next one.
    uses = ("", "-again", "-chinese")
    tables = [_account(name + use, text) for name, text in accounts.items() for use in uses]
    return "\n".join([*tables, *_special_keys()])


def _account(name: str, text: str) -> str:
    key = f'[[account.key]]\nsecret_id = "AKID{name}"\nsecret_key = "{KEY}"\n'
    return f'[[account]]\nname = "{name}"\n{text}\n{key}'


def _special_keys() -> Iterator[str]:
    yield '[[account]]\nname = "special"\n'
    extras = {
        "disabled": 'state = "disabled"',
        "wrongkind": 'state = "wrong_kind"',
        "mfa": 'state = "mfa_required"',
        "temporary": f'token = "the token"\nexpires_at = {LATER}',
        "expired": f'token = "the token"\nexpires_at = {EARLIER}',
    }
    for name, extra in extras.items():
        yield f'[[account.key]]\nsecret_id = "AKID{name}"\nsecret_key = "{KEY}"\n{extra}\n'


@dataclass(frozen=True)
class World:
    """Where the services are. Their clock stands at `now`; `faces` has the model and fetches from anywhere.

    `good` is the credential of the account with nothing wrong, when it is not the one of the file.
    """

    now: float
    plain: str
    strict: str = ""
    faces: str = ""
    guarded: str = ""
    pictures: PicturesHost = field(default_factory=lambda: PicturesHost(port=0))
    good: Credential | None = None

    def credential(self, name: str, token: str | None = None) -> Credential:
        """Return the credential of an account in the file above."""
        if name == "good" and self.good:
            return self.good if token is None else replace(self.good, token=token)
        return Credential(secret_id=f"AKID{name}", secret_key=KEY, token=token)

    def tc3(self, name: str = "good", token: str | None = None, **parts: Any) -> Tc3:
        return Tc3(self.credential(name, token), at=self.now, **parts)

    def old(self, name: str = "good", token: str | None = None, **parts: Any) -> Old:
        return Old(self.credential(name, token), at=self.now, **parts)


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Start everything; needs a folder for the file of accounts."""
    file = folder / "accounts.toml"
    file.write_text(accounts_toml())
    settings = replace(SETTINGS, secret_id="", secret_key="", accounts=file)
    now = float(int(time.time()))
    with ExitStack() as parts:

        def start(scorer: Any = None, **changes: Any) -> str:
            app = build_app(replace(settings, **changes), scorer=scorer or HashScorer(), clock=lambda: now)
            return parts.enter_context(running(app))

        model = {"scores": Scores.MODEL, "workers": 1}
        yield World(
            now=now,
            plain=start(),
            strict=start(strict_region=True),
            faces=start(build_scorer(replace(settings, allow_private_urls=True, **model)), **model),
            guarded=start(build_scorer(replace(settings, **model)), **model),
            pictures=parts.enter_context(pictures_host()),
        )
