"""PR-AUC and ROC-AUC from ranks, in NumPy; the figures are scikit-learn's, tracks with equal scores included.

Both areas follow from the same counts: the positives and negatives at or above each distinct score.
"""

import numpy as np


def threshold_counts(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts what is retrieved at each distinct score, from the highest down.

    Args:
      labels: 0 or 1, (n,).
      scores: finite, (n,).

    Returns:
      True and false positives among the items that score at least as high, int64 (num_distinct_scores,) each.
    """
    order = np.argsort(scores)[::-1]
    ranked = scores[order]
    last_of_equals = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    true_positives = np.cumsum(labels[order], dtype=np.int64)[last_of_equals]
    return true_positives, last_of_equals + 1 - true_positives


def pr_auc(true_positives: np.ndarray, false_positives: np.ndarray) -> float | None:
    """Average precision, sum of (R_k - R_k-1) P_k over the thresholds; None without positives.

    This is sklearn.metrics.average_precision_score: steps, not a trapezoidal area, which is too optimistic.
    """
    num_positives = true_positives[-1]
    if num_positives == 0:
        return None
    precision = true_positives / (true_positives + false_positives)
    return float(np.sum(np.diff(true_positives, prepend=0) * precision) / num_positives)


def roc_auc(true_positives: np.ndarray, false_positives: np.ndarray) -> float | None:
    """Chance that a positive scores higher than a negative, equal scores counting half; None without either.

    This is sklearn.metrics.roc_auc_score: the trapezoidal area under true over false positive rate.
    """
    num_pairs = true_positives[-1] * false_positives[-1]
    if num_pairs == 0:
        return None
    twice_height = true_positives + np.append(0, true_positives[:-1])
    return float(np.sum(np.diff(false_positives, prepend=0) * twice_height) / (2 * num_pairs))
