import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskmatch.storage.sorted_hashes import SortedHashes, text_hashes

WORDS = st.integers(0, 2**64 - 1)
NEAR = st.integers(0, 20)
"""All have the same first bits."""


@given(st.sets(WORDS | NEAR), st.lists(WORDS | NEAR))
def test_each_hash_is_found_at_its_place_and_no_other_one(known, asked):
    places = SortedHashes(np.array(sorted(known), np.uint64)).places(np.array([*asked, *known], np.uint64))
    order = {word: place for place, word in enumerate(sorted(known))}
    assert places.tolist() == [order.get(word, -1) for word in [*asked, *known]]


@pytest.mark.parametrize("count", [1, 2, 3, 1000])
def test_the_least_and_the_greatest_hash_have_places(count):
    known = np.array([*range(count - 1), 2**64 - 1], np.uint64)
    assert SortedHashes(known).places(known[[0, -1]]).tolist() == [0, count - 1]


def test_equal_texts_have_equal_hashes_and_others_do_not():
    texts = [f"images/{number}.jpg" for number in range(1000)]
    assert len(set(text_hashes(texts).tolist())) == len(texts)
    assert text_hashes(["".join(["ima", "ges/1.jpg"])]) == text_hashes(texts[1:2])
    assert not len(text_hashes([]))
