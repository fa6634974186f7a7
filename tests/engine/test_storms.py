"""Many pairs, random faults, real threads: whatever happens, the books balance."""

import random
import time
from contextlib import suppress

import pytest
from hypothesis import settings

from maskmatch.core.clock import SystemClock
from maskmatch.core.codes import Billed, rule_for
from maskmatch.core.errors import Interrupted, MaskmatchError
from maskmatch.core.image_pairs import ImagePair
from maskmatch.core.outcomes import Source
from maskmatch.engine.run import compare_pairs
from maskmatch.engine.work import RetryLimits
from tests.engine.engines import engine
from tests.fakes import FakeComparer, ListJournal, pair

EXPIRED = "AuthFailure.SignatureExpire"
FAULTS = [
    "InternalError",
    "FailedOperation.RpcFail",
    "RequestLimitExceeded",
    "ClientNetworkError",
    "ConnectionError",
    "ClientNetworkError!",
    "FailedOperation.ImageDownloadError",
    "FailedOperation.ImageFacedetectFailed",
    "FailedOperation.CompareFail",
    "Brand.New",
    EXPIRED,
]
BAD = [
    "InvalidParameterValue.NoFaceInPhoto",
    "FailedOperation.ImageDecodeFailed",
    "FailedOperation.FaceQualityNotQualified",
]


class Storm(FakeComparer):
    """A vendor of random faults that keeps its own books."""

    def __init__(self, seed, *, share, bad):
        super().__init__(bad=bad)
        self.draw = random.Random(seed)
        self.share = share
        self.expired = set()
        self.unknown = 0

    def _code(self, names):
        if self.draw.random() < self.share and not self.bad.keys() & set(names):
            fault = self.draw.choice(FAULTS)
            if names not in self.expired or fault != EXPIRED:
                self.scripts[names[1]] = [fault]
                self.expired |= {names} if fault == EXPIRED else set()
        code = super()._code(names)
        self.unknown += bool(code) and rule_for(code).billed is Billed.UNKNOWN and not code.endswith("!")
        return code


SEEDS = range(min(12, settings().max_examples // 3))
"""Twelve, and fewer in `make check`."""


def night(seed, *, pairs=200, images=60, bad_share=0.05):
    """Return pairs among some images, and the bad ones of these."""
    draw = random.Random(seed)
    names = [f"i{number}" for number in range(images)]
    bad = {name: draw.choice(BAD) for name in names if draw.random() < bad_share}
    drawn = [draw.sample(names, 2) for _ in range(pairs)]
    return [
        (n, pair(f"p{n}", reference_id=a, probe_id=b, quality_control=2)) for n, (a, b) in enumerate(drawn)
    ], bad


def check_books(parts, storm, *, pairs=None):
    """Compare the journal with what the vendor counted and with the permits."""
    calls = [entry.calls for entry in parts.journal.entries]
    assert sum(c.attempts for c in calls) == storm.sent
    assert sum(c.billed for c in calls) == storm.billed
    assert sum(c.maybe_billed for c in calls) == storm.unknown
    assert parts.permits.granted - parts.permits.given_back == storm.billed + storm.unknown
    assert parts.progress.calls["attempts"] == storm.sent
    if pairs is not None:
        assert sorted(o.call_order for o in parts.journal.outcomes) == list(range(pairs))
        assert parts.progress.done == pairs
    assert max(c.attempts for c in calls) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_in_any_storm_every_pair_gets_one_end_and_every_call_is_in_the_books(seed):
    pairs, bad = night(seed)
    storm = Storm(seed, share=0.3, bad=bad)
    parts = engine(client=storm, calls_in_flight=1 + seed % 8)
    compare_pairs(iter(pairs), parts)
    check_books(parts, storm, pairs=len(pairs))
    for outcome in parts.journal.outcomes:
        names = {pairs[outcome.call_order][1].reference_id, pairs[outcome.call_order][1].probe_id}
        if outcome.score is not None:
            assert not names & bad.keys()
        elif outcome.source is Source.VERDICT:
            assert names & bad.keys()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_storm_cut_off_anywhere_leaves_books_that_the_next_run_completes(seed):
    pairs, bad = night(seed)
    journal, draw = ListJournal(), random.Random(seed)
    left = pairs
    for attempt in range(60):
        storm = Storm(1000 * seed + attempt, share=0.3, bad=bad)
        parts = engine(client=storm, calls_in_flight=4)
        cut = draw.randint(1, 120)
        storm.on_call = lambda storm=storm, parts=parts, cut=cut: storm.sent >= cut and parts.stop.set()
        parts.bad_images.seed(
            (ImagePair.planned(pairs[o.call_order][1]), o)
            for o in journal.outcomes
            if o.call_order is not None
        )
        with suppress(Interrupted):
            compare_pairs(left, parts)
        check_books(parts, storm)
        journal.entries += parts.journal.entries
        final = {o.call_order for o in journal.outcomes if o.is_final}
        left = [(order, each) for order, each in pairs if order not in final]
        if not left:
            break
    assert not left
    assert sorted(o.call_order for o in journal.outcomes) == list(range(len(pairs)))


@pytest.mark.parametrize("seed", range(6))
def test_a_storm_with_a_fatal_answer_in_it_stops_with_its_books_in_order(seed):
    pairs, bad = night(seed)
    storm = Storm(seed, share=0.3, bad=bad)
    parts = engine(client=storm, calls_in_flight=8)
    storm.on_call = lambda: (
        storm.sent == 150
        and storm.bad.update({f"i{n}": "ResourceUnavailable.InArrears" for n in range(0, 60, 2)})
    )
    with pytest.raises(MaskmatchError, match="top it up"):
        compare_pairs(pairs, parts)
    check_books(parts, storm)


@pytest.mark.slow
def test_a_real_clock_and_many_calls_in_flight_keep_the_books_for_seconds_of_slow_and_failing_calls():
    draw = random.Random(5)
    pairs, bad = night(5, pairs=3000, images=900, bad_share=0.02)
    storm = Storm(5, share=0.1, bad=bad)
    storm.on_call = lambda: time.sleep(draw.choice([0.002, 0.005, 0.02, 0.02, 0.05]))  # calls take their time
    limits = RetryLimits(first_pause=0.01, longest_pause=0.2)
    parts = engine(
        client=storm,
        clock=SystemClock(),
        calls_in_flight=None,
        calls_per_second=5000.0,
        limits=limits,
    )
    most = []
    tick = parts.progress.tick
    parts.progress.tick = lambda: (most.append(parts.progress.calls_in_flight), tick())
    compare_pairs(iter(pairs), parts)
    check_books(parts, storm, pairs=len(pairs))
    assert max(most) > 20
