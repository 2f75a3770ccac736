"""Augmentation: what it does to a spectrogram and a waveform, counted; nothing at evaluation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastag import models
from kerastag.models import augmentation, layers, loading

NUM_MELS, NUM_FRAMES = 128, 288


def spectrograms(rng, count):
    return rng.normal(-40, 10, (count, NUM_MELS, NUM_FRAMES, 1)).astype(np.float32)


def stretches(covered):
    """First places and widths of what is covered, bool (size,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], covered.astype(int), [0]])))
    return list(zip(edges[::2], edges[1::2] - edges[::2], strict=True))


@pytest.mark.parametrize(("axis", "widest"), [("time", 57), ("frequency", 43)])
def test_a_mask_covers_one_stretch_with_the_mean(axis, widest, rng):
    """57 of 288 frames are a fifth, 43 of 128 bands 27 in 80."""
    keras.utils.set_random_seed(3)
    layer = augmentation.SpectrogramAugmentation(int(axis == "time"), int(axis == "frequency"))
    x = spectrograms(rng, 400)
    y = np.asarray(layer(x, training=True))
    changed = (x != y)[..., 0]
    covered = changed.any(axis=1 if axis == "time" else 2)  # (examples, places)
    other = changed.any(axis=2 if axis == "time" else 1)
    means = x.mean(axis=(1, 2, 3))
    widths, firsts = [], []
    for example in range(len(x)):
        if not covered[example].any():
            widths.append(0)
            continue
        ((first, width),) = stretches(covered[example])
        assert other[example].all()  # along the whole other axis
        np.testing.assert_allclose(y[example][changed[example]], means[example], rtol=1e-4)
        widths.append(width)
        firsts.append(first / (covered.shape[1] - width))
    assert max(widths) == widest and 0 <= min(widths) < 3
    assert np.mean(widths) == pytest.approx(widest / 2, abs=3)  # uniform from 0: sd of the mean 0.8 and less
    assert np.mean(firsts) == pytest.approx(0.5, abs=0.05)


def test_as_many_masks_as_asked_for(rng):
    layer = augmentation.SpectrogramAugmentation(3, 2)
    x = spectrograms(rng, 60)
    changed = (x != np.asarray(layer(x, training=True)))[..., 0]
    frames, bands = changed.all(axis=1), changed.all(axis=2)
    np.testing.assert_array_equal(changed, frames[:, None, :] | bands[:, :, None])
    assert max(len(stretches(row)) for row in frames) == 3
    assert max(len(stretches(row)) for row in bands) == 2


def test_an_equaliser_is_a_line_of_three_to_six_stretches_over_the_bands(rng):
    keras.utils.set_random_seed(0)
    layer = augmentation.SpectrogramAugmentation(0, 0, filter_db=6.0)
    x = spectrograms(rng, 300)
    gains = np.asarray(layer(x, training=True), np.float64) - x
    np.testing.assert_allclose(
        gains, np.broadcast_to(gains[:, :, :1], gains.shape), atol=2e-5
    )  # the same in every frame
    curves = gains[:, :, 0, 0]
    assert np.abs(curves).max() <= 6 and np.abs(curves).max() > 5.5
    assert np.abs(curves.mean()) < 0.5
    bends = (np.abs(np.diff(curves, n=2)) > 1e-3).sum(axis=1)  # a bend shows in one or two differences
    assert 2 <= np.median(bends) <= 10 and bends.max() <= 10
    assert len(np.unique(curves[:, 0].round(4))) > 290  # each its own


def test_gain_and_roll_keep_the_waveform_otherwise(rng):
    x = rng.normal(0, 0.1, (200, 1000)).astype(np.float32)
    louder = np.asarray(augmentation.WaveformAugmentation(12.0, False)(x, training=True))
    decibels = 20 * np.log10((louder / x).mean(axis=1))
    np.testing.assert_allclose(louder, x * (louder / x).mean(axis=1, keepdims=True), rtol=1e-4)
    assert decibels.min() == pytest.approx(-12, abs=0.6) and decibels.max() == pytest.approx(12, abs=0.6)
    rolled = np.asarray(augmentation.WaveformAugmentation(0.0, True)(x, training=True))
    firsts = [int(np.flatnonzero(row == after[0])[0]) for row, after in zip(x, rolled, strict=True)]
    for row, after, first in zip(x, rolled, firsts, strict=True):
        np.testing.assert_array_equal(after, np.roll(row, -first))
    assert np.mean(firsts) == pytest.approx(500, abs=70) and len(set(firsts)) > 150


@pytest.fixture
def augmented():
    keras.utils.set_random_seed(1)
    how = {"time_masks": 2, "frequency_masks": 2, "gain_db": 6.0, "filter_db": 6.0, "time_roll": True}
    return models.short_chunk_resnet(3, 1, num_blocks=2, dropout=0.0, precision="float32", augmentation=how)


def test_nothing_is_changed_at_evaluation(augmented, rng, tmp_path):
    plain = models.short_chunk_resnet(3, 1, num_blocks=2, precision="float32")
    plain.set_weights(augmented.get_weights())
    x = rng.normal(0, 0.1, (4, 73_600)).astype(np.float32)
    np.testing.assert_array_equal(augmented(x), plain(x))
    assert (
        np.abs(np.asarray(augmented(x, training=True)) - augmented(x, training=True)).max() > 1e-3
    )  # others each step
    augmented.save(tmp_path / "model.keras")
    again = loading.load(tmp_path / "model.keras")
    assert again.get_config() == augmented.get_config()
    np.testing.assert_array_equal(again(x), augmented(x))


@pytest.mark.parametrize("num_chunks", [1, 3])
def test_parts_of_a_batch_are_changed_as_in_the_whole_plain_and_compiled(num_chunks, rng):
    """Rows 4 to 7 on a second device; each has `num_chunks` rows in the network."""

    def made():
        keras.utils.set_random_seed(5)
        return augmentation.SpectrogramAugmentation(2, 2, 6.0, num_chunks)

    x = spectrograms(rng, 8 * num_chunks)
    half = 4 * num_chunks
    expected = np.asarray(made()(x, training=True))
    parts = []
    for first, part in ((0, x[:half]), (4, x[half:])):
        with layers.rows_from(tf.constant(first, tf.int64)):
            parts.append(np.asarray(made()(part, training=True)))
    np.testing.assert_array_equal(np.concatenate(parts), expected)
    layer = made()
    compiled = tf.function(lambda values: layer(values, training=True), jit_compile=True, autograph=False)
    np.testing.assert_allclose(compiled(x), expected, atol=1e-3)
