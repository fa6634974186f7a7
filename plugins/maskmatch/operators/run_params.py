"""Which Params of a run took effect, and where each comes from: in words for its log.

Airflow keeps the Params that somebody has entered in the run's `conf`, through clears and reprocessing, and
overwrites the default of a Param in the task's process. So a Dag of ours notes its defaults in their schemas.
"""

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from maskmatch.core.errors import WrongSetting
from maskmatch.settings.fields import nearest

if TYPE_CHECKING:
    from airflow.sdk import Context

DEFAULT, SET_BY = "default_here", "default_set_by"
"""Keywords in the schema of a Param: its default in this Dag, and who has set it, if not we. `default` itself
is a keyword that Airflow cannot read back from its database."""
INSTALLATION = "installation"
_WIDTH, _TIED = 100, "\0"
OVERRIDE = "Override parameters on existing runs"
"""What the page of Airflow 3.3 calls it, in the form of a backfill."""
_ENTERED_BY = {
    "manual": "trigger form, API or command line",
    "backfill": "this backfill, or the run before it if this one sent none",
    "operator_triggered": "the Dag that has started it",
}
_SENT_NONE = (
    f"this backfill sent no Params: its form in the page does so only where {OVERRIDE!r} is ticked, for new "
    "runs, too; by command it is --dag-run-conf"
)
_CLEARED = f"cleared, which keeps the Params of a run; others by a new run, or a backfill with {OVERRIDE!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunParams:
    """The Params of a run: `values` took effect, `conf` was entered, `defaults` are those of the Dag."""

    values: Mapping[str, Any]
    conf: Mapping[str, Any]
    defaults: Mapping[str, Any]
    installed: frozenset[str]
    """Those whose default the installation has set."""
    run_type: str
    cleared: int

    @property
    def entered(self) -> dict[str, Any]:
        """Return those that somebody has entered, and that are not as by default."""
        return {
            name: value
            for name, value in self.values.items()
            if self.conf.get(name, self.defaults.get(name)) == value != self.defaults.get(name)
        }

    def lines(self) -> list[str]:
        """Return which took effect and from where, and what has had none."""
        entered = self.entered
        by_default = {name: value for name, value in self.values.items() if name not in entered}
        installed = {name: value for name, value in by_default.items() if name in self.installed}
        others = {name: value for name, value in by_default.items() if name not in installed}
        by_whom = _ENTERED_BY.get(self.run_type, "the run's conf")
        return [
            _wrapped(f"Params that were entered ({by_whom})", entered),
            _wrapped("Params as the installation has them by default (its Dag file)", installed),
            _wrapped("Params as maskmatch has them by default", others),
            *map(_filled, self._hints()),
        ]

    def refuse_mistyped(self, *, place: str) -> None:
        """Raise WrongSetting for what was entered under a name that is nearly that of a Param."""
        for name in self.conf:
            if name not in self.values and (near := nearest(name, self.values)):
                raise WrongSetting(f"{place}: {name} was entered and is no Param: did you mean {near}?")

    def _hints(self) -> Iterable[str]:
        for name in self.conf:
            if name not in self.values:
                yield f"entered, but no Param and without effect: {name}"
        if self.run_type == "backfill" and not self.conf:
            yield _SENT_NONE
        elif self.cleared and self.run_type != "backfill":
            yield _CLEARED


def params_of_run(context: "Context") -> RunParams:
    """Return the Params of the run that a task belongs to."""
    run, params = context["dag_run"], context["dag"].params
    schemas: dict[str, Any] = {name: params.get_param(name).schema for name in params}
    return RunParams(
        values={name: context["params"][name] for name in schemas},
        conf=run.conf or {},
        defaults={name: schema[DEFAULT] for name, schema in schemas.items() if DEFAULT in schema},
        installed=frozenset(name for name, schema in schemas.items() if SET_BY in schema),
        run_type=run.run_type,
        cleared=run.clear_number or 0,
    )


def in_words(values: Mapping[str, Any]) -> str:
    """Return names with values; an empty value is called so."""
    return ", ".join(_pairs(values))


def _pairs(values: Mapping[str, Any]) -> Iterable[str]:
    return (f"{name} {'empty' if value in (None, '') else value}" for name, value in values.items())


def _wrapped(label: str, values: Mapping[str, Any]) -> str:
    """Return names and values in lines that a page does not cut, each name on the line of its value."""
    tied = ", ".join(pair.replace(" ", _TIED) for pair in _pairs(values))
    return _filled(f"{label}: {tied or 'none'}").replace(_TIED, " ")


def _filled(text: str) -> str:
    return textwrap.fill(
        text, width=_WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
