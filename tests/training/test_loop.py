"""Several devices equal one, uneven batches included, in every precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastag import errors, losses
from kerastag.data import pipeline
from kerastag.inference import scoring
from kerastag.training import build, devices, loop, optimizers, schedules, state

NETWORK = build.Network(("a", "b", "c"), num_channels=1, num_blocks=2, dropout=0.0)
OPTIMIZATION = build.Optimization(schedules.Schedule())


def batches(rng, sizes, samples=4_096, num_tags=3, fill=False):
    """Batches as the pipeline makes them, of any sizes."""
    total = sum(sizes)
    waveform = rng.normal(0, 0.1, (total, samples)).astype(np.float32)
    labels = (rng.random((total, num_tags)) < 0.4).astype(np.float32)
    draws = np.arange(total)
    spec = {
        "waveform": tf.TensorSpec([None, samples], tf.float32),
        "labels": tf.TensorSpec([None, num_tags], tf.float32),
        "draw": tf.TensorSpec([None], tf.int64),
    }

    def generate():
        for stop, size in zip(np.cumsum(sizes), sizes, strict=True):
            part = slice(stop - size, stop)
            yield {"waveform": waveform[part], "labels": labels[part], "draw": draws[part]}

    dataset = tf.data.Dataset.from_generator(generate, output_signature=spec).map(pipeline.weighted)
    return dataset.map(lambda batch: pipeline.filled(batch, max(sizes))) if fill else dataset


def without_batch_norm(strategy):
    """A trainer whose network has no batch statistics, which replicas take over their own shares."""
    keras.utils.set_random_seed(1)
    with strategy.scope():
        model = keras.Sequential([keras.Input((4_096,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(3)])
        optimizer = optimizers.Adam(1e-4, coupled_weight_decay=1e-3)
    return loop.Trainer(model, losses.get("focal"), optimizer, strategy, watch=True)


@pytest.mark.parametrize("sizes", [[1, 8], [7, 3, 2]])
def test_mirrored_equals_one_device_on_uneven_batches(sizes):
    results = []
    for strategy in (devices.strategy("one"), devices.strategy("mirrored", 2)):
        trainer = without_batch_norm(strategy)
        at = state.TrainingState()
        draws = trainer.train_epoch(batches(np.random.default_rng(5), sizes, fill=len(results) == 1), at)
        assert sorted(set(draws)) == list(range(sum(sizes)))
        assert at.norm_steps == 1 and at.norm_sum > 0 and 0 <= trainer.waiting < 1
        results.append((at.loss_sum, trainer.model.get_weights(), at.norm_sum))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-6)
    assert results[0][2] == pytest.approx(results[1][2], rel=1e-4)
    for one, mirrored in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(one, mirrored, atol=1e-6)


def test_the_loss_is_the_mean_over_the_batch():
    trainer = without_batch_norm(devices.strategy("one"))
    batch = next(iter(batches(np.random.default_rng(5), [5])))
    expected = float(losses.get("focal")(batch["labels"], trainer.model(batch["waveform"])))
    at = state.TrainingState()
    trainer.train_epoch(batches(np.random.default_rng(5), [5]), at)
    assert at.loss_sum == pytest.approx(expected, rel=1e-6)


def test_the_watched_norm_is_that_of_the_gradients_before_decay_and_momentum():
    trainer = without_batch_norm(devices.strategy("one"))
    batch = next(iter(batches(np.random.default_rng(5), [5])))
    with tf.GradientTape() as tape:
        loss = losses.get("focal")(batch["labels"], trainer.model(batch["waveform"]))
    gradients = tape.gradient(loss, [variable.value for variable in trainer.model.trainable_variables])
    expected = np.sqrt(sum(float((gradient.numpy() ** 2).sum()) for gradient in gradients))
    at = state.TrainingState()
    trainer.train_epoch(batches(np.random.default_rng(5), [5]), at)
    assert at.norm_sum == pytest.approx(expected, rel=1e-5)
    assert trainer.loss_scale is None


def test_the_norm_is_without_the_loss_scale():
    norms = {}
    for precision in ("float32", "mixed_float16"):
        strategy = devices.strategy("one")
        trainer = build.trainer(strategy, NETWORK, losses.get("bce"), OPTIMIZATION, precision, seed=0, watch=True)
        at = state.TrainingState()
        trainer.train_epoch(batches(np.random.default_rng(5), [4], samples=73_600), at)
        norms[precision] = at.norm_sum
        assert trainer.loss_scale == (2.0**15 if precision == "mixed_float16" else None)
        assert at.norm_steps == 1
    assert norms["mixed_float16"] == pytest.approx(norms["float32"], rel=0.05)


def test_the_network_trains_mirrored_in_half_precision(rng):
    """In float16, which also scales the loss."""
    strategy = devices.strategy("mirrored", 2)
    trainer = build.trainer(strategy, NETWORK, losses.get("bce"), OPTIMIZATION, "mixed_float16", seed=0)
    before = trainer.model.get_weights()
    at = state.TrainingState()
    trainer.train_epoch(batches(rng, [4, 1], samples=73_600, fill=True), at)
    assert at.step == 2
    after = trainer.model.get_weights()
    assert all(np.isfinite(weight).all() for weight in after)
    assert any((one != two).any() for one, two in zip(before, after, strict=True))


def test_the_output_bias_starts_at_the_prior():
    for name, expected in (("focal", -np.log(99)), ("bce", None)):
        trainer = build.trainer(devices.strategy("one"), NETWORK, losses.get(name), OPTIMIZATION, "float32", 0)
        bias = np.asarray(trainer.model.output_layer.bias)
        if expected is None:
            assert np.ptp(bias) > 0
        else:
            np.testing.assert_allclose(bias, expected, rtol=1e-6)


def test_a_loss_that_is_not_finite_stops_the_run():
    trainer = without_batch_norm(devices.strategy("one"))
    trainer.model.layers[-1].bias.assign(np.full(3, np.nan))
    with pytest.raises(errors.KerastagError, match="loss became nan in step 1"):
        trainer.train_epoch(batches(np.random.default_rng(5), [4]), state.TrainingState())


@pytest.mark.parametrize("devices_used", [1, 2])
def test_track_scores_are_means_of_chunk_sigmoids(devices_used):
    strategy = devices.strategy("mirrored", 2) if devices_used == 2 else None
    chunks = np.array([[0.2, 0.4, 9], [0.4, 0.8, 9], [0.1, 0.3, 9]], np.float32)
    dataset = tf.data.Dataset.from_tensor_slices({"waveform": chunks, "row": np.array([0, 0, 2])}).batch(2)
    dataset = dataset.map(pipeline.weighted).map(lambda batch: pipeline.filled(batch, 2))
    scorer = scoring.Scorer(lambda waveform: waveform[:, :2], 2, strategy)  # scores that can be read off the waveform
    scores, counts = scorer.score_tracks(dataset, 3)
    np.testing.assert_array_equal(counts, [2, 0, 1])
    np.testing.assert_allclose(scores[[0, 2]], [[0.3, 0.6], [0.1, 0.3]], rtol=1e-6)
    assert np.isnan(scores[1]).all()


@pytest.mark.parametrize("num_tracks", [7, 15])
def test_equal_logits_give_equal_scores_wherever_they_stand(num_tracks):
    logits = np.tile(np.linspace(-3, 2, 7, dtype=np.float32), (num_tracks, 1))
    scores = scoring.scores_of(logits).numpy()
    assert (scores == scores[0]).all()
    np.testing.assert_allclose(scores[0], 1 / (1 + np.exp(-logits[0].astype(np.float64))), rtol=1e-7)


def test_too_many_devices_are_refused():
    with pytest.raises(errors.KerastagError, match="9 devices are asked for"):
        devices.strategy("mirrored", 9)
