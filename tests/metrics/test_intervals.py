"""Intervals hold what they promise, and figures on resamples are the figures of the resampled tracks."""

import json

import numpy as np
import pytest

from kerastag import errors, metrics
from kerastag.metrics import groups, intervals, resampling

TAGS = ("a", "b", "c", "d", "e", "f", "g")


def example(num_tracks=150, num_artists=30, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.random((num_tracks, len(TAGS))) < 0.15
    scores = rng.random(labels.shape) + 0.3 * labels
    artists = [f"artist {n}" for n in rng.integers(num_artists, size=num_tracks)]
    return labels, scores, resampling.by_artist(artists)


def test_figures_of_a_resample_are_those_of_its_tracks():
    labels, scores, clusters = example()
    masks = groups.all_members(7, np.array([900, 600, 300, 300, 100, 100, 0]), named={"two": np.arange(7) < 2})
    weights = resampling.resamples(clusters.ids, 6)
    figures = intervals.sample_figures(labels, scores, weights, masks)
    for number, row in enumerate(weights):
        rows = np.repeat(np.arange(len(labels)), row)
        counts = np.array([900, 600, 300, 300, 100, 100, 0])
        expected = metrics.evaluate(labels[rows], scores[rows], TAGS, counts, named_groups={"two": np.arange(7) < 2})
        for (figure, over), values in figures.means.items():
            where = expected["groups"].get(over, expected)
            name = figure if over in expected["groups"] else intervals.headline_name(figure, over)
            assert values[number] == pytest.approx(where[name], abs=1e-12)


def test_a_tag_without_positives_in_a_resample_leaves_its_mean():
    labels = np.array([[1, 0], [0, 0], [0, 1]], bool)
    scores = np.array([[0.9, 0.1], [0.5, 0.5], [0.1, 0.1]])
    figures = intervals.sample_figures(labels, scores, np.array([[2, 1, 0], [0, 3, 0]]))
    assert figures.means["pr_auc", "macro"][0] == figures.per_tag["pr_auc"][0, 0] == 1
    assert np.isnan(figures.means["pr_auc", "macro"][1])
    assert np.isnan(figures.means["lwlrap", "tracks"][1])


def test_the_interval_is_between_percentiles_of_what_is_defined():
    values = np.append(np.arange(101.0), [np.nan, np.nan])
    assert intervals.interval(values) == pytest.approx((2.5, 97.5))
    assert intervals.interval(values, level=0.5) == pytest.approx((25, 75))
    assert intervals.interval(np.full(3, np.nan)) is None


def test_bootstrap_has_an_interval_for_every_figure_that_evaluate_gives():
    labels, scores, clusters = example()
    masks = groups.all_members(7, np.arange(7) * 100)
    found = intervals.bootstrap(labels, scores, TAGS, clusters, masks, num_resamples=100, seed=4)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["unit"], found["num_clusters"], found["num_resamples"]) == ("artists", len(clusters), 100)
    results = metrics.evaluate(labels, scores, TAGS, np.arange(7) * 100)
    for name in intervals.headline_names(7):
        assert found[name]["low"] < results[name] < found[name]["high"]
    assert set(found["groups"]) == set(results["groups"])
    for tag in TAGS:
        assert found["per_tag"][tag]["pr_auc"]["low"] < results["per_tag"][tag]["pr_auc"]
        positives = labels[:, TAGS.index(tag)]
        assert found["per_tag"][tag]["num_clusters"] == len(set(clusters.ids[positives]))
    assert found == intervals.bootstrap(labels, scores, TAGS, clusters, masks, num_resamples=100, seed=4)


def test_what_is_not_defined_has_no_interval():
    labels, scores, clusters = example()
    labels[:, 2] = False
    found = intervals.bootstrap(labels, scores, TAGS, clusters, {"third": np.arange(7) == 2}, num_resamples=20)
    assert found["per_tag"]["c"] == {"pr_auc": None, "roc_auc": None, "lift": None, "num_clusters": 0}
    assert found["groups"] == {"third": {"pr_auc": None, "roc_auc": None}}
    assert found["pr_auc_macro"] is not None


def test_artists_whose_tracks_are_copies_widen_the_interval():
    labels, scores, _ = example(num_tracks=100)
    many = np.repeat(labels, 4, axis=0), np.repeat(scores, 4, axis=0)
    artists = [str(n // 4) for n in range(400)]
    over_artists, over_tracks = (
        intervals.bootstrap(*many, TAGS, clusters, num_resamples=300)["roc_auc_macro"]
        for clusters in (resampling.by_artist(artists), resampling.by_track(400))
    )
    widths = [found["high"] - found["low"] for found in (over_artists, over_tracks)]
    assert widths[0] / widths[1] == pytest.approx(2, rel=0.2)  # a quarter of the information


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    # Scores of normal positives one sd above normal negatives: the true ROC-AUC is Phi(1 / sqrt(2)) = 0.7602.
    rng = np.random.default_rng(5)
    held = []
    for _ in range(60):
        labels = rng.random((200, 1)) < 0.5
        scores = rng.normal(size=(200, 1)) + labels
        weights = resampling.resamples(np.arange(200), 200, seed=rng.integers(10**6))
        low, high = intervals.interval(intervals.sample_figures(labels, scores, weights).means["roc_auc", "macro"])
        held.append(low < 0.7602 < high)
    assert 0.85 <= np.mean(held) <= 1


def test_clusters_must_fit():
    labels, scores, _ = example()
    with pytest.raises(errors.KerastagError, match="tracks of 3 tracks for 150 rows"):
        intervals.bootstrap(labels, scores, TAGS, resampling.by_track(3))
