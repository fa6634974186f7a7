"""Failed rows are a to-do list: chosen ones are called anew, all others stay as they were."""

from dataclasses import replace

import pandas as pd
import pytest

from devstack.pictures import JPEG_HEAD
from maskmatch.cli.__main__ import main
from maskmatch.core.errors import Superseded
from maskmatch.core.planning import PlanOptions
from maskmatch.core.redrive import read_selection
from maskmatch.pipeline.answered_plan import asked
from maskmatch.pipeline.compare import compare_shards
from maskmatch.pipeline.publish import PublishOptions, publications, publish, publish_again
from maskmatch.pipeline.redrive import kept_outcomes, make_redrive_plan, redriven_publication
from maskmatch.storage.tables import read_table
from tests.account import local_account
from tests.commands import command
from tests.nights import DAY, night_in, options_for, outcomes_of, write_pairs

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


def redrive(local, folder, *where, more=()):
    return main(command(local, folder, "redrive", *(f"--where={each}" for each in where), *more))


def put_late(run, *numbers):
    for number in numbers:
        run.source.put(f"late/{number}.jpg", JPEG_HEAD + b"late %d" % number)


def called(run, local, folder, *where):
    """Plan a redrive and call its pairs; return the plan, of which nothing is published."""
    options = options_for(local, folder)
    with kept_outcomes(run, read_selection(list(where))) as kept:
        plan = make_redrive_plan(run, asked(PlanOptions(), options), kept)
    compare_shards(run, plan, plan.to_compare, options)
    return plan


def test_chosen_failures_are_called_and_paid_and_all_other_rows_stay_as_they_were(night, tmp_path, capsys):
    with local_account() as local:
        assert main(command(local, tmp_path)) == 0
        before, paid = table_of(night), local.meter()["billed"]
        put_late(night, *range(6))
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
    assert [row["reason"] for row in publications(night)[0]] == ["run", "redrive", "run"]


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


def test_rows_that_are_kept_say_the_quality_control_of_their_call(night, tmp_path):
    with local_account() as local:
        assert main(command(local, tmp_path)) == 0
        put_late(night, 1)
        assert redrive(local, tmp_path, "pair_id=m1", more=["--quality-control=1"]) == 0
    after = outcomes_of(night).dropna(subset="reference_id").set_index("pair_id")
    assert after.loc["m1", ["outcome", "quality_control"]].tolist() == ["scored", 1]
    assert set(after.drop("m1")["quality_control"]) == {0}


def test_a_redrive_does_not_replace_what_was_published_meanwhile_and_is_paid_once(night, tmp_path):
    with local_account() as local:
        assert main(command(local, tmp_path)) == 0
        paid = local.meter()["billed"]
        put_late(night, 0, 1, 2)
        plan = called(replace(night, run_id="slow"), local, tmp_path, "pair_id=m0")
        assert main(command(local, tmp_path)) == 0  # finds m0 in the journal, calls m1 and m2
        before = table_of(night)
        options = PublishOptions(nominal_fmr=1e-4, base=redriven_publication(plan))
        with pytest.raises(Superseded, match=r"published anew meanwhile, as 000002-.*redrive again"):
            publish(night, plan, options)
        pd.testing.assert_frame_equal(table_of(night), before)
        assert local.meter()["billed"] == paid + 3


@pytest.mark.parametrize("where", ["failure_code=image_missing", "pair_id=m1"])
def test_what_a_redrive_has_paid_before_a_rollback_is_not_paid_again(night, tmp_path, where):
    with local_account() as local:
        assert main(command(local, tmp_path)) == 0
        put_late(night, 1)
        called(replace(night, run_id="slow"), local, tmp_path, where)
        paid = local.meter()["billed"]
        publish_again(night, publications(night)[1], PublishOptions(nominal_fmr=1e-4))
        assert redrive(local, tmp_path, where) == 0
        assert local.meter()["billed"] == paid
    assert outcomes_of(night).set_index("pair_id").loc["m1", "outcome"] == "scored"


@pytest.mark.parametrize("given", [[], ["--same-image=call"], ["--same-image=skip"]])
@pytest.mark.parametrize(("first", "outcome"), [("call", "scored"), ("skip", "skipped")])
def test_pairs_of_one_image_twice_stay_as_they_were(tmp_path, first, outcome, given):
    run = night_in(tmp_path)
    write_pairs(
        run.source, 20, extra_lines=["m0,images/0.jpg,late/0.jpg,,", "twin,images/1.jpg,images/1.jpg,,"]
    )
    with local_account() as local:
        assert main(command(local, tmp_path, "run", f"--same-image={first}")) == 0
        put_late(run, 0)
        assert redrive(local, tmp_path, more=given) == 0
    after = outcomes_of(run).set_index("pair_id")["outcome"]
    assert (after["twin"], after["m0"]) == (outcome, "scored")


def test_a_value_with_a_comma_is_named_in_brackets(tmp_path, capsys):
    run = night_in(tmp_path)
    write_pairs(run.source, 5, extra_lines=['"a,1",images/0.jpg,late/0.jpg,,', "b,images/1.jpg,late/1.jpg,,"])
    with local_account() as local:
        assert main(command(local, tmp_path)) == 0
        assert redrive(local, tmp_path, "pair_id in ('a,1')") == 0
        assert "1 image_missing" in capsys.readouterr().out
        assert redrive(local, tmp_path, "pair_id in ('a,1', 'b')") == 0
        assert "2 image_missing" in capsys.readouterr().out


def test_two_choices_that_read_the_same_are_two_plans(night, tmp_path):
    one, other = ["attr_x=a", "attr_y=b"], ["attr_x=a; attr_y in b"]
    with local_account() as local:
        assert main(command(local, tmp_path)) == 0
    digests = []
    for words in (one, other):
        with kept_outcomes(night, read_selection(words)) as kept:
            digests.append(kept.digest)
    assert str(read_selection(one)) == str(read_selection(other))
    assert digests[0] != digests[1]


def test_a_manifest_that_was_spoilt_since_costs_no_published_outcome(night, tmp_path, capsys):
    with local_account() as local:
        assert main(command(local, tmp_path)) == 0
        before = table_of(night)
        manifest = f"manifests/ds={DAY}/pairs.csv"
        night.source.put(manifest, night.source.get(manifest).replace(b"p00001,", b"p00001,,"))
        assert redrive(local, tmp_path) == 1
        assert "3 of 72 rows are no pairs" in capsys.readouterr().err
    pd.testing.assert_frame_equal(table_of(night), before)
