"""A step in few operations: the same on one device and several, plain and compiled; none where float16 overflows."""

import collections

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastag import losses
from kerastag.data import pipeline
from kerastag.models import layers
from kerastag.training import build, devices, loop, optimizers, schedules, state

NETWORK = build.Network(tuple("abcdefghij"), num_channels=2)
# operations that no kernel is started for on a GPU: constants, shapes, and names for what is there already
FREE = {
    *(
        "Const",
        "Placeholder",
        "Identity",
        "IdentityN",
        "NoOp",
        "ReadVariableOp",
        "AssignVariableOp",
        "Reshape",
        "Squeeze",
    ),
    *("Shape", "ShapeN", "StridedSlice", "Pack", "Fill", "ZerosLike", "ExpandDims"),
}


def batches(sizes, samples=73_600, num_tags=10, seed=3, fill=False):
    rng = np.random.default_rng(seed)
    examples = {
        "waveform": rng.integers(-8000, 8000, (sum(sizes), samples), dtype=np.int16),
        "labels": (rng.random((sum(sizes), num_tags)) < 0.4).astype(np.float32),
        "draw": np.arange(sum(sizes)),
    }
    dataset = tf.data.Dataset.from_tensor_slices(examples).batch(sizes[0]).map(pipeline.weighted)
    return dataset.map(lambda batch: pipeline.filled(batch, sizes[0])) if fill else dataset


def traced(precision, watch=True):
    trainer = build.trainer(
        *(devices.strategy("one"), NETWORK, losses.get("focal"), build.Optimization(schedules.Schedule())),
        *(precision, 0),
        watch=watch,
    )
    graph = trainer._step(False, batches([2])).get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    return collections.Counter(node.op for node in nodes)


def test_a_step_starts_fewer_than_1000_kernels():
    """In float16, which also scales the loss and looks whether it overflowed."""
    operations = traced("mixed_float16")
    assert sum(count for name, count in operations.items() if name not in FREE) < 1000
    assert operations["Pow"] <= 4  # Adam's corrections: once a step, not for each of 92 variables
    assert operations["ResourceApplyAdam"] == 92
    assert operations["L2Loss"] < 30  # the short gradients are one


def network_with_dropout(strategy):
    """Small enough for XLA, with dropout, and without batch statistics, which replicas take over their own shares."""
    keras.utils.set_random_seed(1)
    with strategy.scope():
        hidden = [keras.layers.Dense(8, "tanh"), layers.Dropout(0.5, seed=3), keras.layers.Dense(3)]
        model = keras.Sequential([keras.Input((512,)), *hidden])
        optimizer = optimizers.Adam(1e-2, coupled_weight_decay=1e-3)
    return model, optimizer


def trained(strategy, compiled_size=None, mixup_alpha=0.0, sizes=(8, 8, 5)):
    model, optimizer = network_with_dropout(strategy)
    trainer = loop.Trainer(model, losses.get("focal"), optimizer, strategy, mixup_alpha, 5, compiled_size)
    at = state.TrainingState()
    fill = strategy.num_replicas_in_sync > 1
    for _ in range(2):
        trainer.train_epoch(batches(sizes, 512, 3, fill=fill), at)
    assert at.step == 2 * len(sizes)
    return [at.loss_sum, *model.get_weights()], trainer


def assert_alike(ones, others):
    for one, other in zip(ones, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_several_devices_drop_what_one_device_drops():
    one, two = devices.strategy("one"), devices.strategy("mirrored", 2)
    assert_alike(trained(one)[0], trained(two)[0])
    assert not np.allclose(trained(one)[0][1], trained(one, sizes=(21,))[0][1], atol=1e-3)  # it does train


@pytest.mark.parametrize(("num_devices", "mixup_alpha"), [(1, 0.0), (2, 1.0)])
def test_a_compiled_step_drops_and_mixes_what_a_plain_one_does(num_devices, mixup_alpha):
    strategy = devices.strategy("mirrored", 2) if num_devices == 2 else devices.strategy("one")
    plain, compiled = trained(strategy, None, mixup_alpha), trained(strategy, 8, mixup_alpha)
    assert_alike(plain[0], compiled[0])
    assert set(plain[1]._steps) == {False}
    # on one device the last batch, of 5, takes the plain step instead of a second compilation
    assert set(compiled[1]._steps) == ({True, False} if num_devices == 1 else {True})


def overflowing(scale, kind=optimizers.Adam):
    strategy = devices.strategy("one")
    keras.utils.set_random_seed(1)
    with strategy.scope():
        model = keras.Sequential([keras.Input((512,)), keras.layers.Dense(3)])
        optimizer = keras.optimizers.LossScaleOptimizer(kind(1e-2, coupled_weight_decay=1e-3), initial_scale=scale)
    trainer = loop.Trainer(model, losses.get("bce"), optimizer, strategy, watch=True)
    return trainer, optimizer


@pytest.mark.parametrize("kind", [optimizers.Adam, optimizers.SGD])
def test_a_step_that_overflows_changes_nothing_but_the_scale(kind):
    trainer, optimizer = overflowing(1024.0, kind)
    at = state.TrainingState()
    trainer.train_epoch(batches([4], 512, 3), at)  # so that there are moments to keep
    before = [np.asarray(variable) for variable in (*trainer.model.variables, *optimizer.inner_optimizer.variables)]
    optimizer.dynamic_scale.assign(3e38)
    trainer.train_epoch(batches([4], 512, 3), at)
    after = [np.asarray(variable) for variable in (*trainer.model.variables, *optimizer.inner_optimizer.variables)]
    for was, now in zip(before, after, strict=True):
        np.testing.assert_array_equal(was, now)
    assert float(optimizer.dynamic_scale) == pytest.approx(1.5e38) and int(optimizer.step_counter) == 0
    assert at.norm_steps == 1  # the norm of the other is left out


def test_the_scale_doubles_after_enough_finite_steps():
    trainer, optimizer = overflowing(2.0)
    optimizer.dynamic_growth_steps = 3
    scales = []
    for _ in range(4):
        trainer.train_epoch(batches([4], 512, 3), state.TrainingState())
        scales.append((float(optimizer.dynamic_scale), int(optimizer.step_counter)))
    assert scales == [(2.0, 1), (2.0, 2), (4.0, 0), (4.0, 1)]


def test_loss_scaling_does_not_change_a_step():
    results = []
    for scale in (1.0, 4096.0):
        trainer, _ = overflowing(scale)
        at = state.TrainingState()
        trainer.train_epoch(batches([4, 4], 512, 3), at)
        results.append([at.loss_sum, at.norm_sum, *trainer.model.get_weights()])
    assert_alike(*results)


def test_the_state_is_true_to_the_step_whenever_it_is_shown():
    strategy = devices.strategy("one")
    model, optimizer = network_with_dropout(strategy)
    trainer = loop.Trainer(model, losses.get("focal"), optimizer, strategy)
    at, seen = state.TrainingState(), []
    draws = trainer.train_epoch(
        batches([4, 4, 2], 512, 3), at, lambda number, logs: seen.append((number, at.step, at.draw, logs["loss"]))
    )
    assert [entry[:3] for entry in seen] == [(0, 1, 4), (1, 2, 8), (2, 3, 10)]
    assert seen[-1][3] == at.loss_sum / 3
    np.testing.assert_array_equal(draws, np.arange(10))
