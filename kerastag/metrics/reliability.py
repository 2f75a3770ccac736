"""Whether scores are probabilities: reliability curves and expected calibration error."""

import dataclasses

import numpy as np

NUM_BINS = 15


@dataclasses.dataclass(frozen=True)
class Curve:
    """What a reliability diagram shows, bin by bin from low to high scores; empty bins are left out.

    Attributes:
      mean_score: float64 (num_bins,).
      share: share of positives, float64 (num_bins,).
      count: int64 (num_bins,).
    """

    mean_score: np.ndarray
    share: np.ndarray
    count: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: the mean distance of share from mean score, bins weighted by count."""
        distances = np.abs(self.mean_score - self.share)
        return float((distances * self.count).sum() / self.count.sum())


def curve(labels: np.ndarray, scores: np.ndarray, num_bins: int = NUM_BINS, equal_counts: bool = True) -> Curve:
    """The reliability curve of one tag, or of all (track, tag) pairs when matrices are given.

    Bins hold equal numbers of scores (Nixon et al. 2019, arXiv:1904.01685), since those of a rare tag crowd
    near 0 and would all fall into the first of the equally wide bins of Guo et al. 2017. Equal scores share a bin.

    Args:
      labels: 0 or 1, any shape.
      scores: in [0, 1], of the same shape.
      num_bins: at most so many.
      equal_counts: False: bins of equal width.
    """
    labels, scores = np.ravel(labels).astype(np.float64), np.ravel(scores).astype(np.float64)
    positions = np.linspace(0, 1, num_bins + 1)[1:-1]
    edges = np.unique(np.quantile(scores, positions, method="lower")) if equal_counts else positions
    bins = np.searchsorted(edges, scores, side="left")
    count = np.bincount(bins, minlength=len(edges) + 1)
    kept = count > 0
    mean_score, share = (
        np.bincount(bins, values, minlength=len(edges) + 1)[kept] / count[kept] for values in (scores, labels)
    )
    return Curve(mean_score, share, count[kept])


def errors_by_tag(labels: np.ndarray, scores: np.ndarray, num_bins: int = NUM_BINS) -> np.ndarray:
    """Expected calibration error of each tag, (num_tags,), of labels and scores (num_tracks, num_tags)."""
    return np.array([curve(y, s, num_bins).error for y, s in zip(labels.T, scores.T, strict=True)])
