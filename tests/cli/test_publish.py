"""The command that publishes a date again; nothing is called."""

import pytest

from maskmatch.cli.__main__ import main
from maskmatch.storage.tables import read_table
from tests.nights import DAY
from tests.pipeline.publish.made import night, published


def publish(run, *words):
    return main(["publish", f"--date={DAY}", f"--warehouse={run.warehouse.uri}", *words])


def test_a_date_gets_another_threshold_and_comes_back(tmp_path, capsys):
    run, plan = night(tmp_path, 3)
    first = published(run, plan)
    assert publish(run, "--nominal-fmr=0.00001") == 0
    assert set(read_table(run.warehouse, "outcomes", DAY)["threshold"].to_pylist()) == {60.0}
    assert publish(run, f"--rollback={first}") == 0
    assert set(read_table(run.warehouse, "outcomes", DAY)["threshold"].to_pylist()) == {50.0}
    capsys.readouterr()
    assert publish(run, "--list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:9] for line in lines] == ["  000001-", "  000002-", "* 000003-"]
    assert "republish  3 scored, 0 failed, FMR 1e-05" in lines[1]
    assert f"rollback to {first}  3 scored, 0 failed, FMR 0.0001" in lines[2]


def test_what_is_current_already_is_not_published_again(tmp_path, capsys):
    run, plan = night(tmp_path, 3)
    name = published(run, plan)
    assert publish(run) == 0
    assert f"{name} is the current publication of {DAY}" in capsys.readouterr().out
    assert read_table(run.warehouse, "runs", DAY).num_rows == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rollback=x"], "has no publication 'x' in its history"),
        (["--nominal-fmr=0.5"], "0.001"),
    ],
)
def test_what_cannot_be_published_is_told(tmp_path, capsys, words, message):
    run, plan = night(tmp_path, 3)
    published(run, plan)
    assert publish(run, *words) != 0
    assert message in capsys.readouterr().err


def test_a_date_without_plan_or_publication_is_told(tmp_path, capsys):
    run, _ = night(tmp_path, 3)
    assert main(["publish", "--date=2026-01-09", f"--warehouse={run.warehouse.uri}"]) == 1
    assert "has no plan for 2026-01-09" in capsys.readouterr().err
    assert publish(run, "--list") == 0
    assert "nothing is published" in capsys.readouterr().out
