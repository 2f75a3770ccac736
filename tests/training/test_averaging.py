"""Averaged weights against what NumPy makes of the weights of every step, in float64."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastag import errors, losses
from kerastag.data import pipeline
from kerastag.models import bias, layers, norm
from kerastag.training import averaging, devices, loop, optimizers, state

EMA, MEAN = averaging.Averaging(ema=0.6), averaging.Averaging(swa_from=2)
SIZES = (8, 8, 5)


@functools.cache
def batches(sizes=SIZES, fill=False, scale=0.3):
    rng = np.random.default_rng(3)
    examples = {
        "waveform": rng.normal(0, scale, (sum(sizes), 64)).astype(np.float32),
        "labels": (rng.random((sum(sizes), 3)) < 0.4).astype(np.float32),
        "draw": np.arange(sum(sizes)),
    }
    dataset = tf.data.Dataset.from_tensor_slices(examples).batch(sizes[0]).map(pipeline.weighted)
    return dataset.map(lambda batch: pipeline.filled(batch, sizes[0])) if fill else dataset


def trainer(average, strategy=None, precision="float32", frozen=(), normalised=True, scale=256.0):
    """Of a dense layer, batch norm, dropout and an output layer, all of which move far in a step."""
    strategy = strategy or devices.strategy("one")
    keras.utils.set_random_seed(1)
    with strategy.scope():
        x = keras.Input((64,))
        y = bias.Dense(8, name="dense", dtype=precision)(x)
        y = norm.batch_norm(y, "bn", precision) if normalised else y
        y = layers.Dropout(0.5, seed=3, dtype=precision)(keras.layers.ReLU(dtype=precision)(y))
        model = keras.Model(x, bias.Dense(3, name="output", dtype="float32")(y))
        for name in frozen:
            model.get_layer(name).trainable = False
        optimizer = optimizers.Adam(1e-2)
        if precision == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=scale)
    kept = average.start(model, strategy)
    return loop.Trainer(model, losses.get("bce"), optimizer, strategy, 0.0, 0, None, False, None, kept)


def floats(model):
    """Trained variables and moving statistics, float64."""
    return [np.asarray(weight, np.float64) for weight in [*model.trainable_variables, *averaging.statistics_of(model)]]


def averages(which):
    return [np.asarray(variable) for variable in which.average.variables[:-1]]


def count(which):
    return int(np.asarray(which.average.variables[-1]))


def epoch(which, at):
    """Trains an epoch; the weights after every step."""
    after = []
    for number in range(len(SIZES)):
        which.train_epoch(batches(fill=which.strategy.num_replicas_in_sync > 1).skip(number).take(1), at)
        after.append(floats(which.model))
    if which.average is not None:
        which.average.after_epoch(at.epoch + 1)
    at.begin_epoch(at.epoch + 1)
    return after


def assert_equal(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_a_moving_average_by_hand(precision):
    which, at = trainer(EMA, precision=precision), state.TrainingState()
    expected = floats(which.model)
    assert not which.average.is_ready
    for step, weights in enumerate([*epoch(which, at), *epoch(which, at)]):
        decay = min(0.6, (1 + step) / (10 + step))  # 0.1, 2/11, 3/12, ... and 0.6 from the twelfth step on
        expected = [decay * old + (1 - decay) * new for old, new in zip(expected, weights, strict=True)]
    for ours, theirs in zip(averages(which), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    assert which.average.is_ready and count(which) == 6 and averages(which)[0].dtype == np.float32


def test_after_its_warm_up_the_decay_is_the_one_given():
    which = trainer(averaging.Averaging(ema=0.6))
    which.average.variables[-1].assign(1000)
    before = floats(which.model)
    (after, *_) = epoch(which, state.TrainingState())
    which = trainer(averaging.Averaging(ema=0.6))
    which.average.variables[-1].assign(1000)
    which.train_epoch(batches().take(1), state.TrainingState())
    for ours, old, new in zip(averages(which), before, after, strict=True):
        np.testing.assert_allclose(ours, 0.6 * old + 0.4 * new, rtol=1e-5, atol=1e-6)


def test_training_is_the_same_to_the_bit_with_an_average_and_without():
    runs = [trainer(average) for average in (averaging.NO_AVERAGE, EMA, MEAN)]
    for which in runs:
        at = state.TrainingState()
        for _ in range(2):
            epoch(which, at)
    plain, *others = runs
    assert plain.average is None and not plain.average_variables
    for which in others:
        assert_equal(floats(which.model), floats(plain.model))


def test_steps_that_overflow_do_not_matter():
    which, at = trainer(EMA, precision="mixed_float16", scale=2.0**40), state.TrainingState()
    before = averages(which)
    while which.loss_scale > 2**30:
        which.train_epoch(batches().take(1), at)
    assert at.step > 5 and count(which) == 0
    assert_equal(averages(which), before)
    assert not which.average.is_ready


@pytest.mark.parametrize("average", [EMA, MEAN])
def test_two_replicas_are_one(average):
    runs = [trainer(average, normalised=False), trainer(average, devices.strategy("mirrored", 2), normalised=False)]
    for which in runs:
        at = state.TrainingState()
        for _ in range(2):
            epoch(which, at)
    for which in runs[1:]:
        assert count(which) == count(runs[0])
        for one, other in zip(averages(runs[0]), averages(which), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-6)


def test_what_is_frozen_is_not_averaged():
    which, at = trainer(EMA, frozen=("dense", "bn")), state.TrainingState()
    epoch(which, at)
    assert [array.shape for array in averages(which)] == [(8, 3), (3,)]
    frozen = [np.array(weight) for name in ("dense", "bn") for weight in which.model.get_layer(name).weights]
    with which.average.in_place():
        assert_equal([weight for name in ("dense", "bn") for weight in which.model.get_layer(name).weights], frozen)
        assert_equal(floats(which.model), averages(which))


def test_the_mean_of_epochs_by_hand():
    which, at = trainer(MEAN), state.TrainingState()
    trained, ends = len(which.model.trainable_variables), []
    for number in range(1, 5):
        ends.append(epoch(which, at)[-1][:trained])
        assert which.average.is_ready == (number >= 2)
        if number == 2:  # of one epoch alone
            assert_equal(averages(which)[:trained], ends[1])
        which.average.after_epoch(number)  # again, as where validation was interrupted
    for ours, *weights in zip(averages(which)[:trained], *ends[1:], strict=True):
        np.testing.assert_allclose(ours, np.mean(weights, axis=0), rtol=1e-6, atol=1e-7)
    assert count(which) == 3


@pytest.mark.parametrize("strategy", [("one",), ("mirrored", 2)])
def test_the_network_has_its_own_weights_again_even_after_an_error(strategy):
    which = trainer(EMA, devices.strategy(*strategy))
    epoch(which, state.TrainingState())
    own = floats(which.model)
    with pytest.raises(ZeroDivisionError), which.average.in_place():
        assert_equal(floats(which.model), averages(which))
        assert np.any(floats(which.model)[0] != own[0])
        raise ZeroDivisionError
    assert_equal(floats(which.model), own)


@pytest.mark.parametrize(("average", "strategy"), [(EMA, ("mirrored", 2)), (MEAN, ("one",))])
def test_a_checkpoint_brings_the_average_back(average, strategy, tmp_path):
    whole, at = trainer(average, devices.strategy(*strategy)), state.TrainingState()
    for _ in range(2):
        epoch(whole, at)
    state.save(tmp_path / "kept", whole.model, whole.optimizer, at, whole.average_variables)
    again = trainer(average, devices.strategy(*strategy))
    state.restore(tmp_path / "kept", again.model, again.optimizer, again.average_variables)
    went_on = state.read(tmp_path / "kept")
    for which, where in ((whole, at), (again, went_on)):
        epoch(which, where)
    assert_equal(averages(again), averages(whole))
    assert count(again) == count(whole)


def test_checkpoints_with_and_without_an_average_are_not_mixed_up(tmp_path):
    plain, averaged = trainer(averaging.NO_AVERAGE), trainer(EMA)
    for which, other in ((plain, averaged), (averaged, plain)):
        state.save(tmp_path / "kept", which.model, which.optimizer, state.TrainingState(), which.average_variables)
        state.restore(tmp_path / "kept", which.model, which.optimizer, which.average_variables)
        with pytest.raises(errors.KerastagError, match="a checkpoint of another network or optimiser"):
            state.restore(tmp_path / "kept", other.model, other.optimizer, other.average_variables)


def test_a_moving_average_starts_again_from_weights_that_were_restored():
    which, at = trainer(EMA), state.TrainingState()
    first = floats(which.model)
    epoch(which, at)
    trained = len(which.model.trainable_variables)
    for variable, value in zip(which.model.trainable_variables, first[:trained], strict=True):
        variable.assign(value)
    which.average.after_restart()
    assert_equal(averages(which)[:trained], [value.astype(np.float32) for value in first[:trained]])
    with which.strategy.scope():
        which.use(optimizers.SGD(1e-2))
    before, step = [value.astype(np.float64) for value in averages(which)], count(which)
    which.train_epoch(batches().take(1), at)
    decay = min(0.6, (1 + step) / (10 + step))
    for ours, old, new in zip(averages(which), before, floats(which.model), strict=True):
        np.testing.assert_allclose(ours, decay * old + (1 - decay) * new, rtol=1e-5, atol=1e-6)
