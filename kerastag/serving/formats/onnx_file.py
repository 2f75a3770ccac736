"""ONNX files: conversion by tf2onnx, and the tags and facts in their metadata."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from kerastag import tagger
from kerastag.serving.formats import portable

FILE = "model.onnx"
_OPSET = 17


def convert(models: Sequence[keras.Model], combination: tagger.Combination) -> Any:
    """An onnx.ModelProto: `waveform` (batch, chunk_samples) to `scores`, the batch open.

    Args:
      models: float32.
      combination: of their scores.
    """
    import tf2onnx

    made = portable.Portable(models, combination, by_matrix=True)
    function = made.function()
    model, _ = tf2onnx.convert.from_function(function, function.input_signature, opset=_OPSET)
    return model


def write(path: pathlib.Path, model: Any, attached: Mapping[str, str]) -> None:
    """Writes a model with texts in its metadata, by name."""
    import onnx

    onnx.helper.set_model_props(model, dict(attached))
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
