"""The notifiers of a setting, by name: what cannot be loaded here keeps no other from telling.

Decision: docs/adr/0033-what-a-run-tells.md
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from pkgutil import resolve_name
from typing import Any, TypeAlias

from airflow.sdk.configuration import conf

log = logging.getLogger(__name__)

One: TypeAlias = "Callable[[Any], Any] | str"
Notifier: TypeAlias = "One | Iterable[One] | None"
"""Notifiers, other callables that take a context, or their import paths."""


def notifiers_of(setting: Notifier) -> dict[str, Callable[[Any], Any]]:
    """Return the notifiers of a setting, else of Airflow's configuration, by names that a later try knows."""
    setting = setting or conf.get("maskmatch", "notifier", fallback="")
    found: dict[str, Callable[[Any], Any]] = {}
    numbers: Counter[str] = Counter()
    for notifier in _loaded(setting):
        name = str(getattr(notifier, "__qualname__", type(notifier).__qualname__))
        numbers[name] += 1
        found[f"{name} {numbers[name]}"] = notifier
    if setting and not found:
        log.error("nobody is told: no notifier can be used here")
    return found


def _loaded(setting: Any) -> list[Callable[[Any], Any]]:
    """Return the notifiers that can be loaded; an import path may name several, or a class to make one of."""
    try:
        if isinstance(setting, str):
            return _loaded(resolve_name(setting)) if setting else []
        if callable(setting):
            return [setting() if isinstance(setting, type) else setting]
        return [one for each in setting for one in _loaded(each)]
    except (ImportError, AttributeError) as error:  # no such package, no such name in it
        log.error(  # noqa: TRY400
            "a notifier is left out, %s: install what the notifier needs, on every host that runs tasks",
            error,
        )
    except Exception as error:  # noqa: BLE001  its text may hold anything
        log.error("a notifier is left out, it cannot be made: %s", type(error).__name__)  # noqa: TRY400
    return []
