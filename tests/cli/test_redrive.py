"""Failed rows are a to-do list: chosen ones are called anew, all others stay as they were."""

import pandas as pd
import pytest

from devstack.pictures import JPEG_HEAD
from maskmatch.cli.__main__ import main
from maskmatch.core.redrive import read_selection
from maskmatch.storage.tables import read_table
from tests.account import local_account
from tests.commands import command
from tests.nights import DAY, night_in, outcomes_of, write_pairs

pytestmark = pytest.mark.server
FACTS = ["outcome", "score", "decision", "failure_code", "failed_side"]


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", "AKIDtest")
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", "a-key-for-tests-only")


@pytest.fixture
def night(tmp_path):
    """Return a date of 60 sound pairs, 6 whose image is missing, 4 with one of bytes that are no image."""
    run = night_in(tmp_path)
    missing = [f"m{n},images/{n}.jpg,late/{n}.jpg,false,{'both' if n % 2 else 'none'}" for n in range(6)]
    broken = [f"b{n},images/{n}.jpg,broken/{n}.jpg,false,none" for n in range(4)]
    for number in range(4):
        run.source.put(f"broken/{number}.jpg", b"no image %d" % number)
    write_pairs(run.source, 60, extra_lines=[*missing, *broken, "x,images/1.jpg", "m0,,images/1.jpg,,both"])
    return run


def table_of(run) -> pd.DataFrame:
    return outcomes_of(run).set_index("row_id").sort_index()[["pair_id", *FACTS]].astype(object)


def redrive(local, folder, *where):
    return main(command(local, folder, "redrive", *(f"--where={each}" for each in where)))


def test_chosen_failures_are_called_and_paid_and_all_other_rows_stay_as_they_were(night, tmp_path, capsys):
    with local_account() as local:
        assert main(command(local, tmp_path)) == 0
        before, paid = table_of(night), local.meter()["billed"]
        for number in range(6):
            night.source.put(f"late/{number}.jpg", JPEG_HEAD + b"late %d" % number)
        assert redrive(local, tmp_path, "failure_code=image_missing", "attr_mask=both") == 0
        assert local.meter()["billed"] == paid + 3
        assert "3 image_missing" in capsys.readouterr().out
        after = table_of(night)
        chosen = after["pair_id"].isin(["m1", "m3", "m5"]) & (before["failure_code"] == "image_missing")
        assert after[chosen]["outcome"].tolist() == ["scored"] * 3
        pd.testing.assert_frame_equal(after[~chosen], before[~chosen])
        assert len(after) == 72
        assert main(command(local, tmp_path)) == 0  # an ordinary run tries the open ones that are left
        assert local.meter()["billed"] == paid + 6
    assert outcomes_of(night)["outcome"].value_counts()["scored"] == 66


def test_a_final_failure_is_called_anew_only_where_it_is_named(night, tmp_path, capsys):
    with local_account() as local:
        assert main(command(local, tmp_path)) == 0
        paid = local.meter()["billed"]
        for number in range(4):
            night.source.put(f"broken/{number}.jpg", JPEG_HEAD + b"mended %d" % number)
        assert redrive(local, tmp_path, "failure_class=data") == 0
        assert "6 image_missing" in capsys.readouterr().out
        assert local.meter()["billed"] == paid
        assert redrive(local, tmp_path, "failure_code=image_undecodable") == 0
        assert local.meter()["billed"] == paid + 4
    scored = outcomes_of(night).query("outcome == 'scored'")["pair_id"]
    assert sorted(scored)[:4] == ["b0", "b1", "b2", "b3"]


def test_a_redrive_keeps_the_threshold_with_which_the_date_was_published(night, tmp_path):
    again = [f"--date={DAY}", f"--warehouse=file://{tmp_path}/warehouse", "--nominal-fmr=0.00001"]
    with local_account() as local:
        assert main(command(local, tmp_path)) == 0
        assert main(["publish", *again]) == 0
        before = table_of(night)
        for number in range(6):
            night.source.put(f"late/{number}.jpg", JPEG_HEAD + b"late %d" % number)
        assert redrive(local, tmp_path, "attr_mask=both") == 0
        after = table_of(night)
        others = before["failure_code"] != "image_missing"
        pd.testing.assert_frame_equal(after[others], before[others])
        assert main(command(local, tmp_path, "redrive", "--nominal-fmr=0.001")) == 0
    runs = read_table(night.warehouse, "runs", DAY).to_pandas()
    assert runs["reason"].tolist() == ["run", "republish", "redrive", "redrive"]
    assert runs["threshold_nominal_fmr"].tolist() == [1e-4, 1e-5, 1e-5, 1e-3]


@pytest.mark.parametrize(
    ("word", "column", "values"),
    [
        ("failure_code=no_face, low_quality", "failure_code", {"no_face", "low_quality"}),
        ("failure_code in (no_face, 'low_quality')", "failure_code", {"no_face", "low_quality"}),
        ("failure_code IN ('no_face')", "failure_code", {"no_face"}),
        ("reference_id in ('a, b.jpg', 'it''s.jpg')", "reference_id", {"a, b.jpg", "it's.jpg"}),
        ("reference_id=x in (1).jpg", "reference_id", {"x in (1).jpg"}),
    ],
)
def test_values_are_named_behind_a_sign_or_in_brackets(word, column, values):
    assert read_selection([word]).values == {column: values}


def test_values_with_commas_are_another_choice_than_several_values():
    one, two = read_selection(["pair_id in ('a, b')"]), read_selection(["pair_id in (a, b)"])
    assert str(one) != str(two)


def test_final_failures_that_are_left_alone_are_counted(night, tmp_path, capsys):
    with local_account() as local:
        assert main(command(local, tmp_path)) == 0
        capsys.readouterr()
        assert redrive(local, tmp_path, "manifest_file=pairs.csv") == 0
        assert "6 image_missing; 4 final failures are left alone" in capsys.readouterr().out
        assert redrive(local, tmp_path, "pair_id=b1") == 1
    told = capsys.readouterr()
    assert "no row; 1 final failures are left alone" in told.err
    assert "chosen" not in told.out


def test_what_the_service_said_of_a_face_is_asked_again_when_it_is_named(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 10)
    run.source.put("images/3.jpg", JPEG_HEAD + b"another without a face: no face")
    with local_account() as local:
        assert main(command(local, tmp_path)) == 0
        before, paid = table_of(run), local.meter()["billed"]
        assert before["failure_code"].tolist().count("no_face") == 2
        assert main(command(local, tmp_path)) == 0
        assert redrive(local, tmp_path, "failure_class=biometric") == 1
        assert local.meter()["billed"] == paid
        assert redrive(local, tmp_path, "failure_code=no_face") == 0
        assert paid < local.meter()["billed"] <= paid + 2
    after = table_of(run)  # the side is a guess over many pairs, of which two were asked
    pd.testing.assert_frame_equal(after.drop(columns="failed_side"), before.drop(columns="failed_side"))


@pytest.mark.parametrize(
    ("where", "status", "told"),
    [
        ("failure_code=no_such", 2, "is no failure_code: known are"),
        ("failure_code=row_malformed", 2, "such rows are no pairs; Mend the row"),
        ("score=3", 2, "chooses no rows"),
        ("failure_code=", 2, "names no value"),
        ("failure_code in ()", 2, "names no value"),
        ("failure_code=throttled", 1, f"nothing to redrive on {DAY}"),
    ],
)
def test_a_choice_that_is_none_says_so_and_calls_nothing(night, tmp_path, capsys, where, status, told):
    with local_account() as local:
        assert main(command(local, tmp_path)) == 0
        paid, before = local.meter()["billed"], table_of(night)
        assert redrive(local, tmp_path, where) == status
        assert told in capsys.readouterr().err
        assert local.meter()["billed"] == paid
    pd.testing.assert_frame_equal(table_of(night), before)


def test_pairs_that_are_new_in_the_manifest_are_no_part_of_a_redrive(night, tmp_path, capsys):
    with local_account() as local:
        assert main(command(local, tmp_path)) == 0
        before = table_of(night)
        manifest = f"manifests/ds={DAY}/pairs.csv"
        night.source.put(manifest, night.source.get(manifest) + b"new,images/1.jpg,images/9.jpg,,\n")
        assert redrive(local, tmp_path) == 1
        assert "1 pairs of the manifests have no published outcome to keep" in capsys.readouterr().err
    pd.testing.assert_frame_equal(table_of(night), before)
