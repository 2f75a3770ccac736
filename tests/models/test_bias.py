"""A bias that batch normalisation takes: no work in a step, and yet the same network."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastag import losses, models
from kerastag.data import pipeline
from kerastag.models import bias, convolution, norm, resnet
from kerastag.training import build, devices, loop, optimizers, schedules, state

BLOCK = ("conv_1", "conv_2", "conv_3")


def our_block():
    """A residual block, pooling, and the network's dense layer, in float64."""
    x = keras.Input((8, 10, 3), dtype="float64")
    y = resnet.residual_block(x, 4, (2, 2), "b", "float64")
    y = keras.layers.GlobalMaxPooling2D(dtype="float64")(y)
    y = norm.batch_norm(resnet.dense_layer(y, 5, "dense", "float64"), "bn", "float64")
    return keras.Model(x, y)


def plain_block():
    """The same of Keras' own layers, which add every bias and differentiate by it."""
    layers, exact = keras.layers, {"dtype": "float64"}
    x = keras.Input((8, 10, 3), dtype="float64")

    def normalised(y, name):
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name, **exact)(y)

    padded = layers.ZeroPadding2D(1, **exact)(x)
    y = normalised(layers.Conv2D(4, 3, 2, name="b_conv_1", **exact)(padded), "b_bn_1")
    y = layers.Conv2D(4, 3, padding="same", name="b_conv_2", **exact)(layers.ReLU(**exact)(y))
    shortcut = normalised(layers.Conv2D(4, 3, 2, name="b_conv_3", **exact)(padded), "b_bn_3")
    y = layers.ReLU(**exact)(layers.Add(**exact)([normalised(y, "b_bn_2"), shortcut]))
    y = layers.Dense(5, name="dense", **exact)(layers.GlobalMaxPooling2D(**exact)(y))
    return keras.Model(x, normalised(y, "bn"))


def stepped(model, x, pull):
    """Outputs of a training call, and the gradient of each variable by its path in the model."""
    with tf.GradientTape() as tape:
        y = model(x, training=True)
        value = tf.reduce_sum(y * pull)
    names = [f"{layer.name}/{weight.name}" for layer in model.layers for weight in layer.trainable_weights]
    weights = [weight for layer in model.layers for weight in layer.trainable_weights]
    return y.numpy(), dict(zip(names, tape.gradient(value, weights), strict=True))


def test_outputs_gradients_and_statistics_are_those_of_plain_layers_in_float64(rng):
    keras.utils.set_random_seed(3)
    ours, theirs = our_block(), plain_block()
    for layer in ours.layers:
        if layer.weights:
            theirs.get_layer(layer.name).set_weights([np.asarray(weight) for weight in layer.weights])
    x, pull = tf.constant(rng.normal(1, 2, (6, 8, 10, 3))), tf.constant(rng.normal(size=(6, 5)))
    (our_y, our_gradients), (their_y, their_gradients) = stepped(ours, x, pull), stepped(theirs, x, pull)
    np.testing.assert_allclose(our_y, their_y, atol=1e-12)
    assert our_gradients.keys() == their_gradients.keys()
    for name, gradient in our_gradients.items():
        if name.endswith("/bias"):
            assert not np.any(gradient), name  # exactly zero, and not None
        np.testing.assert_allclose(gradient, their_gradients[name], atol=1e-11, err_msg=name)
    for layer, count in (("b_bn_1", 6 * 4 * 5), ("b_bn_2", 6 * 4 * 5), ("b_bn_3", 6 * 4 * 5), ("bn", 6)):
        mine, other = ours.get_layer(layer), theirs.get_layer(layer)
        np.testing.assert_allclose(mine.moving_mean, other.moving_mean, atol=1e-13)
        biased = (np.asarray(mine.moving_variance) - 0.9) * (count - 1) / count + 0.9  # Keras keeps the biased one
        np.testing.assert_allclose(biased, other.moving_variance, atol=1e-12)
    np.testing.assert_allclose(ours(x, training=False), theirs_at_inference(ours, theirs, x), atol=1e-12)


def theirs_at_inference(ours, theirs, x):
    for layer in ("b_bn_1", "b_bn_2", "b_bn_3", "bn"):
        theirs.get_layer(layer).moving_variance.assign(ours.get_layer(layer).moving_variance)
    return theirs(x, training=False)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_the_moving_mean_has_every_digit_of_the_bias_in_any_precision(precision, rng):
    x = keras.Input((6, 6, 2))
    convolved = convolution.Conv2D(3, 3, name="conv", dtype=precision)(x)
    model = keras.Model(x, norm.batch_norm(convolved, "bn", precision))
    values = rng.normal(size=3).astype(np.float32)
    model.get_layer("conv").set_weights([np.zeros((3, 3, 2, 3)), values])  # of what is normalised nothing is left
    model(rng.normal(size=(4, 6, 6, 2)), training=True)
    np.testing.assert_allclose(model.get_layer("bn").moving_mean, 0.1 * values, rtol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_weight_decay_acts_on_a_bias_without_gradient(precision, rng):
    strategy = devices.strategy("one")
    with strategy.scope():
        model = models.short_chunk_resnet(3, 1, num_blocks=2, dropout=0.0, precision=precision)
        sgd = optimizers.SGD(0.1, momentum=0.9, coupled_weight_decay=0.5)
        scaled = keras.optimizers.LossScaleOptimizer(sgd) if precision == "mixed_float16" else sgd
    layers = [layer for layer in model.layers if getattr(layer, "leaves_bias", False)]
    assert len(layers) == 7  # six convolutions and the first dense layer
    before = [np.asarray(layer.bias) for layer in layers]
    batch = {"waveform": rng.normal(0, 0.1, (4, 73_600)).astype(np.float32), "draw": np.arange(4)}
    batches = tf.data.Dataset.from_tensors({**batch, "labels": np.eye(4, 3, dtype=np.float32)}).map(pipeline.weighted)
    loop.Trainer(model, losses.get("focal"), scaled, strategy).train_epoch(batches, state.TrainingState())
    for layer, was in zip(layers, before, strict=True):  # the first step of Nesterov: rate * (1 + momentum) * decay
        np.testing.assert_allclose(layer.bias, was * (1 - 0.1 * 1.9 * 0.5), rtol=1e-5)


def test_a_step_adds_and_differentiates_one_bias_that_of_the_output():
    network = build.Network(("a", "b"), num_channels=1, num_blocks=2)
    trainer = build.trainer(
        devices.strategy("one"),
        network,
        losses.get("bce"),
        build.Optimization(schedules.Schedule()),
        "mixed_bfloat16",
        0,
    )
    names = {
        "waveform": tf.TensorSpec([None, 73_600]),
        "labels": tf.TensorSpec([None, 2]),
        "weight": tf.TensorSpec([None]),
    }
    dataset = tf.data.Dataset.from_generator(lambda: iter(()), output_signature=names)
    graph = trainer._step(False, dataset).get_concrete_function().graph
    types = [operation.type for operation in graph.get_operations()]
    assert types.count("BiasAdd") == types.count("BiasAddGrad") == 1


def test_alone_a_layer_keeps_its_bias():
    layer = bias.Dense(2, bias_initializer="ones", kernel_initializer="zeros")
    np.testing.assert_array_equal(layer(np.zeros((1, 3)), training=True), [[1, 1]])
