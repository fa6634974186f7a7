"""Pairs of the same contents, which the plan could not know: one is called, the others follow."""

import hashlib
from dataclasses import replace

import pytest

from maskmatch.core.image_pairs import ImagePair
from maskmatch.core.image_rules import ImageFacts, Picture
from maskmatch.core.outcomes import Calls, FailureClass, Outcome, Reason, Side, Source
from maskmatch.engine.run import compare_pairs
from maskmatch.engine.work import KnownAnswer
from tests.engine.engines import engine
from tests.fakes import FakeComparer, pair

MADE = "InvalidParameterValue.NoFaceInPhoto"
NO_FACE = Reason(
    failure_class=FailureClass.BIOMETRIC,
    code="no_face",
    message="No face.",
    vendor_code=MADE,
    side=Side.PROBE,
)


def md5(content):
    return hashlib.md5(content.encode(), usedforsecurity=False).hexdigest()


class ReadImages:
    """Images whose content is the part of their id before a dot: `a.1` and `a.2` are copies."""

    def __init__(self, tags=None):
        self._tags = tags or {}

    def load(self, image_id):
        content = image_id.partition(".")[0]
        sha256, tag = hashlib.sha256(content.encode()).hexdigest(), self._tags.get(image_id)
        facts = ImageFacts(store_host="s3", md5=md5(content), sha256=sha256, tag=tag)
        return Picture(data=content.encode(), facts=facts)


class AtHand:
    """Answers by the contents of their images."""

    def __init__(self, **answers):
        self.asked = 0
        self.answers = {
            ImagePair(f"md5:{md5(sides[0])}", f"md5:{md5(sides[1])}").comparison: answer
            for sides, answer in answers.items()
        }

    def find(self, comparison):
        self.asked += 1
        return self.answers.get(comparison)

    def find_gone(self, comparison):
        return self.answers.get(comparison)


def of(name, **changes):
    reference, probe = name.split("-")
    return pair(name, reference_id=reference, probe_id=probe, **changes)


def compared(*pairs, **parts):
    made = engine(**{"images": ReadImages()} | parts)
    compare_pairs(enumerate(pairs), made)
    return made, {each.pair_id: each for each in made.journal.entries}


@pytest.mark.parametrize("at_once", [1, 8])
def test_copies_and_swapped_sides_are_called_once_and_each_pair_has_its_outcome(at_once):
    made, ends = compared(of("a-b"), of("a.1-b.1"), of("b.2-a.2"), of("a-c"), calls_in_flight=at_once)
    assert len(made.client.pairs or made.client.calls) == 2
    (called,) = [name for name in ("a-b", "a.1-b.1", "b.2-a.2") if ends[name].source is Source.API]
    for name in {"a-b", "a.1-b.1", "b.2-a.2"} - {called}:
        end = ends[name]
        is_swapped = end.pair_id.startswith("b") != called.startswith("b")
        source = Source.SWAPPED if is_swapped else Source.DEDUP
        assert (end.source, end.canonical_pair_id, end.score) == (source, called, ends[called].score)
        assert (end.calls.attempts, end.calls.billed, end.calls.request_id) == (0, 0, "r-2")
    assert made.progress.calls["billed"] == 2


def test_another_quality_control_is_another_comparison():
    _, ends = compared(of("a-b"), of("a.1-b.1", quality_control=3))
    assert [end.source for end in ends.values()] == [Source.API] * 2


def test_what_the_plan_knew_is_looked_for_nowhere():
    at_hand = AtHand()
    contents = {"reference_content": f"md5:{md5('a')}", "probe_content": f"md5:{md5('b')}"}
    _, ends = compared(of("a-b", **contents), answers=at_hand)
    assert (at_hand.asked, ends["a-b"].source) == (0, Source.API)


def test_a_picture_that_was_replaced_since_it_was_planned_is_an_open_row_and_is_not_paid_for():
    planned = {"reference_content": f"md5:{md5('a')}", "probe_content": f"md5:{md5('old')}"}
    answer = KnownAnswer(Outcome(pair_id="x", score=1.0, calls=Calls(attempts=1, answered_by="fake")))
    made, ends = compared(of("a-b", **planned), answers=AtHand(ab=answer))
    reason = ends["a-b"].reason
    assert (reason.code, reason.side, reason.is_open) == ("image_replaced", Side.PROBE, True)
    assert (ends["a-b"].score, made.permits.granted) == (None, 0)


def test_a_tag_that_only_looks_like_an_md5_is_no_sign_of_another_picture():
    planned = {"reference_content": f"md5:{md5('key of the store')}", "probe_content": f"md5:{md5('b')}"}
    _, ends = compared(of("a-b", **planned), images=ReadImages(tags={"a": f'"{md5("key of the store")}"'}))
    assert ends["a-b"].source is Source.API


def test_an_answer_at_hand_takes_no_permit_and_no_call():
    paid = Calls(attempts=1, billed=1, request_id="r-0", answered_by="fake")
    answer = KnownAnswer(Outcome(pair_id="x", score=12.0, model_version="3.0", calls=paid))
    made, ends = compared(of("a-b"), of("b.1-a.1"), answers=AtHand(ab=answer))
    assert made.permits.granted == 0
    for end in ends.values():
        assert (end.score, end.source, end.canonical_pair_id) == (12.0, Source.REUSED, "x")
        assert end.calls == replace(paid, attempts=0, billed=0)


def test_the_side_at_fault_is_that_of_the_image_wherever_it_stands():
    failed = Outcome(pair_id="x", reason=NO_FACE, calls=Calls(attempts=1, answered_by="fake"))
    answer = KnownAnswer(failed, f"md5:{md5('b')}")
    _, ends = compared(of("b.1-a"), of("a-b.2"), answers=AtHand(ab=answer))
    assert [end.reason.side for end in ends.values()] == [Side.REFERENCE, Side.PROBE]


def test_a_pair_whose_first_brought_no_answer_is_called_itself():
    client = FakeComparer({"b": ["FailedOperation.CompareFaceFailed"]})
    _, ends = compared(of("a-b"), of("a.1-b.1"), client=client, calls_in_flight=8)
    assert sorted(end.source for end in ends.values()) == ["api", "dedup"]
    assert all(end.score is not None or end.reason for end in ends.values())


def test_images_are_known_by_their_sha256_alone_where_tags_are_not_trusted():
    _, ends = compared(of("a-b"), of("a.1-b.1"), trust_tags=False)
    assert sorted(end.source for end in ends.values()) == ["api", "dedup"]


def test_a_bad_image_is_bad_under_every_key_that_it_has():
    client = FakeComparer(bad={"bad": MADE})
    pairs = [of("a-b"), of("a-bad"), of("b-bad.1"), of("c-bad.2")]
    made, ends = compared(*pairs, client=client, calls_in_flight=1)
    assert [ends[each.pair_id].source for each in pairs] == ["api", "api", "verdict", "verdict"]
    assert made.progress.calls["billed"] == 2
