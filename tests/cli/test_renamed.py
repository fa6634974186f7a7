"""What a user of an earlier version types is refused with the name of today."""

import pytest

from maskmatch.cli.__main__ import main
from maskmatch.core.renamed import OPTIONS, VARIABLES
from tests.nights import DAY

RUN = ["run", f"--date={DAY}", "--source=file:///nowhere/in", "--warehouse=file:///nowhere/out"]


@pytest.mark.parametrize("written", ["{} nightly", "{}=nightly"])
@pytest.mark.parametrize(("former", "today"), OPTIONS.items())
def test_an_option_with_its_former_name_is_refused_with_the_name_of_today(capsys, former, today, written):
    with pytest.raises(SystemExit) as left:
        main([*RUN, *written.format(former).split()])
    assert left.value.code == 2
    assert f"the option {former} is now called {today}" in capsys.readouterr().err


@pytest.mark.parametrize(("former", "today"), OPTIONS.items())
def test_the_name_of_today_is_offered_and_the_former_one_is_not(capsys, former, today):
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    offered = capsys.readouterr().out
    assert today in offered
    assert former not in offered


@pytest.mark.parametrize("command", [RUN, ["quota"], ["pause"]], ids=lambda words: words[0])
@pytest.mark.parametrize(("former", "today"), VARIABLES.items())
def test_a_variable_with_its_former_name_ends_a_command_with_the_name_of_today(
    capsys, monkeypatch, command, former, today
):
    for name in ("TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv(former, "redis://cache/0")
    assert main(command) == 1
    assert f"error: the variable {former} is now called {today}" in capsys.readouterr().err
