"""Notices when the service's face model changes: scores of two versions are not comparable.

Decision: docs/adr/0021-answers-are-taken-over.md
"""

from collections.abc import Callable, Iterable
from enum import StrEnum

from maskmatch.core.errors import ModelChanged
from maskmatch.core.shown import plain


class OnModelChange(StrEnum):
    """What a run does when another version of the face model answers than before."""

    STOP = "stop"
    GO_ON = "go_on"


class ModelVersions:
    """The versions that gave the scores of one run: of its journals, of answers taken over, of its calls."""

    def __init__(
        self, *, on_change: OnModelChange = OnModelChange.STOP, warn: Callable[[str], None] = lambda _: None
    ) -> None:
        self._on_change = on_change
        self._warn = warn
        self._known: set[str] = set()
        self._newest: str | None = None

    def add(self, versions: Iterable[str], *, is_all: bool) -> None:
        """Take in the versions of earlier scores; raise ModelChanged for two that stop the run.

        Where these are all scores that there will be, nothing is stopped.
        """
        before = len(self._known)
        self._known |= set(versions)
        if len(self._known) > max(1, before):
            self._tell(
                f"earlier scores are of versions {', '.join(sorted(self._known))}", may_stop=not is_all
            )

    def note(self, version: str | None) -> None:
        """Take in the version of a score that has come; raise ModelChanged for another that stops it."""
        if version is None or version == self._newest:
            return
        self._newest = version
        if version not in self._known and self._known:
            earlier = ", ".join(sorted(self._known))
            self._known.add(version)
            self._tell(f"version {version} answers now, and earlier scores are of {earlier}")
        self._known.add(version)

    def _tell(self, what: str, *, may_stop: bool = True) -> None:
        text = f"the service's face model has changed: {plain(what)}"
        if may_stop and self._on_change is OnModelChange.STOP:
            raise ModelChanged(
                f"{text}, and scores of two versions are not comparable. Either call all pairs again with "
                "recompare, or set on_model_change to go_on, which keeps both, each with its model_version"
            )
        self._warn(f"{text}; both are kept, each with its model_version")
