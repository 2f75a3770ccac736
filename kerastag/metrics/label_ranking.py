"""How well a track's own tags are ranked: figures over tracks, where PR-AUC and ROC-AUC are over tags.

A track without tags has nothing to rank and does not count in either figure.
"""

import math
from typing import Literal

import numpy as np

TOP_KS = (1, 5)


def label_precisions(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """For each track the sum, over its tags, of the share of its tags among all that score at least as high.

    Args:
      labels: bool, (num_tracks, num_tags).
      scores: finite, (num_tracks, num_tags).

    Returns:
      float64 (num_tracks,); 0 for a track without tags, its number of tags for a perfect order.
    """
    rows, columns = np.nonzero(labels)
    at_least = scores[rows] >= scores[rows, columns][:, None]  # (num_positives, num_tags)
    precision = (at_least & labels[rows]).sum(axis=1) / at_least.sum(axis=1)
    return np.bincount(rows, precision, minlength=len(labels))


def lwlrap(labels: np.ndarray, scores: np.ndarray) -> float | None:
    """Label-weighted label-ranking average precision: the mean of `label_precisions` over all (track, tag) given.

    DCASE 2019 task 2; scikit-learn's label_ranking_average_precision_score with the numbers of tags as
    weights. Equal scores all take the worst rank among them. None without any tag.
    """
    labels = np.asarray(labels, bool)
    num_positives = labels.sum()
    return float(label_precisions(labels, scores).sum() / num_positives) if num_positives else None


def hits(labels: np.ndarray, scores: np.ndarray, k: int) -> np.ndarray:
    """For each track the chance that one of its tags is among the k that score highest, (num_tracks,).

    It is 0 or 1 but where equal scores straddle place k: there the order is taken to be random.
    """
    labels, scores = np.asarray(labels, bool), np.asarray(scores)
    num_tags = labels.shape[1]
    k = min(k, num_tags)
    place_k = np.partition(scores, num_tags - k, axis=1)[:, num_tags - k, None]
    surely, perhaps = scores > place_k, scores == place_k
    hit = (labels & surely).any(axis=1)
    places, tied, good = k - surely.sum(axis=1), perhaps.sum(axis=1), (labels & perhaps).sum(axis=1)
    misses = [
        math.comb(int(t - g), int(p)) / math.comb(int(t), int(p)) for t, g, p in zip(tied, good, places, strict=True)
    ]
    return np.where(hit, 1.0, 1.0 - np.array(misses))


def hit_rate(labels: np.ndarray, scores: np.ndarray, k: int) -> float | None:
    """Top-k hit rate: the share of tagged tracks with one of their tags among the k that score highest."""
    tagged = np.asarray(labels, bool).any(axis=1)
    return float(hits(labels, scores, k)[tagged].mean()) if tagged.any() else None


def top_ks(num_tags: int) -> tuple[int, ...]:
    """The k of TOP_KS that say something among `num_tags` tags: those below it."""
    return tuple(k for k in TOP_KS if k < num_tags)


def hit_rate_name(k: int) -> Literal["hit_rate_at_1", "hit_rate_at_5"]:
    """The key of the top-k hit rate in metrics.json; `k` is one of TOP_KS."""
    return "hit_rate_at_1" if k == TOP_KS[0] else "hit_rate_at_5"
