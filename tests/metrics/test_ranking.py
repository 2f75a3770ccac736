"""The areas are scikit-learn's, and what counting by hand gives."""

import numpy as np
import pytest
from sklearn import metrics as reference

from kerastag.metrics import ranking


def areas(labels, scores):
    counts = ranking.threshold_counts(np.asarray(labels), np.asarray(scores))
    return ranking.pr_auc(*counts), ranking.roc_auc(*counts)


def test_counts_by_hand():
    true_positives, false_positives = ranking.threshold_counts(
        np.array([0, 1, 1, 0, 1]), np.array([0.1, 0.9, 0.4, 0.4, 0.2])
    )
    assert true_positives.tolist() == [1, 2, 3, 3]  # at 0.9, 0.4, 0.2, 0.1
    assert false_positives.tolist() == [0, 1, 1, 2]


def test_areas_by_hand():
    # Positives are first and third: precision 1 and 2/3, each half of the recall; 3 of 4 pairs in order.
    assert areas([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]) == pytest.approx((5 / 6, 3 / 4))
    # The tie is one threshold: recall 1/2 at precision 1, then 1 at 2/3; one pair in order, one tied.
    assert areas([1, 1, 0], [0.9, 0.5, 0.5]) == pytest.approx((5 / 6, 3 / 4))
    assert areas([1, 1, 0, 0], [4, 3, 2, 1]) == (1, 1)
    assert areas([0, 0, 0, 1], [4, 3, 2, 1]) == (1 / 4, 0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("num_distinct", [1, 2, 3, 20, 10**6])
@pytest.mark.parametrize("prevalence", [0.02, 0.5, 0.95])
def test_areas_are_those_of_scikit_learn_ties_included(dtype, num_distinct, prevalence):
    rng = np.random.default_rng(0)
    labels = rng.random(500) < prevalence
    scores = (rng.integers(num_distinct, size=500) / num_distinct + 0.1 * labels * (num_distinct > 1)).astype(dtype)
    expected = reference.average_precision_score(labels, scores), reference.roc_auc_score(labels, scores)
    assert areas(labels, scores) == pytest.approx(expected, rel=0, abs=1e-12)


def test_areas_depend_only_on_the_order():
    rng = np.random.default_rng(1)
    labels, logits = rng.integers(2, size=100), rng.normal(size=100)
    permutation = rng.permutation(100)
    assert areas(labels, logits) == areas(labels, np.exp(logits) * 3 + 1)
    assert areas(labels, logits) == areas(labels[permutation], logits[permutation])


def test_mirrored_scores_mirror_roc_auc():
    rng = np.random.default_rng(2)
    labels, scores = rng.integers(2, size=100), rng.integers(10, size=100)
    assert areas(labels, scores)[1] + areas(labels, -scores)[1] == pytest.approx(1)


def test_equal_scores_give_prevalence_and_one_half():
    assert areas([1, 0, 0, 0, 1], np.full(5, 0.3)) == pytest.approx((0.4, 0.5))


def test_undefined_areas_are_none():
    assert areas([0, 0, 0], [1, 2, 3]) == (None, None)
    assert areas([1, 1, 1], [1, 2, 3]) == (1, None)


def test_millions_of_pairs_do_not_overflow():
    num = 3_000_000
    counts = np.array([num, num]), np.array([0, num])
    assert ranking.roc_auc(*counts) == 1
    assert ranking.pr_auc(*counts) == 1
