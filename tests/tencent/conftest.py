"""Exchanges are tested both ways: by `wait`, and on an event loop."""

import pytest

from tests.tencent.answers import Calls


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of a module that has BOTH_WAYS twice, but for those of waits that are woken."""
    if getattr(metafunc.module, "BOTH_WAYS", False):
        ways = ["wait"] if "wake" in metafunc.function.__name__ else ["wait", "loop"]
        metafunc.fixturenames.append("way")
        metafunc.parametrize("way", ways, indirect=True)


@pytest.fixture
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Calls, "on_loop", request.param == "loop")
