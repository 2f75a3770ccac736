"""The Python door: `kerastag.load(MODEL).score(path)`; what the tag command and every plugin use."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerastag import audio, ensemble_folder, errors, files, run_folder, tags
from kerastag.metrics import calibration, ensembles

ASSETS = "assets.extra"
MODEL_FACTS = "model.json"


def load(
    model: str | os.PathLike[str], precision: str = "auto", verbosity: int = 0, calibrated: bool = False
) -> "Tagger":
    """A tagger from a run, an ensemble of runs, or an export (the newest version, or one version's folder).

    Args:
      model: the folder.
      precision: of a run's network: auto, float32, mixed_float16 or mixed_bfloat16; an export has its own.
      verbosity: above 0 shows TensorFlow's own log.
      calibrated: scores as probabilities, by the folder's calibration.json; an export that was written calibrated
        is so always.

    Raises:
      KerastagError: there is no model, or no calibration.
    """
    from kerastag import runtime

    path = pathlib.Path(model)
    if not path.is_dir():
        raise errors.KerastagError(f"{model}: no such folder")
    exported = _exported_version(path)
    if exported is None and not _is_run(path):
        raise errors.KerastagError(f"{model}: neither a run nor an exported model")
    parts = None if exported else Parts.of_folder(ensemble_folder.existing(path), calibrated)
    runtime.start(verbosity)
    return _of_parts(parts, precision) if parts else _of_export(exported or path, calibrated)


@dataclasses.dataclass(frozen=True)
class Combination:
    """How the scores of a tagger's members become its own.

    Attributes:
      method: one of ensemble_folder.METHODS.
      weights: of each member; None: all the same.
      fitted: the calibration that turns combined scores into probabilities, or None.
    """

    method: str = "mean"
    weights: tuple[float, ...] | None = None
    fitted: calibration.Calibration | None = None

    def __call__(self, members: Sequence[np.ndarray]) -> np.ndarray:
        """Scores of each member, (num_tracks, num_tags), to one, float32 (num_tracks, num_tags)."""
        scores = ensembles.combine(members, self.method, self.weights) if len(members) > 1 else members[0]
        if self.fitted is not None:
            scores = self.fitted.apply(scores)
        return scores.astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Parts:
    """What a model in a folder is made of.

    Attributes:
      runs: one, or the members of an ensemble.
      vocabulary: the tags of each.
      combination: of their scores.
    """

    runs: tuple[run_folder.RunFolder, ...]
    vocabulary: tags.Vocabulary
    combination: Combination

    @classmethod
    def of_folder(cls, folder: run_folder.RunFolder, calibrated: bool = False) -> "Parts":
        """The parts of a run or an ensemble.

        Raises:
          KerastagError: a file is missing or damaged; no calibration is there where one is wanted.
        """
        vocabulary, path = folder.vocabulary(), folder.calibration_path
        if calibrated and not path.is_file():
            raise errors.KerastagError(f"{folder.path}: no {path.name}; kerastag evaluate writes it")
        found = calibration.Calibration.read(path, vocabulary.names) if calibrated else None
        if not isinstance(folder, ensemble_folder.EnsembleFolder):
            return cls((folder,), vocabulary, Combination(fitted=found))
        ensemble = folder.ensemble()
        return cls(ensemble.members, vocabulary, Combination(ensemble.method, ensemble.weights, found))

    def models(self, precision: str) -> list[Any]:
        """The networks for inference, batch norm folded, in a policy of precisions.NAMES.

        Raises:
          KerastagError: a run has no model yet, or one of another number of tags.
        """
        from kerastag import precisions
        from kerastag.models import folding

        policy = precisions.choose(precision)
        models = [folding.load(run.trained_model_path(), policy) for run in self.runs]
        for run, model in zip(self.runs, models, strict=True):
            if len(self.vocabulary) != model.num_tags:
                raise errors.KerastagError(f"{run.path}: {len(self.vocabulary)} tags, but a model of {model.num_tags}")
        return models


@dataclasses.dataclass(frozen=True)
class Member:
    """One network of a tagger, and the chunks it takes.

    Attributes:
      forward: waveform float32 (batch, chunk_samples) to scores (batch, num_tags) in [0, 1].
      chunk_samples: of its input.
      sample_rate: of its input, in Hz.
      centred: whether a track is scored by one chunk from its middle, instead of evenly spaced ones.
    """

    forward: Callable[[Any], Any]
    chunk_samples: int
    sample_rate: int
    centred: bool


class Tagger:
    """Scores audio files.

    Args:
      members: networks; those that take the same chunks share them.
      vocabulary: the tags of each.
      combination: of their scores.

    Attributes:
      vocabulary: the tags; a score's key is its short name.
      calibrated: whether scores are probabilities.
    """

    def __init__(self, members: Sequence[Member], vocabulary: tags.Vocabulary, combination: Combination | None = None):
        self.vocabulary = vocabulary
        self._combination = combination or Combination()
        self.calibrated = self._combination.fitted is not None
        alike: dict[tuple[int, int, bool], list[int]] = {}
        for position, member in enumerate(members):
            alike.setdefault((member.chunk_samples, member.sample_rate, member.centred), []).append(position)
        self._passes = [
            _Pass(positions, [members[p] for p in positions], len(vocabulary)) for positions in alike.values()
        ]

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
        return self.score_tracks(tracks, num_chunks, batch_size, decoder, dtype, on_chunks)

    def score_tracks(
        self,
        tracks: Any,
        num_chunks: int = 16,
        batch_size: int = 32,
        decoder: str = "soundfile",
        dtype: str = "int16",
        on_chunks: Callable[[int], None] = lambda num_chunks: None,
    ) -> tuple[np.ndarray, dict[int, str]]:
        """The same for `pipeline.Tracks`."""
        found: dict[int, np.ndarray] = {}
        for one in self._passes:
            found.update(one.score(tracks, num_chunks, batch_size, decoder, dtype, on_chunks))
        scores = np.full((len(tracks), len(self.vocabulary)), np.nan, np.float32)
        readable = np.array([row not in tracks.unreadable for row in range(len(tracks))], bool)
        if readable.any():
            scores[readable] = self._combination([found[position][readable] for position in sorted(found)])
        return scores, tracks.unreadable

    def num_chunks(self, wanted: int) -> int:
        """Chunks that `score_tracks` reads of each track: once for all networks that take the same."""
        return sum(1 if one.chunk.centred else wanted for one in self._passes)


class _Pass:
    """Networks that take the same chunks, side by side: each chunk is read once."""

    def __init__(self, positions: Sequence[int], members: Sequence[Member], num_tags: int):
        import tensorflow as tf

        from kerastag import scoring

        self.chunk = members[0]
        self._positions = positions
        forwards = [member.forward for member in members]
        self._scorer = scoring.Scorer(
            lambda waveform: tf.concat([forward(waveform) for forward in forwards], axis=1), len(members) * num_tags
        )

    def score(
        self,
        tracks: Any,
        num_chunks: int,
        batch_size: int,
        decoder: str,
        dtype: str,
        on_chunks: Callable[[int], None],
    ) -> dict[int, np.ndarray]:
        """Scores of all tracks, (num_tracks, num_tags), by the network's position."""
        from kerastag.data import pipeline

        chunk = pipeline.ChunkFormat.of_model(self.chunk, dtype, decoder)
        batches = pipeline.evaluation_batches(tracks, chunk, num_chunks, batch_size)
        scores, counts = self._scorer.score_tracks(batches, len(tracks), on_chunks)
        tracks.mark_missing(np.flatnonzero(counts == 0))
        return dict(zip(self._positions, np.split(scores, len(self._positions), axis=1), strict=True))


def _of_parts(parts: Parts, precision: str) -> Tagger:
    from kerastag import scoring

    def forward(model: Any) -> Callable[[Any], Any]:
        return lambda waveform: scoring.scores_of(model(waveform, training=False))

    members = [
        Member(forward(model), model.chunk_samples, model.sample_rate, model.centred)
        for model in parts.models(precision)
    ]
    return Tagger(members, parts.vocabulary, parts.combination)


def _of_export(folder: pathlib.Path, calibrated: bool) -> Tagger:
    import tensorflow as tf

    assets = run_folder.RunFolder(folder / ASSETS)
    vocabulary, facts = assets.vocabulary(), files.read_json(folder / ASSETS / MODEL_FACTS)
    if "members" not in facts:
        raise errors.KerastagError(f"{folder / ASSETS / MODEL_FACTS}: of an older version; export the run again")
    if calibrated and not facts["calibrated"]:
        raise errors.KerastagError(f"{folder}: not exported with --calibrated")
    loaded = tf.saved_model.load(str(folder))

    def forward(name: str) -> Callable[[Any], Any]:
        signature = loaded.signatures[name]
        # the closure holds `loaded`: its variables live only as long as it does
        return lambda waveform: (loaded, signature(waveform=waveform)["scores"])[1]

    members = [
        Member(forward(one["signature"]), one["chunk_samples"], facts["sample_rate"], one["centred"])
        for one in facts["members"]
    ]
    found = facts["calibrated"] and calibration.Calibration.read(assets.calibration_path, vocabulary.names)
    return Tagger(members, vocabulary, Combination(facts["method"], tuple(facts["weights"]), found or None))


def _is_run(path: pathlib.Path) -> bool:
    return ensemble_folder.EnsembleFolder(path).holds_run() or run_folder.RunFolder(path).holds_run()


def _exported_version(path: pathlib.Path) -> pathlib.Path | None:
    """The folder with the SavedModel: `path` itself, or its highest version."""
    if (path / "saved_model.pb").is_file():
        return path
    versions = [child for child in path.iterdir() if child.name.isdigit() and (child / "saved_model.pb").is_file()]
    return max(versions, key=lambda child: int(child.name), default=None)
