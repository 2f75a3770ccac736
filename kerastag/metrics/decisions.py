"""Yes or no for every tag: thresholds that maximise F1 on a validation split, and how good decisions are."""

import os
from collections.abc import Sequence

import numpy as np

from kerastag import errors, tags, tsv
from kerastag.metrics import matrices, ranking
from kerastag.metrics.documents import DecisionFigures

HEADER = ("tag", "threshold")


def fit_thresholds(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The threshold of each tag at which deciding by `score >= threshold` has the highest F1.

    It is one of the scores; where several reach the same F1, the lowest of them, as MediaEval's
    calculate_decisions.py takes it. A tag without positives has the threshold infinity: no score ever reaches it.

    Args:
      labels: 0 or 1, (num_tracks, num_tags), of a split that is not the one to report on.
      scores: finite, (num_tracks, num_tags).

    Returns:
      float64 (num_tags,).

    Raises:
      KerastagError: see matrices.checked.
    """
    labels, scores = matrices.checked(labels, scores)
    return np.array([_best_threshold(labels[:, tag], scores[:, tag]) for tag in range(labels.shape[1])])


def decide(scores: np.ndarray, thresholds: np.ndarray, strictly_above: bool = False) -> np.ndarray:
    """Decisions, bool (num_tracks, num_tags): whether each score reaches its tag's threshold.

    Args:
      scores: (num_tracks, num_tags).
      thresholds: (num_tags,).
      strictly_above: `>` instead of `>=`, as MediaEval's calculate_decisions.py, though it fits thresholds
        for `>=`: the track that set a tag's threshold is decided against.

    Raises:
      KerastagError: there is not one threshold for each column.
    """
    if np.shape(thresholds) != np.shape(scores)[1:]:
        raise errors.KerastagError(f"thresholds are {np.shape(thresholds)} for scores {np.shape(scores)}")
    return np.asarray(scores > thresholds if strictly_above else scores >= thresholds)


def evaluate(labels: np.ndarray, decisions: np.ndarray, tag_names: Sequence[str]) -> DecisionFigures:
    """Precision, recall and F1, as scikit-learn's precision_recall_fscore_support(zero_division=0).

    A tag that is never decided has precision 0, one without positives recall 0, both F1 0, and the macro mean
    is over all tags: this is how MediaEval counts, so tags without positives do pull it down.

    Args:
      labels: 0 or 1, (num_tracks, num_tags).
      decisions: bool, (num_tracks, num_tags).
      tag_names: the tags in column order.

    Returns:
      A dict for JSON: precision_macro, recall_macro, f1_macro, precision_micro, recall_micro, f1_micro and
      per_tag {tag: {precision, recall, f1, decided}}.

    Raises:
      KerastagError: see matrices.checked.
    """
    labels, decisions = matrices.checked(labels, decisions, tag_names)
    decisions = decisions.astype(bool)
    counts = [array.sum(axis=0) for array in (labels & decisions, decisions, labels)]  # (num_tags,) each
    per_tag = _rates(*counts)
    micro = _rates(*(count.sum() for count in counts))
    return {
        "precision_macro": float(per_tag["precision"].mean()),
        "recall_macro": float(per_tag["recall"].mean()),
        "f1_macro": float(per_tag["f1"].mean()),
        "precision_micro": float(micro["precision"]),
        "recall_micro": float(micro["recall"]),
        "f1_micro": float(micro["f1"]),
        "per_tag": {
            tag: {
                "precision": float(per_tag["precision"][column]),
                "recall": float(per_tag["recall"][column]),
                "f1": float(per_tag["f1"][column]),
                "decided": int(counts[1][column]),
            }
            for column, tag in enumerate(tag_names)
        },
    }


def write_thresholds(
    path: str | os.PathLike[str], tag_names: Sequence[str], thresholds: np.ndarray, column: str = HEADER[1]
) -> None:
    """Writes thresholds.tsv: each tag's full name and threshold, in full precision; `inf` for never.

    `column` is the header of the numbers, for files of other scores by tag.
    """
    lines = [(tag, repr(float(threshold))) for tag, threshold in zip(tag_names, thresholds, strict=True)]
    tsv.write(path, (HEADER[0], column), lines)


def read_thresholds(path: str | os.PathLike[str], vocabulary: tags.Vocabulary, column: str = HEADER[1]) -> np.ndarray:
    """Reads what `write_thresholds` wrote, tags in any order: float64 (num_tags,) in the vocabulary's order.

    Raises:
      KerastagError: the file is missing, a line is not a tag and a number, or a tag is unknown, doubled or missing.
    """
    thresholds = np.full(len(vocabulary), np.nan)
    for number, (name, text, *_) in tsv.read(path, (HEADER[0], column)):
        try:
            place = vocabulary.index(name)
        except errors.KerastagError as error:
            raise errors.KerastagError(f"{path}:{number}: {error}") from None
        if not np.isnan(thresholds[place]):
            raise errors.KerastagError(f"{path}:{number}: tag {name!r} has a {column} already")
        thresholds[place] = _number(text)
        if np.isnan(thresholds[place]):
            raise errors.KerastagError(f"{path}:{number}: {column} {text!r} is not a number")
    if np.isnan(thresholds).any():
        missing = vocabulary.names[int(np.argmax(np.isnan(thresholds)))]
        raise errors.KerastagError(f"{path}: no {column} for tag {missing!r}")
    return thresholds


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def _best_threshold(labels: np.ndarray, scores: np.ndarray) -> float:
    true_positives, false_positives = ranking.threshold_counts(labels, scores)
    if true_positives[-1] == 0:
        return np.inf
    decided = true_positives + false_positives
    f1 = 2 * true_positives / (decided + true_positives[-1])  # (num_distinct_scores,), from the highest down
    best = len(f1) - 1 - int(np.argmax(f1[::-1]))
    return float(np.unique(scores)[::-1][best])


def _rates(hits: np.ndarray, decided: np.ndarray, positives: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall and F1 from counts; 0 where there is nothing to divide by."""
    return {
        name: np.where(total > 0, factor * hits / np.maximum(total, 1), 0.0)
        for name, factor, total in (
            ("precision", 1, decided),
            ("recall", 1, positives),
            ("f1", 2, decided + positives),
        )
    }
