"""Which members an ensemble should have, or with which weights, and whether choosing is worth anything.

Greedy selection after Caruana et al., ICML 2004: start with the best member and add whichever helps most.
Chosen and measured on the same tracks it always seems to help; on random folds too, since artists stand in
several of them. So it is measured by cross-validation over artists and compared with the plain mean of all
members on resampled artists. Each fold's own ensemble has its own scale, so its tracks are entered by their
ranks among all tracks under it.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from kerastag import errors
from kerastag.metrics import comparison, ensembles, intervals, matrices, resampling, weighted
from kerastag.metrics.documents import Difference

MODES = ("members", "weights")
_ROUNDS_PER_MEMBER = 2  # of weights: each round gives one member one more share
_LEAST_GAIN = 1e-6


@dataclasses.dataclass(frozen=True)
class Selection:
    """What was chosen, and what cross-validation says of choosing.

    Attributes:
      weights: by member; 0: left out. They sum to 1.
      chosen_in_folds: in how many folds each member was chosen.
      num_folds: number of folds.
      selected: macro PR-AUC of the selections, each measured on artists that it was not made on; None: not defined.
      plain: macro PR-AUC of the plain mean of all members.
      difference: the row of comparison.compare for selected - plain: difference, low, high, p, verdict.
    """

    weights: dict[str, float]
    chosen_in_folds: dict[str, int]
    num_folds: int
    selected: float | None
    plain: float | None
    difference: Difference

    @property
    def is_noise(self) -> bool:
        """Whether the choice is within noise of the plain mean."""
        return self.difference["verdict"] != "first"

    @property
    def summary(self) -> str:
        """One line for people."""
        row = self.difference
        figures = (
            f"chosen {self.selected:.4f}, plain mean {self.plain:.4f} macro PR-AUC on artists not chosen on; "
            f"difference {row['difference']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}]"
        )
        if not self.is_noise:
            return f"{figures}: better than the plain mean"
        how = "worse than" if row["verdict"] == "second" else "within noise of"
        return f"{figures}: {how} the plain mean, which is the safer choice"


def select(
    labels: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    clusters: resampling.Clusters,
    mode: str = "members",
    method: str = "mean",
    num_folds: int = 5,
    num_resamples: int = resampling.NUM_RESAMPLES,
    seed: int = 0,
) -> Selection:
    """Chooses members, or weights, for the highest macro PR-AUC on validation data.

    Args:
      labels: 0 or 1, (num_tracks, num_tags).
      predictions: scores (num_tracks, num_tags) by member; at least two.
      clusters: never parted by folds, and drawn as a whole for the interval.
      mode: "members": each once or not at all, all the same weight; "weights": whole shares of any size.
      method: how scores are combined, one of ensembles.METHODS.
      num_folds: number of folds of the cross-validation.
      num_resamples: for the interval.
      seed: random seed of folds and resamples.

    Raises:
      KerastagError: fewer than two members, unknown names, or what does not fit.
    """
    if mode not in MODES:
        raise errors.KerastagError(f"unknown selection {mode!r}; there are {', '.join(MODES)}")
    if len(predictions) < 2:
        raise errors.KerastagError(f"{len(predictions)} members leave nothing to select")
    for name, scores in predictions.items():
        try:
            labels, _ = matrices.checked(labels, scores)
        except errors.KerastagError as error:
            raise errors.KerastagError(f"{name}: {error}") from None
    resampling.check(clusters, len(labels))
    stacked = np.stack(ensembles.transformed(list(predictions.values()), method))  # (num_members, num_tracks, num_tags)
    folds = resampling.folds(clusters.ids, num_folds, seed)
    held_out = np.empty(labels.shape)
    chosen_in = np.zeros(len(stacked), np.int64)
    for fold in range(num_folds):
        inside = folds == fold
        weights = _greedy(labels[~inside], stacked[:, ~inside], mode)
        held_out[inside] = ensembles.ranks(np.tensordot(weights, stacked, 1))[inside]
        chosen_in += weights > 0
    row = _difference(labels, held_out, stacked.mean(axis=0), clusters, num_resamples, seed)
    return Selection(
        dict(zip(predictions, map(float, _greedy(labels, stacked, mode)), strict=True)),
        dict(zip(predictions, map(int, chosen_in), strict=True)),
        num_folds,
        row["first"],
        row["second"],
        row,
    )


def _greedy(labels: np.ndarray, members: np.ndarray, mode: str) -> np.ndarray:
    """The best weights that adding members one by one comes to, (num_members,), with sum 1.

    Takes labels (num_tracks, num_tags) and members (num_members, num_tracks, num_tags).
    """
    figure = _MacroPrAuc(labels)
    columns = np.ascontiguousarray(members.transpose(0, 2, 1))  # (num_members, num_tags, num_tracks)
    total = np.zeros(columns.shape[1:])
    shares = np.zeros(len(members), np.int64)
    best, best_shares = -np.inf, shares
    for _ in range(len(members) * (_ROUNDS_PER_MEMBER if mode == "weights" else 1)):
        free = [n for n in range(len(members)) if mode == "weights" or shares[n] == 0]
        figures = [figure(total + columns[n]) for n in free]
        taken = free[int(np.argmax(figures))]
        shares[taken] += 1
        total += columns[taken]
        if max(figures) > best + _LEAST_GAIN:
            best, best_shares = max(figures), shares.copy()
    return best_shares / best_shares.sum()


class _MacroPrAuc:
    """Macro PR-AUC for fixed labels: counts what is above each positive, without sorting the labels along."""

    def __init__(self, labels: np.ndarray) -> None:
        self._positives = [np.flatnonzero(column) for column in labels.T]

    def __call__(self, columns: np.ndarray) -> float:
        """Takes scores (num_tags, num_tracks); tags without positives do not count."""
        figures = []
        for scores, rows in zip(columns, self._positives, strict=True):
            if len(rows):
                of_positives = np.sort(scores[rows])
                above = len(scores) - np.searchsorted(np.sort(scores), of_positives)
                figures.append(np.mean((len(rows) - np.searchsorted(of_positives, of_positives)) / above))
        return float(np.mean(figures)) if figures else 0.0


def _difference(
    labels: np.ndarray,
    selected: np.ndarray,
    plain: np.ndarray,
    clusters: resampling.Clusters,
    num_resamples: int,
    seed: int,
) -> Difference:
    """The macro PR-AUC of selected - plain, judged."""
    weights = resampling.weights_of(clusters, len(labels), num_resamples, seed)
    once = np.ones((1, len(labels)), np.int16)
    measured = []
    for scores in (selected, plain):
        own, values = (
            intervals.mean_defined(weighted.areas_by_tag(labels, scores, rows)[0]) for rows in (once, weights)
        )
        measured.append(comparison.Measured("pr_auc", "macro", float(own[0]), values))
    row = comparison.difference(*measured)
    comparison.judge([row])
    return row
