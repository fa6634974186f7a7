"""Compare-and-set against a server whose connection, clock and other users are under control."""

import pytest

from maskmatch.core.errors import Unavailable
from maskmatch.permits.stores.swapping import JUMP_SECONDS, ConnectionLost, Reply, SwappedDocument
from tests.fakes import FakeClock

OFFSET = 1.7e9 - 1000


class Server:
    """Holds one document; its clock runs with that of the test, and can be set."""

    def __init__(self, clock):
        self.clock, self.offset = clock, OFFSET
        self.version, self.document = "", None
        self.records = []

    def now(self):
        return self.clock.now() + self.offset


class Document(SwappedDocument):
    """Talks to the server above; `faults` are taken in turn: "before" or "after" it has taken an offer."""

    def __init__(self, server):
        super().__init__("fake://server", clock=server.clock)
        self.server, self.faults, self.trips = server, [], 0

    def _exchange(self, offer):
        self.trips += 1
        fault = self.faults.pop(0) if self.faults else None
        if callable(fault):
            fault = fault()
        if fault == "before":
            raise ConnectionLost("cut")
        server = self.server
        if offer and offer.expected == server.version and abs(server.now() - offer.now) <= JUMP_SECONDS:
            server.version, server.document = offer.version, offer.document
            server.records += [offer.record] if offer.record else []
        if fault == "after":
            raise ConnectionLost("cut")
        ours = offer and offer.version == server.version
        return Reply(server.now(), server.version, None if ours else server.document)

    def _newest(self, count):
        if self.faults:
            self.faults.pop(0)
            raise ConnectionLost("cut")
        return self.server.records[::-1][:count]

    def _disconnect(self):
        pass


def count(document, moment):
    """Count up, and return what was counted and when."""
    number = int(document or b"0") + 1
    return b"%d" % number, (number, moment.now)


@pytest.fixture
def server():
    return Server(FakeClock())


def test_alone_each_change_costs_one_trip_after_the_first(server):
    document = Document(server)
    assert [document.change(count)[0] for _ in range(5)] == [1, 2, 3, 4, 5]
    assert document.trips == 6


def test_when_somebody_came_between_it_costs_one_trip_more(server):
    one, two = Document(server), Document(server)
    for number in range(1, 7, 2):
        assert (one.change(count)[0], two.change(count)[0]) == (number, number + 1)
    assert (one.trips, two.trips) == (2 + 2 + 2, 2 + 2 + 2)


def test_a_change_that_was_made_before_the_line_was_cut_is_not_made_twice(server):
    document = Document(server)
    document.change(count)
    document.faults = ["after"]
    assert document.change(count)[0] == 2
    assert server.document == b"2"


@pytest.mark.parametrize("fault", ["before", "after"])
def test_a_record_is_added_once_for_a_change_however_the_line_was_cut(server, fault):
    document, other = Document(server), Document(server)
    document.change(count)
    document.faults = [lambda: other.change(count) and None, fault]  # computed anew, then cut
    assert document.change(count, record=lambda moment: b"at %d" % (moment.now - OFFSET))[0] == 3
    document.faults = ["before"]
    assert document.records(5) == [b"at 1000"]


def test_records_of_a_server_that_stays_away_are_unavailable(server):
    document = Document(server)
    document.faults = ["before"] * 2
    with pytest.raises(Unavailable, match="fake://server is away: cut"):
        document.records(1)


def test_a_look_sees_what_others_have_changed_and_changes_nothing(server):
    document, other = Document(server), Document(server)
    assert document.look(lambda seen, _: seen) is None
    for _ in range(3):
        other.change(count)
    assert document.look(lambda seen, moment: (seen, moment.now)) == (b"3", server.now())
    assert server.document == b"3"


def test_a_change_that_was_surely_not_made_is_made_again(server):
    document = Document(server)
    document.change(count)
    document.faults = ["before"]
    assert document.change(count)[0] == 2


@pytest.mark.parametrize("fault", ["before", "after"])
def test_when_it_cannot_be_known_whether_a_change_was_made_it_is_not_made_again(server, fault):
    """The line is cut, and somebody else changes the document before ours looks again."""
    document, other = Document(server), Document(server)
    document.change(count)
    document.faults = [fault, lambda: other.change(count) and None]
    with pytest.raises(Unavailable, match="fake://server was cut off"):
        document.change(count)
    assert server.document == (b"2" if fault == "before" else b"3")


def test_a_server_that_stays_away_is_unavailable_and_taken_up_again(server):
    document = Document(server)
    document.change(count)
    document.faults = ["before"] * 3
    with pytest.raises(Unavailable, match="fake://server is away: cut"):
        document.change(count)
    assert document.change(count)[0] == 2


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_step_that_was_computed_for_another_time_is_computed_anew(server, jump):
    document = Document(server)
    document.change(count)
    server.offset += jump
    assert document.change(count) == (2, server.now())


def test_a_local_clock_that_is_wrong_does_not_matter(server):
    class Wrong(FakeClock):
        def now(self):
            return server.clock.now() - 7200

    document = Document(server)
    document._clock._local = document._local = Wrong().now
    assert document.change(count) == (1, server.now())


def test_too_many_others_are_unavailable_in_the_end(server):
    document, other = Document(server), Document(server)
    document.faults = [lambda: other.change(count) and None for _ in range(1000)]
    with pytest.raises(Unavailable, match="too busy: gave up after 200 tries"):
        document.change(count)
