import pytest

from tests.waiting import wait_until


def test_a_wait_ends_with_what_it_waits_for():
    looks = iter([0, False, None, "seen"])
    wait_until(lambda: next(looks), "the fourth look")
    assert list(looks) == []


def test_a_wait_that_is_in_vain_says_what_for():
    with pytest.raises(AssertionError, match=r"not within 0\.01 s: a miracle"):
        wait_until(lambda: False, "a miracle", seconds=0.01)
