"""Whether it is the image or the source, told by what can be read beside it."""

import pytest

from maskmatch.core.errors import SourceWaits, StoreAway, StoreRefused
from maskmatch.core.store_troubles import Step, store_rule
from maskmatch.storage.source_watch import MOST_UNPROVEN, SourceWatch
from tests.fakes import FakeClock
from tests.storage.journals import Faulty, MemoryStore

DENIED = StoreRefused("denied", store_rule("AccessDenied"))
EXPIRED = StoreRefused("expired", store_rule("ExpiredToken"))
AWAY = StoreAway("away", store_rule("503"))
BROKEN = StoreRefused("broken", store_rule("KMS.NotFoundException", status=400))
ARCHIVED = StoreRefused("archived", store_rule("InvalidObjectState"))
PATIENCE = 60


class World:
    def __init__(self):
        self.clock, self.said = FakeClock(), []
        self.store = Faulty(MemoryStore())
        for key in ("manifest.csv", "good.jpg"):
            self.store.put(key, b"x")
        self.watch = SourceWatch(
            self.store,
            "manifest.csv",
            now=self.clock.now,
            say=self.said.append,
            patience_seconds=PATIENCE,
        )

    def refuse(self, error, *, but=()):
        def before(operation, key):
            if error and key not in but:
                raise error

        self.store.before = before


@pytest.fixture
def world():
    return World()


def test_an_object_that_is_refused_beside_one_that_is_read_is_a_row(world):
    world.watch.is_well("good.jpg", world.store, "good.jpg")
    assert world.watch.judge("a.jpg", DENIED) is Step.ROW


def test_a_refusal_waits_when_what_was_read_is_refused_too(world):
    world.watch.is_well("good.jpg", world.store, "good.jpg")
    world.refuse(DENIED)
    with pytest.raises(SourceWaits) as caught:
        world.watch.judge("a.jpg", DENIED)
    assert caught.value.is_sure
    world.refuse(None)
    world.clock.sleep(2)
    assert world.watch.judge("a.jpg", DENIED) is Step.ROW
    assert "is read again" in world.said[-1]


def test_before_any_image_was_read_a_few_refusals_are_unclear_and_many_are_not(world):
    for number in range(MOST_UNPROVEN - 1):
        with pytest.raises(SourceWaits) as caught:
            world.watch.judge(f"{number}.jpg", DENIED)
        assert not caught.value.is_sure
    with pytest.raises(SourceWaits) as caught:
        world.watch.judge("one more.jpg", DENIED)
    assert caught.value.is_sure


def test_a_few_that_stay_refused_while_the_manifest_is_read_are_rows(world):
    with pytest.raises(SourceWaits):
        world.watch.judge("a.jpg", DENIED)
    world.clock.sleep(31)
    assert world.watch.judge("a.jpg", DENIED) is Step.ROW


@pytest.mark.parametrize("error", [EXPIRED, AWAY])
def test_what_is_never_the_image_waits_and_ends_the_run_when_it_lasts(world, error):
    world.watch.is_well("good.jpg", world.store, "good.jpg")
    world.refuse(error)
    for _ in range(PATIENCE // 2):
        with pytest.raises(SourceWaits) as caught:
            world.watch.judge("a.jpg", error)
        assert caught.value.is_sure
        world.clock.sleep(2)
    world.clock.sleep(2)
    with pytest.raises(type(error), match=str(error)):
        world.watch.judge("a.jpg", error)
    assert "calls wait until they can, at most 60 s" in world.said[0]


@pytest.mark.parametrize("error", [EXPIRED, AWAY, BROKEN])
def test_an_object_that_alone_is_refused_for_long_is_a_row_whatever_the_code(world, error):
    world.watch.is_well("good.jpg", world.store, "good.jpg")
    for _ in range(10):
        with pytest.raises(SourceWaits) as caught:
            world.watch.judge("a.jpg", error)
        assert not caught.value.is_sure
        world.clock.sleep(3)
    world.clock.sleep(1)
    assert world.watch.judge("a.jpg", error) is Step.ROW
    assert world.said == []


def test_an_image_that_was_read_meanwhile_begins_anew(world):
    world.watch.is_well("good.jpg", world.store, "good.jpg")
    with pytest.raises(SourceWaits):
        world.watch.judge("a.jpg", AWAY)
    world.watch.is_well("a.jpg", world.store, "a.jpg")
    world.clock.sleep(60)
    with pytest.raises(SourceWaits):
        world.watch.judge("a.jpg", AWAY)


def test_the_patience_begins_anew_with_each_trouble(world):
    for _ in range(3):
        world.refuse(AWAY)
        with pytest.raises(SourceWaits):
            world.watch.judge("a.jpg", AWAY)
        world.clock.sleep(PATIENCE - 1)
        with pytest.raises(SourceWaits):
            world.watch.judge("a.jpg", AWAY)
        world.refuse(None)
        world.watch.is_well("a.jpg", world.store, "a.jpg")
        world.clock.sleep(10)


def test_an_archived_image_is_a_row_at_once(world):
    assert world.watch.judge("a.jpg", ARCHIVED) is Step.ROW


def test_a_silence_is_told_before_the_look_that_takes_as_long_and_counts_from_its_beginning(world):
    world.watch.is_well("good.jpg", world.store, "good.jpg")
    said_before_look = []

    def silent(operation, key):
        said_before_look.append(len(world.said))
        world.clock.sleep(30)
        raise AWAY

    world.store.before = silent
    began = world.clock.now()
    world.clock.sleep(30)
    with pytest.raises(SourceWaits) as caught:
        world.watch.judge("a.jpg", AWAY, began=began)
    assert caught.value.is_sure
    assert said_before_look == [1]
    world.clock.sleep(1)
    with pytest.raises(StoreAway):
        world.watch.judge("b.jpg", AWAY, began=world.clock.now())


def test_a_silence_of_one_image_beside_one_that_is_read_is_no_trouble_of_the_source(world):
    world.watch.is_well("good.jpg", world.store, "good.jpg")
    began = world.clock.now()
    world.clock.sleep(30)
    with pytest.raises(SourceWaits) as caught:
        world.watch.judge("a.jpg", AWAY, began=began)
    assert not caught.value.is_sure
    assert "is read again" in world.said[-1]
