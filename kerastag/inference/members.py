"""Scores of one split by several models: what an ensemble combines, and how good members and ensemble are."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from kerastag import errors, metrics
from kerastag.metrics import ensembles, tables
from kerastag.metrics.split_scores import SplitScores
from kerastag.runs import run_folder


def of_runs(
    runs: Mapping[str, run_folder.RunFolder], split: str, score: Callable[[run_folder.RunFolder], SplitScores | None]
) -> dict[str, SplitScores]:
    """Scores that runs keep, or are given now.

    Args:
      runs: by a name for people.
      split: which of their scores.
      score: gives a run new scores; None where it should keep those it has.

    Raises:
      KerastagError: they are of other tracks, or have other labels of them.
    """
    members = {name: score(run) or run.read_scores(split) for name, run in runs.items()}
    first = next(iter(members.values()))
    for member in members.values():
        try:
            first.check_same_tracks(member)
        except errors.KerastagError as error:
            raise errors.KerastagError(f"{error}; the same tracks can be scored again", "rescore") from None
    return members


def is_older_than_model(run: run_folder.RunFolder, split: str) -> bool:
    """Whether a run's model was trained on after it gave the scores that the run keeps."""
    path = run.predictions_path(split)
    return run.model_path.is_file() and run.model_path.stat().st_mtime > path.stat().st_mtime


def keeps_scores(run: run_folder.RunFolder, split: str) -> bool:
    """Whether a run keeps scores and labels of a split."""
    return run.predictions_path(split).is_file() and run.labels_path(split).is_file()


def table(
    members: Mapping[str, SplitScores], combined: np.ndarray, method: str, weights: Sequence[float], note: str
) -> tables.Table:
    """Macro figures of the members and of the ensemble, with the members' weights.

    Args:
      members: by a name for people.
      combined: the ensemble's scores, (num_tracks, num_tags).
      method: one of ensembles.METHODS.
      weights: the weight of each member.
      note: for people, below the table.
    """
    first = next(iter(members.values()))
    scores = [*((name, member.scores) for name, member in members.items()), (method, combined)]
    rows: list[tuple[tables.Cell, ...]] = []
    for (name, values), weight in zip(scores, [*map(float, weights), None], strict=True):
        figures = metrics.evaluate(first.labels, values, first.vocabulary.names)
        rows.append((name, weight, figures["pr_auc_macro"], figures["roc_auc_macro"]))
    return tables.Table(("member", "weight", "PR-AUC", "ROC-AUC"), tuple(rows), note)


def combine(members: Sequence[SplitScores], method: str, weights: np.ndarray) -> np.ndarray:
    """The ensemble's scores, float64 (num_tracks, num_tags); see ensembles.combine."""
    return ensembles.combine([member.scores for member in members], method, list(weights))
