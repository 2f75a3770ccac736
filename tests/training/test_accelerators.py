"""What accelerators need: XLA computes the same, the front end runs on the device in float32, traces can be taken."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastag import losses, precisions
from kerastag.data import pipeline
from kerastag.inference import scoring
from kerastag.models import layers, norm
from kerastag.training import build, devices, loop, optimizers, schedules, state

NETWORK = build.Network(("a", "b", "c"), num_channels=1, num_blocks=2, dropout=0.0)


def trainer(precision, strategy):
    optimization = build.Optimization(schedules.Schedule())
    return build.trainer(strategy, NETWORK, losses.get("focal"), optimization, precision, seed=0)


def batches(sizes, seed=3):
    """A dataset of batches of noise of these sizes."""
    rng = np.random.default_rng(seed)
    waveform = rng.integers(-8000, 8000, (sum(sizes), 73_600), dtype=np.int16)
    labels = (rng.random((sum(sizes), 3)) < 0.4).astype(np.float32)
    examples = {"waveform": waveform, "labels": labels, "draw": np.arange(sum(sizes))}
    return tf.data.Dataset.from_tensor_slices(examples).batch(sizes[0]).map(pipeline.weighted)


def small_network():
    """Small enough for XLA to compile in a second."""
    keras.utils.set_random_seed(0)
    front_end = [layers.LogMelSpectrogram(), norm.BatchNormalization(dtype="float32")]
    after = [keras.layers.Conv2D(4, 3, 8, dtype="float32"), keras.layers.GlobalAveragePooling2D(dtype="float32")]
    return keras.Sequential([keras.Input((73_600,)), *front_end, *after, keras.layers.Dense(3, dtype="float32")])


def test_a_step_compiled_by_xla_is_the_same_step():
    finals = []
    for compiled_size in (None, 3):
        strategy = devices.strategy("one")
        with strategy.scope():
            model, sgd = small_network(), optimizers.SGD(1e-2, coupled_weight_decay=1e-4)
        one, at = (
            loop.Trainer(model, losses.get("focal"), sgd, strategy, compiled_size=compiled_size),
            state.TrainingState(),
        )
        before = model.get_weights()
        one.train_epoch(batches([3, 2]), at)
        assert all((old != new).any() for old, new in zip(before, model.get_weights(), strict=True))
        finals.append([at.loss_sum, *model.get_weights()])
    for plain, compiled in zip(*finals, strict=True):
        np.testing.assert_allclose(compiled, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_the_mel_front_end_is_float32_on_the_device(precision):
    strategy = tf.distribute.OneDeviceStrategy("/gpu:0")  # traced for a GPU, wherever this runs
    one = trainer(precision, strategy)
    data = batches([2, 1])
    spec = data.element_spec
    graph = one._step(False, data).get_concrete_function().graph
    transforms = [op for op in all_operations(graph) if op.type == "RFFT"]
    assert len(transforms) == 1
    front_end = [op for op in all_operations(graph) if "log_mel" in op.name and op.type in ("RFFT", "MatMul", "Log")]
    front_end += [op for op in all_operations(graph) if "log_mel" in op.name and op.type == "BatchMatMulV2"]
    assert {op.type for op in front_end} >= {"RFFT", "Log"}
    for op in front_end:
        assert op.device.upper().endswith("GPU:0"), (op.name, op.device)
        assert op.outputs[0].dtype in (tf.float32, tf.complex64), op.name
    convolutions = [op for op in all_operations(graph) if op.type == "Conv2D"]
    half = tf.float16 if precision == "mixed_float16" else tf.bfloat16
    assert {op.outputs[0].dtype for op in convolutions} == {half}
    assert spec["waveform"].dtype == tf.int16  # what travels to the device is samples, not spectrograms


def all_operations(graph):
    """The operations of a graph and of the functions that it calls."""
    found = list(graph.get_operations())
    for name in graph._functions if hasattr(graph, "_functions") else ():
        found += graph._functions[name].graph.get_operations()
    return found


def test_the_mel_product_is_out_of_reach_of_tf32_on_a_gpu(monkeypatch, rng):
    waveform = rng.normal(0, 0.1, (2, 16_000)).astype(np.float32)
    on_cpu = layers.LogMelSpectrogram()(waveform).numpy()
    monkeypatch.setattr(precisions, "has_gpu", lambda: True)
    layer = layers.LogMelSpectrogram()
    graph = tf.function(lambda x: layer(x)).get_concrete_function(tf.TensorSpec([2, 16_000])).graph
    products = [op for op in all_operations(graph) if "MatMul" in op.type]
    assert products and {op.outputs[0].dtype for op in products} == {tf.float64}  # TF32 is for float32 alone
    np.testing.assert_allclose(layer(waveform), on_cpu, atol=1e-4)


def test_the_scorer_feeds_a_gpu_ahead(monkeypatch):
    model, data = small_network(), batches([2, 1]).map(lambda batch: {**batch, "row": batch["draw"]})
    expected, _ = scoring.Scorer.of_model(model).score_tracks(data, 3)
    monkeypatch.setattr(precisions, "has_gpu", lambda: True)
    monkeypatch.setattr(scoring, "GPU", "/cpu:1")  # stands in for it
    scorer = scoring.Scorer.of_model(model)
    assert scorer.strategy.extended.worker_devices[0].endswith("/device:CPU:1")
    np.testing.assert_allclose(scorer.score_tracks(data, 3)[0], expected, atol=1e-6)


@pytest.mark.parametrize("num_devices", [1, 2])
def test_a_compiled_scorer_gives_the_same_and_compiles_once(num_devices):
    strategy = devices.strategy("mirrored", 2) if num_devices == 2 else devices.strategy("one")
    with strategy.scope():
        model = small_network()
    data = batches([4, 4, 3]).map(lambda batch: {**batch, "row": batch["draw"]})
    filled = data.map(lambda batch: pipeline.filled(batch, 4))
    expected, counts = scoring.Scorer.of_model(model, strategy).score_tracks(filled, 11)
    scorer = scoring.Scorer.of_model(model, strategy, compiled_size=4)
    done = []
    scores, compiled_counts = scorer.score_tracks(data, 11, done.append)
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    assert counts.tolist() == compiled_counts.tolist() == [1] * 11
    assert list(map(len, done)) == [4, 4, 3]  # what fills up the last batch is not counted
    assert scorer._forward.experimental_get_tracing_count() == num_devices


def test_the_scorer_sends_a_batch_before_it_reads_the_one_ahead():
    events = []

    def generate():
        for number in range(3):
            events.append(f"sent {number}")
            yield {"waveform": np.full((1, 4), number, np.float32), "row": [number], "weight": [1.0]}

    names = {"waveform": tf.TensorSpec([None, 4]), "row": tf.TensorSpec([None], tf.int64)}
    data = tf.data.Dataset.from_generator(generate, output_signature={**names, "weight": tf.TensorSpec([None])})
    scorer = scoring.Scorer(lambda waveform: waveform[:, :1] / 10, 1)
    launch = scorer._launch

    def launched(waveform, batches):
        events.append(f"launched {int(waveform[0, 0])}")
        return launch(waveform, batches)

    scorer._launch = launched
    scores, _ = scorer.score_tracks(data, 3, lambda rows: events.append("read"))
    np.testing.assert_allclose(scores[:, 0], [0, 0.1, 0.2])
    assert [event for event in events if not event.startswith("sent")] == [
        *("launched 0", "launched 1", "read", "launched 2", "read", "read")
    ]


def test_a_profile_is_written_for_tensorboard(run_train, music, tmp_path):
    assert run_train(music, tmp_path / "run", "--epochs=2", "--profile=2", "--batch_size=4") == 0
    (trace,) = (tmp_path / "run" / "events" / "plugins" / "profile").glob("*/*.xplane.pb")
    assert trace.stat().st_size > 1_000
