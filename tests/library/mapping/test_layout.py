"""A map keeps together what sounds alike."""

import numpy as np
import pytest

from kerastag.library.mapping import layout


def clusters(rng, number, width=24, of=6):
    """Embeddings of well separated groups, and the group of each."""
    centres = rng.normal(size=(of, width))
    groups = np.arange(number) % of
    return (centres[groups] + 0.15 * rng.normal(size=(number, width))).astype(np.float32), groups


def agreement(places, groups):
    """The share of tracks whose nearest on the map is of their group."""
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    return np.mean(groups[distances.argmin(axis=1)] == groups)


@pytest.mark.parametrize("sample", [layout.SAMPLE, 48])
def test_groups_stay_together_placed_by_tsne_or_by_the_sample(rng, monkeypatch, sample):
    monkeypatch.setattr(layout, "SAMPLE", sample)
    embeddings, groups = clusters(rng, 96)
    places = layout.places(embeddings)
    assert places.shape == (96, 2) and places.min() >= 0 and places.max() <= 1
    assert agreement(places, groups) > 0.95


def test_the_same_seed_gives_the_same_map_and_length_does_not_matter(rng):
    embeddings, _ = clusters(rng, 24)
    first = layout.places(embeddings, 3)
    np.testing.assert_array_equal(layout.places(embeddings, 3), first)
    np.testing.assert_array_equal(layout.places(4 * embeddings, 3), first)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 7])
def test_small_collections_have_a_map(rng, number):
    places = layout.places(rng.normal(size=(number, 8)).astype(np.float32))
    assert places.shape == (number, 2) and np.isfinite(places).all()
    assert layout.neighbours(rng.normal(size=(number, 8)), 5).shape == (number, min(5, number - 1))


@pytest.mark.parametrize("embeddings", [np.ones((30, 4)), np.zeros((30, 4)), np.ones((30, 1))])
def test_copies_do_not_cover_each_other(embeddings):
    places = layout.places(embeddings.astype(np.float32))
    assert np.isfinite(places).all() and len(np.unique(places, axis=0)) == 30


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_track_without_a_direction_has_a_place(rng, value):
    embeddings = rng.normal(size=(30, 8)).astype(np.float32)
    embeddings[3, 2] = value
    assert np.isfinite(layout.places(embeddings)).all()
    assert layout.neighbours(embeddings, 4).shape == (30, 4)


def test_neighbours_are_the_most_similar_others(rng):
    embeddings = rng.normal(size=(50, 8))
    directions = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    cosines = directions @ directions.T
    np.fill_diagonal(cosines, -np.inf)
    np.testing.assert_array_equal(layout.neighbours(embeddings, 4), np.argsort(-cosines, axis=1)[:, :4])
    copies = layout.neighbours(np.ones((6, 3)), 3)
    assert copies.shape == (6, 3) and (copies != np.arange(6)[:, None]).all()
