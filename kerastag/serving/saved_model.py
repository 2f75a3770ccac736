"""The SavedModel: its signatures, its folder, and the check in a process without Keras."""

import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerastag import audio, errors, files, run_folder, tagger, tags
from kerastag.serving import score_ops

TOLERANCE = 1e-5
_HALF_TOLERANCE = 1e-2  # of scores of a network in half precision
_SAME = 1e-6  # of scores that one process computes twice

# Runs where neither Keras nor kerastag can be imported: what it loads needs TensorFlow alone.
_BARE_PROCESS = """
import sys
sys.modules["keras"] = None
sys.modules["kerastag"] = None
import numpy as np
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
waveforms = np.load(sys.argv[2])
scores = {
    f"{signature}:{name}": call(waveform=waveforms[name])["scores"]
    for signature, call in loaded.signatures.items()
    for name in waveforms.files
}
np.savez(sys.argv[3], **scores)
"""


class ServedNetwork(tf.Module):
    """One network's variables, and its scores of a waveform of any length in plain TensorFlow operations.

    Args:
      model: waveform to logits, in the precision to serve in.
      num_chunks: evenly spaced chunks whose scores are averaged.
    """

    def __init__(self, model: keras.Model, num_chunks: int):
        super().__init__()
        self._chunk_samples = model.chunk_samples
        self._num_chunks = num_chunks
        self._num_tags = model.num_tags
        self._centred = model.centred
        # in a function, since the SavedModel would keep every Keras layer of a model that is an attribute
        self._forward = lambda chunk: tf.sigmoid(model(chunk, training=False))
        self.weights = [variable.value for variable in model.variables]

    def scores(self, waveform: Any) -> Any:
        """waveform float32 (batch, samples), any length, to scores (batch, num_tags).

        The same chunks as `audio.read_chunks` takes of a file; one at a time, so that memory does not grow.
        """
        size = self._chunk_samples
        padded = tf.pad(waveform, [[0, 0], [0, tf.maximum(0, size - tf.shape(waveform)[1])]])
        spare = tf.shape(padded)[1] - size
        if self._centred:
            return self._forward(tf.slice(padded, [0, (spare + 1) // 2], [-1, size]))
        num_chunks = tf.where(spare > 0, self._num_chunks, 1)  # all chunks of a short track are the same
        total = tf.zeros([tf.shape(padded)[0], self._num_tags])
        for index in tf.range(num_chunks):
            total += self._forward(tf.slice(padded, [0, index * (spare // num_chunks)], [-1, size]))
        return total / tf.cast(num_chunks, tf.float32)


class ServingModule(tf.Module):
    """The networks of a model, and its signatures.

    Args:
      models: waveform to logits, in the precision to serve in; several are an ensemble.
      combination: of their scores.
      num_chunks: evenly spaced chunks whose scores are averaged, of each network's own length.
    """

    def __init__(self, models: Sequence[keras.Model], combination: tagger.Combination, num_chunks: int):
        super().__init__()
        self.networks = [ServedNetwork(model, num_chunks) for model in models]
        self._combination = combination

    def signatures(self) -> dict[str, Any]:
        """serving_default, and network_N where that is not simply the scores of the only network.

        The tagger of an export needs those: it averages chunks of a file before it combines and calibrates.
        """
        networks = {name: network.scores for name, network in zip(self.names(), self.networks, strict=True)}
        spec = tf.TensorSpec([None, None], tf.float32, name="waveform")
        return {
            name: tf.function(_named(scores), input_signature=[spec])
            for name, scores in {**networks, "serving_default": self.scores}.items()
        }

    def names(self) -> list[str]:
        """The signature of each network's own scores."""
        if len(self.networks) == 1 and self._combination.fitted is None:
            return ["serving_default"]
        return [f"network_{number}" for number in range(1, len(self.networks) + 1)]

    def scores(self, waveform: Any) -> Any:
        """waveform float32 (batch, samples) at the model's rate, any length, to scores float32 (batch, num_tags)."""
        scores = [network.scores(waveform) for network in self.networks]
        how = self._combination
        if len(scores) > 1:
            scores = [score_ops.combine(scores, how.method, how.weights)]
        if how.fitted is not None:
            scores = [score_ops.calibrate(tf.cast(scores[0], tf.float64), how.fitted)]
        return tf.cast(scores[0], tf.float32)


def export(
    models: Sequence[keras.Model],
    vocabulary: tags.Vocabulary,
    combination: tagger.Combination,
    folder: pathlib.Path,
    num_chunks: int,
) -> float:
    """Writes and checks a SavedModel; the folder appears only if the check passed.

    Args:
      models: in the precision to serve in; several are an ensemble, at one sample rate.
      vocabulary: tags of their outputs.
      combination: of their scores.
      folder: of one version; must not exist.
      num_chunks: see ServingModule.

    Returns:
      the largest difference of the SavedModel's scores in a bare process; see `check`.

    Raises:
      KerastagError: the folder exists, sample rates differ, or scores do by over TOLERANCE (1e-2 in half precision).
    """
    rates = sorted({model.sample_rate for model in models})
    if len(rates) > 1:
        raise errors.KerastagError(f"members at {', '.join(map(str, rates))} Hz; a served model has one sample rate")
    module = ServingModule(models, combination, num_chunks)
    with files.whole_folder(folder) as temporary:
        tf.saved_model.save(module, str(temporary), signatures=module.signatures())
        assets = run_folder.RunFolder(temporary / tagger.ASSETS)
        assets.path.mkdir()
        vocabulary.write(assets.tags_path)
        files.write_json(assets.path / tagger.MODEL_FACTS, facts(models, combination, module.names(), num_chunks))
        if combination.fitted is not None:
            combination.fitted.write(assets.calibration_path)
        difference = check(temporary, models, combination, module.names(), num_chunks)
        allowed = TOLERANCE if all(model.precision == "float32" for model in models) else _HALF_TOLERANCE
        if not difference <= allowed:
            raise errors.KerastagError(f"{folder}: scores differ by {difference:.2g} from the model's; not written")
    return difference


def facts(
    models: Sequence[keras.Model], combination: tagger.Combination, names: Sequence[str], num_chunks: int
) -> dict[str, Any]:
    """What model.json tells a client; `names`: the signature of each network."""
    return {
        "sample_rate": models[0].sample_rate,
        "chunk_samples": max(model.chunk_samples for model in models),
        "num_chunks": num_chunks,
        "precision": models[0].precision,
        "calibrated": combination.fitted is not None,
        "method": combination.method,
        "weights": list(combination.weights or [1.0] * len(models)),
        "members": [
            {"signature": name, "chunk_samples": model.chunk_samples, "centred": model.centred}
            for name, model in zip(names, models, strict=True)
        ],
    }


def check(
    folder: pathlib.Path,
    models: Sequence[keras.Model],
    combination: tagger.Combination,
    names: Sequence[str],
    num_chunks: int,
) -> float:
    """The largest difference of scores: the SavedModel in a bare process against `models` chunk by chunk.

    Each network against its model first, then what is served against NumPy's combination of the networks.

    Raises:
      KerastagError: the SavedModel does not load or run there.
    """
    waveforms = _test_waveforms([model.chunk_samples for model in models])
    served = _in_bare_process(folder, waveforms)
    differences = [
        np.abs(served[f"{name}:{length}"] - _reference(model, waveform, num_chunks)).max()
        for name, model in zip(names, models, strict=True)
        for length, waveform in waveforms.items()
    ]
    for length in waveforms:
        members = [served[f"{name}:{length}"] for name in names]
        differences.append(_beyond(served[f"serving_default:{length}"], members, combination))
    if combination.fitted is not None:
        differences.append(score_ops.largest_error(combination.fitted))
    return float(np.max(differences))


def _in_bare_process(folder: pathlib.Path, waveforms: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Scores (batch, num_tags) by "signature:name of the waveform"."""
    with tempfile.TemporaryDirectory() as scratch:
        paths = [str(pathlib.Path(scratch) / name) for name in ("waveforms.npz", "scores.npz")]
        np.savez(paths[0], **waveforms)
        command = [sys.executable, "-c", _BARE_PROCESS, str(folder), *paths]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise errors.KerastagError(f"{folder}: does not run in plain TensorFlow: {done.stderr.strip()[-500:]}")
        with np.load(paths[1]) as scores:
            return dict(scores)


def _beyond(served: np.ndarray, members: Sequence[np.ndarray], combination: tagger.Combination) -> float:
    """How far `served` is outside of what the members' scores, give or take _SAME, make.

    All that is done to scores keeps their order, so two ends are enough; where isotonic regression is steep they are
    far apart.
    """
    low, high = (combination([np.clip(member + step, 0, 1) for member in members]) for step in (-_SAME, _SAME))
    return float(np.max([low - served, served - high, np.zeros(served.shape)]))


def _test_waveforms(chunk_samples: Sequence[int]) -> dict[str, np.ndarray]:
    """Noise and silence: one sample; shorter than each kind of chunk, as long, and longer."""
    generator = np.random.default_rng(0)
    lengths = {1, *(part for size in chunk_samples for part in (size // 3, size, size * 5 // 2))}
    return {
        f"{length} samples": (generator.normal(0, 0.1, (2, length)) * [[1], [0]]).astype(np.float32)
        for length in sorted(lengths)
    }


def _reference(model: keras.Model, waveform: np.ndarray, num_chunks: int) -> np.ndarray:
    size = model.chunk_samples
    padded = np.pad(waveform, [(0, 0), (0, max(0, size - waveform.shape[1]))])
    if model.centred:
        return np.stack([_scores(model, audio.cut_chunk(one, 0.5, size)[None])[0] for one in padded])
    starts = audio.chunk_starts(padded.shape[1], size, num_chunks)
    return np.mean([_scores(model, padded[:, start : start + size]) for start in starts], axis=0)


def _scores(model: keras.Model, chunks: np.ndarray) -> np.ndarray:
    return np.asarray(keras.ops.sigmoid(model(chunks, training=False)))


def _named(scores: Any) -> Any:
    def signature(waveform: Any) -> dict[str, Any]:
        return {"scores": scores(waveform)}

    return signature
