"""A bucket beside the source that is away costs the same however many rows name it."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from devstack.pictures import JPEG_HEAD
from devstack.s3_troubles import Troubles
from maskmatch.core.errors import ImageUnusable, ObjectMissing, StoreAway
from maskmatch.core.reach import Reach
from maskmatch.core.store_troubles import store_rule
from maskmatch.storage.images import StoreImages, Transfer
from maskmatch.storage.object_stores import FileStore, StoreSettings, open_store
from maskmatch.storage.other_buckets import IN_A_ROW, LONGEST_PAUSE_SECONDS, OtherBuckets
from maskmatch.storage.source_watch import SourceWatch
from tests.fakes import FakeClock
from tests.storage.journals import Faulty, MemoryStore

AWAY = StoreAway("away", store_rule("503"))
THREADS, ROWS = 8, 5000


class World:
    def __init__(self):
        self.clock, self.said, self.asked, self.is_away = FakeClock(), [], 0, False
        self.bucket = Faulty(MemoryStore())
        self.bucket.before = self.before
        self.bucket.put("a.jpg", JPEG_HEAD)
        self.others = OtherBuckets(lambda _: self.bucket, now=self.clock.now, say=self.said.append)

    def before(self, operation, key):
        self.asked += 1
        if self.is_away:
            raise AWAY

    def read(self, key="a.jpg"):
        with self.others.asking("there") as store:
            return store.get(key)

    def refusals(self, count):
        """Ask so often; return how often the bucket itself was asked."""
        before = self.asked
        for _ in range(count):
            with suppress(StoreAway):
                self.read()
        return self.asked - before


@pytest.fixture
def world():
    return World()


def test_a_bucket_that_is_away_is_left_alone_but_for_a_try_after_ever_longer_pauses(world):
    world.is_away = True
    assert world.refusals(1000) == IN_A_ROW
    tries = 0
    for _ in range(3600):
        world.clock.sleep(1)
        tries += world.refusals(3)
    assert 3600 / LONGEST_PAUSE_SECONDS <= tries <= 12 + 2 * 3600 / LONGEST_PAUSE_SECONDS
    assert "is away" in world.said[0]


def test_when_it_comes_back_the_next_try_reads_and_so_do_all_after_it(world):
    world.is_away = True
    world.refusals(100)
    world.is_away = False
    world.clock.sleep(LONGEST_PAUSE_SECONDS)
    assert [world.read() for _ in range(3)] == [JPEG_HEAD] * 3
    assert "is read again" in world.said[-1]


def test_a_single_object_that_cannot_be_read_says_nothing_of_its_bucket(world):
    for _ in range(20):
        world.is_away = True
        assert world.refusals(IN_A_ROW - 1) == IN_A_ROW - 1
        world.is_away = False
        assert world.read() == JPEG_HEAD


def test_what_a_bucket_says_of_an_object_shows_that_it_is_there(world):
    world.is_away = True
    world.refusals(IN_A_ROW)
    world.is_away = False
    world.clock.sleep(LONGEST_PAUSE_SECONDS)
    with pytest.raises(ObjectMissing):
        world.read("none.jpg")
    assert world.refusals(5) == 5


def test_the_try_is_made_by_one_thread_while_the_others_are_refused_at_once(world):
    world.is_away = True
    world.refusals(IN_A_ROW)
    world.clock.sleep(LONGEST_PAUSE_SECONDS)
    with suppress(StoreAway), world.others.asking("there"):
        assert world.refusals(50) == 0
        raise AWAY
    world.clock.sleep(2 * LONGEST_PAUSE_SECONDS)
    assert world.refusals(50) == 1


@pytest.mark.slow
@pytest.mark.server
def test_thousands_of_rows_that_name_a_store_which_never_answers_cost_its_silence_once(tmp_path):
    source = FileStore(tmp_path)
    with Troubles("http://nobody.test") as troubles:
        troubles.begin("hung", 0)
        settings = StoreSettings(endpoint_url=troubles.endpoint_url, access_key="a", secret_key="b")
        others = OtherBuckets(
            lambda uri: open_store(uri, settings=lambda: settings), now=time.monotonic, say=lambda _: None
        )
        watch = SourceWatch(source, "m", now=time.monotonic, say=lambda _: None, patience_seconds=60)
        images = StoreImages(source, watch, transfer=Transfer.BYTES, others=others, reach=Reach(("*",)))

        def code(number):
            with pytest.raises(ImageUnusable) as caught:
                images.load(f"s3://dead/{number}.jpg")
            return caught.value.code

        began = time.monotonic()
        with ThreadPoolExecutor(THREADS) as pool:
            codes = set(pool.map(code, range(ROWS)))
        seconds = time.monotonic() - began
    assert codes == {"image_unavailable"}
    assert len(troubles.asked) <= 3 * (THREADS + IN_A_ROW)
    assert seconds < 90
