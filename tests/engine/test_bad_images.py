import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskmatch.core.image_pairs import ImagePair
from maskmatch.core.outcomes import FailureClass, Outcome, Reason, Side, Source
from maskmatch.engine.bad_images import BadImageIndex, _sides
from maskmatch.engine.run import compare_pairs
from tests.engine.engines import engine
from tests.fakes import FakeComparer, pair

NO_FACE = Reason(
    failure_class=FailureClass.BIOMETRIC,
    code="no_face",
    message="No face was found.",
    vendor_code="InvalidParameterValue.NoFaceInPhoto",
)
BLURRED = Reason(
    failure_class=FailureClass.BIOMETRIC,
    code="low_quality",
    message="A face is below the quality.",
    vendor_code="FailedOperation.FaceQualityNotQualified",
)


def of(reference, probe, quality=0):
    return ImagePair(reference, probe, quality)


def as_pair(images):
    name = f"{images.reference}-{images.probe}"
    return pair(name, reference_id=images.reference, probe_id=images.probe, quality_control=images.level)


def experienced():
    """Return verdicts that have seen many good pairs, so that bad images are known to be rare."""
    verdicts = BadImageIndex()
    for number in range(100):
        verdicts.record_score(of(f"early{number}", f"late{number}"))
    return verdicts


def settled(verdicts, reference, probe, quality=0):
    reason = verdicts.on(of(reference, probe, quality))
    return reason and (reason.code, reason.side)


def test_nothing_is_known_of_images_never_seen():
    assert settled(BadImageIndex(), "a", "b") is None


def test_beside_a_good_image_the_other_is_bad_and_the_failure_itself_knows_its_side():
    verdicts = BadImageIndex()
    verdicts.record_score(of("good", "x"))
    assert verdicts.record_failure(of("bad", "good"), NO_FACE).side is Side.REFERENCE
    assert settled(verdicts, "new", "bad") == ("no_face", Side.PROBE)
    assert settled(verdicts, "bad", "new") == ("no_face", Side.REFERENCE)
    assert settled(verdicts, "good", "new") is None


def test_two_unknown_images_are_both_suspected_and_still_called():
    verdicts = BadImageIndex()
    assert verdicts.record_failure(of("a", "b"), NO_FACE).side is None
    assert settled(verdicts, "a", "b") is None
    assert settled(verdicts, "a", "c") is None


def test_a_suspicion_is_resolved_when_one_of_the_two_turns_out_good():
    verdicts = BadImageIndex()
    verdicts.record_failure(of("a", "b"), NO_FACE)
    verdicts.record_score(of("a", "c"))
    assert settled(verdicts, "b", "d") == ("no_face", Side.REFERENCE)


def test_resolving_one_suspicion_clears_those_that_it_explains():
    verdicts = BadImageIndex()
    for partner in ("a", "x", "y"):
        verdicts.record_failure(of(partner, "bad"), NO_FACE)
    verdicts.record_score(of("a", "c"))
    for partner in ("x", "y"):
        assert verdicts.record_failure(of(partner, "other"), NO_FACE).side is None
    assert settled(verdicts, "x", "c") is None


def test_an_image_that_failed_with_three_partners_and_never_scored_is_bad():
    verdicts = experienced()
    for partner in "xyz":
        assert settled(verdicts, "bad", partner) is None
        verdicts.record_failure(of("bad", partner), NO_FACE)
    assert settled(verdicts, "bad", "w") == ("no_face", Side.REFERENCE)
    assert settled(verdicts, "x", "y") is None


def test_where_bad_images_are_common_more_partners_are_asked_for():
    verdicts = experienced()
    for number in range(100):
        verdicts.record_failure(of(f"a{number}", f"b{number}"), NO_FACE)
    for number in range(6):
        assert settled(verdicts, "bad", "w") is None
        verdicts.record_failure(of("bad", f"partner{number}"), NO_FACE)
    assert settled(verdicts, "bad", "w") == ("no_face", Side.REFERENCE)


def test_a_verdict_by_count_is_put_to_the_proof_beside_a_good_image():
    verdicts = experienced()
    for partner in "xyz":
        verdicts.record_failure(of("bad", partner), NO_FACE)
    assert settled(verdicts, "bad", "w") is not None
    assert settled(verdicts, "bad", "early1") is None
    verdicts.record_failure(of("bad", "early1"), NO_FACE)
    assert settled(verdicts, "bad", "early2") == ("no_face", Side.REFERENCE)


def test_a_verdict_by_count_that_proves_wrong_is_taken_back_and_its_partners_are_bad():
    verdicts = experienced()
    for partner in "xyz":
        verdicts.record_failure(of("hub", partner), NO_FACE)
    assert settled(verdicts, "hub", "w") is not None
    verdicts.record_score(of("hub", "early1"))
    assert settled(verdicts, "hub", "w") is None
    assert settled(verdicts, "x", "w") == ("no_face", Side.REFERENCE)


def test_the_same_partner_counts_once_and_different_codes_are_not_added_up():
    verdicts = experienced()
    for _ in range(9):
        verdicts.record_failure(of("bad", "x"), NO_FACE)
    verdicts.record_failure(of("bad", "y"), NO_FACE)
    verdicts.record_failure(of("bad", "z"), BLURRED)
    assert settled(verdicts, "bad", "w") is None


def test_partners_that_are_bad_themselves_do_not_count():
    verdicts = BadImageIndex()
    verdicts.record_score(of("good", "fine"))
    for partner in "xyz":
        verdicts.record_failure(of("hub", partner), NO_FACE)
        verdicts.record_failure(of("good", partner), NO_FACE)
    assert settled(verdicts, "hub", "new") is None
    assert settled(verdicts, "x", "new") == ("no_face", Side.REFERENCE)


def test_a_failure_that_a_bad_image_explains_casts_no_suspicion():
    verdicts = BadImageIndex()
    verdicts.record_score(of("good", "fine"))
    verdicts.record_failure(of("good", "bad"), NO_FACE)
    for bad in ("bad", "bad2", "bad3"):
        verdicts.record_failure(of("good", bad), NO_FACE)
        assert verdicts.record_failure(of("innocent", bad), NO_FACE).side is Side.PROBE
    assert settled(verdicts, "innocent", "new") is None


def test_while_calls_with_an_image_are_in_flight_the_count_is_no_verdict_yet():
    verdicts = experienced()
    verdicts.begin(of("hub", "good"))
    for partner in "xyz":
        verdicts.record_failure(of("hub", partner), NO_FACE)
    assert settled(verdicts, "hub", "w") is None
    assert verdicts.are_pending(of("w", "hub"))
    assert verdicts.forestall(of("w", "hub"))
    assert not verdicts.are_pending(of("w", "v"))
    assert not verdicts.forestall(of("w", "v"))
    verdicts.record_score(of("hub", "good"))
    verdicts.end(of("hub", "good"))
    assert verdicts.forestall(of("x", "w"))
    assert not verdicts.are_pending(of("w", "hub"))
    assert settled(verdicts, "hub", "w") is None
    assert settled(verdicts, "x", "w") == ("no_face", Side.REFERENCE)


def test_one_image_on_both_sides_is_bad_by_itself():
    verdicts = BadImageIndex()
    assert verdicts.record_failure(of("a", "a"), NO_FACE).side is Side.PROBE
    assert settled(verdicts, "a", "b") == ("no_face", Side.REFERENCE)


def test_two_good_images_that_fail_together_stay_good():
    verdicts = BadImageIndex()
    verdicts.record_score(of("a", "b"))
    assert verdicts.record_failure(of("a", "b"), NO_FACE).side is None
    assert settled(verdicts, "a", "b") is None


@pytest.mark.parametrize(("quality", "is_settled"), [(0, False), (2, False), (3, True), (4, True)])
def test_low_quality_holds_for_its_setting_and_stricter_ones(quality, is_settled):
    verdicts = BadImageIndex()
    verdicts.record_score(of("sharp", "x", 4))
    verdicts.record_failure(of("sharp", "soft", 3), BLURRED)
    assert (settled(verdicts, "soft", "new", quality) is not None) == is_settled


def test_good_at_a_loose_setting_does_not_clear_of_low_quality_at_a_strict_one():
    verdicts = BadImageIndex()
    verdicts.record_score(of("a", "x", 1))
    verdicts.record_failure(of("a", "b", 3), BLURRED)
    assert settled(verdicts, "b", "new", 3) is None
    verdicts.record_score(of("a", "y", 3))
    assert settled(verdicts, "b", "new", 3) == ("low_quality", Side.REFERENCE)
    assert settled(verdicts, "b", "new", 2) is None


def test_good_at_any_setting_clears_of_having_no_face():
    verdicts = BadImageIndex()
    verdicts.record_score(of("a", "x", 0))
    verdicts.record_failure(of("a", "b", 4), NO_FACE)
    assert settled(verdicts, "b", "new", 0) == ("no_face", Side.REFERENCE)


def test_only_the_newest_images_are_remembered():
    verdicts = BadImageIndex(most_images=10)
    verdicts.record_score(of("good", "x"))
    verdicts.record_failure(of("good", "bad"), NO_FACE)
    for number in range(8):
        verdicts.on(of("bad", "new"))
        verdicts.record_score(of(f"r{number}", f"p{number}"))
    assert settled(verdicts, "bad", "new") is not None
    assert len(verdicts._images) == 10
    for number in range(10):
        verdicts.record_score(of(f"s{number}", "t"))
    assert settled(verdicts, "bad", "new") is None


def test_the_journal_of_an_earlier_try_teaches_the_same():
    known = [
        (of("a", "b"), Outcome(pair_id="1", reason=NO_FACE)),
        (of("a", "c"), Outcome(pair_id="2", score=50.0)),
        (of("d", "e"), Outcome(pair_id="3", reason=None, score=1.0)),
        (of("d", "f", 2), Outcome(pair_id="4", reason=BLURRED, source=Source.VERDICT)),
    ]
    verdicts = BadImageIndex()
    verdicts.seed(known)
    assert settled(verdicts, "b", "x") == ("no_face", Side.REFERENCE)
    assert settled(verdicts, "f", "x", 4) is None


def test_a_side_that_the_journal_knows_is_taken_over():
    verdicts = BadImageIndex()
    reason = Reason(
        **{f: getattr(NO_FACE, f) for f in ("failure_class", "code", "message", "vendor_code")}, side="probe"
    )
    verdicts.seed([(of("a", "b"), Outcome(pair_id="1", reason=reason, source=Source.VERDICT))])
    assert settled(verdicts, "x", "b") == ("no_face", Side.PROBE)


def test_what_concerns_no_image_teaches_nothing():
    down = Reason(
        failure_class=FailureClass.INFRASTRUCTURE, code="x", message="", vendor_code="InternalError"
    )
    missing = Reason(failure_class=FailureClass.DATA, code="image_missing", message="", side=Side.PROBE)
    verdicts = BadImageIndex()
    verdicts.seed(
        (of("a", p), Outcome(pair_id=p, reason=r))
        for p, r in zip("bcde", [down, down, down, missing], strict=True)
    )
    assert settled(verdicts, "a", "e") is None


@settings(max_examples=min(40, settings().max_examples), deadline=None)
@given(st.sets(st.integers(0, 9), max_size=3), st.permutations(range(10)), st.integers(1, 8))
def test_no_good_pair_fails_no_bad_pair_scores_and_every_side_is_right(bad, order, threads):
    names = {number: f"i{number}" for number in range(10)}
    codes = {names[number]: "InvalidParameterValue.NoFaceInPhoto" for number in bad}
    pairs = [of(names[a], names[b]) for a in order for b in range(10) if a < b]
    parts = engine(client=FakeComparer(bad=codes), calls_in_flight=threads)
    compare_pairs(enumerate(map(as_pair, pairs)), parts)
    verdicts = {o.pair_id: o for o in parts.journal.entries}
    assert len(verdicts) == len(pairs) == len(parts.journal.entries)
    for each in pairs:
        is_bad = {each.reference, each.probe} & codes.keys()
        outcome = verdicts[as_pair(each).pair_id]
        assert (outcome.score is None) == bool(is_bad)
        if outcome.reason and outcome.reason.side:
            assert dict(_sides(each))[outcome.reason.side] in codes


def test_a_few_bad_images_in_many_pairs_cost_hardly_more_calls_than_one_each():
    names = [f"i{number}" for number in range(100)]
    codes = dict.fromkeys(names[:6], "InvalidParameterValue.NoFaceInPhoto")
    draw = random.Random(7)
    pairs = [of(*draw.sample(names, 2)) for _ in range(2000)]
    parts = engine(client=FakeComparer(bad=codes), calls_in_flight=8)
    compare_pairs(enumerate(map(as_pair, pairs)), parts)
    good = sum(not {p.reference, p.probe} & codes.keys() for p in pairs)
    assert parts.progress.counts["scored"] == good
    assert parts.client.sent - good <= 5 * len(codes)
