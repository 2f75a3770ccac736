"""Clusters stay whole, draws are as many as clusters, seeds decide."""

import numpy as np
import pytest

from kerastag import errors
from kerastag.metrics import resampling

ARTISTS = ["b", "a", "b", "", "c", "", "a", "b"]


def test_tracks_of_one_artist_form_a_cluster_and_nameless_ones_stand_alone():
    clusters = resampling.by_artist(ARTISTS)
    assert clusters.ids.tolist() == [0, 1, 0, 2, 3, 4, 1, 0]
    assert len(clusters) == 5 and clusters.unit == "artists"
    assert len(resampling.by_track(4)) == 4
    with pytest.raises(errors.KerastagError, match="the split names no artists; resample tracks instead"):
        resampling.by_artist(["", ""])


def test_a_resample_draws_as_many_clusters_as_there_are_and_never_parts_one():
    clusters = resampling.by_artist(ARTISTS)
    weights = resampling.resamples(clusters.ids, 200, seed=3)
    assert weights.shape == (200, 8) and weights.dtype.kind == "i"
    one_of_each = [clusters.ids.tolist().index(number) for number in range(len(clusters))]
    assert (weights[:, one_of_each].sum(axis=1) == len(clusters)).all()
    assert (weights == weights[:, one_of_each][:, clusters.ids]).all()
    assert abs(weights.mean() - 1) < 0.1


def test_the_seed_decides_the_resamples():
    ids = resampling.by_track(50).ids
    np.testing.assert_array_equal(resampling.resamples(ids, 5, 1), resampling.resamples(ids, 5, 1))
    assert (resampling.resamples(ids, 5, 1) != resampling.resamples(ids, 5, 2)).any()
    np.testing.assert_array_equal(resampling.resamples(ids, 9, 1)[:5], resampling.resamples(ids, 5, 1))


def test_weights_are_those_of_sampling_with_replacement():
    weights = resampling.resamples(np.arange(40), 5000)
    assert (weights == 0).mean() == pytest.approx((1 - 1 / 40) ** 40, abs=0.005)
    assert weights.var() == pytest.approx(1 - 1 / 40, rel=0.05)


def test_folds_keep_artists_whole_and_are_of_about_one_size():
    ids = np.random.default_rng(0).geometric(0.02, 600)
    ids = np.unique(ids, return_inverse=True)[1]
    folds = resampling.folds(ids, 5)
    assert all(len(set(folds[ids == number])) == 1 for number in set(ids))
    assert np.ptp(np.bincount(folds, minlength=5)) <= np.bincount(ids).max()
    assert (folds != resampling.folds(ids, 5, seed=1)).any()


def test_more_folds_than_clusters_are_refused():
    with pytest.raises(errors.KerastagError, match="3 clusters cannot be dealt into 5 folds"):
        resampling.folds(np.array([0, 1, 2, 2]), 5)


def test_clusters_must_be_of_the_tracks():
    with pytest.raises(errors.KerastagError, match="tracks of 4 tracks for 5 rows"):
        resampling.weights_of(resampling.by_track(4), 5, 10, 0)
