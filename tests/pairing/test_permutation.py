"""A seeded order of numbers: each once, and no number nearer to the front than another."""

import numpy as np
import pytest

from maskmatch.pairing.permutation import keys_of, permuted

SEEDS = 3000


@pytest.mark.parametrize("size", [*range(1, 70), 1000, 4096, 65_537, 300_000])
def test_each_number_comes_once(size):
    order = permuted(np.arange(size), size, keys_of("7", "test"))
    assert np.array_equal(np.sort(order), np.arange(size))


def test_each_number_may_have_a_size_and_a_salt_of_its_own():
    sizes = np.array([1, 6, 6, 50_000_000_000])
    parts = [np.arange(min(size, 1000)) for size in sizes]
    size_of = np.concatenate([np.full(len(part), size) for part, size in zip(parts, sizes, strict=True)])
    salts = np.concatenate([np.full(len(part), number) for number, part in enumerate(parts)])
    whole = permuted(np.concatenate(parts), size_of, keys_of("7", "test"), salts)
    apart = [
        permuted(part, int(size), keys_of("7", "test"), number)
        for number, (part, size) in enumerate(zip(parts, sizes, strict=True))
    ]
    assert np.array_equal(whole, np.concatenate(apart))
    assert not np.array_equal(apart[1], apart[2])
    assert len(set(apart[3].tolist())) == 1000
    assert apart[3].max() < sizes[3]


def test_a_seed_and_a_purpose_make_an_order_and_others_another():
    orders = [permuted(np.arange(50), 50, keys_of(*names)).tolist() for names in ("ab", "ab", "bb", "ac")]
    assert orders[0] == orders[1]
    assert len({tuple(order) for order in orders}) == 3


@pytest.mark.parametrize("size", [2, 3, 5, 6, 7, 10, 15, 28])
def test_two_numbers_at_the_front_are_any_two_with_equal_chance(size):
    """Chi-square over ordered pairs: its mean is one less, its deviation the root of twice that."""
    front = np.arange(min(size, 2))
    counts: dict[tuple[int, ...], int] = {}
    for seed in range(SEEDS):
        found = tuple(permuted(front, size, keys_of(str(seed), "test")).tolist())
        counts[found] = counts.get(found, 0) + 1
    cells = size * (size - 1)
    expected = SEEDS / cells
    chi = sum((count - expected) ** 2 for count in counts.values()) / expected
    chi += (cells - len(counts)) * expected
    assert abs(chi - (cells - 1)) < 5 * (2 * (cells - 1)) ** 0.5
