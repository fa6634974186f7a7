"""What a manifest gets: samples are uniform whatever the sizes of subjects, and never repeat a pair."""

from itertools import combinations

import numpy as np
import pytest

from maskmatch.pairing.selections import Every, MatedOfEach, Sample, Selection, Turned, blocks
from maskmatch.pairing.spaces import Subjects, all_of_one

SIZES = (1, 1, 2, 5, 9)
SUBJECT_OF = [subject for subject, size in enumerate(SIZES) for _ in range(size)]
SUBJECTS = Subjects(np.array(SUBJECT_OF))
NON_MATED = [
    pair for pair in combinations(range(sum(SIZES)), 2) if SUBJECT_OF[pair[0]] != SUBJECT_OF[pair[1]]
]


def drawn(selection: Selection | Turned, rows: int = 7) -> list[tuple[int, int]]:
    found = [selection.block(start, end) for start, end in blocks(selection, rows)]
    return [pair for block in found for pair in zip(block.first.tolist(), block.second.tolist(), strict=True)]


@pytest.mark.parametrize("count", [0, 1, 50, len(NON_MATED) - 1, len(NON_MATED)])
def test_a_sample_repeats_no_pair_also_when_nearly_all_are_wanted(count):
    found = {tuple(sorted(pair)) for pair in drawn(Sample(SUBJECTS.non_mated, count, "7"))}
    assert len(found) == count
    assert found <= {*NON_MATED}


def test_each_non_mated_pair_is_as_likely_as_any_other():
    """Chi-square over the pairs of subjects of 1, 1, 2, 5 and 9 images: five deviations around its mean."""
    seeds, each = 3000, 10
    counts = dict.fromkeys(NON_MATED, 0)
    for seed in range(seeds):
        for pair in drawn(Sample(SUBJECTS.non_mated, each, str(seed))):
            counts[tuple(sorted(pair))] += 1  # type: ignore[index]
    share = each / len(NON_MATED)
    expected = seeds * share
    chi = sum((count - expected) ** 2 for count in counts.values()) / (expected * (1 - share))
    assert abs(chi - len(NON_MATED)) < 5 * (2 * len(NON_MATED)) ** 0.5


def test_a_larger_sample_begins_with_the_smaller_one():
    small, large = (drawn(Sample(all_of_one(40), count, "7")) for count in (20, 700))
    assert large[:20] == small


def test_at_most_so_many_mated_pairs_of_each_subject_are_drawn_from_all_of_them():
    seen = set()
    for seed in range(60):
        found = {tuple(sorted(pair)) for pair in drawn(MatedOfEach(SUBJECTS, 3, str(seed)))}
        by_subject = [sum(SUBJECT_OF[first] == subject for first, _ in found) for subject in range(5)]
        assert by_subject == [0, 0, 1, 3, 3]
        assert all(SUBJECT_OF[first] == SUBJECT_OF[second] for first, second in found)
        seen |= found
    assert len(seen) == 1 + 10 + 36


def test_a_coin_says_which_image_comes_first_and_says_the_same_again():
    plain = drawn(Every(all_of_one(60)))
    turned = drawn(Turned(Every(all_of_one(60)), "7"), 1000)
    assert turned == drawn(Turned(Every(all_of_one(60)), "7"), 3)
    assert [tuple(sorted(pair)) for pair in turned] == plain
    share = sum(first > second for first, second in turned) / len(turned)
    assert 0.44 < share < 0.56
