"""Fourteen steps of training as the reference implementation takes them: Adam, then SGD, then SGD at a lower rate."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastag import losses, models
from kerastag.data import pipeline
from kerastag.training import devices, loop, optimizers, state

DECAY = 1e-4


def test_losses_logits_and_statistics_of_every_phase(goldens):
    golden = goldens("reference_training_c4")
    strategy = devices.strategy("one")
    with strategy.scope():
        model = models.short_chunk_resnet(10, 4, dropout=0.0, precision="float32")
        adam, sgd = (kind(coupled_weight_decay=1e-4) for kind in (optimizers.Adam, optimizers.SGD))
    models.load_torch_state(
        model, {name.removeprefix("state/"): array for name, array in golden.items() if name.startswith("state/")}
    )
    trainer = loop.Trainer(model, losses.get("focal"), adam, strategy)
    batch = {"waveform": golden["waveform"], "labels": golden["labels"], "draw": np.arange(8)}
    batches = tf.data.Dataset.from_tensors(batch).map(pipeline.weighted)
    reached = []
    for name, optimizer, rate, num_steps in (("adam", adam, 1e-4, 6), ("sgd", sgd, 1e-4, 4), ("drop", sgd, 1e-5, 4)):
        if optimizer is not trainer.optimizer:
            trainer.use(optimizer)
        trainer.optimizer.learning_rate = rate
        for _ in range(num_steps):
            at = state.TrainingState()
            trainer.train_epoch(batches, at)
            reached.append(at.loss_sum)
        logits = model(golden["waveform"], training=False).numpy()
        assert np.abs(logits - golden[f"eval_logits_after_{name}"]).max() < 2e-4
    np.testing.assert_allclose(reached, golden["losses"], rtol=1e-5)
    for layer in ("spec_bn", "bn_1"):
        ours = np.asarray(model.get_layer(layer).moving_variance)
        np.testing.assert_allclose(ours, golden[f"{layer}_running_var"], rtol=1e-4)


def sgd_by_hand(value, gradients, rates, decay):
    buffer = 0.0
    for gradient, rate in zip(gradients, rates, strict=True):
        gradient = gradient + decay * value
        buffer = 0.9 * buffer + gradient
        value = value - rate * (gradient + 0.9 * buffer)
    return value


def test_momentum_is_kept_when_the_rate_drops():
    optimizer = optimizers.SGD(0.1, coupled_weight_decay=0.5)
    variable = keras.Variable([2.0])
    rates, gradients = [0.1, 0.1, 0.01, 0.01], [0.3, -0.2, 0.1, 0.4]
    for gradient, rate in zip(gradients, rates, strict=True):
        optimizer.learning_rate = rate
        optimizer.apply([keras.ops.convert_to_tensor([gradient], "float32")], [variable])
    assert float(variable[0]) == pytest.approx(sgd_by_hand(2.0, gradients, rates, 0.5), rel=1e-6)
