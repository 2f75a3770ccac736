"""A probe: its base's embedding through its head, one network in a file like any other."""

import keras
import numpy as np
import pytest

from kerastag import errors, models
from kerastag.models import embedding, folding, loading
from tests import networks


def standing_on(base, rng, units, precision="float32"):
    """A probe whose head has no weight of its start."""
    probe = models.probe(base, 4, units, precision=precision)
    for layer in probe.head().layers:
        if layer.weights:
            layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    return probe


def head_by_hand(probe, x, units):
    """float64 (batch, num_tags)."""
    weights = [np.asarray(weight, np.float64) for weight in probe.head().weights]
    gamma, beta, mean, variance, *dense = weights
    x = (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta
    if units:
        x = np.maximum(x @ dense[0] + dense[1], 0)
    return x @ dense[-2] + dense[-1]


@pytest.mark.parametrize("units", [0, 5])
def test_scores_are_the_embedding_through_the_head(units, network, rng):
    base = network(precision="float32")
    probe, waveform = standing_on(base, rng, units), networks.sounds(base.chunk_samples)
    embedded = np.asarray(embedding.model_of(base)(waveform), np.float64)
    expected = head_by_hand(probe, embedded, units)
    assert np.ptp(expected, axis=0).min() > 0.01  # it tells the sounds apart
    np.testing.assert_allclose(probe(waveform), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(probe.head()(embedded.astype(np.float32)), expected, rtol=1e-4, atol=1e-4)


def test_a_probe_on_mtgs_network_takes_its_chunks(rng):
    probe = models.probe(models.vggish(3, 1, precision="float32"), 2)
    assert (probe.chunk_samples, probe.sample_rate, probe.centred) == (349_440, 12_000, True)
    assert probe.output_shape == (None, 2)


def test_a_probe_reloads_folds_and_changes_its_precision(network, rng, tmp_path):
    base = network(precision="float32")
    probe, waveform = standing_on(base, rng, 5), networks.sounds(base.chunk_samples)
    probe.save(tmp_path / "probe.keras")
    again = loading.load(tmp_path / "probe.keras")
    assert again.get_config() == probe.get_config()
    np.testing.assert_array_equal(again(waveform), probe(waveform))
    np.testing.assert_allclose(folding.load(tmp_path / "probe.keras")(waveform), probe(waveform), atol=1e-3)
    half = folding.load(tmp_path / "probe.keras", "mixed_bfloat16")
    assert half.get_layer("layer1_conv_1").compute_dtype == "bfloat16" and half.output_layer.compute_dtype == "float32"


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_the_head_gives_the_same_of_a_kept_embedding(precision, network, rng):
    base = network(precision=precision)
    probe, waveform = standing_on(base, rng, 5, precision), networks.sounds(base.chunk_samples)
    kept = np.asarray(embedding.model_of(base)(waveform))
    np.testing.assert_allclose(probe.head()(kept), probe(waveform), rtol=1e-6, atol=1e-6)


def test_a_training_call_moves_the_head_alone(network, rng):
    base = network(precision="float32")
    probe, waveform = models.probe(base, 2), networks.sounds(base.chunk_samples)
    probe(waveform, training=True)
    for layer in probe.layers:
        if layer.weights and layer.name in {known.name for known in base.layers}:
            for weight, was in zip(layer.get_weights(), base.get_layer(layer.name).get_weights(), strict=True):
                np.testing.assert_array_equal(weight, was)
    assert np.any(np.asarray(probe.get_layer("probe_norm").moving_mean))
    assert len(probe.trainable_variables) == 4


def test_a_probe_stands_on_a_probe(network, rng):
    base = network(precision="float32")
    first = standing_on(base, rng, 5)
    second, waveform = standing_on(first, rng, 0), networks.sounds(base.chunk_samples)
    hidden = keras.Model(first.input, first.get_layer("probe_relu").output)(waveform)
    np.testing.assert_allclose(second(waveform), head_by_hand(second, np.asarray(hidden, np.float64), 0), rtol=1e-4)


def test_what_hears_nothing_has_no_probe():
    with pytest.raises(errors.KerastagError, match="popular has no embedding"):
        models.probe(models.popular([0.1, 0.2]), 3)
