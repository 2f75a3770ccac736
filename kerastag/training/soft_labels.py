"""Soft labels: what a teacher says of the tracks that a student trains on, asked once and kept in the run's folder."""

import dataclasses
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from kerastag import errors, files, names, progress, tags
from kerastag.computing import Computing
from kerastag.data import dataset
from kerastag.data.reading import Reading
from kerastag.inference import model_source, opening
from kerastag.metrics import matrices
from kerastag.runs import run_folder

if TYPE_CHECKING:  # a teacher is refused before TensorFlow starts
    from kerastag.data import decoded, pipeline

FOLDER = "soft_labels"
PORTION = 64  # tracks whose scores an interruption may cost
Identities: TypeAlias = Sequence[tuple[str, str, str]]


@dataclasses.dataclass(frozen=True)
class Teaching:
    """Who teaches, and what.

    Attributes:
      teacher: None: what it says of all tracks is in the run's folder already.
      unlabelled: files of music without labels.
      soft_weight: of the soft loss of a track with labels, in [0, 1]; one without has the soft loss alone.
      num_chunks: evenly spaced chunks of each track that the teacher hears.
    """

    teacher: model_source.ModelSource | None
    unlabelled: tuple[str, ...] = ()
    soft_weight: float = 0.5
    num_chunks: int = 16

    def facts(self) -> dict[str, str] | None:
        """What run.json says of the teacher, by which it is known again; None without it.

        Raises:
          KerastagError: a run has no network yet.
        """
        if self.teacher is None:
            return None
        records = self.teacher.model.records if self.teacher.model else ()
        commands = {f"command_{number}": record.command for number, record in enumerate(records, 1)}
        return {"model": self.teacher.name, "fingerprint": self.teacher.fingerprint, **commands}


@dataclasses.dataclass(frozen=True)
class SoftLabels:
    """The soft labels in a run's folder: tracks.json, scores.npy, and parts of it while it is made.

    Attributes:
      path: `soft_labels` in the run's folder.
    """

    path: pathlib.Path

    @classmethod
    def of_run(cls, folder: run_folder.RunFolder) -> "SoftLabels":
        """Where a run keeps them."""
        return cls(folder.path / FOLDER)

    @property
    def complete(self) -> bool:
        """Whether the teacher has heard all."""
        return self._scores_path.is_file()

    def begin(self, labelled: Identities, unlabelled: Sequence[str]) -> None:
        """Notes which tracks the teacher is to hear: those with labels first."""
        listed = {"labelled": [list(track) for track in labelled], "unlabelled": list(map(names.shown, unlabelled))}
        files.write_json(self._tracks_path, listed)

    def unlabelled(self, labelled: Identities) -> tuple[str, ...]:
        """The files without labels.

        Raises:
          KerastagError: the tracks with labels are not these, or the list is missing or damaged.
        """
        listed = files.read_json(self._tracks_path)
        try:
            kept = [tuple(track) for track in listed["labelled"]]
            paths = tuple(map(names.path_of, listed["unlabelled"]))
        except (KeyError, TypeError, AttributeError):
            raise errors.KerastagError(f"{self._tracks_path}: not a list of tracks") from None
        if kept != list(labelled):
            raise errors.KerastagError(f"{self._tracks_path}: other tracks than those of the training split now")
        return paths

    def read(self, shape: tuple[int, int]) -> np.ndarray:
        """The teacher's scores, float32 (num_tracks, num_tags), NaN for tracks that it could not hear.

        Raises:
          KerastagError: they are missing or damaged, or of another shape.
        """
        return _matrix(self._scores_path, shape)

    def make(
        self, teaching: Teaching, tracks: "pipeline.Tracks", vocabulary: tags.Vocabulary, computing: Computing
    ) -> None:
        """Lets the teacher hear the tracks that it has not heard yet, as `kerastag tag` does; notes the unreadable.

        Args:
          teaching: with its teacher.
          tracks: all of them, in the order of `begin`.
          vocabulary: the tags to be learnt, all of which the teacher has.
          computing: precision and compilation.

        Raises:
          KerastagError: the teacher cannot be loaded, or a part cannot be read or written.
        """
        assert teaching.teacher is not None
        columns = [teaching.teacher.vocabulary.index(name) for name in vocabulary]
        model = opening.open_source(teaching.teacher, computing)
        reading = Reading(teaching.num_chunks, whole=False)
        total = len(tracks) * model.num_chunks(teaching.num_chunks)
        with progress.Lines(total, f"the teacher hears {len(tracks)} tracks", "chunks") as bar:
            for start in range(0, len(tracks), PORTION):
                if self._part(start).is_file():
                    continue
                portion = tracks.between(start, start + PORTION)
                scores, unreadable = model.score_tracks(
                    portion, reading, lambda rows: bar.advance(len(rows)), len(tracks)
                )
                for row, reason in unreadable.items():
                    tracks.mark_unreadable(start + row, reason)
                matrices.save_matrix(self._part(start), scores[:, columns])
        self._join(len(tracks), len(vocabulary))

    def _join(self, num_tracks: int, num_tags: int) -> None:
        starts = range(0, num_tracks, PORTION)
        shapes = [(min(PORTION, num_tracks - start), num_tags) for start in starts]
        parts = [_matrix(self._part(start), shape) for start, shape in zip(starts, shapes, strict=True)]
        matrices.save_matrix(self._scores_path, np.concatenate(parts))
        for start in starts:
            self._part(start).unlink()

    def _part(self, start: int) -> pathlib.Path:
        return self.path / f"part_{start:07d}.npy"

    @property
    def _scores_path(self) -> pathlib.Path:
        return self.path / "scores.npy"

    @property
    def _tracks_path(self) -> pathlib.Path:
        return self.path / "tracks.json"


def identities(data: dataset.Dataset) -> list[tuple[str, str, str]]:
    """What the training tracks with labels are known by."""
    return [track.identity for source in data.training for track in source.split.tracks]


def tracks(
    teaching: Teaching,
    folder: run_folder.RunFolder,
    data: dataset.Dataset,
    computing: Computing,
    kept: "decoded.DecodedTracks | None" = None,
) -> "pipeline.Tracks":
    """The training tracks, then those without labels that the teacher could hear, with targets for losses.taught.

    A track with labels that the teacher could not hear has its labels alone.

    Args:
      teaching: who teaches.
      folder: the run's, where SoftLabels.begin was called.
      data: the tracks with labels.
      computing: how the teacher's networks are computed.
      kept: see pipeline.Tracks.

    Raises:
      KerastagError: see SoftLabels.
    """
    from kerastag.losses import taught

    soft = SoftLabels.of_run(folder)
    every = data.training_tracks(unlabelled=teaching.unlabelled)
    if not soft.complete:
        try:
            soft.make(teaching, every, data.vocabulary, computing)
        finally:
            _tell_skipped(every.unreadable, data.num_training_tracks)
    scores = soft.read((len(every), len(data.vocabulary)))
    heard = np.isfinite(scores).all(axis=1)
    used = heard | (np.arange(len(every)) < data.num_training_tracks)
    unlabelled = [path for path, use in zip(teaching.unlabelled, used[data.num_training_tracks :], strict=True) if use]
    chosen = data.training_tracks(kept, unlabelled)
    hard_share = np.where(heard, 1 - teaching.soft_weight, 1.0)
    hard_share[data.num_training_tracks :] = 0.0
    chosen.targets = taught.targets(chosen.labels, np.nan_to_num(scores[used]), hard_share[used])
    return chosen


def _tell_skipped(unreadable: Mapping[int, str], num_labelled: int) -> None:
    """Says which files without labels are left out; those with labels are told where they are trained on."""
    for row, reason in sorted(unreadable.items()):
        if row >= num_labelled:
            print(names.printable(f"skipped: {reason}"), file=sys.stderr)


def _matrix(path: pathlib.Path, shape: tuple[int, int]) -> np.ndarray:
    scores = matrices.load_matrix(path)
    if scores.shape != shape:
        raise errors.KerastagError(f"{path}: shape {scores.shape}, not {shape}")
    return scores
