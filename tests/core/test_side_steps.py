"""Two steps of one work side by side."""

import threading

import pytest

from maskmatch.core.side_steps import Behind, ahead


def test_steps_are_taken_in_their_order_while_the_next_is_prepared():
    taken, may_go_on = [], threading.Event()
    behind = Behind("test")

    def step(number):
        may_go_on.wait(10)
        taken.append(number)

    behind.do(step, 1)
    assert not taken, "who asks goes on"
    may_go_on.set()
    for number in range(2, 10):
        behind.do(step, number)
    behind.wait()
    assert taken == list(range(1, 10))


def test_what_befalls_a_step_is_raised_before_the_next_and_once():
    behind, taken = Behind("test"), []

    def fail():
        raise OSError("no room")

    behind.do(fail)
    with pytest.raises(OSError, match="no room"):
        behind.do(taken.append, 1)
    behind.do(taken.append, 2)
    behind.wait()
    assert taken == [2]


def test_things_come_in_their_order_the_next_made_meanwhile():
    made, is_made = [], threading.Event()

    def things():
        for number in range(3):
            made.append(number)
            if number == 1:
                is_made.set()
            yield number

    found = ahead("test", things())
    assert next(found) == 0
    assert is_made.wait(10), "the second is made while the first is worked on"
    assert made == [0, 1]
    assert list(found) == [1, 2]


def test_what_befalls_the_maker_is_raised_where_the_thing_would_come():
    def things():
        yield 1
        raise ValueError("torn")

    found = ahead("test", things())
    assert next(found) == 1
    with pytest.raises(ValueError, match="torn"):
        next(found)
