"""Weighted areas are those of scikit-learn on the repeated rows, and of the unweighted functions for weights of one."""

import numpy as np
import pytest
from sklearn import metrics as reference

from kerastag.metrics import ranking, resampling, weighted


def example(num_tracks=120, num_tags=7, num_distinct=10**6, prevalence=0.1, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.random((num_tracks, num_tags)) < prevalence
    scores = np.floor((rng.random(labels.shape) + 0.2 * labels) * num_distinct) / num_distinct
    return labels, scores


def of_repeated_rows(function, labels, scores, weights):
    rows = np.repeat(np.arange(len(labels)), weights)
    return function(labels[rows], scores[rows]) if 0 < labels[rows].sum() < len(rows) else np.nan


@pytest.mark.parametrize("num_distinct", [1, 2, 5, 10**6])
@pytest.mark.parametrize("prevalence", [0.02, 0.5, 0.97])
def test_areas_are_those_of_scikit_learn_on_the_repeated_rows(num_distinct, prevalence):
    labels, scores = example(num_distinct=num_distinct, prevalence=prevalence)
    scores = scores.astype(np.float32)
    clusters = np.random.default_rng(1).integers(30, size=len(labels))
    weights = resampling.resamples(np.unique(clusters, return_inverse=True)[1], 12)
    areas = weighted.areas(labels, scores, weights)
    for name, function in (("pr_auc", reference.average_precision_score), ("roc_auc", reference.roc_auc_score)):
        expected = [
            [of_repeated_rows(function, y, s, row) for y, s in zip(labels.T, scores.T, strict=True)] for row in weights
        ]
        defined = ~np.isnan(expected)
        np.testing.assert_allclose(getattr(areas, name)[defined], np.array(expected)[defined], rtol=0, atol=1e-12)
        in_all = weights.repeat(labels.shape[1], axis=1)
        micro = [of_repeated_rows(function, labels.ravel(), scores.ravel(), row) for row in in_all]
        np.testing.assert_allclose(getattr(areas, f"{name}_micro"), micro, rtol=0, atol=1e-12)


def test_weights_of_one_give_the_plain_areas():
    labels, scores = example(num_distinct=40)
    areas = weighted.areas(labels, scores, np.ones((1, len(labels)), int))
    for tag in range(labels.shape[1]):
        counts = ranking.threshold_counts(labels[:, tag], scores[:, tag])
        assert areas.pr_auc[0, tag] == pytest.approx(ranking.pr_auc(*counts), abs=1e-14)
        assert areas.roc_auc[0, tag] == pytest.approx(ranking.roc_auc(*counts), abs=1e-14)
    np.testing.assert_allclose(areas.share[0], labels.mean(axis=0))


def test_by_hand():
    # Drawn twice, once, never, once: precision 2/2 for weight 2, then the negative, then none of weight 0.
    labels, scores = np.array([[1], [0], [1], [0]]), np.array([[0.9], [0.8], [0.7], [0.1]])
    areas = weighted.areas(labels.astype(bool), scores, np.array([[2, 1, 0, 1], [1, 2, 1, 0], [0, 1, 0, 3]]))
    np.testing.assert_allclose(areas.pr_auc[:, 0], [1, (1 + 2 / 4) / 2, np.nan])
    np.testing.assert_allclose(areas.roc_auc[:, 0], [1, 1 / 2, np.nan])
    np.testing.assert_allclose(areas.share[:, 0], [2 / 4, 2 / 4, 0])


def test_a_tag_without_positives_has_no_areas_one_without_negatives_no_roc_auc():
    labels = np.array([[0, 1], [0, 1], [0, 1]], bool)
    areas = weighted.areas(labels, np.array([[1, 2], [2, 2], [3, 1]]), np.array([[1, 1, 1], [3, 0, 0]]))
    assert np.isnan(areas.pr_auc[:, 0]).all() and np.isnan(areas.roc_auc).all()
    assert areas.pr_auc[:, 1].tolist() == [1, 1]


def test_results_do_not_depend_on_how_many_resamples_are_taken_at_a_time(monkeypatch):
    labels, scores = example(num_distinct=50)
    weights = resampling.resamples(np.arange(len(labels)), 9)
    together = weighted.areas(labels, scores, weights)
    monkeypatch.setattr(weighted, "_CHUNK_NUMBERS", 250)
    apart = weighted.areas(labels, scores, weights)
    for name in ("pr_auc", "roc_auc", "pr_auc_micro", "roc_auc_micro", "share"):
        np.testing.assert_allclose(getattr(together, name), getattr(apart, name), rtol=0, atol=1e-14)
