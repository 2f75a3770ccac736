"""Moving statistics recomputed on batches, against means and variances of the activations that NumPy computes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastag import errors
from kerastag.data import pipeline
from kerastag.models import bias, layers, norm
from kerastag.training import averaging, devices, mixing, norm_statistics

SIZES = (6, 6, 3)
WAVEFORM = np.random.default_rng(3).normal(0.1, 0.5, (sum(SIZES), 16)).astype(np.float32)


def batches(fill=False):
    examples = {"waveform": WAVEFORM, "labels": np.zeros((sum(SIZES), 2), np.float32), "draw": np.arange(sum(SIZES))}
    dataset = tf.data.Dataset.from_tensor_slices(examples).batch(SIZES[0]).map(pipeline.weighted)
    return dataset.map(lambda batch: pipeline.filled(batch, SIZES[0])) if fill else dataset


def network(strategy, dropout=0.0, frozen=False, precision="float32"):
    """Two dense layers whose biases batch norms take, the second behind dropout."""
    keras.utils.set_random_seed(1)
    with strategy.scope():
        x = keras.Input((16,))
        y = norm.batch_norm(bias.Dense(8, name="dense_1", dtype=precision)(x), "bn_1", precision)
        y = layers.Dropout(dropout, seed=3, dtype=precision)(keras.layers.ReLU(dtype=precision)(y))
        y = norm.batch_norm(bias.Dense(4, name="dense_2", dtype=precision)(y), "bn_2", precision)
        model = keras.Model(x, bias.Dense(2, name="output", dtype="float32")(y))
        rng = np.random.default_rng(0)
        for layer in model.layers:
            layer.set_weights([rng.uniform(0.2, 1, weight.shape) for weight in layer.get_weights()])
        model.get_layer("bn_1").trainable = not frozen
    return model


def by_hand(model, shares):
    """Of each share of a batch, mean and unbiased variance of what both normalisations take, in float64."""
    found = []
    for waveform in shares:
        values, x = [], waveform.astype(np.float64)
        for number in (1, 2):
            layer, normed = model.get_layer(f"dense_{number}"), model.get_layer(f"bn_{number}")
            x = x @ np.asarray(layer.kernel, np.float64) + np.asarray(layer.bias, np.float64)
            values += [x.mean(axis=0), x.var(axis=0, ddof=1)]
            gamma, beta = (np.asarray(weight, np.float64) for weight in (normed.gamma, normed.beta))
            x = np.maximum((x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + norm.EPSILON) * gamma + beta, 0)
        found.append(values)
    return found


def weighted_mean(found, weights):
    return [np.average(values, axis=0, weights=weights) for values in zip(*found, strict=True)]


def assert_close(ours, theirs, **tolerance):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, **{"rtol": 1e-5, "atol": 1e-6, **tolerance})


def parts(waveform=WAVEFORM, sizes=SIZES):
    return np.split(waveform, np.cumsum(sizes)[:-1])


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("mixed_bfloat16", 0.05)])
def test_statistics_by_hand(precision, tolerance):
    model = network(devices.strategy("one"), precision=precision)
    before, seen = model.get_weights(), []
    statistics = norm_statistics.NormStatistics(model, devices.strategy("one"))(batches(), 0, seen.append)
    expected = weighted_mean(by_hand(model, parts()), SIZES)
    assert_close(statistics, expected, rtol=tolerance, atol=tolerance)
    assert tuple(seen) == SIZES
    for one, other in zip(model.get_weights(), before, strict=True):  # not one of its own variables moves
        np.testing.assert_array_equal(one, other)
    assert [layer.momentum for layer in model.layers if isinstance(layer, norm.BatchNormalization)] == [0.9, 0.9]


def test_the_statistics_of_the_average_are_set_and_validated():
    strategy = devices.strategy("one")
    model = network(strategy)
    average = averaging.Averaging(swa_from=1).start(model, strategy)
    average.after_epoch(1)
    for weight in model.trainable_variables:  # training went on
        weight.assign(weight + 1)
    with average.in_place():
        expected = weighted_mean(by_hand(model, parts()), SIZES)
        average.set_statistics(norm_statistics.NormStatistics(model, strategy)(batches(), 0))
    with average.in_place():
        assert_close(averaging.statistics_of(model), expected)


def test_replicas_normalise_their_own_shares():
    strategy = devices.strategy("mirrored", 2)
    model = network(strategy)
    statistics = norm_statistics.NormStatistics(model, strategy)(batches(fill=True), 0)
    whole = np.concatenate([WAVEFORM, WAVEFORM[-3:]])  # the last batch is filled up by repeating it
    found = by_hand(model, parts(whole, (3,) * 6))
    assert_close(statistics, weighted_mean(found, np.repeat(SIZES, 2)))


def test_mixed_batches_have_the_statistics_of_mixtures():
    strategy = devices.strategy("one")
    model = network(strategy)
    statistics = norm_statistics.NormStatistics(model, strategy, 1.0, 7)(batches(), 2)
    mixed = []
    for number, waveform in enumerate(parts()):
        share, seed = mixing.draw(1.0, 7, 2, number)
        partner = np.argsort(tf.random.stateless_uniform([len(waveform)], seed), kind="stable")
        mixed.append(share * waveform + (1 - share) * waveform[partner])
    assert_close(statistics, weighted_mean(by_hand(model, mixed), SIZES))


def test_dropout_draws_other_masks_for_every_batch_and_the_same_again():
    model = network(devices.strategy("one"), dropout=0.5)
    compute = norm_statistics.NormStatistics(model, devices.strategy("one"))
    same = tf.data.Dataset.from_tensor_slices({"waveform": np.tile(WAVEFORM[:6], (3, 1)), "draw": np.arange(18)})
    same = same.map(lambda batch: {**batch, "labels": tf.zeros(2)}).batch(6).map(pipeline.weighted)
    one, three = compute(same.take(1), 0), compute(same, 0)
    assert_close(one[:2], three[:2])  # before dropout
    assert np.abs(one[2] - three[2]).min() > 1e-3  # behind it
    for first, again in zip(compute(same, 0), three, strict=True):
        np.testing.assert_array_equal(first, again)


def test_frozen_normalisations_keep_theirs():
    model = network(devices.strategy("one"), frozen=True)
    compute = norm_statistics.NormStatistics(model, devices.strategy("one"))
    assert compute.are_there and len(compute(batches(), 0)) == 2
    model.get_layer("bn_2").trainable = False
    assert not norm_statistics.NormStatistics(model, devices.strategy("one")).are_there


def test_no_more_batches_than_are_needed(monkeypatch):
    monkeypatch.setattr(norm_statistics, "MOST_BATCHES", 2)
    model = network(devices.strategy("one"))
    compute = norm_statistics.NormStatistics(model, devices.strategy("one"))
    assert_close(compute(batches(), 0), weighted_mean(by_hand(model, parts()[:2]), SIZES[:2]))
    with pytest.raises(errors.KerastagError, match="no track of the training split"):
        compute(batches().take(0), 0)
