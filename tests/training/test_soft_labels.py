"""Steps on labels and soft labels: mixed, on several devices, compiled, in half precision, resumed; files of scores."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastag import errors, losses
from kerastag.data import pipeline
from kerastag.losses import taught
from kerastag.training import devices, loop, mixing, optimizers, soft_labels, state
from tests.training.test_step import assert_alike

NUM_TAGS, WIDTH = 4, 512
SHARES = np.array([0.5, 0.0, 0.5, 0.5, 0.0, 1.0, 0.5, 0.0, 0.0, 0.5, 0.5], np.float32)  # 0: without labels


def examples():
    rng = np.random.default_rng(3)
    labels = (rng.random((len(SHARES), NUM_TAGS)) < 0.4).astype(np.float32) * (SHARES > 0)[:, None]
    soft = rng.random((len(SHARES), NUM_TAGS)).astype(np.float32)
    waveform = rng.normal(0, 0.2, (len(SHARES), WIDTH)).astype(np.float32)
    return waveform, labels, soft


def batches(size, fill=False):
    waveform, labels, soft = examples()
    rows = {"waveform": waveform, "labels": taught.targets(labels, soft, SHARES), "draw": np.arange(len(SHARES))}
    dataset = tf.data.Dataset.from_tensor_slices(rows).batch(size).map(pipeline.weighted)
    return dataset.map(lambda batch: pipeline.filled(batch, size)) if fill else dataset


def trainer_of(strategy, name="bce", mixup_alpha=0.0, compiled_size=None, precision="float32"):
    keras.utils.set_random_seed(1)
    with strategy.scope():
        hidden = keras.layers.Dense(8, "tanh", dtype=precision)
        model = keras.Sequential([keras.Input((WIDTH,)), hidden, keras.layers.Dense(NUM_TAGS, dtype="float32")])
        optimizer = optimizers.Adam(1e-2, coupled_weight_decay=1e-3)
        if precision == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    return loop.Trainer(model, taught.Taught(losses.get(name)), optimizer, strategy, mixup_alpha, 5, compiled_size)


def train(trainer, epochs=(0, 1), size=8):
    at, means = state.TrainingState(), []
    for epoch in epochs:
        at.begin_epoch(epoch)
        trainer.train_epoch(batches(size, trainer.strategy.num_replicas_in_sync > 1), at)
        means.append(at.loss_sum / at.loss_steps)
    return [np.array(means), *trainer.model.get_weights()]


def cross_entropy(labels, logits):
    logits = logits.astype(np.float64)
    return np.logaddexp(0, logits) - labels * logits


def test_a_mixture_has_the_losses_of_both_rows_by_their_own_shares():
    """In NumPy, in float64: rows with labels, without, and of both kinds mixed with each other."""
    trainer = trainer_of(devices.strategy("one"), mixup_alpha=1.0)
    waveform, labels, soft = examples()
    share, seed = mixing.draw(1.0, 5, 0, 0)
    partner = mixing.partners(len(SHARES), seed).numpy()
    kinds = {(bool(SHARES[row] > 0), bool(SHARES[other] > 0)) for row, other in enumerate(partner)}
    assert {(True, False), (False, True), (True, True)} <= kinds
    logits = trainer.model(share * waveform + (1 - share) * waveform[partner]).numpy()

    def losses_of(rows):
        hard = cross_entropy(labels[rows], logits).mean(axis=1)
        return SHARES[rows] * hard + (1 - SHARES[rows]) * cross_entropy(soft[rows], logits).mean(axis=1)

    expected = np.mean(share * losses_of(np.arange(len(SHARES))) + (1 - share) * losses_of(partner))
    assert train(trainer, [0], len(SHARES))[0][0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["bce", "two_way"])  # of rows alone, and of the whole batch
def test_two_devices_train_as_one_with_an_uneven_last_batch(name):
    one, two = devices.strategy("one"), devices.strategy("mirrored", 2)
    assert_alike(train(trainer_of(one, name)), train(trainer_of(two, name)))


def test_a_compiled_step_is_the_plain_one():
    one = devices.strategy("one")
    plain, compiled = (train(trainer_of(one, "bce", 1.0, size)) for size in (None, 8))
    for values, others in zip(plain, compiled, strict=True):  # Adam makes much of the sign of what is nearly 0
        np.testing.assert_allclose(values, others, atol=1e-4)


def test_loss_scaling_in_half_precision_changes_little():
    one = devices.strategy("one")
    half = train(trainer_of(one, precision="mixed_float16"))
    assert half[0] == pytest.approx(train(trainer_of(one))[0], rel=0.02)


def test_what_is_kept_is_of_these_tracks_and_whole(tmp_path):
    kept = soft_labels.SoftLabels(tmp_path)
    labelled = [("1", "a", "x.mp3")]
    odd = "/music/\udcff\n.mp3"  # a name that is no UTF-8, on two lines
    kept.begin(labelled, [odd])
    assert kept.unlabelled(labelled) == (odd,) and not kept.complete
    with pytest.raises(errors.KerastagError, match="other tracks than those of the training split"):
        kept.unlabelled([("2", "a", "x.mp3")])
    np.save(tmp_path / "scores.npy", np.zeros((2, 3), np.float32))
    assert kept.complete and kept.read((2, 3)).shape == (2, 3)
    with pytest.raises(errors.KerastagError, match=r"shape \(2, 3\), not \(2, 4\)"):
        kept.read((2, 4))
    (tmp_path / "tracks.json").write_text("[]")
    with pytest.raises(errors.KerastagError, match="not a list of tracks"):
        kept.unlabelled(labelled)


def test_a_student_comes_to_say_what_its_teacher_says_of_music_without_labels():
    trainer = trainer_of(devices.strategy("one"))
    trainer.train_epoch(batches(len(SHARES)).repeat(150), state.TrainingState())
    waveform, _, soft = examples()
    scores = keras.ops.convert_to_numpy(keras.ops.sigmoid(trainer.model(waveform)))
    assert np.abs(scores - soft)[SHARES == 0].max() < 0.1
