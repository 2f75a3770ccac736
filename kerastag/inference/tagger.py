"""The Python API: `kerastag.load(MODEL).score(path)`; what `kerastag tag` and every plugin use."""

import dataclasses
import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kerastag import errors, runtime, tags
from kerastag.computing import AUTOMATIC, Computing
from kerastag.data.reading import Reading
from kerastag.inference import deciding, loading, model_source, passes, sounds
from kerastag.inference.sounds import PathOrWaveform
from kerastag.metrics import calibration
from kerastag.runs.model import Combination, Model

if TYPE_CHECKING:
    from kerastag.data import pipeline


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
    return open_source(model_source.find(model, calibrated), Computing(precision, xla, tf32), verbosity)


def open_source(source: model_source.ModelSource, computing: Computing = AUTOMATIC, verbosity: int = 0) -> "Tagger":
    """A tagger with the networks of a model; starts TensorFlow.

    Raises:
      KerastagError: a run has no network yet.
    """
    from kerastag import runtime

    runtime.start(verbosity)
    computing.start()
    return of_model(source.model, computing) if source.model is not None else _of_export(source, computing)


class Tagger:
    """Scores audio files and waveforms.

    A waveform is float (samples,) or (samples, channels) with full scale 1.0, at any rate; what is said of it is what
    would be said of a file that holds it.

    Args:
      members: networks; those that take the same chunks share them.
      vocabulary: the tags of each.
      combination: how the networks' scores become the tagger's.
      computing: whether long work is compiled.
      read_decider: reads the rule by which tags are given, when it is first needed.

    Attributes:
      vocabulary: the tags; a score's key is its short name.
      calibrated: whether scores are probabilities.
    """

    def __init__(
        self,
        members: Sequence[passes.Member],
        vocabulary: tags.Vocabulary,
        combination: Combination | None = None,
        computing: Computing = AUTOMATIC,
        read_decider: Callable[[], deciding.Decider] = deciding.Decider,
    ):
        self.vocabulary = vocabulary
        self._combination = combination or Combination()
        self.calibrated = self._combination.fitted is not None
        self._passes = passes.grouped(members, len(vocabulary), computing)
        self._read_decider = read_decider

    @functools.cached_property
    def decider(self) -> deciding.Decider:
        """The rule by which tags are given.

        Raises:
          KerastagError: a file with the model's thresholds or usual scores is damaged.
        """
        return self._read_decider()

    @property
    def chunk_seconds(self) -> float:
        """How long the longest chunk of the networks lasts, that of a taggram."""
        return max(one.chunk.chunk_samples / one.chunk.sample_rate for one in self._passes)

    def num_stretches(self, seconds: float, hop_seconds: float) -> int:
        """Chunks that `taggram` scores of a track so long, by every pass; rounding may make it one more or less."""
        spare = max(0.0, seconds - self.chunk_seconds)
        return len(self._passes) * (1 + int(spare / hop_seconds))

    def score(
        self, path_or_waveform: PathOrWaveform, sample_rate: float | None = None, num_chunks: int | None = None
    ) -> dict[str, float]:
        """The score of every tag for one file or waveform, in [0, 1], by short name.

        Args:
          path_or_waveform: what is heard.
          sample_rate: of a waveform, in Hz.
          num_chunks: evenly spaced chunks whose scores are averaged; None: 16, or all of it for networks that are made
            to hear a track whole.

        Raises:
          AudioError: the file cannot be read, or the waveform is none.
          KerastagError: a waveform's sample rate is missing, or one is given for a file.
        """
        tracks = sounds.whole(sounds.of(path_or_waveform, sample_rate))
        scores, _ = self.score_tracks(tracks, reading_of(num_chunks))
        sounds.check_read(tracks)
        return dict(zip(self.vocabulary.short_names, scores[0].tolist(), strict=True))

    def decide(self, scores: Mapping[str, float]) -> list[str]:
        """The tags that one file or waveform is given, highest score first, none if nothing is sure.

        They are those at or above the model's thresholds, or else those that stand out; see `kerastag.inference.
        deciding`, and `decide_files`, which can compare many files with each other.

        Args:
          scores: by tag, as `score` gives them.

        Raises:
          KerastagError: a tag is unknown, or the model's thresholds are damaged.
        """
        columns = [self.vocabulary.index(name) for name in scores]
        given = self.decider.only(columns).decide(np.array([list(scores.values())], np.float64))[0]
        best_first = sorted(scores, key=lambda name: -scores[name])
        by_name = dict(zip(scores, given, strict=True))
        return [name for name in best_first if by_name[name]]

    def decide_files(self, scores: np.ndarray) -> np.ndarray:
        """Which tags each file is given, bool (num_files, num_tags), of what `score_files` gives."""
        return self.decider.decide(scores)

    def taggram(
        self,
        path_or_waveform: PathOrWaveform,
        sample_rate: float | None = None,
        hop_seconds: float | None = None,
        reading: Reading | None = None,
        on_chunks: passes.OnChunks = lambda rows: None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Scores along a file or waveform: of single chunks, from its beginning on.

        The longest chunk of the model's networks sets the starts; a last chunk that would reach beyond the end is left
        out. What is shorter than a chunk is heard once, with silence after it. Calibration was fitted on means over
        chunks; single chunks go through the same.

        Args:
          path_or_waveform: what is heard.
          sample_rate: of a waveform, in Hz.
          hop_seconds: from the start of a chunk to that of the next, rounded to samples; None: the chunk's length.
          reading: its batch size and dtype; None: as `kerastag tag` does by default.
          on_chunks: called after each step with the numbers of its chunks; it may raise to stop.

        Returns:
          starts in seconds, float64 (num_chunks,); scores, float32 (num_chunks, num_tags).

        Raises:
          AudioError, KerastagError: as `score`; or the hop is not above 0.
        """
        sound = sounds.of(path_or_waveform, sample_rate)
        starts = sounds.starts(sound, [network_pass.chunk for network_pass in self._passes], hop_seconds)
        one_chunk = dataclasses.replace(reading or Reading(), num_chunks=1, whole=False, decoder="soundfile")
        by_position: dict[int, np.ndarray] = {}
        for network_pass in self._passes:
            tracks = sounds.stretches(sound, starts, network_pass.chunk)
            by_position.update(network_pass.score(tracks, one_chunk, on_chunks))
            sounds.check_read(tracks)
        return starts, self._combination([by_position[position] for position in sorted(by_position)])

    def embed(
        self, path_or_waveform: PathOrWaveform, sample_rate: float | None = None, num_chunks: int | None = None
    ) -> np.ndarray:
        """What the networks know of a file or waveform before they name tags, float32 (width,).

        It is the input of the output layer, mean over evenly spaced chunks; those of an ensemble's networks stand side
        by side, one that has none is left out.

        Args:
          path_or_waveform, sample_rate, num_chunks: as of `score`.

        Raises:
          AudioError, KerastagError: as `score`; or no network has an embedding.
        """
        if not self.embedding_width:
            reason = "no network of the model has an embedding, or it was exported before model.json told its width"
            raise errors.KerastagError(reason)
        tracks = sounds.whole(sounds.of(path_or_waveform, sample_rate))
        by_position: dict[int, np.ndarray] = {}
        for network_pass in self._passes:
            by_position.update(network_pass.embed(tracks, reading_of(num_chunks)))
        sounds.check_read(tracks)
        return np.concatenate([by_position[position][0] for position in sorted(by_position)])

    def score_files(
        self,
        paths: Sequence[str | os.PathLike[str]],
        reading: Reading | None = None,
        on_chunks: passes.OnChunks = lambda rows: None,
    ) -> tuple[np.ndarray, dict[int, str]]:
        """Scores of many files, batches filled across them.

        Args:
          paths: audio files.
          reading: how they are read; None: as `kerastag tag` does by default.
          on_chunks: called after each step with the file, by position, of each of its chunks; it may raise to stop.

        Returns:
          scores, (num_files, num_tags) float32, NaN for a file that cannot be read; why, by its position.
        """
        from kerastag.data import pipeline

        return self.score_tracks(pipeline.Tracks([os.fspath(path) for path in paths]), reading, on_chunks)

    def score_tracks(
        self,
        tracks: "pipeline.Tracks",
        reading: Reading | None = None,
        on_chunks: passes.OnChunks = lambda rows: None,
        num_tracks: int | None = None,
    ) -> tuple[np.ndarray, dict[int, str]]:
        """The same for `pipeline.Tracks`.

        `num_tracks` are heard in all, by this call and others, which decides whether compiling pays; None: these.
        """
        by_position: dict[int, np.ndarray] = {}
        for network_pass in self._passes:
            by_position.update(network_pass.score(tracks, reading or Reading(), on_chunks, num_tracks))
        return self._combined(tracks, by_position), tracks.unreadable

    def hear_tracks(
        self,
        tracks: "pipeline.Tracks",
        reading: Reading | None = None,
        on_chunks: passes.OnChunks = lambda rows: None,
        num_tracks: int | None = None,
    ) -> tuple[np.ndarray, np.ndarray | None, dict[int, str]]:
        """`score_tracks`, and the embeddings of the tracks from the same reading of each.

        Args:
          tracks, reading, on_chunks, num_tracks: as of `score_tracks`.

        Returns:
          scores and reasons as `score_tracks`; between them the embeddings, as `embed` gives them, (num_tracks, width)
          float32, NaN for a file that cannot be read, or None: no network has an embedding.
        """
        scores_of, embeddings_of = {}, {}
        for network_pass in self._passes:
            scores, embeddings = network_pass.hear(tracks, reading or Reading(), on_chunks, num_tracks)
            scores_of.update(scores)
            embeddings_of.update(embeddings)
        sides = [embeddings_of[position] for position in sorted(embeddings_of)]
        return self._combined(tracks, scores_of), np.concatenate(sides, axis=1) if sides else None, tracks.unreadable

    def _combined(self, tracks: "pipeline.Tracks", by_position: Mapping[int, np.ndarray]) -> np.ndarray:
        """The tagger's scores from those of its networks, NaN for a track that cannot be read."""
        scores = np.full((len(tracks), len(self.vocabulary)), np.nan, np.float32)
        readable = np.array([row not in tracks.unreadable for row in range(len(tracks))], bool)
        if readable.any():
            members = [by_position[position][readable] for position in sorted(by_position)]
            scores[readable] = self._combination(members)
        return scores

    @property
    def embedding_width(self) -> int:
        """Numbers in what `embed` gives; 0: no network has an embedding."""
        return sum(network_pass.embedding_width for network_pass in self._passes)

    @property
    def embeds_freely(self) -> bool:
        """Whether `hear_tracks` costs no more than `score_tracks`: networks in Keras give both at a time."""
        return all(network_pass.embeds_freely for network_pass in self._passes)

    def num_chunks(self, wanted: int) -> int:
        """Chunks that `score_tracks` reads of each track: once for all networks that take the same."""
        return sum(1 if network_pass.chunk.centred else wanted for network_pass in self._passes)


def reading_of(num_chunks: int | None) -> Reading:
    """So many chunks of each track, or what `kerastag tag` hears of it."""
    return Reading() if num_chunks is None else Reading(num_chunks, whole=False)


def of_model(model: Model, computing: Computing = AUTOMATIC) -> Tagger:
    """A tagger with the networks of a model; TensorFlow must have been started.

    Raises:
      KerastagError: a run has no network yet.
    """
    members = loading.of_networks(model.networks(computing.precision))
    return Tagger(members, model.vocabulary, model.combination, computing, lambda: deciding.of_model(model))


def _of_export(source: model_source.ModelSource, computing: Computing) -> Tagger:
    import tensorflow as tf

    facts, vocabulary = source.facts, source.vocabulary
    assert facts is not None  # it is no run
    runtime.check_loadable(source.folder)
    members = loading.of_export(tf.saved_model.load(str(source.folder)), facts)
    path = source.assets.calibration_path
    fitted = calibration.Calibration.read(path, vocabulary.names) if facts.calibrated else None
    combination = Combination(facts.method, facts.weights, fitted)
    return Tagger(members, vocabulary, combination, computing, lambda: source.decider)
