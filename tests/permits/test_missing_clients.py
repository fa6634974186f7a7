"""A client of a permit store that is not installed: the line of pip, and no further try."""

import sys
import tomllib

import pytest
from airflow.sdk import RetryAction

from devstack.project import project_root
from maskmatch.core.clock import SystemClock
from maskmatch.core.errors import WrongSetting
from maskmatch.operators import RETRY_POLICY
from maskmatch.operators.known_errors import ended
from maskmatch.permits.opening import open_coordinator
from maskmatch.pipeline.doctor import examine

CLIENTS = {
    "redis": "redis://:hidden@permits.example/0",
    "rediss": "rediss://:hidden@permits.example/0",
    "postgresql": "postgresql://me:hidden@permits.example/permits",
    "postgres": "postgres://me:hidden@permits.example/permits",
}
PACKAGES = {"redis": "redis", "rediss": "redis", "postgresql": "psycopg2", "postgres": "psycopg2"}


@pytest.fixture(params=CLIENTS)
def missing(request, monkeypatch):
    """Yield the package of a permit store, which cannot be imported now, and the store's address."""
    package = PACKAGES[request.param]
    monkeypatch.setitem(sys.modules, package, None)
    for module in [name for name in sys.modules if name.startswith("maskmatch.permits.stores.")]:
        monkeypatch.delitem(sys.modules, module)
    return package, CLIENTS[request.param]


def opened(address):
    return open_coordinator(address, secret_id="AKIDx", calls_per_second=50, clock=SystemClock())


def test_the_line_of_pip_and_the_store_are_told_and_no_password(missing):
    package, address = missing
    with pytest.raises(WrongSetting) as raised:
        opened(address)
    said = str(raised.value)
    assert "permits.example" in said
    assert f"needs the package {package}, which is not installed here" in said
    assert "pip install 'maskmatch[cluster]', on every host that runs tasks" in said
    assert "hidden" not in said


def action(error):
    return RETRY_POLICY.evaluate(error, 1, 3).action


def test_the_task_is_not_tried_again(missing):
    with pytest.raises(WrongSetting) as raised:
        opened(missing[1])
    assert action(ended(raised.value)) is RetryAction.FAIL


@pytest.mark.parametrize(
    "error", [ImportError("cannot import name x"), ModuleNotFoundError("No module named y")]
)
def test_nor_is_one_that_lacks_any_other_package_and_the_reason_names_the_line_of_pip(error):
    decision = RETRY_POLICY.evaluate(error, 1, 3)
    assert decision.action is RetryAction.FAIL
    assert "pip install 'maskmatch[airflow,cluster]'" in decision.reason


def test_the_extra_that_is_named_has_the_clients():
    extras = tomllib.loads((project_root() / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    named = {line.split(">")[0] for line in extras["cluster"]}
    assert named == {"redis", "psycopg2-binary"}


def test_doctor_tells_what_is_missing_with_the_extras():
    def check():
        raise ModuleNotFoundError("No module named 'airflow'")

    [finding] = examine({"connection": check})
    assert not finding.is_well
    assert "No module named 'airflow': install maskmatch with the extra airflow" in finding.text
