"""The front end against librosa, batch normalisation against its formula and Keras' own layer."""

import keras
import librosa
import numpy as np
import pytest
import tensorflow as tf

from kerastag import models
from kerastag.models import layers, mel, norm

pytestmark = pytest.mark.usefixtures("librosa_loaded")


def librosa_log_mel(waveform):
    spectrum = librosa.stft(waveform.astype(np.float64), n_fft=512, hop_length=256, window="hann", pad_mode="reflect")
    filters = librosa.filters.mel(sr=16_000, n_fft=512, n_mels=128, htk=True, norm=None, dtype=np.float64)
    return 10 * np.log10(np.maximum(filters @ np.abs(spectrum) ** 2, 1e-10))


@pytest.mark.parametrize(("sample_rate", "fft_size", "num_mels"), [(16_000, 512, 128), (22_050, 1024, 64)])
def test_filter_bank_is_librosas(sample_rate, fft_size, num_mels):
    theirs = librosa.filters.mel(sr=sample_rate, n_fft=fft_size, n_mels=num_mels, htk=True, norm=None, dtype=np.float64)
    np.testing.assert_allclose(mel.filter_bank(sample_rate, fft_size, num_mels, sample_rate / 2).T, theirs, atol=1e-12)


def test_log_mel_is_librosas(rng):
    waveform = rng.normal(0, 0.1, (2, 20_000)).astype(np.float32)
    ours = models.LogMelSpectrogram()(waveform).numpy()
    assert ours.shape == (2, 128, 79, 1)
    theirs = np.stack([librosa_log_mel(one) for one in waveform])
    assert np.abs(ours[..., 0] - theirs).max() < 2e-3


def test_log_mel_of_the_reference(goldens):
    golden = goldens("reference_c8")
    ours = models.LogMelSpectrogram()(golden["waveform"]).numpy()[..., 0]
    assert np.abs(ours - golden["log_mel"]).max() < 2e-3


def test_silence_and_the_lowest_band_are_at_the_floor(rng):
    assert np.all(models.LogMelSpectrogram()(np.zeros((1, 4096), np.float32)).numpy() == pytest.approx(-100))
    noise = rng.normal(0, 1, (1, 4096)).astype(np.float32)
    np.testing.assert_allclose(models.LogMelSpectrogram()(noise)[0, 0], -100, rtol=1e-6)


def test_log_mel_config_round_trip(tmp_path, rng):
    layer = models.LogMelSpectrogram(sample_rate=8_000, fft_size=256, hop_size=128, num_mels=40, floor_db=-80.0)
    again = layers.LogMelSpectrogram.from_config(layer.get_config())
    waveform = rng.normal(0, 0.1, (1, 4_000)).astype(np.float32)
    np.testing.assert_array_equal(layer(waveform), again(waveform))
    model = keras.Sequential([keras.Input((4_000,)), layer])
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model(waveform), reloaded(waveform))


@pytest.mark.parametrize("shape", [(8, 5), (4, 6, 7, 5), (4, 6, 7, 1)])
def test_batch_norm_by_its_formula(shape, rng):
    x = rng.normal(3, 2, shape).astype(np.float32)
    axes = tuple(range(len(shape) - 1))
    layer = norm.BatchNormalization()
    y = layer(x, training=True).numpy()
    mean, variance = x.mean(axes, dtype=np.float64), x.var(axes, dtype=np.float64)
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(variance + 1e-5), atol=2e-5)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * mean, rtol=1e-5)
    unbiased = x.var(axes, dtype=np.float64, ddof=1)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * unbiased, rtol=1e-5)


@pytest.mark.parametrize("shape", [(8, 5), (4, 6, 7, 5), (4, 6, 7, 1)])
def test_batch_norm_is_keras_own_up_to_the_moving_variance(shape, rng):
    x = tf.constant(rng.normal(3, 2, shape).astype(np.float32))
    ours, theirs = norm.BatchNormalization(), keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    results = []
    for layer in (ours, theirs):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            value = tf.reduce_sum(y**3)
        results.append((y, tape.gradient(value, [x, *layer.trainable_variables])))
    np.testing.assert_allclose(results[0][0], results[1][0], atol=2e-5)
    for mine, other in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(mine, other, rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean, rtol=1e-5)


def test_batch_norm_reloads_exactly(tmp_path, rng):
    model = keras.Sequential([keras.Input((6,)), norm.BatchNormalization(momentum=0.7)])
    x = rng.normal(1, 2, (16, 6)).astype(np.float32)
    model(x, training=True)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.layers[0].momentum == 0.7
    np.testing.assert_array_equal(model(x, training=False), again(x, training=False))
