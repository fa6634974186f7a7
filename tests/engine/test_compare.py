import threading
from dataclasses import replace

import pytest

from maskmatch.core.errors import CallFailed, ImageUnusable, SlotMissed, SourceWaits, StoreAway
from maskmatch.core.image_rules import ImageFacts
from maskmatch.core.outcomes import FailureClass, Images, Side, Source, Status
from maskmatch.core.store_troubles import IMAGE_UNAVAILABLE, store_rule
from maskmatch.engine.run import compare_pairs
from maskmatch.permits.client.pacing import Pacer
from tests.engine.engines import engine, numbered
from tests.fakes import A_CLAIM, FakeClock, FakeComparer, FakeImages, FreeCoordinator, ListJournal


def compare_one(parts):
    compare_pairs(numbered("a"), parts)
    (outcome,) = parts.journal.outcomes
    return outcome


def test_every_pair_gets_one_outcome_and_one_call():
    parts = engine()
    compare_pairs(numbered(*map(str, range(100))), parts)
    assert sorted(int(o.pair_id) for o in parts.journal.entries) == list(range(100))
    assert sorted(map(int, parts.client.calls)) == list(range(100))
    assert {o.call_order for o in parts.journal.entries} == set(range(100))
    assert parts.progress.counts == {"scored": 100}


def test_pairs_are_drawn_as_they_are_needed():
    drawn = []

    def source():
        for number, numbered_pair in enumerate(numbered(*map(str, range(100)))):
            drawn.append(number)
            yield numbered_pair

    parts = engine(calls_in_flight=1)
    parts.client.on_call = lambda: parts.client.sent == 5 and parts.stop.set()
    with pytest.raises(Exception, match="stopped on request"):
        compare_pairs(source(), parts)
    assert drawn[:5] == [0, 1, 2, 3, 4]
    assert len(drawn) <= 6


def test_pairs_that_are_not_there_yet_are_waited_for_and_each_is_told_when_it_is_done():
    first, second, done = *numbered("a", "b"), []
    parts = engine(on_done=done.append)
    compare_pairs([None, first, None, None, second, None], parts)
    assert {pair.pair_id for pair in done} == {o.pair_id for o in parts.journal.entries} == {"a", "b"}
    assert len(done) == 2


def test_nothing_to_compare_is_done_at_once():
    parts = engine()
    compare_pairs([], parts)
    assert parts.journal.entries == []


def test_a_score_comes_with_the_facts_of_its_call():
    outcome = compare_one(engine())
    assert (outcome.status, outcome.score, outcome.model_version) == (Status.SCORED, 77.0, "3.0")
    assert (outcome.calls.attempts, outcome.calls.billed, outcome.calls.request_id) == (1, 1, "r-2")
    assert (outcome.calls.latency_ms, outcome.calls.called_at) == (0.0, FakeClock().utc())
    assert (outcome.calls.attempt, outcome.calls.bytes_sent, outcome.calls.answered_by) == (1, 1000, "fake")
    assert (outcome.calls.answered_at, outcome.manifest_row) == (FakeClock().utc(), 2)


def test_a_call_that_nobody_answered_has_no_time_of_an_answer():
    parts = engine(client=FakeComparer({"a": ["ConnectionError"]}))
    parts.client.answered_by = lambda call: None if isinstance(call.ended, CallFailed) else "fake"
    compare_pairs(numbered("a"), parts)
    lost, scored = parts.journal.entries
    assert (lost.calls.attempt, lost.calls.answered_at, lost.calls.answered_by) == (1, None, None)
    assert (scored.calls.attempt, scored.calls.answered_by) == (2, "fake")


def test_an_outcome_tells_what_its_images_were():
    facts = ImageFacts(store_host="s3.test", md5="5", sha256="6", size=7, load_ms=8.0)

    class Known(FakeImages):
        def load(self, image_id):
            return replace(super().load(image_id), facts=facts)

    assert compare_one(engine(images=Known())).images == Images(facts, facts)


def test_a_missing_image_fails_the_pair_without_a_call_and_names_the_side():
    parts = engine(images=FakeImages("a"))
    outcome = compare_one(parts)
    assert outcome.reason is not None
    assert (outcome.reason.code, outcome.reason.side) == ("image_missing", Side.PROBE)
    assert (outcome.source, parts.client.calls, parts.permits.granted) == (Source.PREFLIGHT, [], 0)


def test_two_images_too_large_for_one_request_fail_the_pair_without_a_call():
    class Large(FakeImages):
        def load(self, image_id):
            picture = super().load(image_id)
            return type(picture)(data=picture.data + b"x" * 3_932_000)

    parts = engine(images=Large())
    outcome = compare_one(parts)
    assert outcome.reason is not None
    assert (outcome.reason.code, parts.client.calls) == ("request_too_large", [])


def test_a_source_in_trouble_for_too_long_ends_the_run():
    class Away(FakeImages):
        def load(self, image_id):
            raise StoreAway("the store is away", store_rule("503"))

    with pytest.raises(StoreAway, match="the store is away"):
        compare_pairs(numbered(*"abc"), engine(images=Away()))


def test_an_image_in_another_store_that_cannot_be_used_fails_its_pair_alone():
    class Broken(FakeImages):
        tries = 0

        def load(self, image_id):
            if image_id != "7":
                return super().load(image_id)
            self.tries += 1
            raise ImageUnusable(IMAGE_UNAVAILABLE, "the store breaks off")

    parts = engine(images=Broken())
    compare_pairs(numbered(*map(str, range(50))), parts)
    (failed,) = [outcome for outcome in parts.journal.outcomes if outcome.reason]
    assert (failed.pair_id, failed.reason.code, failed.reason.side) == ("7", IMAGE_UNAVAILABLE, Side.PROBE)
    assert failed.reason.failure_class is FailureClass.INFRASTRUCTURE
    assert (failed.is_final, parts.images.tries, len(parts.journal.outcomes)) == (False, 3, 50)


@pytest.mark.parametrize("is_sure", [True, False])
def test_pairs_wait_while_the_source_is_in_trouble_and_none_fails(is_sure):
    class InTrouble(FakeImages):
        loads = refused = 0

        def load(self, image_id):
            self.loads += 1
            if self.loads > 40 and parts.clock.now() < began + 20:
                self.refused += 1
                raise SourceWaits("the key has expired", is_sure=is_sure)
            return super().load(image_id)

    parts = engine(images=InTrouble())
    began = parts.clock.now()
    compare_pairs(numbered(*map(str, range(200))), parts)
    assert {outcome.score for outcome in parts.journal.outcomes} == {77.0}
    assert len(parts.journal.outcomes) == 200
    assert parts.client.sent == 200
    if is_sure:  # what was on its way, and one pair every two seconds
        assert parts.images.refused <= 150 + 12


def test_a_call_whose_permit_has_passed_is_made_with_another():
    class StoppedOnce(FakeComparer):
        starts = 0

        def start(self, call, **options):
            assert options["send_by"] == pytest.approx(parts.permits.slots[self.starts] + 0.25)
            self.starts += 1
            if self.starts == 1:
                raise SlotMissed("the time of the permit had passed")
            super().start(call, **options)

    parts = engine(client=StoppedOnce())
    compare_pairs(numbered("a"), parts)
    (outcome,) = parts.journal.outcomes
    assert (outcome.score, outcome.calls.attempts) == (77.0, 1)
    assert (parts.permits.granted, parts.permits.given_back) == (2, 1)


def test_the_permits_come_from_the_pacer_one_for_each_call():
    clock = FakeClock()
    coordinator = FreeCoordinator(clock)
    pacer = Pacer(coordinator, A_CLAIM, calls_per_second=50, clock=clock)
    comparer = FakeComparer({"3": ["InternalError", "RequestLimitExceeded"]})
    parts = engine(client=comparer, permits=pacer, clock=clock)
    compare_pairs(numbered(*map(str, range(10))), parts)
    pacer.close()
    assert (comparer.sent, coordinator.granted - coordinator.given_back) == (12, 10)
    assert coordinator.refused == 1


def test_a_photo_without_a_face_is_billed_and_never_tried_again():
    comparer = FakeComparer({"a": ["InvalidParameterValue.NoFaceInPhoto"]})
    parts = engine(client=comparer)
    outcome = compare_one(parts)
    assert outcome.reason is not None
    assert (outcome.reason.failure_class, outcome.reason.side) == (FailureClass.BIOMETRIC, None)
    assert (outcome.calls.attempts, outcome.calls.billed, parts.permits.given_back) == (1, 1, 0)


def test_an_image_found_bad_settles_its_other_pairs_without_a_call():
    bad = FakeComparer(bad={"bad": "FailedOperation.ImageDecodeFailed"})
    parts = engine(client=bad, calls_in_flight=1)
    pairs = [*numbered("good"), *numbered("bad", "bad", "bad")]
    pairs = [(order, with_reference(pair, "good")) for order, (_, pair) in enumerate(pairs)]
    compare_pairs(pairs, parts)
    assert bad.calls == ["good", "bad"]
    assert [o.source for o in parts.journal.entries] == [Source.API, Source.API, *[Source.VERDICT] * 2]
    reasons = [o.reason for o in parts.journal.entries[1:]]
    assert {r.side for r in reasons} == {Side.PROBE}
    assert reasons[2].message.startswith("probe bad failed in other pairs: ")


def with_reference(pair, reference_id):
    return type(pair)(
        pair_id=f"{reference_id}-{pair.probe_id}",
        reference_id=reference_id,
        probe_id=pair.probe_id,
        manifest_file="pairs.csv",
        manifest_row=2,
    )


def test_all_threads_are_gone_when_it_returns():
    before = threading.active_count()
    compare_pairs(numbered(*map(str, range(50))), engine(calls_in_flight=8))
    assert threading.active_count() == before


def test_a_journal_that_fails_stops_all_threads():
    class FullDisk(ListJournal):
        def enter(self, outcome):
            raise OSError("no space left on device")

    parts = engine(journal=FullDisk())
    with pytest.raises(OSError, match="no space left"):
        compare_pairs(numbered(*map(str, range(1000))), parts)
    assert len(parts.client.calls) <= 8


def test_pairs_that_cannot_be_read_end_the_run():
    def source():
        yield from numbered("a", "b")
        raise ValueError("the shard is damaged")

    with pytest.raises(ValueError, match="the shard is damaged"):
        compare_pairs(source(), engine())
