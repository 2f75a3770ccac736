"""A run's best model on a split of its dataset: scores and labels, kept in the run's folder."""

import dataclasses
import pathlib
from collections.abc import Iterator

from kerastag import audio, errors, ray_actors
from kerastag.computing import AUTOMATIC, Computing
from kerastag.data import dataset, splits, track_files
from kerastag.data.reading import Reading
from kerastag.inference import ray_scoring, track_scores
from kerastag.metrics import split_scores
from kerastag.runs import run_folder


@dataclasses.dataclass(frozen=True)
class Scoring:
    """What a run says of a split.

    Attributes:
      scores: float32 scores, and the labels, of the tracks that could be read.
      unreadable: why each other track was left out, one line that names its file.
      heard_in_part: accounts of tracks of which some of the music is missing, by path.
      not_kept: why the scores could not be written into the run's folder; empty if they were.
    """

    scores: split_scores.SplitScores
    unreadable: tuple[str, ...] = ()
    heard_in_part: dict[str, audio.Account] = dataclasses.field(default_factory=dict)
    not_kept: str = ""

    def warnings(self) -> Iterator[str]:
        """A line for each track that was left out or heard in part, and for what could not be written."""
        yield from (f"left out: {reason}" for reason in self.unreadable)
        yield from (f"heard in part: {path}: {account.text()}" for path, account in self.heard_in_part.items())
        if self.not_kept:
            yield f"not kept: {self.not_kept}"


@dataclasses.dataclass(frozen=True)
class SplitSource:
    """Where the tracks of a split are, if not where the run was trained.

    Attributes:
      data_dir: the dataset; None: the run's.
      split_file: None: the file that the run was trained with, or `data_dir`/SPLIT.tsv.
    """

    data_dir: str | None = None
    split_file: str | None = None


def score_run(
    run: run_folder.RunFolder,
    split: str,
    source: SplitSource | None = None,
    reading: Reading | None = None,
    computing: Computing = AUTOMATIC,
    skip_unreadable: bool = False,
    verbosity: int = 0,
    cluster: ray_actors.Cluster | None = None,
) -> Scoring:
    """Scores a split and keeps scores and labels in the run's folder.

    Args:
      run: with a trained model, or an ensemble of such runs.
      split: train, validation or test.
      source: where its tracks are.
      reading: how they are read; None: 32 chunks of each.
      computing: how.
      skip_unreadable: leave out tracks that cannot be read, instead of stopping.
      verbosity: above 0 shows TensorFlow's own log.
      cluster: whose actors score; None: this process.

    Raises:
      KerastagError: no model, no dataset, a track or all of them cannot be read, or see ray_scoring.score.
    """
    folder, path = locate(run, split, source)
    vocabulary = run.vocabulary()
    listed = splits.read(path, vocabulary)
    lookups = [track_files.Lookup(folder, track) for track in listed.tracks]
    how = track_scores.How(str(run.path), reading or Reading(num_chunks=32), computing, verbosity)
    if cluster is None:
        scored = track_scores.score(how, lookups, skip_unreadable)
    else:
        scored = ray_scoring.score(how, lookups, skip_unreadable, cluster)
    unreadable = scored.unreadable
    if len(unreadable) == len(lookups):
        raise errors.KerastagError(f"no track can be read: {next(iter(unreadable.values()))}")
    rows = [row for row in range(len(listed)) if row not in unreadable]
    readable = dataclasses.replace(listed, tracks=tuple(listed.tracks[row] for row in rows))
    kept = split_scores.SplitScores(
        scored.scores[rows],
        readable.labels(vocabulary),
        vocabulary,
        [track.identity for track in readable.tracks],
        run.class_counts(),
        str(run.path),
    )
    not_kept = ""
    try:
        run.write_scores(split, kept)
    except errors.KerastagError as error:  # a run that may only be read can be measured all the same
        not_kept = str(error)
    return Scoring(kept, tuple(unreadable.values()), scored.heard_in_part, not_kept)


def locate(
    run: run_folder.RunFolder, split: str, source: SplitSource | None = None
) -> tuple[pathlib.Path, pathlib.Path]:
    """The folder of a run's dataset and the file of a split, by `source`, else as the run was trained.

    Raises:
      KerastagError: there is no such folder, or the run has none; more than one file makes up the split.
    """
    source, record = source or SplitSource(), run.record()
    if source.data_dir is None and record.data_dir is None and not record.is_of_demo_set:
        raise errors.UsageError(f"{run.path} was not trained here: its dataset is not known", "data_dir")
    folder = dataset.folder(source.data_dir or record.data_dir)
    given = source.split_file or record.flags.get(f"{split}_split")
    if isinstance(given, list):
        if len(given) > 1:
            problem = f"{len(given)} files make up the {split} split; one can be measured at a time"
            raise errors.UsageError(problem, f"{split}_split")
        given = given[0] if given else None
    return folder, splits.split_path(folder, None if given is None else str(given), split)


def find_validation(run: run_folder.RunFolder) -> tuple[pathlib.Path, pathlib.Path] | None:
    """The folder and the split file of a run's validation tracks; None if they are not there any more."""
    try:
        folder, path = locate(run, "validation")
    except errors.KerastagError:  # moved since, or a run that was not trained here
        return None
    return (folder, path) if path.is_file() else None
