"""Every tag is in the head, the middle or the tail."""

import numpy as np
import pytest

from kerastag import errors
from kerastag.metrics import groups


def test_bounds_are_over_550_and_at_most_200():
    masks = groups.members(np.array([551, 550, 201, 200, 0]))
    assert list(masks) == ["head", "middle", "tail"]
    assert masks["head"].tolist() == [True, False, False, False, False]
    assert masks["middle"].tolist() == [False, True, True, False, False]
    assert masks["tail"].tolist() == [False, False, False, True, True]


@pytest.mark.parametrize(("head_over", "tail_at_most"), [(550, 200), (10, 10), (10**6, 0), (0, 0)])
def test_groups_are_a_partition(head_over, tail_at_most):
    counts = np.random.default_rng(0).integers(1000, size=100)
    masks = groups.members(counts, head_over, tail_at_most)
    np.testing.assert_array_equal(sum(mask.astype(int) for mask in masks.values()), 1)


def test_overlapping_bounds_are_refused():
    with pytest.raises(errors.KerastagError, match="a tail of at most 300 tracks overlaps a head of over 200"):
        groups.members(np.array([1]), 200, 300)
