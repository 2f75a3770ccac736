"""Whether this TensorFlow still goes with the two converters, each of which is called in one place."""

import pathlib
from importlib import metadata

import numpy as np
import pytest
import tensorflow as tf

import kerastag
from kerastag import models
from kerastag.runs.model import Combination
from kerastag.serving.check import reference
from kerastag.serving.formats import litert, onnx_file

PACKAGE = pathlib.Path(kerastag.__file__).parent


@pytest.fixture(scope="module")
def network():
    return models.short_chunk_resnet(2, 1, num_blocks=2, precision="float32")


@pytest.mark.parametrize(
    ("call", "place"),
    [("tf.lite.", "litert.py"), ("tf2onnx.convert", "onnx_file.py"), ("import tf2onnx", "onnx_file.py")],
)
def test_a_converter_is_called_in_one_place(call, place):
    assert [path.name for path in PACKAGE.rglob("*.py") if call in path.read_text(encoding="utf-8")] == [place]


def converted(convert, name, network):
    try:
        return convert([network], Combination())
    except Exception as error:
        pytest.fail(f"{name} does not convert what TensorFlow {tf.__version__} makes: {type(error).__name__}: {error}")


def chunk_and_scores(network, rng):
    chunk = rng.normal(0, 0.1, (1, network.chunk_samples)).astype(np.float32)
    return chunk, reference.of_chunks(network, chunk).scores


def test_tensorflow_has_a_converter_to_litert_that_converts(network, rng):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert is not installed")
    chunk, expected = chunk_and_scores(network, rng)
    content = converted(litert.convert, "tf.lite.TFLiteConverter", network)
    runner = interpreter.Interpreter(model_content=content).get_signature_runner("serving_default")
    np.testing.assert_allclose(runner(waveform=chunk)["scores"], expected, atol=1e-5)


def test_tf2onnx_converts_the_graphs_of_tensorflow(network, rng):
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("tf2onnx", reason="tf2onnx is not installed")
    chunk, expected = chunk_and_scores(network, rng)
    model = converted(onnx_file.convert, f"tf2onnx {metadata.version('tf2onnx')}", network)
    session = runtime.InferenceSession(model.SerializeToString())
    np.testing.assert_allclose(session.run(["scores"], {"waveform": chunk})[0], expected, atol=1e-5)
