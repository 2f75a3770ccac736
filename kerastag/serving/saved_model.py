"""The SavedModel: its signatures, its folder, and the check in a process without Keras."""

import pathlib
import subprocess
import sys
import tempfile
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerastag import errors, files, tagger, tags

TOLERANCE = 1e-5

# Runs where neither Keras nor kerastag can be imported: what it loads needs TensorFlow alone.
_BARE_PROCESS = """
import sys
sys.modules["keras"] = None
sys.modules["kerastag"] = None
import numpy as np
import tensorflow as tf
signature = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
waveforms = np.load(sys.argv[2])
np.savez(sys.argv[3], **{name: signature(waveform=waveforms[name])["scores"] for name in waveforms.files})
"""


class ServingModule(tf.Module):
    """A model's variables and its signatures in plain TensorFlow operations.

    Args:
      model: waveform to logits, in the precision to serve in.
      num_chunks: evenly spaced chunks whose scores are averaged.
    """

    def __init__(self, model: keras.Model, num_chunks: int):
        super().__init__()
        self._chunk_samples = model.chunk_samples
        self._num_chunks = num_chunks
        self._forward = model
        self.weights = [variable.value for variable in model.variables]  # all that the SavedModel keeps of the model
        spec = tf.TensorSpec([None, None], tf.float32, name="waveform")
        self.serving_default = tf.function(self._serving_default, input_signature=[spec])

    def _serving_default(self, waveform: Any) -> dict[str, Any]:
        """waveform float32 (batch, samples) at 16 kHz, any length, to scores (batch, num_tags).

        The same chunks as `audio.read_chunks` takes of a file; one at a time, so that memory does not grow.
        """
        size = self._chunk_samples
        padded = tf.pad(waveform, [[0, 0], [0, tf.maximum(0, size - tf.shape(waveform)[1])]])
        spare = tf.shape(padded)[1] - size
        if self._forward.centred:
            return {
                "scores": tf.sigmoid(self._forward(tf.slice(padded, [0, (spare + 1) // 2], [-1, size]), training=False))
            }
        num_chunks = tf.where(spare > 0, self._num_chunks, 1)  # all chunks of a short track are the same
        total = tf.zeros([tf.shape(padded)[0], self._forward.output_shape[-1]])
        for index in tf.range(num_chunks):
            chunk = tf.slice(padded, [0, index * (spare // num_chunks)], [-1, size])
            total += tf.sigmoid(self._forward(chunk, training=False))
        return {"scores": total / tf.cast(num_chunks, tf.float32)}


def export(model: keras.Model, vocabulary: tags.Vocabulary, folder: pathlib.Path, num_chunks: int) -> float:
    """Writes and checks a SavedModel; the folder appears only if the check passed.

    Args:
      model: in the precision to serve in.
      vocabulary: tags of its outputs.
      folder: of one version; must not exist.
      num_chunks: see ServingModule.

    Returns:
      the largest difference between the SavedModel's scores in a bare process and the Keras model's.

    Raises:
      KerastagError: the folder exists, or the scores differ by more than TOLERANCE (float32) or 1e-2 (half precision).
    """
    module = ServingModule(model, num_chunks)
    facts = {
        "sample_rate": model.sample_rate,
        "chunk_samples": model.chunk_samples,
        "centred": model.centred,
        "num_chunks": num_chunks,
        "precision": model.precision,
    }
    with files.whole_folder(folder) as temporary:
        tf.saved_model.save(module, str(temporary), signatures={"serving_default": module.serving_default})
        (temporary / tagger.ASSETS).mkdir()
        vocabulary.write(temporary / tagger.ASSETS / "tags.txt")
        files.write_json(temporary / tagger.ASSETS / tagger.MODEL_FACTS, facts)
        difference = check(temporary, model, num_chunks)
        allowed = TOLERANCE if model.precision == "float32" else 1e-2
        if not difference <= allowed:
            raise errors.KerastagError(f"{folder}: scores differ by {difference:.2g} from the model's; not written")
    return difference


def check(folder: pathlib.Path, model: keras.Model, num_chunks: int) -> float:
    """The largest difference of scores: the SavedModel in a bare process against `model` chunk by chunk.

    Raises:
      KerastagError: the SavedModel does not load or run there.
    """
    waveforms = _test_waveforms(model.chunk_samples)
    with tempfile.TemporaryDirectory() as scratch:
        paths = [str(pathlib.Path(scratch) / name) for name in ("waveforms.npz", "scores.npz")]
        np.savez(paths[0], **waveforms)
        command = [sys.executable, "-c", _BARE_PROCESS, str(folder), *paths]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise errors.KerastagError(f"{folder}: does not run in plain TensorFlow: {done.stderr.strip()[-500:]}")
        with np.load(paths[1]) as scores:
            return max(
                float(np.abs(scores[name] - _reference(model, waveforms[name], num_chunks)).max()) for name in waveforms
            )


def _test_waveforms(chunk_samples: int) -> dict[str, np.ndarray]:
    """Noise and silence, shorter than a chunk, as long, and longer."""
    generator = np.random.default_rng(0)
    lengths = {
        "one_sample": 1,
        "short": chunk_samples // 3,
        "chunk": chunk_samples,
        "long": chunk_samples * 5 // 2,
    }
    return {
        name: (generator.normal(0, 0.1, (2, length)) * [[1], [0]]).astype(np.float32)
        for name, length in lengths.items()
    }


def _reference(model: keras.Model, waveform: np.ndarray, num_chunks: int) -> np.ndarray:
    from kerastag import audio

    size = model.chunk_samples
    padded = np.pad(waveform, [(0, 0), (0, max(0, size - waveform.shape[1]))])
    if model.centred:
        return np.stack([_scores(model, audio.cut_chunk(one, 0.5, size)[None])[0] for one in padded])
    starts = audio.chunk_starts(padded.shape[1], size, num_chunks)
    return np.mean([_scores(model, padded[:, start : start + size]) for start in starts], axis=0)


def _scores(model: keras.Model, chunks: np.ndarray) -> np.ndarray:
    return np.asarray(keras.ops.sigmoid(model(chunks, training=False)))
