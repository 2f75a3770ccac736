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

from kerastag.runs.model import Combination
from kerastag.serving.formats import int8, portable

FILE = "model.tflite"


def convert(networks: Sequence[keras.Model], combination: Combination, as_int8: bool = False) -> bytes:
    """A LiteRT model with the signature `serving_default`: `waveform` (batch, chunk_samples) to `scores`.

    Args:
      networks: float32.
      combination: how their scores become the model's.
      as_int8: the networks' weights in 8 bits; the front end stays as it is.
    """
    network = portable.Portable(networks, combination, by_matrix=False)
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(network, folder, {"serving_default": network.function()})
        content = tf.lite.TFLiteConverter.from_saved_model(folder, ["serving_default"]).convert()
    return int8.quantised(content) if as_int8 else content


def write(path: pathlib.Path, content: bytes, attached: Mapping[str, str]) -> None:
    """Writes a model with texts packed behind it, by file name."""
    path.write_bytes(content)
    with zipfile.ZipFile(path, "a") as archive:
        for name, text in attached.items():
            archive.writestr(zipfile.ZipInfo(name), text)  # its fixed date: the same model is the same file
