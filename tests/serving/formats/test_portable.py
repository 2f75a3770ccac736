"""The graph that all forms share, and what its kernels are in 8 bits."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastag import errors, models
from kerastag.metrics import calibration
from kerastag.models import layers, musicnn, popularity, vgg
from kerastag.runs.model import Combination
from kerastag.serving.check import reference
from kerastag.serving.formats import int8, litert, onnx_file, portable


@pytest.mark.parametrize("by_matrix", [False, True])
@pytest.mark.parametrize("front_end", [layers.LogMelSpectrogram, vgg.log_mel, musicnn.log_mel])
def test_the_front_end_is_the_layers(front_end, by_matrix, rng):
    layer = front_end()
    for num_samples in (16_000, 16_001, 16_255):
        time = np.arange(num_samples) / layer.sample_rate
        waveform = np.stack([rng.normal(0, 0.1, num_samples), 0.5 * np.sin(6000 * time), 0 * time]).astype(np.float32)
        found = portable._FrontEnd(layer, by_matrix)(tf.constant(waveform)).numpy()
        # below the rounding of 16 bits nothing is heard: there the two are compared no more
        expected = layer(waveform).numpy()
        audible = expected > expected.max() - 80
        assert found.shape == expected.shape
        np.testing.assert_allclose(found[audible], expected[audible], atol=3e-3 if by_matrix else 1e-5)


def test_the_forms_of_an_ensemble_give_its_weighted_mean(network, rng):
    members = [network(precision="float32", seed=seed) for seed in (0, 1)]
    how = Combination("mean", (3.0, 1.0))
    chunks = rng.normal(0, 0.1, (3, members[0].chunk_samples)).astype(np.float32)
    expected = how([reference.of_chunks(one, chunks).scores for one in members])
    for by_matrix in (False, True):
        portable.check(members, how)
        found = portable.Portable(members, how, by_matrix).function()(chunks)["scores"]
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_model_whose_chunks_do_not_average_to_its_scores_is_refused(network):
    long, short = network(variant="4s6"), network(variant="3s69")
    fitted = calibration.Calibration("platt", {"a": None})
    for members, how, words in (
        ([popularity.Popular([0.1, 0.2])], Combination(), "the popularity baseline hears nothing"),
        ([long, popularity.Popular([0.1, 0.2, 0.3])], Combination(), "the popularity baseline hears nothing"),
        ([long, short], Combination(), "take chunks of several kinds"),
        ([long, long], Combination("logit_mean"), "logit_mean is taken of a track's scores"),
        ([long], Combination(fitted=fitted), "probabilities are those of a track's scores"),
    ):
        with pytest.raises(errors.KerastagError, match=f"{words}.*has the form saved_model alone"):
            portable.check(members, how)
    portable.check([short], Combination("logit_mean"))  # of one


def answers(content, *batches):
    """Scores by the names of the signature, for one batch after the other."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert is not installed")
    runner = interpreter.Interpreter(model_content=content).get_signature_runner("serving_default")
    return [runner(waveform=batch)["scores"] for batch in batches]


@pytest.fixture(scope="module")
def converted(network):
    """A network, and its LiteRT model in float."""
    made = network(num_channels=8, precision="float32")
    return made, litert.convert([made], Combination())


def test_a_chunks_scores_do_not_depend_on_the_batch(converted, rng):
    made, content = converted
    chunks = rng.normal(0, 0.1, (5, made.chunk_samples)).astype(np.float32)
    found = np.concatenate(answers(content, chunks[:1], chunks[1:4], chunks[4:]))
    np.testing.assert_allclose(found, reference.of_chunks(made, chunks).scores, atol=1e-5)


def test_the_vggish_baseline_has_forms_too(rng):
    made = models.vggish(num_tags=4, num_channels=2, precision="float32")
    chunk = rng.normal(0, 0.1, (1, made.chunk_samples)).astype(np.float32)
    expected = reference.of_chunks(made, chunk).scores
    (found,) = answers(litert.convert([made], Combination()), chunk)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("tf2onnx", reason="tf2onnx is not installed")
    session = runtime.InferenceSession(onnx_file.convert([made], Combination()).SerializeToString())
    np.testing.assert_allclose(session.run(["scores"], {"waveform": chunk})[0], expected, atol=1e-5)


def test_kernels_of_8_bits_are_the_nearest_and_the_front_end_stays_in_float(converted):
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="ai-edge-litert is not installed")
    made, content = converted
    before, after = (schema.ModelT.InitFromPackedBuf(one, 0) for one in (content, int8.quantised(content)))
    seen = {"changed": 0, "bands": 0}
    for old, new in zip(before.subgraphs[0].tensors, after.subgraphs[0].tensors, strict=True):
        old_data, new_data = before.buffers[old.buffer].data, after.buffers[new.buffer].data
        if new.type != schema.TensorType.INT8:
            np.testing.assert_array_equal(old_data, new_data)
            assert old_data is None or len(old.shape) < 4 or np.prod(old.shape) < int8.MIN_VALUES
            seen["bands"] += [*old.shape] == [128, 257] and old_data is not None
            continue
        kernel, scale = np.frombuffer(bytes(old_data), np.float32), np.asarray(new.quantization.scale)[:, None]
        values = np.frombuffer(bytes(new_data), np.int8).reshape(len(scale), -1)
        assert (np.abs(values * scale - kernel.reshape(values.shape)) <= scale * 0.5001).all()
        assert (np.abs(values).max(axis=1) == int8.LEVELS).all()
        seen["changed"] += 1
    kernels = [layer.kernel for layer in made.layers if isinstance(layer, keras.layers.Conv2D)]
    assert seen == {"changed": sum(np.prod(kernel.shape) >= int8.MIN_VALUES for kernel in kernels), "bands": 1}
