"""A served network takes the chunks that the reader takes, in mini-batches that do not grow."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastag import audio, models
from kerastag.models import popularity
from kerastag.serving.graph import network as served

NUM_CHUNKS = 5
SIZE = 73_600


@pytest.fixture(scope="module")
def short_chunk(network):
    return network()


@pytest.fixture(scope="module")
def one(short_chunk):
    return served.ServedNetwork(short_chunk, NUM_CHUNKS)


def waveforms(num_samples, batch=3, seed=0):
    """Noise of a level of its own in each row and each half second."""
    rng = np.random.default_rng(seed)
    levels = np.repeat(10 ** rng.uniform(-4, 0, (batch, 1 + num_samples // 8000)), 8000, axis=1)[:, :num_samples]
    return (levels * rng.normal(size=(batch, num_samples))).astype(np.float32)


def seen_by(one, monkeypatch):
    """A list of the chunks that a served network runs from now on."""
    seen, forward = [], one._forward
    monkeypatch.setattr(one, "_forward", lambda chunks: seen.append(chunks.numpy()) or forward(chunks))
    return seen


@pytest.mark.parametrize("num_samples", [1, SIZE - 1, SIZE, SIZE + NUM_CHUNKS - 1, SIZE + NUM_CHUNKS, 3 * SIZE + 7])
def test_scores_are_the_mean_over_the_readers_chunks(num_samples, one, short_chunk):
    waveform = waveforms(num_samples)
    chunks = [audio.cut_chunks(row, NUM_CHUNKS, SIZE) for row in waveform]
    expected = [1 / (1 + np.exp(-np.float64(short_chunk(row)))) for row in chunks]
    np.testing.assert_allclose(one.scores(waveform), np.mean(expected, axis=1), atol=1e-6)
    assert one.scores(waveform).dtype == tf.float32
    if num_samples > 2 * SIZE:
        assert np.ptp(expected, axis=0).max() > 0.1 and np.ptp(expected, axis=1).max() > 0.1  # all of it matters


def test_chunks_run_in_parts_of_nearly_one_size(one, monkeypatch):
    waveform = waveforms(3 * SIZE)
    whole = one.scores(waveform)
    seen = seen_by(one, monkeypatch)
    for limit, sizes in ((16, [15]), (7, [5, 5, 5]), (4, [4, 4, 4, 3]), (1, [1] * 15)):
        seen.clear()
        monkeypatch.setattr(served, "MINI_BATCH", limit)
        np.testing.assert_allclose(one.scores(waveform), whole, atol=1e-6)
        assert [len(part) for part in seen] == sizes
    np.testing.assert_array_equal(np.concatenate(seen)[7], audio.cut_chunks(waveform[1], NUM_CHUNKS, SIZE)[2])


@pytest.mark.parametrize(("num_samples", "chunks"), [(1, 1), (SIZE + NUM_CHUNKS - 1, 1), (SIZE + NUM_CHUNKS, 5)])
def test_chunks_that_are_all_the_same_run_once(num_samples, chunks, one, monkeypatch):
    seen = seen_by(one, monkeypatch)
    waveform = waveforms(num_samples, batch=2)
    one.scores(waveform)
    assert sum(map(len, seen)) == 2 * chunks
    np.testing.assert_array_equal(seen[0][0, :num_samples], waveform[0, :SIZE])
    assert not seen[0][0, num_samples:].any()


def test_an_empty_batch_has_no_scores(one):
    assert one.scores(np.zeros((0, 10), np.float32)).shape == (0, 3)
    assert one.embedding(np.zeros((0, 10), np.float32)).shape == (0, 4)


def test_chunks_may_begin_anywhere(one, short_chunk):
    waveform = waveforms(SIZE + 1000, batch=2)
    starts = [0, 999, 1000]
    found = one.chunk_scores(waveform, tf.constant(starts))
    for column, start in enumerate(starts):
        expected = keras.ops.sigmoid(short_chunk(waveform[:, start : start + SIZE]))
        np.testing.assert_allclose(found[:, column], expected, atol=1e-6)


def test_an_embedding_is_what_the_output_layer_takes(one, short_chunk):
    waveform = waveforms(2 * SIZE)
    output = short_chunk.output_layer
    chunks = np.concatenate([audio.cut_chunks(row, NUM_CHUNKS, SIZE) for row in waveform])
    features = keras.Model(short_chunk.input, output.input)(chunks, training=False)
    expected = np.reshape(features, (3, NUM_CHUNKS, -1)).mean(axis=1)
    np.testing.assert_allclose(one.embedding(waveform), expected, rtol=1e-5, atol=1e-6)
    assert one.embedding_width == 4 and (expected > 0).any()


@pytest.mark.parametrize(
    ("make", "width"),
    [
        (lambda network: network(num_channels=3), 6),
        (lambda network: network(num_channels=1, variant="3s69"), 4),
        (lambda network: models.vggish(3, num_channels=2), 2),
        (lambda network: popularity.Popular([0.1, 0.2, 0.3]), 0),
    ],
)
def test_every_network_with_features_has_an_embedding(make, width, network):
    model = make(network)
    one = served.ServedNetwork(model, 2)
    assert one.embedding_width == width
    if width:
        assert one.embedding(np.zeros((2, 100), np.float32)).shape == (2, width)
    assert [weight.name for weight in one.weights] == [weight.value.name for weight in model.weights]


@pytest.mark.parametrize("spare", [0, 1, 2, 1001])
def test_a_network_that_listens_to_the_middle_takes_the_readers_chunk(spare, monkeypatch):
    model = models.vggish(3, num_channels=1)
    one = served.ServedNetwork(model, 4)
    waveform = waveforms(model.chunk_samples + spare, batch=2)
    seen = seen_by(one, monkeypatch)
    one.scores(waveform)
    expected = [audio.cut_chunk(row, 0.5, model.chunk_samples) for row in waveform]
    np.testing.assert_array_equal(np.concatenate(seen), expected)
