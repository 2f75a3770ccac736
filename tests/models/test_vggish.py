"""The VGG-ish baseline against MTG's trained network, its front end against Essentia and librosa."""

import pathlib

import keras
import librosa
import numpy as np
import pytest
import tensorflow as tf

from kerastag import models
from kerastag.models import layers, loading, mel, vgg
from kerastag.models.torch import checkpoint_file

pytestmark = pytest.mark.usefixtures("librosa_loaded")

CHECKPOINT = pathlib.Path(__file__).parents[3] / "shared" / "data" / "mtg_vggish_baseline.pth"


@pytest.fixture(scope="module")
def small():
    keras.utils.set_random_seed(3)
    return models.vggish(5, 2, precision="float32")


@pytest.fixture(scope="module")
def trained():
    """The network that MTG trained on MTG-Jamendo."""
    if not CHECKPOINT.is_file():
        pytest.skip(f"{CHECKPOINT.name} is not here")
    model = models.vggish(precision="float32")
    models.load_torch_state(model, checkpoint_file.read(CHECKPOINT))
    return model


def behind_the_front_end(model):
    return keras.Model(model.get_layer("log_mel").output, model.output)


def scores(logits):
    return tf.sigmoid(logits).numpy()


def test_scores_of_the_trained_network_from_spectrograms(trained, goldens):
    golden = goldens("mtg_vggish_baseline")
    network = behind_the_front_end(trained)
    found = scores(network(golden["random_log_mel"][..., None], training=False))
    np.testing.assert_allclose(found, golden["random_scores"], atol=1e-5)
    found = scores(network(golden["log_mel"][None, ..., None], training=False))
    np.testing.assert_allclose(found, golden["scores"], atol=1e-5)


@pytest.mark.parametrize("whole", [True, False])
def test_scores_of_the_trained_network_from_a_waveform(whole, trained, goldens):
    golden = goldens("mtg_vggish_baseline")
    waveform = golden["waveform"][None, : None if whole else trained.chunk_samples]
    np.testing.assert_allclose(scores(trained(waveform, training=False)), golden["scores"], atol=1e-4)


def test_front_end_gives_essentias_spectrogram(goldens):
    golden = goldens("mtg_vggish_baseline")
    found = vgg.log_mel()(golden["waveform"][None]).numpy()[0, ..., 0]
    assert found.shape == golden["log_mel"].shape == (96, 1375)
    assert np.abs(found - golden["log_mel"]).max() < 1e-2  # of values from -102 to 35


@pytest.mark.parametrize(("sample_rate", "fft_size", "num_mels"), [(12_000, 512, 96), (22_050, 1024, 64)])
@pytest.mark.parametrize("unit_area", [False, True])
def test_slaneys_filter_bank_is_librosas(sample_rate, fft_size, num_mels, unit_area):
    norm = "slaney" if unit_area else None
    theirs = librosa.filters.mel(sr=sample_rate, n_fft=fft_size, n_mels=num_mels, norm=norm, dtype=np.float64)
    ours = mel.filter_bank(sample_rate, fft_size, num_mels, sample_rate / 2, "slaney", unit_area)
    np.testing.assert_allclose(ours.T, theirs, atol=1e-12)


@pytest.mark.parametrize("scale", mel.SCALES)
def test_mel_scales_are_librosas_and_their_own_inverse(scale):
    hertz = np.linspace(0, 11_025, 400)
    there = mel.hz_to_mel(hertz, scale)
    np.testing.assert_allclose(there, librosa.hz_to_mel(hertz, htk=scale == "htk"), rtol=1e-12)
    np.testing.assert_allclose(mel.mel_to_hz(there, scale), hertz, rtol=1e-10, atol=1e-9)


def test_a_triangle_has_unit_area():
    filters = mel.filter_bank(12_000, 4096, 20, 6_000, "slaney", unit_area=True)
    np.testing.assert_allclose(filters.sum(axis=0) * 12_000 / 4096, 1, rtol=0.01)


def test_unknown_choices_of_the_front_end_are_refused():
    with pytest.raises(ValueError, match="'bark'"):
        layers.LogMelSpectrogram(mel_scale="bark")
    with pytest.raises(ValueError, match="'edge'"):
        layers.LogMelSpectrogram(padding="edge")


def test_silence_is_at_the_floor():
    np.testing.assert_allclose(vgg.log_mel()(np.zeros((1, 2_000), np.float32)), -200, rtol=1e-6)


@pytest.mark.parametrize(("samples", "frames"), [(1, 2), (255, 2), (256, 2), (257, 3), (349_440, 1366)])
def test_frames_of_a_waveform_between_zeros(samples, frames):
    front_end = vgg.log_mel()
    assert front_end(np.zeros((1, samples), np.float32)).shape == (1, 96, frames, 1)
    assert front_end.compute_output_spec(keras.KerasTensor((1, samples))).shape == (1, 96, frames, 1)


def test_front_end_config_round_trip(rng):
    front_end = vgg.log_mel(name="log_mel")
    waveform = rng.normal(0, 0.1, (1, 5_000)).astype(np.float32)
    again = layers.LogMelSpectrogram.from_config(front_end.get_config())
    np.testing.assert_array_equal(front_end(waveform), again(waveform))


def test_size_of_the_published_network():
    model = models.vggish()
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == 448_122
    assert model.get_layer("bn_3").momentum == 0.9 and model.get_layer("bn_3").epsilon == 1e-5


def test_a_chunk_leaves_one_step_after_the_blocks(small):
    assert (small.chunk_samples, small.sample_rate) == (349_440, 12_000)
    mel_frames = np.zeros((1, 96, 1366, 1), np.float32)
    before_pool = keras.Model(small.get_layer("log_mel").output, small.get_layer("pool").input)
    assert before_pool(mel_frames).shape == (1, 1, 1, 2)


def test_output_layer_gives_the_logits(small):
    assert small.output_layer.units == small.num_tags == 5
    assert small.output_shape == (None, 5)


def test_initial_weights_are_uniform_within_the_fan_in():
    kernel, bias = (np.asarray(weight) for weight in models.vggish(3, 16).get_layer("conv_3").weights)
    limit = 1 / np.sqrt(9 * 32)
    assert np.abs(kernel).max() <= limit and np.abs(bias).max() <= limit
    assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)


def test_saved_and_loaded_in_another_precision(small, tmp_path, rng):
    small.save(tmp_path / "model.keras")
    waveform = rng.normal(0, 0.1, (1, small.chunk_samples)).astype(np.float32)
    same = loading.load(tmp_path / "model.keras")
    np.testing.assert_array_equal(small(waveform, training=False), same(waveform, training=False))
    half = loading.load(tmp_path / "model.keras", "mixed_bfloat16")
    assert half.precision == "mixed_bfloat16" and half.num_channels == 2
    assert half.get_layer("log_mel").compute_dtype == "float32"
    assert half.get_layer("conv_1").compute_dtype == "bfloat16"
    logits = half(waveform, training=False)
    assert logits.dtype == tf.float32
    np.testing.assert_allclose(small(waveform, training=False), logits, atol=0.05)


def test_every_weight_learns(small, rng):
    waveform = rng.normal(0, 0.1, (2, small.chunk_samples)).astype(np.float32)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(small(waveform, training=True) ** 2)
    for weight, gradient in zip(small.trainable_weights, tape.gradient(value, small.trainable_weights), strict=True):
        assert np.isfinite(gradient).all(), weight.path
        assert np.any(gradient) or "bias" in weight.path, weight.path  # batch norm cancels the biases before it


def test_the_builder_survives_the_import_of_its_module():
    assert models.vggish(2, 1).num_tags == models.vggish(2, 1).num_tags == 2
    assert "vggish" in models.NAMES
