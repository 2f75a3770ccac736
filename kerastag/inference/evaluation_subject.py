"""What an evaluation measures: a run's scores of a split, made now, or scores from files."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from kerastag import audio, errors, ray_actors, tags
from kerastag.computing import AUTOMATIC, Computing
from kerastag.data import splits
from kerastag.data.reading import Reading
from kerastag.inference import split_scoring
from kerastag.metrics import assessment, decisions
from kerastag.metrics import card as tag_card
from kerastag.metrics.split_scores import SplitScores
from kerastag.runs import run_folder, score_files


@dataclasses.dataclass(frozen=True)
class EvaluationSubject:
    """Scores to report on, and scores to fit on.

    Attributes:
      measured: scores and labels of the split.
      fitted_on: those of validation, to fit thresholds and calibration on; None: there are none.
      heard_in_part: accounts of tracks of which some of the music is missing, by path.
      warnings: lines about tracks that were left out or heard in part.
    """

    measured: SplitScores
    fitted_on: SplitScores | None
    heard_in_part: Mapping[str, audio.Account] = dataclasses.field(default_factory=dict)
    warnings: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class ScoreFiles:
    """Files of scores and labels, .npy of (num_tracks, num_tags), and the split file that names their tracks."""

    predictions: str
    labels: str
    split_file: str | None = None


def of_files(
    given: ScoreFiles,
    vocabulary: tags.Vocabulary,
    train_splits: Sequence[str] = (),
    validation: ScoreFiles | None = None,
    fit_on_reported: bool = False,
) -> EvaluationSubject:
    """Scores from files.

    Args:
      given: what is reported on.
      vocabulary: the tags in column order.
      train_splits: split files that training tracks are counted over.
      validation: what thresholds are fitted on.
      fit_on_reported: fit on the very labels that are reported on, which flatters.

    Raises:
      KerastagError: files do not fit, or both labels are the same ones though nobody said so.
    """
    counts = None
    if train_splits:
        training = [splits.read(path, vocabulary, unknown="drop", untagged="drop") for path in train_splits]
        counts = splits.class_counts(training, vocabulary)
    measured = score_files.read(given.predictions, given.labels, vocabulary, given.split_file, counts)
    if fit_on_reported or validation is None:
        return EvaluationSubject(measured, measured if fit_on_reported else None)
    fitted_on = score_files.read(validation.predictions, validation.labels, vocabulary, validation.split_file, counts)
    if np.array_equal(fitted_on.labels, measured.labels):
        raise errors.KerastagError(
            f"{validation.labels}: the labels that are reported on; thresholds fitted on them flatter",
            "fit_on_the_labels_reported_on",
        )
    return EvaluationSubject(measured, fitted_on)


def of_run(
    run: run_folder.RunFolder,
    split: str,
    source: split_scoring.SplitSource,
    reading: Reading,
    computing: Computing = AUTOMATIC,
    skip_unreadable: bool = False,
    verbosity: int = 0,
    fit_on_reported: bool = False,
    validation_split: str | None = None,
    cluster: ray_actors.Cluster | None = None,
) -> EvaluationSubject:
    """Scores a split with the run's best model.

    Args:
      run, split, source, reading, computing, skip_unreadable, verbosity, cluster: see split_scoring.score_run.
      fit_on_reported: fit on the very labels that are reported on, which flatters.
      validation_split: names the validation tracks of an older run, which did not keep them.

    Raises:
      KerastagError: see split_scoring.score_run; or the run's validation scores are damaged.
    """
    scoring = split_scoring.score_run(run, split, source, reading, computing, skip_unreadable, verbosity, cluster)
    fitted_on = scoring.scores if fit_on_reported else None
    if fitted_on is None and split == "test":
        fitted_on = score_files.read_validation(run, _validation_file(run, source.data_dir, validation_split))
    return EvaluationSubject(scoring.scores, fitted_on, scoring.heard_in_part, tuple(scoring.warnings()))


def listed(run: run_folder.RunFolder, split: str, source: split_scoring.SplitSource) -> SplitScores:
    """The tracks and labels of a split before it is scored, with scores of 0: to check partners against.

    Raises:
      KerastagError: the dataset is not there, or a file is damaged.
    """
    _, path = split_scoring.locate(run, split, source)
    vocabulary = run.vocabulary()
    tracks = splits.read(path, vocabulary)
    labels = tracks.labels(vocabulary)
    identities = [track.identity for track in tracks.tracks]
    return SplitScores(np.zeros_like(labels), labels, vocabulary, identities, name=str(run.path))


def keep(run: run_folder.RunFolder, vocabulary: tags.Vocabulary, assessed: assessment.Assessment) -> None:
    """Writes thresholds, calibration and card into the run's folder.

    Raises:
      KerastagError: it cannot be written.
    """
    if assessed.thresholds is not None:
        decisions.write_thresholds(run.thresholds_path, vocabulary.names, assessed.thresholds)
    if assessed.calibrator is not None:
        assessed.calibrator.write(run.calibration_path)
    if assessed.tag_card is not None:
        tag_card.write(run.card_path, assessed.tag_card)


def _validation_file(
    run: run_folder.RunFolder, data_dir: str | None, validation_split: str | None
) -> pathlib.Path | None:
    """The validation split file; None: it is not known."""
    try:
        return split_scoring.locate(run, "validation", split_scoring.SplitSource(data_dir, validation_split))[1]
    except errors.KerastagError:
        return None
