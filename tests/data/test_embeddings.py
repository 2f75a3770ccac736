"""Kept embeddings: the batches that a head sees, and files that are taken back only if they are whole."""

import numpy as np
import pytest

from kerastag.data import embeddings, sampling

TRACKS = [("1", "a", "1.wav"), ("2", "", "2.wav"), ("3", "b", "3.wav")]


@pytest.fixture
def kept():
    """Two chunks of the first track, none of the second, three of the third."""
    return embeddings.Embeddings(np.arange(10, dtype=np.float32).reshape(5, 2), np.array([2, 0, 3]))


def joined(batches, name):
    return np.concatenate([batch[name].numpy() for batch in batches])


def test_a_fraction_chooses_among_the_chunks_of_its_track(kept):
    plan = sampling.Plan(np.array([2, 1, 0, 2, 0]), np.array([0.0, 0.5, 0.49, 0.67, 0.99]))
    labels = np.eye(3, dtype=np.float32)
    batches = list(kept.training_batches(labels, plan, 3))
    np.testing.assert_array_equal(joined(batches, "waveform")[:, 0], [4, 0, 8, 2])  # rows 2, 0, 4 and 1
    np.testing.assert_array_equal(joined(batches, "labels"), labels[[2, 0, 2, 0]])
    np.testing.assert_array_equal(joined(batches, "draw"), [0, 2, 3, 4])
    np.testing.assert_allclose(joined(batches, "weight"), [1 / 3] * 3 + [1])
    np.testing.assert_array_equal(joined(kept.training_batches(labels, plan, 3, start=3), "draw"), [3, 4])


def test_every_chunk_is_evaluated_once_and_what_fills_up_weighs_nothing(kept):
    np.testing.assert_array_equal(joined(kept.evaluation_batches(2), "row"), [0, 0, 2, 2, 2])
    filled = kept.evaluation_batches(4, fill=True)
    np.testing.assert_array_equal(joined(filled, "weight") > 0, [True] * 5 + [False] * 3)


def test_what_was_written_comes_back_for_the_same_tracks_alone(kept, tmp_path):
    path = tmp_path / "embeddings" / "train.npy"
    assert embeddings.read(path, TRACKS) is None
    kept.write(path, TRACKS)
    again = embeddings.read(path, TRACKS)
    assert again is not None
    np.testing.assert_array_equal(again.values, kept.values)
    np.testing.assert_array_equal(again.counts, kept.counts)
    assert embeddings.read(path, TRACKS[::-1]) is None and embeddings.read(path, TRACKS[:2]) is None
    path.write_bytes(path.read_bytes()[:-8])
    assert embeddings.read(path, TRACKS) is None
    np.save(path, kept.values[:-1])
    assert embeddings.read(path, TRACKS) is None
