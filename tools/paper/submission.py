"""What MediaEval's task "Emotion and Theme Recognition in Music" takes: predictions.npy and decisions.npy.

Both are (num_tracks, num_tags), tracks in the order of the official split file and tags in that of the
official list: predictions float64, decisions bool (and C order, which NumPy's readers take care of).
https://multimediaeval.github.io/2020-Emotion-and-Theme-Recognition-in-Music-Task/
"""

import dataclasses
import os
import pathlib

import numpy as np

from kerastag import errors, tags
from kerastag.metrics import decisions, matrices, plausibility

PREDICTIONS = "predictions.npy"
DECISIONS = "decisions.npy"


@dataclasses.dataclass(frozen=True)
class Report:
    """The result of a check.

    Attributes:
      faults: why the files cannot be handed in, one line each.
      warnings: what is allowed but hardly meant.
    """

    faults: tuple[str, ...]
    warnings: tuple[str, ...]


def write(
    folder: str | os.PathLike[str],
    scores: np.ndarray,
    thresholds: np.ndarray,
    strictly_above: bool = False,
) -> tuple[pathlib.Path, pathlib.Path]:
    """Writes both files of scores (num_tracks, num_tags) in official order, decided by thresholds (num_tags,).

    Decisions are taken from the scores as given, before they become float64. Returns both paths.

    Raises:
      KerastagError: a score is not finite, or there is not one threshold for each column.
    """
    decided = decisions.decide(scores, thresholds, strictly_above)
    if not np.isfinite(scores).all():
        row, column = np.argwhere(~np.isfinite(scores))[0]
        raise errors.KerastagError(f"score in row {row}, column {column} (from 0) is {scores[row, column]}, not finite")
    paths = pathlib.Path(folder) / PREDICTIONS, pathlib.Path(folder) / DECISIONS
    for path, matrix in zip(paths, (scores.astype(np.float64), decided), strict=True):
        matrices.save_matrix(path, np.ascontiguousarray(matrix))
    return paths


def in_order(scores: np.ndarray, vocabulary: tags.Vocabulary, official: tags.Vocabulary) -> np.ndarray:
    """Scores (num_tracks, num_tags), columns as in `vocabulary`, in the official order; either may have short names.

    Raises:
      KerastagError: the official list has a tag that the model does not know.
    """
    columns = [
        vocabulary.index(short if vocabulary.find(full) is None and vocabulary.find(short) is not None else full)
        for full, short in zip(official.names, official.short_names, strict=True)
    ]
    return scores[:, columns]


def check(
    predictions: str | os.PathLike[str],
    decided: str | os.PathLike[str],
    num_tracks: int,
    official: tags.Vocabulary,
    labels: np.ndarray | None = None,
) -> Report:
    """Checks anybody's files against an official split of `num_tracks` tracks and its tag list.

    Args:
      predictions: the path of predictions.npy.
      decided: the path of decisions.npy.
      num_tracks: number of tracks of the split.
      official: the tags in official order.
      labels: labels of the split, 0 or 1 (num_tracks, num_tags), if known: they tell whether rows or columns are
        in another order, since then scores are no better than chance.
    """
    faults: list[str] = []
    warnings: list[str] = []
    shape = (num_tracks, len(official))
    scores = _loaded(predictions, shape, np.dtype(np.float64), faults)
    decisions_matrix = _loaded(decided, shape, np.dtype(bool), faults)
    if scores is not None:
        faults.extend(_not_finite(predictions, scores, official))
    if faults or scores is None or decisions_matrix is None:
        return Report(tuple(faults), ())
    warnings.extend(_odd_scores(predictions, scores, official))
    warnings.extend(_odd_decisions(decided, scores, decisions_matrix, official))
    if labels is not None:
        warnings.extend(plausibility.order_warnings(labels, scores, str(predictions)))
    return Report((), tuple(warnings))


def _loaded(
    path: str | os.PathLike[str], shape: tuple[int, int], dtype: np.dtype, faults: list[str]
) -> np.ndarray | None:
    """The matrix if it has this shape and type; else its faults are added."""
    try:
        matrix = matrices.load_matrix(path)
    except errors.KerastagError as error:
        faults.append(str(error))
        return None
    before = len(faults)
    if matrix.shape != shape:
        turned = "; rows must be tracks, columns tags" if matrix.shape == shape[::-1] else ""
        faults.append(f"{path}: shape {matrix.shape}, not {shape} (tracks, tags){turned}")
    if matrix.dtype != dtype:
        faults.append(f"{path}: numbers are {matrix.dtype}, not {dtype}; write them with .astype({dtype})")
    return matrix if len(faults) == before else None


def _not_finite(path: str | os.PathLike[str], scores: np.ndarray, official: tags.Vocabulary) -> list[str]:
    bad = ~np.isfinite(scores)
    if not bad.any():
        return []
    row, column = np.argwhere(bad)[0]
    return [
        f"{path}: {bad.sum()} scores are not finite, the first, {scores[row, column]}, in row {row} (from 0), "
        f"tag {official.names[column]!r}"
    ]


def _odd_scores(path: str | os.PathLike[str], scores: np.ndarray, official: tags.Vocabulary) -> list[str]:
    warnings = []
    constant = _selected(official, (scores == scores[0]).all(axis=0))
    if constant:
        warnings.append(f"{path}: one and the same score on every track: {', '.join(constant)}")
    low, high = scores.min(), scores.max()
    if low < 0 or high > 1:
        warnings.append(f"{path}: scores are {low:g} .. {high:g}; allowed, but they are no probabilities")
    return warnings


def _odd_decisions(
    path: str | os.PathLike[str], scores: np.ndarray, decided: np.ndarray, official: tags.Vocabulary
) -> list[str]:
    warnings = []
    never, always = ~decided.any(axis=0), decided.all(axis=0)
    lowest_yes = np.where(decided, scores, np.inf).min(axis=0)
    highest_no = np.where(decided, -np.inf, scores).max(axis=0)
    for mask, what in (
        (never, "never decided"),
        (always, "decided on every track"),
        (
            lowest_yes < highest_no,
            "decided on a track that scores lower than one that is not (other tag order?)",
        ),
    ):
        names = _selected(official, mask)
        if names:
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            warnings.append(f"{path}: {what}: {shown}")
    return warnings


def _selected(official: tags.Vocabulary, mask: np.ndarray) -> list[str]:
    """Short names of the tags where a mask (num_tags,) is true."""
    return [tag for tag, selected in zip(official.short_names, mask, strict=True) if selected]
