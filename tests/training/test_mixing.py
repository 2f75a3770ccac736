"""mixup: lambda by seed, epoch and step, partners within the replica, the loss of both labels."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastag import losses
from kerastag.data import pipeline
from kerastag.training import devices, loop, mixing, optimizers, state


def test_draws_are_a_function_of_seed_epoch_and_step():
    first, again = mixing.draw(1.0, 3, 4, 5), mixing.draw(1.0, 3, 4, 5)
    assert first[0] == again[0] and (first[1] == again[1]).all()
    shares = {float(mixing.draw(1.0, *where)[0]) for where in [(3, 4, 5), (3, 4, 6), (3, 5, 5), (4, 4, 5)]}
    assert len(shares) == 4
    many = [mixing.draw(1.0, 0, 0, step)[0] for step in range(2000)]  # Beta(1, 1) is uniform
    assert np.mean(many) == pytest.approx(0.5, abs=0.02) and np.std(many) == pytest.approx(12**-0.5, abs=0.02)


def test_partners_are_a_permutation():
    assert sorted(mixing.partners(9, np.array([1, 2], np.int32)).numpy()) == list(range(9))


def run_one_step(strategy, loss, waveform, labels):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        optimizer = optimizers.Adam(1e-3)
    trainer = loop.Trainer(model, loss, optimizer, strategy, mixup_alpha=1.0, seed=11)
    before = [np.asarray(weight) for weight in model.weights]
    batch = {"waveform": waveform, "labels": labels, "draw": np.arange(len(labels))}
    at = state.TrainingState(epoch=2)
    trainer.train_epoch(tf.data.Dataset.from_tensors(batch).map(pipeline.weighted), at)
    return at.loss_sum, before


@pytest.mark.parametrize("name", losses.NAMES)
def test_the_loss_is_that_of_both_labels(name, rng):
    waveform = rng.normal(0, 1, (6, 4)).astype(np.float32)
    labels = (rng.random((6, 3)) < 0.5).astype(np.float32)
    loss = losses.get(name, class_counts=[5, 20, 80])
    reached, (kernel, bias) = run_one_step(devices.strategy("one"), loss, waveform, labels)
    share, seed = mixing.draw(1.0, 11, 2, 0)
    partner = mixing.partners(6, seed).numpy()
    logits = (share * waveform + (1 - share) * waveform[partner]) @ kernel + bias
    expected = share * float(loss(labels, logits)) + (1 - share) * float(loss(labels[partner], logits))
    assert reached == pytest.approx(expected, rel=1e-5)


def test_for_focal_that_is_not_the_loss_of_mixed_labels(rng):
    labels = (rng.random((2, 20)) < 0.5).astype(np.float32)
    logits = rng.normal(0, 2, (1, 20)).astype(np.float32)
    for name, same in (("bce", True), ("focal", False)):
        loss = losses.get(name)
        both = 0.3 * float(loss(labels[:1], logits)) + 0.7 * float(loss(labels[1:], logits))
        mixed = float(loss(0.3 * labels[:1] + 0.7 * labels[1:], logits))
        assert (both == pytest.approx(mixed, rel=1e-4)) is same


def test_replicas_mix_within_themselves(rng):
    """Two replicas whose shares are the same track throughout: mixing leaves them as they are."""
    track = rng.normal(0, 1, (2, 4)).astype(np.float32)
    waveform = np.repeat(track, 3, axis=0)
    labels = np.repeat([[1, 0, 0], [0, 1, 0]], 3, axis=0).astype(np.float32)
    loss = losses.get("focal")
    reached, (kernel, bias) = run_one_step(devices.strategy("mirrored", 2), loss, waveform, labels)
    assert reached == pytest.approx(float(loss(labels, waveform @ kernel + bias)), rel=1e-5)
