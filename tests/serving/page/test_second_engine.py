"""OpenVINO, which shares nothing with TensorFlow but the file, reads the SavedModel and gives the same scores."""

import sys

import numpy as np
import pytest
import tensorflow as tf


def test_openvino_gives_the_scores_of_tensorflow(exported_run, rng, monkeypatch):
    openvino = pytest.importorskip("openvino", reason="openvino is not installed")
    folder = exported_run.folder / "1"
    served = tf.saved_model.load(str(folder)).signatures["serving_default"]
    monkeypatch.setitem(sys.modules, "tensorflow", None)  # its reader is to be OpenVINO's own
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(folder), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = []
    for samples in (1, 30_000, 73_600, 200_000):
        waveform = rng.normal(0, 0.1, (2, samples)).astype(np.float32)
        (scores,) = [values for name, values in compiled({"waveform": waveform}).to_dict().items()]
        found.append(scores)
        np.testing.assert_allclose(scores, served(waveform=tf.constant(waveform))["scores"], atol=1e-4)
    assert np.ptp(np.concatenate(found), axis=0).max() > 0.01  # scores that depend on what is heard
