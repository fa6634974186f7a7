"""A known error is a block of place, reason and cure, and ends its task as its kind wants."""

import logging
import re
import tomllib
from collections import defaultdict
from importlib.metadata import packages_distributions
from types import SimpleNamespace

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowNotFoundException

from devstack.project import project_root
from maskmatch.core import errors
from maskmatch.core.packages import EXTRAS
from maskmatch.operators import RETRY_POLICY
from maskmatch.operators.alerts import known_error
from maskmatch.operators.known_errors import (
    PROBLEM_KEY,
    Ended,
    EndedForNow,
    EndedForPerson,
    block,
    cure_of,
    tells_known_errors,
)

LONG = "connection tencent_iai_default, field budget_cny_per_day: " + "a word " * 40 + "s3://" + "k" * 130


class Task:
    log = logging.getLogger("task")
    place = "task compare, date 2026-11-22"
    day = "2026-11-22"

    def __init__(self, error):
        self._error = error

    @tells_known_errors
    def execute(self, context):
        if self._error:
            raise self._error
        return 7


def test_a_block_has_place_reason_and_cure_in_lines_that_no_page_cuts():
    lines = block("task compare, date 2026-11-22", LONG, "Mend it.").splitlines()
    assert [line[:6].strip() for line in lines if not line.startswith(" ")] == ["WHERE", "WHAT", "DO"]
    assert all(len(line) <= 100 for line in lines if "s3://" not in line)
    assert any("s3://" + "k" * 130 in line for line in lines), "an address is never broken"


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (errors.WrongSetting("x"), EndedForPerson),
        (errors.Replaced("x"), EndedForPerson),
        (errors.BudgetSpent("x", window="run", until=None), EndedForPerson),
        (errors.Drained("x"), EndedForPerson),
        (errors.BooksError("x"), EndedForPerson),
        (AirflowNotFoundException("x"), EndedForPerson),
        (errors.Unavailable("x"), EndedForNow),
        (errors.Interrupted("x"), Ended),
    ],
)
def test_a_known_error_is_told_first_and_its_traceback_is_folded(error, ends, caplog):
    caplog.set_level(logging.INFO)
    task, kept = Task(error), {}
    with pytest.raises(SystemExit) as raised:
        task.execute({"task_state_store": SimpleNamespace(set=kept.__setitem__)})
    assert type(raised.value) is ends
    assert (raised.value.problem, str(raised.value)) == (error, "x")
    assert kept == {
        PROBLEM_KEY: {"place": task.place, "reason": "x", "cure": cure_of(error), "is_wait": False}
    }
    first, *folded = caplog.messages
    assert first == block(task.place, "x", cure_of(error))
    assert (folded[0], folded[-1]) == ("::group::Traceback, for developers", "::endgroup::")
    assert "Traceback (most recent call last)" in folded[1]
    assert all(record.exc_info is None for record in caplog.records)


@pytest.mark.parametrize(
    ("package", "line"),
    [
        ("redis", "pip install 'maskmatch[cluster]'"),
        ("psycopg2.extensions", "pip install 'maskmatch[cluster]'"),
        ("airflow.providers.standard", "pip install 'maskmatch[airflow]'"),
        ("airflow.providers.amazon", "pip install apache-airflow-providers-amazon"),
        ("airflow.providers.common.sql", "pip install apache-airflow-providers-common-sql"),
        ("pyarrow", "pip install maskmatch"),
    ],
)
def test_a_package_that_is_missing_is_a_block_with_the_line_of_pip_and_ends_the_task_for_good(
    package, line, caplog
):
    caplog.set_level(logging.INFO)
    error, kept = ModuleNotFoundError(f"No module named '{package}'", name=package), {}
    with pytest.raises(EndedForPerson) as raised:
        Task(error).execute({"task_state_store": SimpleNamespace(set=kept.__setitem__)})
    assert RETRY_POLICY.evaluate(raised.value, 1, 3).action is RetryAction.FAIL
    problem = raised.value.problem
    assert known_error(raised.value) is problem
    first, *folded = caplog.messages
    assert first == block(Task.place, str(problem), problem.cure)
    assert f"No module named '{package}'" in str(problem)
    assert f"\n        {line}\n" in first
    assert kept[PROBLEM_KEY]["cure"] == problem.cure
    assert (folded[0], folded[-1]) == ("::group::Traceback, for developers", "::endgroup::")
    assert "ModuleNotFoundError: No module named" in folded[1]


@pytest.mark.parametrize("name", [None, "our_own_code", "airflow.providers.cncf"])
def test_of_an_import_whose_cure_is_not_known_nothing_is_promised(name):
    with pytest.raises(ImportError):
        Task(ImportError("x", name=name)).execute({})


def test_every_package_that_maskmatch_requires_has_a_line_of_pip():
    project = tomllib.loads((project_root() / "pyproject.toml").read_text())["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    imports = defaultdict(set)
    for name, distributions in packages_distributions().items():
        for distribution in distributions:
            imports[distribution.lower()].add(name)
    known = {name for names in EXTRAS.values() for name in names}
    for extra, requirements in groups.items():
        for requirement in requirements:
            name = re.match(r"[\w-]+", requirement)[0]
            if not name.startswith("apache-airflow"):  # Airflow and its providers are one package to Python
                assert imports[name] & known, (extra, requirement)


def test_other_errors_and_results_pass_as_they_are():
    with pytest.raises(ZeroDivisionError):
        Task(ZeroDivisionError()).execute({})
    task = Task(None)
    assert task.execute({}) == 7


def test_every_error_has_a_cure_that_names_what_to_do():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    known = [kind for kind in kinds if issubclass(kind, errors.MaskmatchError)]
    assert len(known) > 15
    assert all(kind.cure.endswith(".") and len(kind.cure) > 30 for kind in known)
