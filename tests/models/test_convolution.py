"""The halving convolution is Keras' own, forward and backward."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastag.models import convolution


@pytest.mark.parametrize("size", [(8, 10), (9, 7), (3, 4), (6, 3)])
@pytest.mark.parametrize("amx", [True, False])
def test_values_and_gradients_are_those_of_keras(size, amx, rng, monkeypatch):
    monkeypatch.setattr(convolution.precisions, "has_amx", lambda: amx)
    x = tf.constant(rng.normal(size=(2, *size, 3)), tf.float64)  # its own gradient serves all but float32
    ours = convolution.Conv2D(5, 3, 2, "valid", dtype="float64")
    theirs = keras.layers.Conv2D(5, 3, 2, "valid", dtype="float64")
    ours.build(x.shape)
    theirs.build(x.shape)
    theirs.set_weights(ours.get_weights())
    pull = tf.constant(rng.normal(size=theirs(x).shape), tf.float64)  # every output has its own share

    def gradients(layer):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
            loss = tf.reduce_sum(y * pull)
        return [y, *tape.gradient(loss, [x, *layer.trainable_variables])]

    for ours_value, theirs_value in zip(gradients(ours), gradients(theirs), strict=True):
        np.testing.assert_allclose(ours_value, theirs_value, atol=1e-12)


def test_the_gradient_of_the_input_has_its_shape_in_a_function_of_any_size(rng):
    layer = convolution.Conv2D(2, 3, 2, "valid", dtype="mixed_bfloat16")
    layer.build((None, None, None, 1))

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 1])])
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(tf.cast(layer(x), tf.float32))
        return tape.gradient(y, x)

    for size in ((1, 5, 8), (3, 4, 5)):
        x = tf.constant(rng.normal(size=(*size, 1)), tf.float32)
        assert gradient(x).shape == x.shape


def test_weights_saved_of_keras_own_layer_are_found(tmp_path):
    theirs, ours = (
        keras.Sequential([keras.Input((8, 8, 1)), layer(2, 3, 2, "valid")])
        for layer in (keras.layers.Conv2D, convolution.Conv2D)
    )
    theirs.save_weights(tmp_path / "one.weights.h5")
    ours.load_weights(tmp_path / "one.weights.h5")
    np.testing.assert_array_equal(ours.layers[0].kernel, theirs.layers[0].kernel)
