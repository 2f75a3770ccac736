"""Masks of dropout: a function of seed, step, row and unit, whoever draws them."""

import keras
import numpy as np
import tensorflow as tf

from kerastag.models import layers

SHAPE = (64, 512)


def masks(rate=0.5, seed=7, calls=1, compiled=False, rows=SHAPE[0], first_row=0):
    """Which units are kept in each of so many calls, bool (calls, rows, units)."""
    layer = layers.Dropout(rate, seed=seed)
    x = tf.ones((rows, SHAPE[1]))

    @tf.function(jit_compile=compiled)
    def call():
        with layers.rows_from(tf.constant(first_row, tf.int64)):
            return layer(x, training=True)

    outputs = np.array([call() for _ in range(calls)])
    np.testing.assert_array_equal(np.unique(outputs), np.float32([0, 1 / (1 - rate)]))
    return outputs > 0


def test_compiled_and_plain_masks_are_the_same():
    np.testing.assert_array_equal(masks(calls=3), masks(calls=3, compiled=True))


def test_a_share_of_the_rows_has_the_mask_that_the_whole_has():
    np.testing.assert_array_equal(masks()[:, 40:], masks(rows=24, first_row=40))


def test_feature_maps_are_dropped_alike_compiled_and_plain_and_otherwise_elsewhere():
    x, outputs = tf.ones((2, 5, 6, 7)), []
    for compiled, first_row in ((False, 0), (True, 0), (False, 2)):
        layer = layers.Dropout(0.25, seed=7)

        @tf.function(jit_compile=compiled)
        def call(layer=layer, first_row=first_row):
            with layers.rows_from(first_row):
                return layer(x, training=True)

        outputs.append(call().numpy())
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert (outputs[0] != outputs[2]).any() and 0.6 < (outputs[0] > 0).mean() < 0.9


def test_units_are_kept_by_the_rate_and_independently():
    for rate in (0.1, 0.5, 0.8):
        kept = masks(rate, calls=8)
        assert abs(kept.mean() - (1 - rate)) < 4 * np.sqrt(rate * (1 - rate) / kept.size)
    flat = masks(calls=8).reshape(8, -1) * 2.0 - 1
    seeds = masks(seed=8).reshape(-1) * 2.0 - 1
    bound = 4.5 / np.sqrt(flat.shape[1])  # of the correlation of two that have nothing to do with each other
    assert np.abs(np.corrcoef(flat) - np.eye(8)).max() < bound  # from step to step
    assert abs(flat[0] @ seeds) / len(seeds) < bound  # from seed to seed
    image = flat[0].reshape(SHAPE)
    for lag in range(1, 6):  # from unit to unit and from row to row
        assert abs((image[:, lag:] * image[:, :-lag]).mean()) < 1.5 * bound
        assert abs((image[lag:] * image[:-lag]).mean()) < 1.5 * bound


def test_nothing_is_dropped_at_inference_or_at_rate_0():
    x = np.ones((3, 4), np.float32)
    np.testing.assert_array_equal(layers.Dropout(0.5)(x, training=False), x)
    np.testing.assert_array_equal(layers.Dropout(0.0)(x, training=True), x)


def test_half_precision_stays_half_and_the_configuration_comes_back():
    layer = layers.Dropout(0.25, dtype="mixed_bfloat16")
    assert layer(tf.ones((2, 8), tf.bfloat16), training=True).dtype == tf.bfloat16
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is layers.Dropout and again.rate == 0.25
