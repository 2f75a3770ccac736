"""LiteRT files (.tflite): conversion by TensorFlow, and what is packed into them.

Tags and facts are files of a zip archive behind the model, as TensorFlow Lite's metadata keeps a model's labels:
`unzip -p model.tflite tags.txt` reads them, and runtimes do not look there.
"""

import pathlib
import tempfile
import zipfile
from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from kerastag import tagger
from kerastag.serving.formats import int8, portable

FILE = "model.tflite"


def convert(models: Sequence[keras.Model], combination: tagger.Combination, as_int8: bool = False) -> bytes:
    """A LiteRT model with the signature `serving_default`: `waveform` (batch, chunk_samples) to `scores`.

    Args:
      models: float32.
      combination: of their scores.
      as_int8: the networks' weights in 8 bits; the front end stays as it is.
    """
    made = portable.Portable(models, combination, by_matrix=False)
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(made, folder, {"serving_default": made.function()})
        content = tf.lite.TFLiteConverter.from_saved_model(folder, ["serving_default"]).convert()
    return int8.quantised(content) if as_int8 else content


def write(path: pathlib.Path, content: bytes, attached: Mapping[str, str]) -> None:
    """Writes a model with texts packed behind it, by file name."""
    path.write_bytes(content)
    with zipfile.ZipFile(path, "a") as archive:
        for name, text in attached.items():
            archive.writestr(zipfile.ZipInfo(name), text)  # its fixed date: the same model is the same file
