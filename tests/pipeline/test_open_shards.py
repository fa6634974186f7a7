"""Several shards as one, over journals that keep outcomes in lists."""

import threading
from dataclasses import dataclass, field

import pytest

from maskmatch.core.errors import BooksError, Interrupted, Replaced, Unavailable
from maskmatch.core.outcomes import Outcome
from maskmatch.core.planning import Shard
from maskmatch.pipeline.open_shards import OpenShard, OpenShards
from tests.fakes import ListJournal, pair
from tests.waiting import wait_until

SCORE = 50.0


class FakeJournal(ListJournal):
    """Nothing is durable before somebody waits; closing may fail or hang."""

    error: Exception | None = None
    is_closed = False

    @property
    def pending(self):
        return len(self.entries) - len(self.durable)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_closed = True
        if self.error:
            raise self.error
        self.flush()


@dataclass
class World:
    """Shards by their names, each with its pairs; what was done with them, and gates that hold it up."""

    pairs: dict[str, str]
    known: dict[str, int] = field(default_factory=dict)
    journals: dict[str, FakeJournal] = field(default_factory=dict)
    gates: dict[str, threading.Event] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)
    tidied: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def open_shards(self, *, most_pending=2):
        shards = [Shard(name, len(pairs) + self.known.get(name, 0)) for name, pairs in self.pairs.items()]
        return OpenShards(
            shards,
            open_shard=self.open,
            on_leave=lambda: None,
            tidy_up=lambda shard: self.tidied.append(shard.shard.key),
            on_open=lambda shard: self.opened.append(shard.shard.key),
            most_pending=most_pending,
            stop=self.stop,
        )

    def open(self, shard):
        if gate := self.gates.get(shard.key):
            gate.wait(30)
        if error := self.errors.get(shard.key):
            raise error
        journal = self.journals[shard.key] = FakeJournal()
        missing = [(number, pair(name)) for number, name in enumerate(self.pairs[shard.key])]
        return OpenShard(shard=shard, epoch=1, journal=journal, missing=iter(missing), left=len(missing))


def scored(name):
    return Outcome(pair_id=name, score=SCORE)


def compare(world, work):
    with world.open_shards() as shards:
        work(shards, shards.pairs())


def drawn(pairs):
    """Return the next pair that is there."""
    while (found := next(pairs)) is None:
        pass
    return found[1]


def finish(shards, found):
    shards.enter(scored(found.pair_id))
    shards.done(found)


def test_all_pairs_come_in_the_order_of_their_shards_and_each_outcome_goes_to_the_journal_of_its_shard():
    world = World({"one": "ab", "two": "c", "three": "de"})
    with world.open_shards() as shards:
        for found in filter(None, shards.pairs()):
            finish(shards, found[1])
    entries = {key: "".join(o.pair_id for o in journal.durable) for key, journal in world.journals.items()}
    assert entries == world.pairs
    assert sorted(world.tidied) == sorted(world.opened) == ["one", "three", "two"]
    assert all(journal.is_closed for journal in world.journals.values())


def test_the_next_shard_is_opened_while_the_one_before_is_compared_and_the_one_after_is_not():
    world = World({"one": "ab", "two": "cd", "three": "e"})
    with world.open_shards() as shards:
        pairs = shards.pairs()
        assert drawn(pairs).pair_id == "a"
        wait_until(lambda: "two" in world.journals, "the opening of the second shard")
        assert [drawn(pairs).pair_id, "three" in world.journals] == ["b", False]
        assert drawn(pairs).pair_id == "c"
        wait_until(lambda: "three" in world.journals, "the opening of the third shard")


def test_while_the_next_shard_is_being_opened_there_is_none_and_nothing_waits():
    world = World({"one": "a", "two": "b"}, gates={"two": threading.Event()})
    with world.open_shards() as shards:
        pairs = shards.pairs()
        assert drawn(pairs).pair_id == "a"
        assert [next(pairs) for _ in range(3)] == [None] * 3
        world.gates["two"].set()
        assert drawn(pairs).pair_id == "b"


def test_a_shard_ends_with_its_last_pair_though_it_was_drawn_long_before():
    world = World({"one": "ab", "two": "cd"})
    with world.open_shards() as shards:
        pairs = shards.pairs()
        a, b, c = drawn(pairs), drawn(pairs), drawn(pairs)
        finish(shards, a)
        finish(shards, c)
        assert world.tidied == []
        finish(shards, b)
        wait_until(lambda: world.tidied == ["one"], "the end of the first shard")
        assert not world.journals["two"].is_closed


def test_a_shard_without_missing_pairs_ends_at_once():
    world = World({"one": "", "two": "a"}, known={"one": 2, "two": 1})
    with world.open_shards() as shards:
        pairs = shards.pairs()
        found = drawn(pairs)
        wait_until(lambda: world.tidied == ["one"], "the end of the first shard")
        finish(shards, found)


def test_no_more_than_one_group_of_all_shards_together_is_not_yet_durable():
    world = World({"one": "ab", "two": "cd"})
    with world.open_shards(most_pending=2) as shards:
        pairs = shards.pairs()
        a, _, c, d = (drawn(pairs) for _ in range(4))
        for found in (a, c):
            shards.enter(scored(found.pair_id))
        assert not shards.is_full
        shards.enter(scored(d.pair_id))
        assert shards.is_full
        shards.wait_for_room()
        assert not shards.is_full
        shards.flush()
        assert [len(journal.durable) for journal in world.journals.values()] == [1, 2]


def test_what_keeps_a_shard_from_being_opened_is_raised_where_its_pairs_are_drawn():
    world = World({"one": "a", "two": "b"}, errors={"two": Replaced("another run has it")})
    with pytest.raises(Replaced, match="another run has it"):
        compare(world, lambda _, pairs: (drawn(pairs), drawn(pairs)))
    assert world.journals["one"].is_closed
    assert world.tidied == []


def test_after_an_error_all_journals_are_closed_and_only_shards_that_are_done_are_tidied_up():
    world = World({"one": "a", "two": "bc", "three": "d"})

    def work(shards, pairs):
        finish(shards, drawn(pairs))
        finish(shards, drawn(pairs))
        raise Unavailable("the service is away")

    with pytest.raises(Unavailable, match="the service is away"):
        compare(world, work)
    assert world.tidied == ["one"]
    assert all(journal.is_closed for journal in world.journals.values())


@pytest.mark.parametrize("error", [None, Unavailable("the service is away")])
def test_an_outcome_that_stays_unwritten_is_raised_whatever_else_was(error):
    world = World({"one": "ab"})

    def work(shards, pairs):
        shards.enter(scored(drawn(pairs).pair_id))
        world.journals["one"].error = Unavailable("1 outcome is not durable")
        if error:
            raise error

    with pytest.raises(Unavailable, match="not durable") as caught:
        compare(world, work)
    assert caught.value.__cause__ is error
    assert world.tidied == []


def test_an_outcome_of_an_ended_shard_that_stays_unwritten_ends_the_run_at_the_next_shard():
    world = World({"one": "a", "two": "b"}, gates={"two": threading.Event()})
    compared = []

    def work(shards, pairs):
        found = drawn(pairs)
        world.journals["one"].error = Unavailable("1 outcome is not durable")
        finish(shards, found)
        wait_until(lambda: world.journals["one"].is_closed, "the end of the first shard")
        world.gates["two"].set()
        compared.extend(filter(None, pairs))

    with pytest.raises(Unavailable, match="not durable"):
        compare(world, work)
    assert compared == []


def test_who_is_asked_to_stop_does_not_wait_for_a_shard_that_is_being_opened():
    world = World({"one": "a", "two": "b"}, gates={"two": threading.Event()})

    def work(_, pairs):
        drawn(pairs)
        world.stop.set()
        raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        compare(world, work)
    assert "two" not in world.journals
    world.gates["two"].set()
    wait_until(lambda: "two" in world.journals and world.journals["two"].is_closed, "its end")
    assert world.tidied == []


def test_after_another_error_a_shard_that_is_being_opened_is_waited_for_lest_it_takes_a_lease_later():
    world = World({"one": "a", "two": "b"}, gates={"two": threading.Event()})

    def work(_, pairs):
        drawn(pairs)
        threading.Timer(0.2, world.gates["two"].set).start()
        raise Unavailable("the service is away")

    with pytest.raises(Unavailable, match="the service is away"):
        compare(world, work)
    assert world.journals["two"].is_closed


def test_no_shard_at_all_is_nothing_to_do():
    with World({}).open_shards() as shards:
        assert list(shards.pairs()) == []


def compare_all(world):
    with world.open_shards() as shards:
        for found in filter(None, shards.pairs()):
            finish(shards, found[1])


class Broken(Exception):
    """What reading a shard raises."""


def broken_after(pairs):
    yield from pairs
    raise Broken


@pytest.mark.parametrize("count", [0, 3, 1500])
def test_a_shard_that_cannot_be_read_to_its_end_ends_the_run_and_closes_its_journal(count):
    world = World({"one": "a"})
    whole = world.open

    def opened(shard):
        found = whole(shard)
        found.missing = broken_after([(number, pair(f"p{number}")) for number in range(count)])
        found.left = count + 1
        return found

    world.open = opened
    with pytest.raises(Broken):
        compare_all(world)
    assert world.journals["one"].is_closed


def test_a_journal_with_pairs_that_its_shard_has_not_ends_the_run():
    world = World({"one": "abc"})
    whole = world.open

    def opened(shard):
        found = whole(shard)
        found.left += 1
        return found

    world.open = opened
    with pytest.raises(BooksError, match="disagree"):
        compare_all(world)
