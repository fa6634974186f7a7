"""Numbered pairs, held against plain enumeration."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskmatch.pairing.spaces import PairSpace, Subjects, all_of_one, all_of_two


def everything(space: PairSpace) -> list[tuple[int, int]]:
    found = space.pairs_of(np.arange(space.count))
    return list(zip(found.first.tolist(), found.second.tolist(), strict=True))


@pytest.mark.parametrize("images", [0, 1, 2, 3, 10])
def test_one_list_has_each_unordered_pair_once_in_order(images):
    assert everything(all_of_one(images)) == list(combinations(range(images), 2))


def test_a_million_images_have_their_half_billion_pairs_by_number_alone():
    space = all_of_one(1_000_000)
    assert space.count == 1_000_000 * 999_999 // 2
    found = space.pairs_of(np.array([0, 999_998, 999_999, space.count - 1]))
    assert found.first.tolist() == [0, 0, 1, 999_998]
    assert found.second.tolist() == [1, 999_999, 2, 999_999]


@pytest.mark.parametrize(("images", "others"), [(0, 3), (3, 0), (1, 1), (4, 3)])
def test_two_lists_have_their_product(images, others):
    assert everything(all_of_two(images, others)) == list(product(range(images), range(others)))


@given(st.lists(st.one_of(st.none(), st.integers(0, 4)), max_size=6))
def test_of_two_lists_equal_images_may_be_left_out(equal):
    places = np.array([-1 if place is None else place for place in equal], np.int64)
    wanted = [(one, other) for one, other in product(range(len(equal)), range(5)) if equal[one] != other]
    assert everything(all_of_two(len(equal), 5, places)) == wanted


@given(st.lists(st.integers(0, 3), max_size=12))
def test_pairs_by_subject_are_each_pair_once(subjects):
    names = {name: number for number, name in enumerate(dict.fromkeys(subjects))}
    found = Subjects(np.array([names[name] for name in subjects], np.int64))
    pairs = list(combinations(range(len(subjects)), 2))
    mated = {pair for pair in pairs if subjects[pair[0]] == subjects[pair[1]]}
    assert sorted(tuple(sorted(pair)) for pair in everything(found.mated)) == sorted(mated)
    assert sorted(tuple(sorted(pair)) for pair in everything(found.non_mated)) == sorted({*pairs} - mated)
