"""Layers that stay as they are and rates by layer, in our own step: every optimiser, precision and strategy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastag import errors, losses, models
from kerastag.data import pipeline
from kerastag.models import bias, layers, norm
from kerastag.training import build, devices, loop, optimizers, schedules, state

OPTIMIZERS = {
    "adam": lambda: optimizers.Adam(1e-2, coupled_weight_decay=0.1),
    "sgd": lambda: optimizers.SGD(1e-2, coupled_weight_decay=0.1),
}


def batches(sizes, fill=False):
    rng = np.random.default_rng(3)
    examples = {
        "waveform": rng.normal(0, 0.3, (sum(sizes), 512)).astype(np.float32),
        "labels": (rng.random((sum(sizes), 3)) < 0.4).astype(np.float32),
        "draw": np.arange(sum(sizes)),
    }
    dataset = tf.data.Dataset.from_tensor_slices(examples).batch(sizes[0]).map(pipeline.weighted)
    return dataset.map(lambda batch: pipeline.filled(batch, sizes[0])) if fill else dataset


def trainer(
    strategy=None, optimizer="adam", precision="float32", frozen=("dense", "bn"), factors=None, size=None, loss="focal"
):
    """Of a dense layer whose bias a batch norm would take, dropout and an output layer."""
    strategy = strategy or devices.strategy("one")
    keras.utils.set_random_seed(1)
    with strategy.scope():
        x = keras.Input((512,))
        y = norm.batch_norm(bias.Dense(8, name="dense", dtype=precision)(x), "bn", precision)
        y = layers.Dropout(0.5, seed=3, dtype=precision)(keras.layers.ReLU(dtype=precision)(y))
        model = keras.Model(x, bias.Dense(3, name="output", dtype="float32")(y))
        rng = np.random.default_rng(0)
        model.get_layer("dense").bias.assign(rng.normal(size=8))
        model.get_layer("bn").set_weights([rng.uniform(0.5, 2, 8) for _ in range(4)])
        for name in frozen:
            model.get_layer(name).trainable = False
        ready = OPTIMIZERS[optimizer]()
        if precision == "mixed_float16":
            ready = keras.optimizers.LossScaleOptimizer(ready, initial_scale=256.0)
    return loop.Trainer(model, losses.get(loss), ready, strategy, 0.0, 0, size, True, factors)


def trained(which, sizes=(8, 8, 5)):
    at = state.TrainingState()
    for _ in range(2):
        which.train_epoch(batches(sizes, which.strategy.num_replicas_in_sync > 1), at)
    return [at.loss_sum, *which.model.get_weights()]


@pytest.mark.parametrize(("optimizer", "precision"), [("sgd", "float32"), ("adam", "mixed_float16")])
def test_what_is_frozen_is_the_same_to_the_bit_under_weight_decay(optimizer, precision):
    which = trainer(optimizer=optimizer, precision=precision)
    before = {layer.name: layer.get_weights() for layer in which.model.layers}
    trained(which)
    for name in ("dense", "bn"):
        for weight, was in zip(which.model.get_layer(name).get_weights(), before[name], strict=True):
            np.testing.assert_array_equal(weight, was)
    assert not np.allclose(which.model.get_layer("output").kernel, before["output"][0])
    kept = which.optimizer.inner_optimizer if precision == "mixed_float16" else which.optimizer
    shapes = [shape for shape in (tuple(variable.shape) for variable in kept.variables) if shape]
    assert shapes == [(8, 3), (3,)] * {"adam": 2, "sgd": 1}[optimizer]  # no moments of what is frozen


def test_a_step_is_that_of_the_head_alone_on_what_the_frozen_part_gives():
    which = trainer(optimizer="sgd", loss="bce")
    features = keras.Model(which.model.input, which.model.get_layer("bn").output)
    batch = next(iter(batches([8])))
    hidden = np.maximum(features(batch["waveform"], training=False).numpy(), 0)
    dropped = layers.Dropout(0.5, seed=3)(hidden, training=True).numpy()
    head = which.model.get_layer("output")
    kernel, start = (np.asarray(weight, np.float64) for weight in head.weights)
    score = 1 / (1 + np.exp(-(dropped @ kernel + start)))
    slope = (score - batch["labels"].numpy()) / 3 / 8  # of the mean over tags and batch
    which.train_epoch(batches([8]), state.TrainingState())
    expected = kernel - 1e-2 * 1.9 * (dropped.T @ slope + 0.1 * kernel)  # the first step of Nesterov momentum
    np.testing.assert_allclose(head.kernel, expected, atol=1e-6)


def test_mirrored_and_compiled_steps_are_the_plain_step():
    plain = trained(trainer())
    for how in ({"strategy": devices.strategy("mirrored", 2)}, {"size": 8}):
        for one, other in zip(plain, trained(trainer(**how)), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_factor_of_one_changes_no_bit():
    for one, other in zip(trained(trainer(frozen=())), trained(trainer(frozen=(), factors=[1.0] * 6)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_rate_of_each_variable_by_hand():
    strategy, factors = devices.strategy("one"), [0.25, 0.5, 1.0]
    with strategy.scope():
        variables = [keras.Variable([2.0, -1.0]) for _ in factors]
        optimizer = optimizers.SGD(0.1, momentum=0.9, coupled_weight_decay=0.5)
        optimizer.build(variables)
    update = optimizers.Update(optimizer, variables, strategy, factors)
    gradient = np.array([0.3, -0.2])
    update([tf.constant(gradient, tf.float32)] * 3, tf.constant(0.0))
    decayed = gradient + 0.5 * np.array([2.0, -1.0])
    for variable, factor in zip(variables, factors, strict=True):
        np.testing.assert_allclose(variable, np.array([2.0, -1.0]) - 0.1 * factor * 1.9 * decayed, rtol=1e-6)


def test_blocks_learn_at_their_rates():
    moves = []
    for decay in (1.0, 0.5):
        optimization = build.Optimization(schedules.Schedule(learning_rate=1e-3), layer_decay=decay)
        network = build.Network(("a", "b"), "vggish", 1, dropout=0.0)
        which = build.trainer(
            *(devices.strategy("one"), network, losses.get("bce"), optimization, "float32", 0),
        )
        before = {layer.name: layer.get_weights() for layer in which.model.layers if layer.weights}
        rng = np.random.default_rng(1)
        noise = rng.normal(0, 0.1, (2, which.model.chunk_samples)).astype(np.float32)
        batch = {"waveform": noise, "labels": np.eye(2, dtype=np.float32), "draw": np.arange(2)}
        which.train_epoch(tf.data.Dataset.from_tensors(batch).map(pipeline.weighted), state.TrainingState())
        moves.append({name: which.model.get_layer(name).get_weights()[0] - was[0] for name, was in before.items()})
    for name, depth in (("bn_init", 5), ("conv_1", 5), ("bn_3", 3), ("conv_5", 1), ("dense", 0)):
        assert np.any(moves[0][name])
        np.testing.assert_allclose(moves[1][name], 0.5**depth * moves[0][name], rtol=1e-2, atol=2e-7)


def test_layers_that_were_not_loaded_cannot_be_frozen(tmp_path):
    models.short_chunk_resnet(3, 1, "3s69", precision="float32").save(tmp_path / "other.keras")
    network = build.Network(("a", "b"), num_channels=1, pretrained=str(tmp_path / "other.keras"), frozen_blocks=6)
    with pytest.raises(errors.KerastagError, match="layer6_2_3_conv_1 cannot stay as it is, it is fresh") as raised:
        build.trainer(
            *(devices.strategy("one"), network, losses.get("bce")),
            *(build.Optimization(schedules.Schedule()), "float32", 0),
        )
    assert raised.value.option == "freeze"
