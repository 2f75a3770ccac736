"""Label-ranking figures, held against scikit-learn and counting."""

import itertools

import numpy as np
import pytest
from sklearn import metrics as reference

from kerastag.metrics import label_ranking


def test_lwlrap_by_hand():
    # First track: its tags rank 1 and 3, precision 1 and 2/3. Second: rank 2, precision 1/2. Third: none.
    labels = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]])
    scores = np.array([[0.9, 0.5, 0.1], [0.9, 0.5, 0.1], [0.9, 0.5, 0.1]])
    assert label_ranking.lwlrap(labels, scores) == pytest.approx((1 + 2 / 3 + 1 / 2) / 3)


@pytest.mark.parametrize("num_distinct", [1, 3, 10**6])
def test_lwlrap_is_that_of_scikit_learn_ties_included(num_distinct):
    rng = np.random.default_rng(0)
    labels = rng.random((300, 9)) < 0.15
    scores = rng.integers(num_distinct, size=labels.shape) / num_distinct + 0.1 * labels * (num_distinct > 3)
    expected = reference.label_ranking_average_precision_score(labels, scores, sample_weight=labels.sum(axis=1))
    assert label_ranking.lwlrap(labels, scores) == pytest.approx(expected, rel=0, abs=1e-12)


def test_a_perfect_order_has_lwlrap_one_and_no_misses():
    labels = np.random.default_rng(1).random((50, 6)) < 0.4
    assert label_ranking.lwlrap(labels, labels) == 1
    assert label_ranking.hit_rate(labels, labels, 1) == 1


def test_hits_by_hand():
    labels = np.array([[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    scores = np.array([[0.9, 0.8, 0.7, 0.1]] * 3)
    assert label_ranking.hits(labels, scores, 1).tolist() == [0, 1, 0]
    assert label_ranking.hits(labels, scores, 3).tolist() == [1, 1, 0]
    assert label_ranking.hit_rate(labels, scores, 1) == 1 / 2  # the track without tags does not count
    assert label_ranking.hit_rate(labels, scores, 99) == 1


@pytest.mark.parametrize("k", [1, 2, 3])
def test_equal_scores_hit_as_often_as_in_random_order(k):
    labels, scores = np.array([1, 0, 0, 1, 0]), np.array([0.5, 0.5, 0.9, 0.5, 0.1])
    orders = [order for order in itertools.permutations(range(5)) if list(scores[list(order)]) == sorted(scores)[::-1]]
    expected = np.mean([labels[list(order[:k])].any() for order in orders])
    assert label_ranking.hits(labels[None], scores[None], k)[0] == pytest.approx(expected)


def test_without_any_tag_there_is_no_figure():
    labels, scores = np.zeros((3, 2)), np.ones((3, 2))
    assert label_ranking.lwlrap(labels, scores) is None
    assert label_ranking.hit_rate(labels, scores, 1) is None


def test_only_top_ks_that_can_miss_are_reported():
    assert label_ranking.top_ks(56) == (1, 5)
    assert label_ranking.top_ks(5) == (1,)
