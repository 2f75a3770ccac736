"""ONNX files: conversion by tf2onnx, and the tags and facts in their metadata."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import keras

from kerastag.runs.model import Combination
from kerastag.serving.formats import portable

if TYPE_CHECKING:
    import onnx

FILE = "model.onnx"
_OPSET = 17


def convert(networks: Sequence[keras.Model], combination: Combination) -> "onnx.ModelProto":
    """An onnx.ModelProto: `waveform` (batch, chunk_samples) to `scores`, the batch open.

    Args:
      networks: float32.
      combination: how their scores become the model's.
    """
    import tf2onnx

    function = portable.Portable(networks, combination, by_matrix=True).function()
    model, _ = tf2onnx.convert.from_function(function, function.input_signature, opset=_OPSET)
    return model


def write(path: pathlib.Path, model: "onnx.ModelProto", attached: Mapping[str, str]) -> None:
    """Writes a model with texts in its metadata, by name."""
    import onnx

    onnx.helper.set_model_props(model, dict(attached))
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
