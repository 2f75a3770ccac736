"""Losses beyond the paper in the step: several devices as one, compiled as plain, mixed, resumed, in half precision."""

import functools

import keras
import numpy as np
import pytest

from kerastag import losses
from kerastag.data import pipeline
from kerastag.models import layers
from kerastag.training import devices, loop, mixing, optimizers, state
from tests.training.test_step import assert_alike, batches

NUM_TAGS = 10


def trainer_of(strategy, name, compiled_size=None, mixup_alpha=0.0, precision="float32", **hyperparameters):
    """Small enough for XLA, with dropout, and without batch statistics, which replicas take over their own shares."""
    keras.utils.set_random_seed(1)
    with strategy.scope():
        hidden = [keras.layers.Dense(8, "tanh", dtype=precision), layers.Dropout(0.5, seed=3)]
        model = keras.Sequential([keras.Input((512,)), *hidden, keras.layers.Dense(NUM_TAGS, dtype="float32")])
        optimizer = optimizers.Adam(1e-2, coupled_weight_decay=1e-3)
        if precision == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    loss = losses.get(name, **hyperparameters)
    return loop.Trainer(model, loss, optimizer, strategy, mixup_alpha, 5, compiled_size)


def train(trainer, epochs, sizes=(8, 5)):
    """The loss of each epoch, then the weights."""
    at, means = state.TrainingState(), []
    fill = trainer.strategy.num_replicas_in_sync > 1
    for epoch in epochs:
        at.begin_epoch(epoch)
        trainer.train_epoch(batches(sizes, 512, NUM_TAGS, fill=fill), at)
        means.append(at.loss_sum / at.loss_steps)
    return [np.array(means), *trainer.model.get_weights()]


@functools.cache
def trained(num_devices, name, compiled_size=None, mixup_alpha=0.0):
    strategy = devices.strategy("mirrored", 2) if num_devices == 2 else devices.strategy("one")
    return train(trainer_of(strategy, name, compiled_size, mixup_alpha), range(2))


# of those whose loss of a row is of that row alone one will do
@pytest.mark.parametrize("name", ["splc", "two_way"])
def test_two_devices_train_as_one_with_an_uneven_last_batch(name):
    assert_alike(trained(1, name), trained(2, name))


def test_two_way_sees_the_whole_batch_whatever_part_of_it_a_replica_has():
    """One batch of 8 rows over two replicas, of which 3 are tracks, all at one: the loss, and the step, of these."""
    results, size = [], 3
    for strategy in (devices.strategy("one"), devices.strategy("mirrored", 2)):
        trainer = trainer_of(strategy, "two_way")
        trainer.model.layers[1].rate = 0.0
        if not results:
            first = next(iter(batches((size,), 512, NUM_TAGS)))
            logits = trainer.model(np.asarray(first["waveform"], np.float32) / 32768)
            expected = float(losses.get("two_way")(first["labels"], logits))
        rows = batches((size,), 512, NUM_TAGS)
        if strategy.num_replicas_in_sync > 1:
            rows = rows.map(lambda batch: pipeline.filled(batch, 8))
        at = state.TrainingState()
        trainer.train_epoch(rows, at)
        assert at.loss_sum == pytest.approx(expected, rel=1e-5)
        results.append(trainer.model.get_weights())
    assert_alike(*results)


@pytest.mark.parametrize(("num_devices", "name"), [(1, "splc"), (2, "two_way")])
def test_a_compiled_step_is_the_plain_one_mixed_too(num_devices, name):
    assert_alike(trained(num_devices, name, None, 1.0), trained(num_devices, name, 8, 1.0))
    assert not np.allclose(trained(num_devices, name)[1], trained(num_devices, name, None, 1.0)[1], atol=1e-4)


def test_a_resumed_training_is_the_same_bit_for_bit(tmp_path):
    """Of the loss that goes by the epoch; no other knows more than its batch."""
    strategy, name = devices.strategy("one"), "splc"
    uninterrupted = trainer_of(strategy, name, None, 1.0)
    train(uninterrupted, [0])
    folder = tmp_path / "checkpoint"
    state.save(folder, uninterrupted.model, uninterrupted.optimizer, state.TrainingState(epoch=1))
    resumed = trainer_of(strategy, name, None, 1.0)
    state.restore(folder, resumed.model, resumed.optimizer)
    for one, other in zip(train(uninterrupted, [1]), train(resumed, [state.read(folder).epoch]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_splc_corrects_from_the_second_epoch_on():
    """At a tau that every score is above, absent tags cost what present ones do, as soon as there is a correction."""
    means = {}
    for start in (0, 1, 2):
        trainer = trainer_of(devices.strategy("one"), "splc", tau=0.0, start_epoch=start)
        trainer.optimizer.learning_rate = 0.0
        trainer.model.layers[1].rate = 0.0
        means[start] = train(trainer, range(3), sizes=(8,))[0]
    corrected, plain = means[0][0], means[2][0]
    assert corrected != pytest.approx(plain, rel=1e-2)
    expected = {0: [corrected] * 3, 1: [plain, corrected, corrected], 2: [plain, plain, corrected]}
    for start, values in expected.items():
        np.testing.assert_allclose(means[start], values, rtol=1e-6)


@pytest.mark.parametrize("name", ["splc", "two_way"])  # logits are float32 for all of them
def test_loss_scaling_in_half_precision_changes_little(name):
    half = train(trainer_of(devices.strategy("one"), name, precision="mixed_float16"), range(2))
    assert half[0] == pytest.approx(trained(1, name)[0], rel=0.02)
    assert all(np.isfinite(weight).all() for weight in half[1:])


def test_the_share_of_a_mixture_weighs_the_two_way_loss_of_each_of_its_labels():
    trainer = trainer_of(devices.strategy("one"), "two_way", mixup_alpha=1.0)
    trainer.model.layers[1].rate = 0.0
    batch = next(iter(batches((8,), 512, NUM_TAGS)))
    share, seed = mixing.draw(1.0, 5, 0, 0)
    partner = mixing.partners(8, seed).numpy()
    waveform, labels = np.asarray(batch["waveform"], np.float32) / 32768, batch["labels"].numpy()
    logits = trainer.model(share * waveform + (1 - share) * waveform[partner])
    loss = losses.get("two_way")
    expected = share * float(loss(labels, logits)) + (1 - share) * float(loss(labels[partner], logits))
    assert train(trainer, [0], sizes=(8,))[0][0] == pytest.approx(expected, rel=1e-5)
