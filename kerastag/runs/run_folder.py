"""The folder of one run: names of its files, and what run.json says."""

import dataclasses
import math
import pathlib
import shutil

import numpy as np

from kerastag import errors, files, tags, tsv
from kerastag.metrics import matrices, split_scores
from kerastag.runs import lock
from kerastag.runs import record as run_record

MODEL = "model.keras"
TAGS = "tags.txt"
RECORD = "run.json"
HISTORY = "history.tsv"
CHECKPOINT = "checkpoint"
STATE = "state.json"  # in the checkpoint, where training stood
TRACK_COLUMNS = ("TRACK_ID", "ARTIST_ID", "PATH")


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """A folder that `kerastag train` writes; the paths of its files."""

    path: pathlib.Path

    @classmethod
    def existing(cls, path: str | pathlib.Path) -> "RunFolder":
        """The run in `path`.

        Raises:
          KerastagError: there is none.
        """
        folder = cls(pathlib.Path(path))
        if not folder.path.is_dir():
            raise errors.KerastagError(f"{path}: no such folder")
        if not folder.holds_run():
            raise errors.KerastagError(f"{path}: not a run (it has no {RECORD})")
        return folder

    def is_empty(self) -> bool:
        """Whether there is no folder, or no more in it than what a training leaves that was killed at its start."""
        if not self.path.is_dir():
            return True
        return all(path.name == lock.NAME or files.is_unfinished(path) for path in self.path.iterdir())

    def holds_run(self) -> bool:
        """Whether a run was begun here."""
        return self.record_path.is_file()

    def holds_checkpoint(self) -> bool:
        """Whether training can go on here."""
        return (self.checkpoint_path / STATE).is_file()

    @property
    def record_path(self) -> pathlib.Path:
        return self.path / RECORD

    @property
    def model_path(self) -> pathlib.Path:
        return self.path / MODEL

    @property
    def tags_path(self) -> pathlib.Path:
        return self.path / TAGS

    @property
    def history_path(self) -> pathlib.Path:
        return self.path / HISTORY

    @property
    def checkpoint_path(self) -> pathlib.Path:
        return self.path / CHECKPOINT

    @property
    def thresholds_path(self) -> pathlib.Path:
        return self.path / "thresholds.tsv"

    @property
    def usual_scores_path(self) -> pathlib.Path:
        """In an export without thresholds, see inference.deciding."""
        return self.path / "usual_scores.tsv"

    @property
    def calibration_path(self) -> pathlib.Path:
        return self.path / "calibration.json"

    @property
    def card_path(self) -> pathlib.Path:
        return self.path / "tag_card.tsv"

    @property
    def events_path(self) -> pathlib.Path:
        """TensorBoard's files."""
        return self.path / "events"

    @property
    def examples_path(self) -> pathlib.Path:
        """Sounds and pictures of a few validation tracks, see examples."""
        return self.path / "examples"

    @property
    def embeddings_path(self) -> pathlib.Path:
        """What a probe is trained on, see data.embeddings, and the network that it stands on."""
        return self.path / "embeddings"

    @property
    def report_path(self) -> pathlib.Path:
        return self.path / "report.html"

    def predictions_path(self, split: str) -> pathlib.Path:
        """(num_tracks, num_tags) float32 scores of a split."""
        return self.path / "predictions" / f"{split}.npy"

    def labels_path(self, split: str) -> pathlib.Path:
        """(num_tracks, num_tags) bool labels in the same order."""
        return self.path / "labels" / f"{split}.npy"

    def tracks_path(self, split: str) -> pathlib.Path:
        """Which tracks the rows of the two are: TRACK_ID ARTIST_ID PATH, tab-separated, with a header."""
        return self.path / "tracks" / f"{split}.tsv"

    def write_scores(self, split: str, kept: split_scores.SplitScores) -> None:
        """Writes scores (num_tracks, num_tags) float32, labels, bool, and the tracks, if they are known, of a split."""
        arrays = ((self.predictions_path(split), kept.scores), (self.labels_path(split), kept.labels.astype(bool)))
        for path, array in arrays:
            matrices.save_matrix(path, array)
        if kept.tracks is not None:
            tsv.write(self.tracks_path(split), TRACK_COLUMNS, kept.tracks)

    def begin(self, record: run_record.RunRecord, vocabulary: tags.Vocabulary) -> None:
        """Empties the folder, but for a lock, and writes run.json and tags.txt of a new run."""
        # in this order: whenever it is cut short, a resumed training finds no checkpoint of another experiment
        shutil.rmtree(self.checkpoint_path, ignore_errors=True)
        record.write(self.record_path)  # what is begun and not more can be overwritten
        for path in self.path.iterdir():
            if path.name not in (self.record_path.name, lock.NAME):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        vocabulary.write(self.tags_path)

    def write_weights(self, weights: str) -> None:
        """Writes in run.json which weights model.keras has, see RunRecord."""
        dataclasses.replace(self.record(), weights=weights).write(self.record_path)

    def record(self) -> run_record.RunRecord:
        """What run.json says.

        Raises:
          KerastagError: it is missing or damaged, or not the record of a run.
        """
        return run_record.RunRecord.read(self.record_path)

    def vocabulary(self) -> tags.Vocabulary:
        """The tags of the model's outputs.

        Raises:
          KerastagError: tags.txt is missing or damaged, or run.json counts tracks of other tags.
        """
        vocabulary = tags.Vocabulary.read(self.tags_path)
        path = self.path / RECORD
        counts = run_record.RunRecord.read(path).class_counts if path.is_file() else None
        if counts is not None and tuple(counts) != vocabulary.names:
            raise errors.KerastagError(
                f"{self.tags_path}: {tags.difference(vocabulary.names, tuple(counts))} in {path}"
            )
        return vocabulary

    def class_counts(self) -> np.ndarray | None:
        """Training tracks with each tag, int64 (num_tags,); None: not known, or not the same for all of an ensemble."""
        counts = self.record().class_counts if self.holds_run() else None
        return None if counts is None else np.array([counts[name] for name in self.vocabulary().names], np.int64)

    def read_scores(self, split: str) -> split_scores.SplitScores:
        """What `write_scores` wrote of a split.

        Raises:
          KerastagError: a file is missing or damaged, or they do not agree with each other or with the tags.
        """
        path, labels_path, vocabulary = self.predictions_path(split), self.labels_path(split), self.vocabulary()
        if not path.is_file():
            finished = "it has not finished its first validation"
            advice = finished if split == "validation" else "kerastag evaluate writes them"
            raise errors.KerastagError(f"{self.path}: no predictions of the {split} split; {advice}")
        scores, labels = matrices.load_matrix(path), matrices.load_matrix(labels_path)
        if labels.shape != scores.shape:
            raise errors.KerastagError(f"{labels_path}: labels are {labels.shape}, but {path} is {scores.shape}")
        if scores.shape[1] != len(vocabulary):
            columns = f"{scores.shape[1]} columns, but {self.tags_path} has {len(vocabulary)} tags"
            raise errors.KerastagError(f"{path}: {columns}")
        try:
            labels, scores = matrices.checked(labels, scores)
        except errors.KerastagError as error:
            raise errors.KerastagError(f"{path}: {error}") from None
        tracks, counts = self._read_tracks(split, len(scores)), self.class_counts()
        return split_scores.SplitScores(scores, labels, vocabulary, tracks, counts, str(self.path))

    def _read_tracks(self, split: str, num_rows: int) -> list[tuple[str, str, str]] | None:
        path = self.tracks_path(split)
        if not path.is_file():
            return None
        lines = [cells for _, cells in tsv.read_raw(path)][1:]
        if len(lines) != num_rows or any(len(line) != len(TRACK_COLUMNS) for line in lines):
            others = f"{num_rows} rows of {self.predictions_path(split)}"
            raise errors.KerastagError(f"{path}: {len(lines)} tracks, but {others}")
        return [(line[0], line[1], line[2]) for line in lines]

    def trained_model_path(self) -> pathlib.Path:
        """The best model.

        Raises:
          KerastagError: the run has not finished its first validation.
        """
        if not self.model_path.is_file():
            raise errors.KerastagError(f"{self.path}: no {MODEL} yet; the run has not finished an epoch")
        return self.model_path


def read_history(path: pathlib.Path) -> list[dict[str, str]]:
    """The lines of history.tsv by column, none if there is no such file yet.

    Raises:
      KerastagError: it is damaged.
    """
    return tsv.read_columns(path) if path.is_file() else []


def read_figures(path: pathlib.Path) -> list[dict[str, float]]:
    """The lines of history.tsv as numbers by column, each with its epoch; cells that are empty are left out.

    Raises:
      KerastagError: it is damaged.
    """
    rows = []
    for number, row in enumerate(read_history(path), 1):
        try:
            rows.append({name: float(cell) for name, cell in row.items() if cell})
        except ValueError as error:
            raise errors.KerastagError(f"{path}: not a history ({error})") from None
        if not math.isfinite(rows[-1].get("epoch", math.nan)):
            raise errors.KerastagError(f"{path}: not a history (row {number} has no epoch)")
    return rows


def free(path: pathlib.Path) -> RunFolder:
    """The first of `path`, `path`-2, `path`-3, ... that does not exist."""
    number = 1
    candidate = path
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return RunFolder(candidate)
