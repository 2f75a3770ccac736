"""The Python door: `kerastag.load(MODEL).score(path)`; what the tag command and every plugin use."""

import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerastag import audio, errors, files, run_folder, tags

ASSETS = "assets.extra"
MODEL_FACTS = "model.json"


def load(model: str | os.PathLike[str], precision: str = "auto", verbosity: int = 0) -> "Tagger":
    """A tagger from a run folder, or from a folder that export wrote (the newest version, or one version's folder).

    Args:
      model: the folder.
      precision: of a run's network: auto, float32, mixed_float16 or mixed_bfloat16; an export has its own.
      verbosity: above 0 shows TensorFlow's own log.

    Raises:
      KerastagError: there is no model.
    """
    from kerastag import runtime

    path = pathlib.Path(model)
    if not path.is_dir():
        raise errors.KerastagError(f"{model}: no such folder")
    exported = _exported_version(path)
    if exported is None and not run_folder.RunFolder(path).holds_run():
        raise errors.KerastagError(f"{model}: neither a run nor an exported model")
    runtime.start(verbosity)
    return _of_export(exported) if exported else _of_run(run_folder.RunFolder(path), precision)


class Tagger:
    """Scores audio files.

    Attributes:
      vocabulary: the tags; a score's key is its short name.
      chunk_samples, sample_rate: of the model's input.
      centred: whether a track is scored by one chunk from its middle, instead of evenly spaced ones.
    """

    def __init__(self, scorer: Any, vocabulary: tags.Vocabulary, chunk_samples: int, sample_rate: int, centred: bool):
        self.vocabulary = vocabulary
        self.chunk_samples = chunk_samples
        self.sample_rate = sample_rate
        self.centred = centred
        self._scorer = scorer

    def score(self, path: str | os.PathLike[str], num_chunks: int = 16) -> dict[str, float]:
        """The score of every tag for one file, in [0, 1], by short name.

        Raises:
          AudioError: the file cannot be read.
        """
        scores, unreadable = self.score_files([path], num_chunks)
        if unreadable:
            raise audio.AudioError(unreadable[0])
        return dict(zip(self.vocabulary.short_names, scores[0].tolist(), strict=True))

    def score_files(
        self,
        paths: Sequence[str | os.PathLike[str]],
        num_chunks: int = 16,
        batch_size: int = 32,
        decoder: str = "soundfile",
        dtype: str = "int16",
        on_chunks: Callable[[int], None] = lambda num_chunks: None,
    ) -> tuple[np.ndarray, dict[int, str]]:
        """Scores of many files, batches filled across them.

        Args:
          paths: audio files.
          num_chunks: evenly spaced chunks of each whose scores are averaged.
          batch_size: chunks per step.
          decoder: one of audio.DECODERS.
          dtype: "int16" or "float32", what chunks are on their way to the device.
          on_chunks: called after each step with its number of chunks.

        Returns:
          scores, (num_files, num_tags) float32, NaN for a file that cannot be read; why, by its position.
        """
        from kerastag.data import pipeline

        tracks = pipeline.Tracks([os.fspath(path) for path in paths])
        chunk = pipeline.ChunkFormat.of_model(self, dtype, decoder)
        return self.score_tracks(tracks, chunk, num_chunks, batch_size, on_chunks)

    def score_tracks(
        self,
        tracks: Any,
        chunk: Any,
        num_chunks: int,
        batch_size: int,
        on_chunks: Callable[[int], None] = lambda num_chunks: None,
    ) -> tuple[np.ndarray, dict[int, str]]:
        """The same for `pipeline.Tracks` in a `pipeline.ChunkFormat`."""
        from kerastag.data import pipeline

        batches = pipeline.evaluation_batches(tracks, chunk, num_chunks, batch_size)
        scores, counts = self._scorer.score_tracks(batches, len(tracks), on_chunks)
        tracks.mark_missing(np.flatnonzero(counts == 0))
        return scores, tracks.unreadable


def _of_run(folder: run_folder.RunFolder, precision: str) -> Tagger:
    from kerastag import precisions, scoring
    from kerastag.models import loading

    model = loading.load(folder.trained_model_path(), precisions.choose(precision))
    vocabulary = folder.vocabulary()
    if len(vocabulary) != model.num_tags:
        raise errors.KerastagError(f"{folder.path}: {len(vocabulary)} tags, but a model of {model.num_tags}")
    return Tagger(scoring.Scorer.of_model(model), vocabulary, model.chunk_samples, model.sample_rate, model.centred)


def _of_export(folder: pathlib.Path) -> Tagger:
    import tensorflow as tf

    from kerastag import scoring

    vocabulary = tags.Vocabulary.read(folder / ASSETS / "tags.txt")
    facts = files.read_json(folder / ASSETS / MODEL_FACTS)
    loaded = tf.saved_model.load(str(folder))
    signature = loaded.signatures["serving_default"]
    # the closure holds `loaded`: its variables live only as long as it does
    scorer = scoring.Scorer(lambda waveform: (loaded, signature(waveform=waveform)["scores"])[1], len(vocabulary))
    return Tagger(scorer, vocabulary, facts["chunk_samples"], facts["sample_rate"], facts["centred"])


def _exported_version(path: pathlib.Path) -> pathlib.Path | None:
    """The folder with the SavedModel: `path` itself, or its highest version."""
    if (path / "saved_model.pb").is_file():
        return path
    versions = [child for child in path.iterdir() if child.name.isdigit() and (child / "saved_model.pb").is_file()]
    return max(versions, key=lambda child: int(child.name), default=None)
