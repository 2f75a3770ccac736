"""Tiny bases of other makers, and what they give, by NumPy."""

import pathlib

import numpy as np
import tensorflow as tf

FRAME, BANDS = 512, 8
SCALE = np.linspace(1, 2, BANDS).astype(np.float32)


class Bands(tf.Module):
    """Waveform (batch, samples) to log energies of bands, (batch, frames, 8); a variable and a table take part."""

    def __init__(self):
        super().__init__()
        self.scale = tf.Variable(SCALE)
        twice = tf.lookup.KeyValueTensorInitializer(["twice"], [2.0])
        self.table = tf.lookup.StaticHashTable(twice, 0.0)

    def of(self, audio):
        spectrum = tf.abs(tf.signal.rfft(tf.signal.frame(audio, FRAME, FRAME)))[..., : FRAME // 2]
        bands = tf.reduce_mean(tf.reshape(spectrum, [*tf.unstack(tf.shape(spectrum)[:-1]), BANDS, -1]), axis=-1)
        return tf.math.log(bands + 1e-3) * self.scale * self.table.lookup(tf.constant("twice"))


def save_saved_model(folder: pathlib.Path, batch=(None,), more=False, samples=None) -> pathlib.Path:
    """A SavedModel with the input `audio`, (*batch, samples), and the output `embedding`; with `more`, `level` too."""
    made = Bands()

    def serve(audio):
        outputs = {"embedding": made.of(audio)}
        return {**outputs, "level": tf.reduce_mean(tf.abs(audio), axis=-1)} if more else outputs

    spec = tf.TensorSpec([*batch, samples], tf.float32, name="audio")
    made.serve = tf.function(serve, input_signature=[spec], autograph=False)
    tf.saved_model.save(made, str(folder), {"serving_default": made.serve})
    return folder


def bands_of(waveform: np.ndarray) -> np.ndarray:
    """What such a base is to give of waveforms, float64 (batch, samples) to (batch, 8): the mean over frames."""
    count = waveform.shape[1] // FRAME
    frames = waveform[:, : count * FRAME].reshape(len(waveform), count, FRAME)
    spectrum = np.abs(np.fft.rfft(frames))[..., : FRAME // 2].reshape(len(waveform), count, BANDS, -1)
    return (np.log(spectrum.mean(-1) + 1e-3) * SCALE * 2).mean(1)


def save_onnx(path: pathlib.Path, batch="batch", samples=16_000, more=False) -> pathlib.Path:
    """An ONNX file with the input `x`, (batch, samples), and the output `y`, (batch, 4); with `more`, `z`, the same."""
    import onnx
    from onnx import TensorProto, helper

    quarters = onnx.numpy_helper.from_array(np.array([0, 4, -1]), "quarters")
    last = onnx.numpy_helper.from_array(np.array([2]), "last")
    names = ("y", "z") if more else ("y",)
    nodes = [
        helper.make_node("Abs", ["x"], ["level"]),
        helper.make_node("Reshape", ["level", "quarters"], ["parts"]),
        *(helper.make_node("ReduceMean", ["parts", "last"], [name], keepdims=0) for name in names),
    ]
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, samples])]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 4]) for name in names]
    graph = helper.make_graph(nodes, "levels", given, outputs, [quarters, last])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, str(path))
    return path


def levels_of(waveform: np.ndarray) -> np.ndarray:
    """What it is to give, (batch, samples) to (batch, 4): the mean level of each quarter."""
    return np.abs(waveform).reshape(len(waveform), 4, -1).mean(-1)
