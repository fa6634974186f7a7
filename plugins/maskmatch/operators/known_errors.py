"""How a known error ends a task: place, reason and cure come first, and the traceback is folded under them.

Airflow logs every exception with its frames, a dozen of them its own, but not SystemExit. So a known error is
told as a block, and the task then ends by a subclass of that, which the retry policy knows.

Decision: docs/adr/0032-a-run-is-seen-in-one-place.md
"""

import textwrap
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from airflow.sdk.exceptions import AirflowNotFoundException

from maskmatch.core.errors import (
    BooksError,
    BudgetSpent,
    Drained,
    InputError,
    MaskmatchError,
    StopRun,
    Unavailable,
)
from maskmatch.core.packages import missing_package
from maskmatch.operators.other_params import or_other_params

if TYPE_CHECKING:
    from airflow.sdk import Context

    from maskmatch.operators.base import MaskmatchBaseOperator
    from maskmatch.operators.start_date import StartDateOperator

PROBLEM_KEY = "problem"
"""Key of the task state store under which the page finds what ended a task."""
_WIDTH = 100
_FOR_A_PERSON = (InputError, StopRun, BooksError, BudgetSpent, Drained, AirflowNotFoundException)
_NO_CONNECTION = "Create that connection (Admin, Connections), then clear this task (with downstream)."

F = TypeVar("F", bound=Callable[..., Any])


class Ended(SystemExit):
    """Ends a task by a known error, `problem`; it is tried again as its Dag says."""

    def __init__(self, problem: Exception) -> None:
        super().__init__(str(problem))
        self.problem = problem


class EndedForPerson(Ended):
    """Ends a task that only a person can mend: it is not tried again."""


class EndedForNow(Ended):
    """Ends a task whose service or store is away: it is tried again soon."""


def tells_known_errors(execute: F) -> F:
    """Return an `execute` that tells a known error as a block, and then raises `Ended`."""

    @wraps(execute)
    def told(
        self: "MaskmatchBaseOperator | StartDateOperator", context: "Context", *args: Any, **kwargs: Any
    ) -> Any:
        try:
            with _missing_packages_known():
                return execute(self, context, *args, **kwargs)
        except (MaskmatchError, AirflowNotFoundException) as problem:
            cure = _cure_in(context, problem, self.day)
            note(context, place=self.place, reason=str(problem), cure=cure)
            self.log.error(  # noqa: TRY400  its traceback comes folded
                "%s", block(self.place, str(problem), cure)
            )
            self.log.info("::group::Traceback, for developers")
            self.log.info("%s", traceback.format_exc())
            self.log.info("::endgroup::")
            raise ended(problem) from problem

    return cast("F", told)


@contextmanager
def _missing_packages_known() -> Iterator[None]:
    """Raise PackageMissing for an import that has failed, where a line of pip is known to mend it."""
    try:
        yield
    except ImportError as error:
        if missing := missing_package(error):
            raise missing from error
        raise


def note(context: "Context", *, place: str, reason: str, cure: str, is_wait: bool = False) -> None:
    """Keep what keeps a task from going on for the page, on which nothing depends."""
    with suppress(Exception):
        noted: dict[str, Any] = {"place": place, "reason": reason, "cure": cure, "is_wait": is_wait}
        context["task_state_store"].set(PROBLEM_KEY, noted)


def cure_of(problem: Exception) -> str:
    """Return what a person does about a known error."""
    return problem.cure if isinstance(problem, MaskmatchError) else _NO_CONNECTION


def _cure_in(context: "Context", problem: Exception, day: str) -> str:
    """Return what a person does about a known error of a run; its Params, too, are entered somewhere."""
    cure = cure_of(problem)
    with suppress(KeyError, ValueError):  # a context without a run, a date that is none
        return or_other_params(context, problem, cure, day=day)
    return cure


def ended(problem: Exception) -> Ended:
    """Return what ends the task, by what is to follow."""
    if isinstance(problem, _FOR_A_PERSON):
        return EndedForPerson(problem)
    return EndedForNow(problem) if isinstance(problem, Unavailable) else Ended(problem)


def block(place: str, reason: str, cure: str) -> str:
    """Return place, reason and cure as lines that a page shows without cutting them."""
    return "\n".join(_wrapped(*part) for part in (("WHERE", place), ("WHAT", reason), ("DO", cure)))


def _wrapped(name: str, text: str) -> str:
    """Return a text with its name before it; lines of a command, which are indented or go on, stay whole."""
    head = f"{name:<6}"
    lines = [_wrapped_line(line) for line in text.splitlines()]
    return textwrap.indent("\n".join(lines), " " * len(head)).replace(" " * len(head), head, 1)


def _wrapped_line(line: str) -> str:
    if line.startswith("  ") or line.endswith("\\"):
        return line
    return textwrap.fill(
        " ".join(line.split()), width=_WIDTH - 6, break_long_words=False, break_on_hyphens=False
    )
