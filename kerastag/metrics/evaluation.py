"""Labels and scores of a split to the figures that metrics.json keeps."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from kerastag import errors
from kerastag.metrics import groups, ranking


def evaluate(
    labels: np.ndarray,
    scores: np.ndarray,
    tag_names: Sequence[str],
    class_counts: np.ndarray | None = None,
    head_over: int = groups.HEAD_OVER,
    tail_at_most: int = groups.TAIL_AT_MOST,
) -> dict[str, Any]:
    """PR-AUC and ROC-AUC of every tag, their means over all tags (macro) and over groups, and micro figures.

    Micro figures rank all (track, tag) pairs in one list. A tag without positive tracks has neither area, one
    without negative tracks no ROC-AUC: such figures are None, left out of the means, and the tags are listed.

    Args:
      labels: 0 or 1, (num_tracks, num_tags).
      scores: any finite numbers, higher for likelier tags, (num_tracks, num_tags).
      tag_names: the tags in column order, (num_tags,).
      class_counts: training tracks with each tag, (num_tags,); without them there are no groups.
      head_over: see groups.members.
      tail_at_most: see groups.members.

    Returns:
      A dict of plain Python values without NaN, ready for JSON: pr_auc_macro, roc_auc_macro, pr_auc_micro,
      roc_auc_micro, num_tracks, num_tags, tags_without_positives, tags_without_negatives,
      per_tag {tag: {pr_auc, roc_auc, positives}}
      and, with counts, groups {head|middle|tail: {pr_auc, roc_auc, num_tags}}.

    Raises:
      KerastagError: shapes differ, labels are not 0 or 1, or a score is not finite.
    """
    labels, scores = _checked(np.asarray(labels), np.asarray(scores), tag_names)
    per_tag = [_areas(labels[:, column], scores[:, column]) for column in range(len(tag_names))]
    micro = _areas(labels.ravel(), scores.ravel())
    positives = labels.sum(axis=0)  # (num_tags,)
    results: dict[str, Any] = {
        "pr_auc_macro": _mean(areas["pr_auc"] for areas in per_tag),
        "roc_auc_macro": _mean(areas["roc_auc"] for areas in per_tag),
        "pr_auc_micro": micro["pr_auc"],
        "roc_auc_micro": micro["roc_auc"],
        "num_tracks": len(labels),
        "num_tags": len(tag_names),
        "tags_without_positives": [tag for tag, n in zip(tag_names, positives, strict=True) if n == 0],
        "tags_without_negatives": [
            tag for tag, n in zip(tag_names, positives, strict=True) if n == len(labels)
        ],
        "per_tag": {
            tag: {**areas, "positives": int(n)}
            for tag, areas, n in zip(tag_names, per_tag, positives, strict=True)
        },
    }
    if class_counts is not None:
        results["groups"] = _by_group(per_tag, class_counts, head_over, tail_at_most)
    return results


def popularity_scores(class_counts: np.ndarray, num_tracks: int) -> np.ndarray:
    """Scores of the baseline that knows only how often a tag occurs: the same for every track.

    Each tag's ROC-AUC is 0.5 and its PR-AUC the share of its positives, so macro PR-AUC is the mean share.

    Args:
      class_counts: training tracks with each tag, (num_tags,).
      num_tracks: the number of tracks to score.

    Returns:
      Each tag's share of all tags given in training, float32 (num_tracks, num_tags).
    """
    counts = np.asarray(class_counts, np.float64)
    return np.tile((counts / max(counts.sum(), 1)).astype(np.float32), (num_tracks, 1))


def _areas(labels: np.ndarray, scores: np.ndarray) -> dict[str, float | None]:
    counts = ranking.threshold_counts(labels, scores)
    return {"pr_auc": ranking.pr_auc(*counts), "roc_auc": ranking.roc_auc(*counts)}


def _mean(values: Iterable[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None


def _by_group(
    per_tag: Sequence[dict[str, float | None]], class_counts: np.ndarray, head_over: int, tail_at_most: int
) -> dict[str, dict[str, Any]]:
    if np.shape(class_counts) != (len(per_tag),):
        raise errors.KerastagError(f"class counts are {np.shape(class_counts)} for {len(per_tag)} tags")
    results: dict[str, dict[str, Any]] = {}
    for group, mask in groups.members(class_counts, head_over, tail_at_most).items():
        areas = [tag for tag, is_member in zip(per_tag, mask, strict=True) if is_member]
        means = {name: _mean(area[name] for area in areas) for name in ("pr_auc", "roc_auc")}
        results[group] = {**means, "num_tags": len(areas)}
    return results


def _checked(
    labels: np.ndarray, scores: np.ndarray, tag_names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Labels as bool and scores as they are, or a KerastagError that says what does not fit."""
    if labels.shape != scores.shape:
        raise errors.KerastagError(f"labels are {labels.shape}, scores {scores.shape}")
    if labels.ndim != 2 or not labels.size:
        raise errors.KerastagError(f"labels are {labels.shape}, not (tracks, tags)")
    if len(tag_names) != labels.shape[1]:
        raise errors.KerastagError(f"{len(tag_names)} tag names for {labels.shape[1]} columns")
    if len(set(tag_names)) != len(tag_names):
        raise errors.KerastagError("a tag name stands for two columns")
    for what, matrix, good in (
        ("label", labels, (labels == 0) | (labels == 1)),
        ("score", scores, np.isfinite(scores)),
    ):
        if not good.all():
            row, column = np.argwhere(~good)[0]
            place = f"row {row} (from 0), tag {tag_names[column]!r}"
            wanted = "0 or 1" if what == "label" else "finite"
            raise errors.KerastagError(f"{what} in {place} is {matrix[row, column]}, not {wanted}")
    return labels.astype(bool), scores
