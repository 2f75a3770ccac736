"""The Python API: `kerastag.load(MODEL).score(path)`; what `kerastag tag` and every plugin use."""

import dataclasses
import os
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kerastag import audio, errors, published, tags
from kerastag.computing import AUTOMATIC, Computing
from kerastag.data.reading import Reading
from kerastag.inference import export_facts
from kerastag.metrics import calibration
from kerastag.runs import ensemble_folder, run_folder
from kerastag.runs.model import Combination, Model
from kerastag.tensors import Tensor

if TYPE_CHECKING:
    import keras

    from kerastag.data import pipeline
    from kerastag.inference import scoring

OnChunks = Callable[[int], None]  # called after each step with the number of chunks that it scored


def load(
    model: str | os.PathLike[str],
    precision: str = "auto",
    verbosity: int = 0,
    calibrated: bool = False,
    xla: str = "auto",
    tf32: str = "on",
) -> "Tagger":
    """A tagger from a run, an ensemble of runs, or an export (the newest version, or one version's folder).

    Args:
      model: the folder, or the name of a published model that is here.
      precision: policy of a run's network: auto, float32, mixed_float16 or mixed_bfloat16; an export has its own.
      verbosity: above 0 shows TensorFlow's own log.
      calibrated: scores as probabilities, by the folder's calibration.json; an export that was written calibrated
        is so always.
      xla, tf32: see computing.Computing.

    Raises:
      KerastagError: there is no model, or no calibration.
    """
    from kerastag import runtime

    path, computing = published.resolve(model), Computing(precision, xla, tf32)
    if not path.is_dir():
        raise errors.KerastagError(f"{model}: no such folder")
    version = _exported_version(path)
    if version is None and not ensemble_folder.is_model(path):
        raise errors.KerastagError(f"{model}: neither a run nor an exported model")
    if version is not None:
        runtime.start(verbosity)
        computing.start()
        return _of_export(version, calibrated, computing)
    source = Model.load(path, calibrated)
    runtime.start(verbosity)
    computing.start()
    return of_model(source, computing)


@dataclasses.dataclass(frozen=True)
class Member:
    """One network of a tagger, and the chunks it takes.

    Attributes:
      forward: waveform float32 (batch, chunk_samples) to scores (batch, num_tags) in [0, 1].
      chunk_samples: samples in one chunk.
      sample_rate: sample rate of a chunk, in Hz.
      centred: whether a track is scored by one chunk from its middle, instead of evenly spaced ones.
      consecutive: where chunks lie if a track is heard whole; None: it never is.
    """

    forward: Callable[[Tensor], Tensor]
    chunk_samples: int
    sample_rate: int
    centred: bool
    consecutive: audio.Consecutive | None = None


class Tagger:
    """Scores audio files.

    Args:
      members: networks; those that take the same chunks share them.
      vocabulary: the tags of each.
      combination: how the networks' scores become the tagger's.
      computing: whether long work is compiled.

    Attributes:
      vocabulary: the tags; a score's key is its short name.
      calibrated: whether scores are probabilities.
    """

    def __init__(
        self,
        members: Sequence[Member],
        vocabulary: tags.Vocabulary,
        combination: Combination | None = None,
        computing: Computing = AUTOMATIC,
    ):
        self.vocabulary = vocabulary
        self._combination = combination or Combination()
        self.calibrated = self._combination.fitted is not None
        alike: dict[tuple[object, ...], list[int]] = {}
        for position, member in enumerate(members):
            same = (member.chunk_samples, member.sample_rate, member.centred, member.consecutive)
            alike.setdefault(same, []).append(position)
        self._passes = [
            _Pass(positions, [members[p] for p in positions], len(vocabulary), computing)
            for positions in alike.values()
        ]

    def score(self, path: str | os.PathLike[str], num_chunks: int = 16) -> dict[str, float]:
        """The score of every tag for one file, in [0, 1], by short name.

        Args:
          path: an audio file.
          num_chunks: evenly spaced chunks whose scores are averaged.

        Raises:
          AudioError: the file cannot be read.
        """
        scores, unreadable = self.score_files([path], Reading(num_chunks))
        if unreadable:
            raise audio.AudioError(unreadable[0])
        return dict(zip(self.vocabulary.short_names, scores[0].tolist(), strict=True))

    def score_files(
        self,
        paths: Sequence[str | os.PathLike[str]],
        reading: Reading | None = None,
        on_chunks: OnChunks = lambda num_chunks: None,
    ) -> tuple[np.ndarray, dict[int, str]]:
        """Scores of many files, batches filled across them.

        Args:
          paths: audio files.
          reading: how they are read; None: as `kerastag tag` does by default.
          on_chunks: called after each step with its number of chunks; it may raise to stop.

        Returns:
          scores, (num_files, num_tags) float32, NaN for a file that cannot be read; why, by its position.
        """
        from kerastag.data import pipeline

        return self.score_tracks(pipeline.Tracks([os.fspath(path) for path in paths]), reading, on_chunks)

    def score_tracks(
        self,
        tracks: "pipeline.Tracks",
        reading: Reading | None = None,
        on_chunks: OnChunks = lambda num_chunks: None,
    ) -> tuple[np.ndarray, dict[int, str]]:
        """The same for `pipeline.Tracks`."""
        by_position: dict[int, np.ndarray] = {}
        for network_pass in self._passes:
            by_position.update(network_pass.score(tracks, reading or Reading(), on_chunks))
        scores = np.full((len(tracks), len(self.vocabulary)), np.nan, np.float32)
        readable = np.array([row not in tracks.unreadable for row in range(len(tracks))], bool)
        if readable.any():
            members = [by_position[position][readable] for position in sorted(by_position)]
            scores[readable] = self._combination(members)
        return scores, tracks.unreadable

    def num_chunks(self, wanted: int) -> int:
        """Chunks that `score_tracks` reads of each track: once for all networks that take the same."""
        return sum(1 if network_pass.chunk.centred else wanted for network_pass in self._passes)


class _Pass:
    """Networks that take the same chunks, side by side: each chunk is read once."""

    def __init__(self, positions: Sequence[int], members: Sequence[Member], num_tags: int, computing: Computing):
        self.chunk = members[0]
        self._positions = positions
        self._forwards = [member.forward for member in members]
        self._num_scores = len(members) * num_tags
        self._computing = computing
        self._scorers: dict[int | None, scoring.Scorer] = {}

    def score(self, tracks: "pipeline.Tracks", reading: Reading, on_chunks: OnChunks) -> dict[int, np.ndarray]:
        """Scores of all tracks, (num_tracks, num_tags), by the network's position."""
        from kerastag.data import pipeline

        chunk = pipeline.ChunkFormat.of_model(self.chunk, reading.dtype, reading.decoder)
        whole = reading.whole and chunk.consecutive is not None
        batches = pipeline.evaluation_batches(tracks, chunk, None if whole else reading.num_chunks, reading.batch_size)
        compiles = self._computing.compiles_scoring(len(tracks) * chunk.num_chunks(reading.num_chunks))
        scorer = self._scorer(reading.batch_size if compiles else None)
        scores, counts = scorer.score_tracks(batches, len(tracks), on_chunks)
        tracks.mark_missing(np.flatnonzero(counts == 0))
        return dict(zip(self._positions, np.split(scores, len(self._positions), axis=1), strict=True))

    def _scorer(self, compiled_size: int | None) -> "scoring.Scorer":
        import tensorflow as tf

        from kerastag.inference import scoring

        if compiled_size not in self._scorers:
            if compiled_size is not None:
                print("XLA compiles the network, for some ten seconds before the first scores", file=sys.stderr)
            self._scorers[compiled_size] = scoring.Scorer(
                lambda waveform: tf.concat([forward(waveform) for forward in self._forwards], axis=1),
                self._num_scores,
                compiled_size=compiled_size,
            )
        return self._scorers[compiled_size]


def of_model(model: Model, computing: Computing = AUTOMATIC) -> Tagger:
    """A tagger with the networks of a model; TensorFlow must have been started.

    Raises:
      KerastagError: a run has no network yet.
    """
    from kerastag.inference import scoring

    def forward(network: "keras.Model") -> Callable[[Tensor], Tensor]:
        return lambda waveform: scoring.scores_of(network(waveform, training=False))

    members = [
        Member(forward(network), network.chunk_samples, network.sample_rate, network.centred, network.consecutive)
        for network in model.networks(computing.precision)
    ]
    return Tagger(members, model.vocabulary, model.combination, computing)


def _of_export(version: pathlib.Path, calibrated: bool, computing: Computing) -> Tagger:
    import tensorflow as tf

    assets = run_folder.RunFolder(version / export_facts.ASSETS)
    vocabulary, facts = assets.vocabulary(), export_facts.ExportFacts.read(version)
    if calibrated and not facts.calibrated:
        raise errors.KerastagError(f"{version}: exported without calibration", "calibrated")
    loaded = tf.saved_model.load(str(version))

    def forward(name: str) -> Callable[[Tensor], Tensor]:
        signature = loaded.signatures[name]
        # the closure holds `loaded`: its variables live only as long as it does
        return lambda waveform: (loaded, signature(waveform=waveform)["scores"])[1]

    members = [
        Member(forward(network.signature), network.chunk_samples, facts.sample_rate, network.centred)
        for network in facts.members
    ]
    fitted = calibration.Calibration.read(assets.calibration_path, vocabulary.names) if facts.calibrated else None
    return Tagger(members, vocabulary, Combination(facts.method, facts.weights, fitted), computing)


def _exported_version(path: pathlib.Path) -> pathlib.Path | None:
    """The folder with the SavedModel: `path` itself, or its highest version."""
    if (path / "saved_model.pb").is_file():
        return path
    versions = [child for child in path.iterdir() if child.name.isdigit() and (child / "saved_model.pb").is_file()]
    return max(versions, key=lambda child: int(child.name), default=None)
