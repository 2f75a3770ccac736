"""The network against the reference implementation, and the laws of its parts."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastag import errors, models
from kerastag.models import loading
from kerastag.models.torch import state_dict


def state_of(golden):
    return {name.removeprefix("state/"): array for name, array in golden.items() if name.startswith("state/")}


@pytest.fixture(scope="module")
def small():
    keras.utils.set_random_seed(3)
    return models.short_chunk_resnet(5, 2, precision="float32")


@pytest.mark.parametrize(
    ("name", "variant", "num_tags"), [("reference_c8", "4s6", 56), ("won_short_chunk_c8", "3s69", 50)]
)
def test_reference_logits_with_imported_weights(name, variant, num_tags, goldens):
    golden = goldens(name)
    model = models.short_chunk_resnet(num_tags, 8, variant, precision="float32")
    models.load_torch_state(model, state_of(golden))
    logits = model(golden["waveform"], training=False).numpy()
    assert np.abs(logits - golden["network_logits"]).max() < 1e-5


def test_size_of_the_papers_network():
    model = models.short_chunk_resnet()
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == 11_961_146
    assert model.count_params() == 11_972_412


@pytest.mark.parametrize(("variant", "samples", "frames"), [("4s6", 73_600, 288), ("3s69", 59_049, 231)])
def test_chunk_and_frames_of_a_variant(variant, samples, frames):
    model = models.short_chunk_resnet(3, 1, variant)
    assert model.chunk_samples == samples
    mel = model.get_layer("log_mel")(np.zeros((1, samples), np.float32))
    assert mel.shape == (1, 128, frames, 1)
    before_pool = keras.Model(model.input, model.get_layer("pool").input)
    assert before_pool(np.zeros((1, samples), np.float32)).shape[1:3] == ((1, 1) if variant == "4s6" else (1, 2))


def test_fewer_blocks_are_the_first_ones(small, tmp_path, rng):
    fewer = models.short_chunk_resnet(5, 2, num_blocks=3, precision="float32")
    for layer in fewer.layers:
        if layer.name.startswith("layer"):
            layer.set_weights(small.get_layer(layer.name).get_weights())
    waveform = rng.normal(0, 0.1, (2, small.chunk_samples)).astype(np.float32)
    third = keras.Model(small.input, small.get_layer("layer3_relu").output)(waveform)
    pooled = keras.Model(fewer.input, fewer.get_layer("pool").output)(waveform)
    np.testing.assert_allclose(pooled, np.max(third, axis=(1, 2)), rtol=1e-6)
    fewer.save(tmp_path / "model.keras")
    again = loading.load(tmp_path / "model.keras")
    assert again.block_names == [("layer1",), ("layer2",), ("layer3",), ("dense_1", "bn_1", "dense_2")]
    np.testing.assert_array_equal(again(waveform, training=False), fewer(waveform, training=False))


def test_initial_weights_are_uniform_within_the_fan_in():
    model = models.short_chunk_resnet(3, 16)
    for name, fan_in in (("layer2_conv_1", 9 * 16), ("dense_1", 64)):
        kernel, bias = (np.asarray(weight) for weight in model.get_layer(name).weights)
        limit = 1 / np.sqrt(fan_in)
        assert np.abs(kernel).max() <= limit and np.abs(bias).max() <= limit
        assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)
        assert bias.any()


def test_batch_norm_has_the_recipes_constants(small):
    layer = small.get_layer("layer3_bn_2")
    assert (layer.momentum, layer.epsilon) == (0.9, 1e-5)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_keeps_front_end_weights_and_logits_in_float32(precision, small, rng):
    model = models.short_chunk_resnet(5, 2, precision=precision)
    assert model.get_layer("log_mel").compute_dtype == "float32"
    assert model.get_layer("layer1_conv_1").compute_dtype == precision.removeprefix("mixed_")
    assert {weight.dtype for weight in model.weights} == {"float32"}
    waveform = rng.normal(0, 1, (1, model.chunk_samples)).astype(np.float32) * 100  # power overflows float16
    mel = keras.Model(model.input, model.get_layer("log_mel").output)(waveform)
    np.testing.assert_array_equal(mel, models.LogMelSpectrogram()(waveform))
    assert model(waveform, training=False).dtype == tf.float32


def test_saved_and_loaded_in_another_precision(small, tmp_path, rng):
    small.save(tmp_path / "model.keras")
    same = loading.load(tmp_path / "model.keras")
    waveform = rng.normal(0, 0.1, (2, small.chunk_samples)).astype(np.float32)
    np.testing.assert_array_equal(small(waveform, training=False), same(waveform, training=False))
    half = loading.load(tmp_path / "model.keras", "mixed_bfloat16")
    assert half.precision == "mixed_bfloat16"
    for ours, theirs in zip(half.get_weights(), small.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(small(waveform, training=False), half(waveform, training=False), atol=0.05)


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"not a zip")
    with pytest.raises(errors.KerastagError, match="not a model"):
        loading.load(tmp_path / "model.keras")


def torch_like_state(model):
    """The weights of a model under their PyTorch names and axis orders."""
    names = {
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    }
    state = {}
    for weight in model.weights:
        layer, parameter = weight.path.split("/")[-2:]
        layer = layer.replace("_conv", ".conv").replace("_bn_", ".bn_") if layer.startswith("layer") else layer
        array = np.asarray(weight)
        axes = {4: (3, 2, 0, 1), 2: (1, 0)}.get(array.ndim)
        parameter = "weight" if parameter == "kernel" else names.get(parameter, parameter)
        state[f"{layer}.{parameter}"] = array.transpose(axes) if axes else array
    return state


def test_torch_state_round_trip(small, rng):
    state = torch_like_state(small)
    assert "layer6_2_3.conv_1.weight" in state and "spec_bn.running_var" in state
    other = models.short_chunk_resnet(5, 2, precision="float32")
    models.load_torch_state(other, state)
    for ours, theirs in zip(other.get_weights(), small.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("layer2.conv_1.bias"), "layer2_conv_1.bias: missing"),
        (lambda state: state.update(extra=np.zeros(3)), "extra: the network has no such weight"),
        (lambda state: state.update({"dense_2.bias": np.zeros(4)}), "dense_2.bias: shape"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(small, change, message):
    state = torch_like_state(small)
    change(state)
    before = small.get_weights()
    with pytest.raises(errors.KerastagError, match=message):
        state_dict.load(small, state)
    for ours, theirs in zip(small.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
