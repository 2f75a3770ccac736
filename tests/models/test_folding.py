"""Folded networks give the logits of those they were folded from."""

import keras
import numpy as np
import pytest

from kerastag import errors, models
from kerastag.models import folding, loading, norm


def shaken(model, rng):
    """A model whose batch normalisations have something to fold."""
    for layer in model.layers:
        if isinstance(layer, norm.BatchNormalization):
            size = layer.gamma.shape[0]
            layer.set_weights(
                [rng.uniform(0.5, 2, size), rng.normal(0, 1, size), rng.normal(0, 1, size), rng.uniform(0.3, 3, size)]
            )
    return model


@pytest.mark.parametrize(
    "build",
    [
        lambda: models.short_chunk_resnet(5, 4, "4s6"),
        lambda: models.short_chunk_resnet(5, 4, "3s69"),
        lambda: models.vggish(5, 4),
    ],
)
def test_logits_are_equal_in_float32(build, rng):
    keras.config.set_dtype_policy("float32")
    model = shaken(build(), rng)
    folded = folding.fold(model)
    names = {type(layer).__name__ for layer in folded.layers if isinstance(layer, norm.BatchNormalization)}
    assert sum(isinstance(layer, norm.BatchNormalization) for layer in folded.layers) == 1, names
    waveform = rng.normal(0, 0.1, (2, model.chunk_samples)).astype(np.float32)
    expected = model(waveform, training=False).numpy()
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(folded(waveform, training=False), expected, atol=1e-4)


def test_folding_follows_the_weights_and_the_policy(rng):
    model = shaken(models.short_chunk_resnet(5, 2, precision="float32", num_blocks=3), rng)
    folded = folding.empty(model)
    waveform = rng.normal(0, 0.1, (1, model.chunk_samples)).astype(np.float32)
    for _ in range(2):
        model.get_layer("layer3_conv_1").kernel.assign_add(rng.normal(0, 0.1, (3, 3, 2, 4)))
        folding.fill(folded, model)
        np.testing.assert_allclose(folded(waveform), model(waveform, training=False), atol=1e-4)
    half = folding.fold(model, "mixed_bfloat16")
    assert half.precision == "mixed_bfloat16" and half.get_layer("layer1_conv_1").compute_dtype == "bfloat16"


def test_the_reference_logits_survive_folding(goldens):
    golden = goldens("reference_c8")
    model = models.short_chunk_resnet(56, 8, precision="float32")
    state = {name.removeprefix("state/"): array for name, array in golden.items() if name.startswith("state/")}
    models.load_torch_state(model, state)
    logits = folding.fold(model)(golden["waveform"]).numpy()
    assert np.abs(logits - golden["network_logits"]).max() < 1e-5


def test_a_folded_network_reloads(tmp_path, rng):
    folded = folding.fold(models.short_chunk_resnet(3, 1, precision="float32", num_blocks=2))
    folded.save(tmp_path / "folded.keras")
    again = keras.saving.load_model(tmp_path / "folded.keras")
    waveform = rng.normal(0, 0.1, (1, folded.chunk_samples)).astype(np.float32)
    np.testing.assert_array_equal(folded(waveform), again(waveform))


@pytest.mark.parametrize("precision", [None, "mixed_bfloat16"])
def test_a_file_is_folded_without_building_what_it_holds(precision, tmp_path, rng, monkeypatch):
    model = shaken(models.short_chunk_resnet(3, 2, precision="float32", num_blocks=2), rng)
    model.save(tmp_path / "model.keras")
    expected = folding.fold(model, precision)
    monkeypatch.setattr(loading, "load", None)
    folded = folding.load(tmp_path / "model.keras", precision)
    assert folded.get_config() == expected.get_config()
    for weight, same in zip(folded.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(weight, np.float32), np.asarray(same, np.float32))


def test_files_that_are_folded_already_or_have_nothing_to_fold_are_loaded(tmp_path, rng):
    folded = folding.fold(shaken(models.short_chunk_resnet(3, 1, precision="float32", num_blocks=2), rng))
    folded.save(tmp_path / "folded.keras")
    waveform = rng.normal(0, 0.1, (1, folded.chunk_samples)).astype(np.float32)
    np.testing.assert_array_equal(folding.load(tmp_path / "folded.keras")(waveform), folded(waveform))
    popular = models.popular([0.1, 0.2])
    popular.save(tmp_path / "popular.keras")
    np.testing.assert_array_equal(folding.load(tmp_path / "popular.keras")(waveform), popular(waveform))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_other_files_are_refused_by_name(content, tmp_path):
    (tmp_path / "model.keras").write_bytes(content)
    with pytest.raises(errors.KerastagError, match="model.keras: not a model of kerastag"):
        folding.load(tmp_path / "model.keras")


def test_what_has_nothing_to_fold_is_itself():
    model = models.popular([0.1, 0.2])
    assert folding.fold(model) is model
