"""What stops a run before it pays, and what does not stop one that has paid."""

import re
import shutil

import pytest

from maskmatch.cli.__main__ import main
from tests.account import local_account
from tests.commands import command
from tests.nights import DAY, HEADER, night_in, outcomes_of, write_pairs

pytestmark = pytest.mark.server
BAD = ["p,images/0.jpg", ",images/0.jpg,images/1.jpg,,"]


@pytest.fixture
def local(monkeypatch):
    with local_account() as account:
        monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", account.account.secret_id)
        monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", account.account.secret_key)
        yield account


def run(local, tmp_path, *more):
    return main(command(local, tmp_path, "run", "--calls-in-flight=8", *more))


def empty_the_source(tmp_path, but=0):
    for image in sorted((tmp_path / "source" / "images").iterdir())[but:]:
        image.unlink()


def test_too_many_bad_rows_end_a_run_before_it_calls_or_replaces_anything(local, tmp_path, capsys):
    night = night_in(tmp_path)
    write_pairs(night.source, 60)
    assert run(local, tmp_path) == 0
    write_pairs(night.source, 50, extra_lines=BAD * 30)
    billed = local.meter()["billed"]
    assert run(local, tmp_path) == 1
    assert "max_bad_rows" in capsys.readouterr().err
    assert (local.meter()["billed"], len(outcomes_of(night))) == (billed, 60)
    assert run(local, tmp_path, "--max-bad-rows=70%", "--max-failed-share=1") == 0
    assert len(outcomes_of(night)) == 110


def test_missing_images_end_a_run_unpaid(local, tmp_path, capsys):
    write_pairs(night_in(tmp_path).source, 120)
    empty_the_source(tmp_path, but=10)
    assert run(local, tmp_path) == 1
    said = capsys.readouterr().err
    assert "of the first 100 pairs" in said
    assert re.search(r"the first: 'images/\d+.jpg', there is no object", said)
    assert "max_missing_share" in said
    assert local.meter()["billed"] == 0
    assert run(local, tmp_path, "--max-missing-share=1", "--max-failed-share=1") == 0


def test_a_date_that_was_paid_is_published_whatever_became_of_its_images(local, tmp_path):
    night = night_in(tmp_path)
    write_pairs(night.source, 120)
    assert run(local, tmp_path) == 0
    shutil.rmtree(tmp_path / "warehouse" / "outcomes")
    empty_the_source(tmp_path)
    assert run(local, tmp_path) == 0
    assert (outcomes_of(night)["outcome"] == "scored").sum() == 120


def test_too_many_failed_rows_make_the_run_fail_after_they_are_published(local, tmp_path, capsys):
    night = night_in(tmp_path)
    write_pairs(night.source, 120)
    empty_the_source(tmp_path, but=10)
    assert run(local, tmp_path, "--max-missing-share=1") == 1
    said = capsys.readouterr().err
    assert "image_missing" in said
    assert "max_failed_share" in said
    assert len(outcomes_of(night)) == 120


def test_a_table_without_an_answer_replaces_none_and_lies_where_the_message_says(local, tmp_path, capsys):
    night = night_in(tmp_path)
    write_pairs(night.source, 20)
    assert run(local, tmp_path) == 0
    write_pairs(night.source, 21)
    manifest = tmp_path / "source" / "manifests" / f"ds={DAY}" / "pairs.csv"
    manifest.write_text(manifest.read_text().replace("images/", "gone/"))
    assert run(local, tmp_path) == 1
    assert "outcomes/refused/" in capsys.readouterr().err
    assert (outcomes_of(night)["outcome"] == "scored").sum() == 20
    (refused,) = (tmp_path / "warehouse" / "outcomes" / "refused").rglob("*.parquet")
    assert refused.stat().st_size
    assert run(local, tmp_path, "--allow-empty") == 0
    assert (outcomes_of(night)["outcome"] == "failed").sum() == 21


def test_a_manifest_without_rows_ends_well_and_replaces_nothing(local, tmp_path, capsys):
    night = night_in(tmp_path)
    write_pairs(night.source, 20)
    assert run(local, tmp_path) == 0
    night.source.put(f"manifests/ds={DAY}/pairs.csv", f"{HEADER}\n".encode())
    capsys.readouterr()
    assert run(local, tmp_path) == 0
    assert "no pairs" in capsys.readouterr().out
    assert len(outcomes_of(night)) == 20
