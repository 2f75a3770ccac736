"""On a GPU, by itself: `pytest -m gpu`. The reference's numbers there, placement, XLA, and float16 that learns."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastag import losses, models, precisions
from kerastag.data import pipeline
from kerastag.inference import scoring
from kerastag.training import build, devices, loop, optimizers, schedules, state

pytestmark = pytest.mark.gpu


@pytest.fixture(params=["on", "off"])
def tf32(request):
    """TF32 as TensorFlow has it, and without."""
    tf.config.experimental.enable_tensor_float_32_execution(request.param == "on")
    yield request.param
    tf.config.experimental.enable_tensor_float_32_execution(True)


def loaded(golden, *arguments, **options):
    model = models.short_chunk_resnet(*arguments, dropout=0.0, precision="float32", **options)
    entries = {name.removeprefix("state/"): value for name, value in golden.items() if name.startswith("state/")}
    models.load_torch_state(model, entries)
    return model


def test_the_mel_is_the_references_whatever_tf32_is(goldens, tf32):
    golden = goldens("reference_c8")
    ours = models.LogMelSpectrogram()(golden["waveform"])
    assert "GPU" in ours.device
    assert np.abs(ours.numpy()[..., 0] - golden["log_mel"]).max() < 2e-3  # the CPU's own bar


def test_logits_are_the_references(goldens, tf32):
    golden = goldens("reference_c8")
    logits = loaded(golden, len(golden["network_logits"][0]), 8)(golden["waveform"], training=False).numpy()
    bar = 5e-4 if tf32 == "on" else 1e-5
    assert np.abs(logits - golden["network_logits"]).max() < bar


@pytest.mark.parametrize("compiled_size", [None, 8])
def test_training_steps_are_the_references(goldens, compiled_size):
    tf.config.experimental.enable_tensor_float_32_execution(False)
    golden = goldens("reference_training_c4")
    strategy = devices.strategy("one")
    with strategy.scope():
        model = loaded(golden, 10, 4)
        adam = optimizers.Adam(1e-4, coupled_weight_decay=1e-4)
    trainer = loop.Trainer(model, losses.get("focal"), adam, strategy, compiled_size=compiled_size)
    batch = {"waveform": golden["waveform"], "labels": golden["labels"], "draw": np.arange(8)}
    reached = []
    for _ in range(6):
        at = state.TrainingState()
        trainer.train_epoch(tf.data.Dataset.from_tensors(batch).map(pipeline.weighted), at)
        reached.append(at.loss_sum)
    tf.config.experimental.enable_tensor_float_32_execution(True)
    np.testing.assert_allclose(reached, golden["losses"][:6], rtol=1e-5)


def noise(num_chunks, batch_size):
    rng = np.random.default_rng(3)
    examples = {
        "waveform": rng.integers(-8000, 8000, (num_chunks, 73_600), dtype=np.int16),
        "labels": (rng.random((num_chunks, 3)) < 0.4).astype(np.float32),
        "draw": np.arange(num_chunks),
        "row": np.arange(num_chunks),
    }
    return tf.data.Dataset.from_tensor_slices(examples).batch(batch_size).map(pipeline.weighted)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("compiled_size", [None, 8])
def test_half_precision_learns_one_batch_by_heart(precision, compiled_size):
    network = build.Network(("a", "b", "c"), num_channels=8)
    optimization = build.Optimization(schedules.Schedule())
    strategy = devices.strategy("one")
    trainer = build.trainer(
        *(strategy, network, losses.get("bce"), optimization, precision, 0), compiled_size=compiled_size
    )
    trainer.optimizer.learning_rate = 1e-3
    means = []
    for _ in range(40):
        at = state.TrainingState()
        trainer.train_epoch(noise(8, 8), at)
        means.append(at.loss_sum)
    assert means[-1] < 0.5 * means[0]
    assert all("GPU" in variable.value.device for variable in trainer.model.trainable_variables)


def test_compiled_scores_are_the_plain_ones_and_the_last_batch_is_filled():
    keras.utils.set_random_seed(0)
    model = models.short_chunk_resnet(3, 4, precision="float32")
    plain, compiled = (scoring.Scorer.of_model(model, compiled_size=size) for size in (None, 4))
    data = noise(10, 4)
    np.testing.assert_allclose(compiled.score_tracks(data, 10)[0], plain.score_tracks(data, 10)[0], atol=2e-4)
    assert precisions.has_gpu()
