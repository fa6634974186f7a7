"""Answers in the journals of a warehouse, found by the contents of their images."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from maskmatch.core.image_pairs import ImagePair
from maskmatch.core.image_rules import ImageFacts
from maskmatch.core.outcomes import Calls, FailureClass, Images, Outcome, Reason, Side, Source
from maskmatch.engine.bad_images import BadImageIndex
from maskmatch.pipeline.answers_at_hand import AnswersAtHand, Dates
from maskmatch.pipeline.known_images import learn_of_images
from maskmatch.storage.journal import Origin, ShardJournal, compact
from maskmatch.storage.journal.answers import NAME, Wanted
from maskmatch.storage.journal.records import OUTCOME_COLUMNS
from maskmatch.storage.object_stores import FileStore

DAY = date(2026, 1, 10)
AT = datetime(2026, 1, 10, tzinfo=UTC)
WANTED = Wanted(answered_by="vendor", image_policy="bytes-1", trust_tags=True)
CALL = Calls(attempts=1, billed=1, attempt=1, called_at=AT, request_id="r", answered_by="vendor")
NO_FACE = Reason(
    failure_class=FailureClass.BIOMETRIC,
    code="no_face",
    message="No face.",
    vendor_code="InvalidParameterValue.NoFaceInPhoto",
    side=Side.REFERENCE,
)
AWAY = Reason(failure_class=FailureClass.INFRASTRUCTURE, code="network_error", message="timed out")


@pytest.fixture
def store(tmp_path):
    return FileStore(tmp_path / "store")


def facts(content, **changes):
    known = ImageFacts(store_host="s3", md5=content * 32, sha256=content * 64)
    return replace(known, **changes)


def answered(reference="a", probe="b", *, score=50.0, **changes):
    images = Images(*(each if isinstance(each, ImageFacts) else facts(each) for each in (reference, probe)))
    end = Outcome(
        pair_id="p",
        score=score,
        model_version="3.0",
        calls=CALL,
        call_order=1,
        quality_control=0,
        images=images,
    )
    return replace(end, **changes)


def write(store, *outcomes, day=DAY, plan="one", policy="bytes-1", compacted=False):
    prefix = f"work/ds={day}/plan={plan}/shard-00000.journal"
    origin = Origin("a-run", "key-1", policy)
    with ShardJournal(store, prefix, origin=origin, epoch=1, only_new=True) as journal:
        for outcome in outcomes:
            journal.enter(outcome)
    if compacted:
        compact(store, prefix)


def named(reference, probe, level=0, kind="md5", length=32):
    return ImagePair(f"{kind}:{reference * length}", f"{kind}:{probe * length}", level).comparison


def at_hand(store, wanted=WANTED, **dates):
    return AnswersAtHand(store, Dates(day=DAY, **dates), wanted)


def score_of(store, name, wanted=WANTED, **dates):
    answers = at_hand(store, wanted, **dates)
    found = answers.find(name)
    return found and found.outcome.score


@pytest.mark.parametrize("compacted", [False, True])
def test_an_answer_is_found_by_its_images_in_either_order(store, compacted):
    write(store, answered(), compacted=compacted)
    assert score_of(store, named("b", "a")) == 50.0
    assert score_of(store, named("a", "c")) is None
    assert score_of(store, named("a", "b", 1)) is None


def test_all_plans_of_a_date_count_and_the_last_call_wins(store):
    later = replace(CALL, called_at=AT + timedelta(seconds=1))
    write(store, answered(score=2.0, calls=later), plan="a")
    write(store, answered(score=1.0), answered("c", "d"), plan="b")
    assert score_of(store, named("a", "b")) == 2.0
    assert score_of(store, named("c", "d")) == 50.0


@pytest.mark.parametrize(("days", "found"), [(0, None), (2, None), (3, 50.0), (30, 50.0)])
def test_earlier_dates_count_as_far_back_as_it_is_said(store, days, found):
    write(store, answered(), day=DAY - timedelta(days=3))
    assert score_of(store, named("a", "b"), reuse_days=days) == found


def test_what_others_answered_or_to_images_sent_in_another_way_is_no_answer(store):
    write(store, answered(calls=replace(CALL, answered_by="comparemaskface/hash")), plan="a")
    write(store, answered(), plan="b", policy="url-1")
    assert score_of(store, named("a", "b")) is None


def test_final_failures_that_the_service_told_are_answers_and_others_are_none(store):
    failed = answered(score=None, model_version=None, reason=NO_FACE)
    write(
        store,
        failed,
        answered("c", "d", score=None, reason=AWAY),
        answered("e", "f", score=None, reason=NO_FACE, calls=Calls(), source=Source.VERDICT),
    )
    answers = at_hand(store)
    found = answers.find(named("a", "b"))
    assert (found.outcome.reason.code, found.failed_content) == ("no_face", f"md5:{'a' * 32}")
    assert len(answers) == 1


def test_a_tag_that_is_an_md5_tells_the_content_and_any_other_does_not(store):
    tag = facts("a", md5=None, sha256=None, tag=f'"{"A" * 32}"')
    parts = facts("c", md5=None, sha256=None, tag=f'"{"c" * 32}-2"')
    write(store, answered(tag, "b"), answered(parts, "b"))
    answers = at_hand(store)
    assert len(answers) == 1
    assert answers.find(named("a", "b"))


def test_without_trust_in_tags_only_sha256_counts(store):
    wanted = replace(WANTED, trust_tags=False)
    write(store, answered(), answered(facts("c", sha256=None), "b"))
    assert score_of(store, named("a", "b"), wanted) is None
    assert score_of(store, named("a", "b", kind="sha256", length=64), wanted) == 50.0
    answers = at_hand(store, wanted)
    assert len(answers) == 1


def test_an_address_of_which_no_store_was_asked_counts_on_its_own_date_alone(store):
    link = ImageFacts(store_host="x.test", image_id="https://x.test/a.jpg")
    name = ImagePair("id:https://x.test/a.jpg", f"md5:{'b' * 32}").comparison
    write(store, answered(link, "b"), day=DAY - timedelta(days=1))
    assert score_of(store, name, reuse_days=1) is None
    write(store, answered(link, "b"))
    assert score_of(store, name, reuse_days=1) == 50.0


NO_PAIRS = np.empty(0, np.uint64)


def test_a_look_up_gives_the_rows_and_the_places_of_those_that_are_found(store):
    write(store, answered(), answered("c", "d", score=7.0), compacted=True)
    asked = [named("x", "y"), named("d", "c"), named("a", "a"), named("b", "a")]
    answers = at_hand(store)
    found = answers.lookup(pa.array(asked, NAME), NO_PAIRS)
    nothing = answers.lookup(pa.array([], NAME), NO_PAIRS)
    assert found.schema.names == ["place", *OUTCOME_COLUMNS, "failed_content"]
    assert sorted(zip(found["place"].to_pylist(), found["score"].to_pylist(), strict=True)) == [
        (1, 7.0),
        (3, 50.0),
    ]
    assert (nothing.num_rows, nothing.schema) == (0, found.schema)


def test_the_digest_tells_answers_and_not_where_they_lie(store):
    def digest():
        answers = at_hand(store)
        return answers.digest

    empty = digest()
    write(store, answered(), answered("c", "d"))
    gathered = digest()
    compact(store, f"work/ds={DAY}/plan=one/shard-00000.journal")
    assert digest() == gathered != empty
    write(store, answered("e", "f"), plan="two")
    assert digest() != gathered


def test_a_repetition_takes_over_what_its_own_folder_holds(store):
    write(store, answered(), plan="one")
    write(store, answered("c", "d"), plan="two")
    folder = f"work/ds={DAY}/plan=two"
    assert score_of(store, named("a", "b"), folder=folder) is None
    assert score_of(store, named("c", "d"), folder=folder) == 50.0


class Told:
    """What a plan of the date may take over."""

    wanted = WANTED
    dates = Dates(day=DAY)


def test_a_bad_image_of_another_plan_is_known_by_its_content(store):
    write(store, answered("g", "h"), answered("g", "b", score=None, reason=replace(NO_FACE, side=None)))
    index = BadImageIndex()
    learn_of_images(index, store, Told())
    bad = ImagePair("md5:" + "b" * 32, "md5:" + "x" * 32, 0, "new/key.jpg", "x.jpg")
    assert index.on(bad).side is Side.REFERENCE
    assert "reference new/key.jpg failed" in index.on(bad).message
    assert index.on(ImagePair("md5:" + "g" * 32, "md5:" + "x" * 32)) is None


def test_a_picture_that_replaced_a_bad_one_is_not_bad(store):
    write(store, answered("g", "h"), answered("g", "b", score=None, reason=NO_FACE))
    index = BadImageIndex()
    learn_of_images(index, store, Told())
    assert index.on(ImagePair("md5:" + "c" * 32, "md5:" + "x" * 32, 0, "b.jpg", "x.jpg")) is None
