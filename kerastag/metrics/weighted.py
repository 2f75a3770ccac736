"""PR-AUC and ROC-AUC when tracks count several times: one sort serves any number of bootstrap resamples.

Both areas are sums over the positives of what stands above them. So a ranking is cut before and after each
group of equal scores that holds a positive, and a resample only sums its track weights between the cuts. All
sums are of integers, hence exact: the areas are those that scikit-learn gives on the repeated rows.
"""

import dataclasses

import numpy as np

_CHUNK_NUMBERS = 1 << 18  # weights handled at a time: they should stay in the processor's cache


@dataclasses.dataclass(frozen=True)
class Areas:
    """Areas of every tag and of all (track, tag) pairs, by resample; NaN where one is not defined.

    Attributes:
      pr_auc: float64 (num_resamples, num_tags).
      roc_auc: float64 (num_resamples, num_tags).
      pr_auc_micro: float64 (num_resamples,).
      roc_auc_micro: float64 (num_resamples,).
      share: share of positives, which is the PR-AUC of chance, float64 (num_resamples, num_tags).
    """

    pr_auc: np.ndarray
    roc_auc: np.ndarray
    pr_auc_micro: np.ndarray
    roc_auc_micro: np.ndarray
    share: np.ndarray


def areas(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> Areas:
    """The areas under each row of track weights.

    Args:
      labels: bool, (num_tracks, num_tags).
      scores: finite, (num_tracks, num_tags).
      weights: how often each track counts, integers from 0, (num_resamples, num_tracks).
    """
    num_tags = labels.shape[1]
    pr_auc, roc_auc = areas_by_tag(labels, scores, weights)
    micro = Ranking.of(labels.ravel(), scores.ravel(), num_tags).areas(weights)
    totals = weights.sum(axis=1, dtype=np.int64)[:, None]
    return Areas(pr_auc, roc_auc, micro[0], micro[1], sums(labels, weights) / totals)


def areas_by_tag(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """PR-AUC and ROC-AUC of every tag, (2, num_resamples, num_tags), of the same arguments as `areas`."""
    by_tag = (Ranking.of(labels[:, tag], scores[:, tag]) for tag in range(labels.shape[1]))
    return np.stack([ranking.areas(weights) for ranking in by_tag], axis=-1)


def sums(columns: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sums of columns (num_tracks, n) weighted by each row of weights, (num_resamples, n)."""
    step = max(1, _CHUNK_NUMBERS // len(columns))
    columns = columns.astype(np.float64)
    return np.concatenate([weights[row : row + step] @ columns for row in range(0, len(weights), step)])


@dataclasses.dataclass(frozen=True)
class Ranking:
    """A list of items, best first, cut into pieces where the areas need to know the weight so far.

    Attributes:
      tracks: the track of each item, (num_items,).
      cuts: where each piece begins, (num_pieces,).
      pieces: the piece that is each group of equal scores with a positive, (num_groups,).
      positives: the tracks of the positives, best first, (num_positives,).
      groups: where each group begins among them, (num_groups,).
    """

    tracks: np.ndarray
    cuts: np.ndarray
    pieces: np.ndarray
    positives: np.ndarray
    groups: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, scores: np.ndarray, items_per_track: int = 1) -> "Ranking":
        """Ranks items: bool labels, finite scores (num_items,); each track has `items_per_track` in a row."""
        order = np.argsort(scores, kind="stable")[::-1]
        ranked = scores[order]
        starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))  # of equal scores
        ends = np.append(starts[1:], len(ranked))
        positives = np.flatnonzero(labels[order])
        with_positive, groups = np.unique(np.searchsorted(starts, positives, side="right") - 1, return_index=True)
        cuts = np.unique(np.concatenate([[0], starts[with_positive], ends[with_positive]]))
        cuts = cuts[cuts < len(ranked)]
        tracks = order // items_per_track
        return cls(tracks, cuts, np.searchsorted(cuts, starts[with_positive]), tracks[positives], groups)

    def areas(self, weights: np.ndarray) -> np.ndarray:
        """PR-AUC and ROC-AUC under each row of weights, (num_resamples, num_tracks): (2, num_resamples)."""
        results = np.full((2, len(weights)), np.nan)
        if len(self.positives):
            step = max(1, _CHUNK_NUMBERS // len(self.tracks))
            for start in range(0, len(weights), step):
                chunk = np.ascontiguousarray(weights[start : start + step].T, np.int32)
                results[:, start : start + step] = self._chunk_areas(chunk)
        return results

    def _chunk_areas(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same for weights (num_tracks, num_resamples), so few that they stay in the cache."""
        through = np.zeros((len(self.cuts) + 1, weights.shape[1]), np.int64)  # weight above each cut, and in all
        np.cumsum(np.add.reduceat(weights[self.tracks], self.cuts, axis=0), axis=0, out=through[1:])
        hits = np.add.reduceat(weights[self.positives], self.groups, axis=0, dtype=np.int64)
        all_hits = np.cumsum(hits, axis=0)  # (num_groups, num_resamples)
        above, at_or_above = through[self.pieces], through[self.pieces + 1]
        num_positives = all_hits[-1]
        num_negatives = through[-1] - num_positives
        twice_missed = (at_or_above - all_hits) + (above - (all_hits - hits))  # negatives above; equal ones once
        with np.errstate(invalid="ignore"):  # 0 / 0 where a resample has no positive, or no negative
            pr_auc = (hits * (all_hits / np.maximum(at_or_above, 1))).sum(axis=0) / num_positives
            pairs = (hits * (2 * num_negatives - twice_missed)).sum(axis=0)
            return pr_auc, pairs / (2 * num_positives * num_negatives)
