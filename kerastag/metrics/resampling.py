"""Tracks in clusters, and what is drawn from them: bootstrap resamples and cross-validation folds.

Tracks of one artist resemble each other and share tags, so a sample of tracks is worth less than their
number: on MTG-Jamendo's validation split the interval of macro PR-AUC is three times as wide over artists as
over tracks.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kerastag import errors
from kerastag.metrics import split_scores
from kerastag.metrics.documents import Resampled

UNITS = ("artists", "tracks")
NUM_RESAMPLES = 1000
LEVEL = 0.95  # of intervals


@dataclasses.dataclass(frozen=True)
class Clusters:
    """What a bootstrap draws as a whole.

    Attributes:
      ids: the cluster of each track, 0 .. num_clusters - 1, int64 (num_tracks,).
      unit: what a cluster is, one of UNITS.
    """

    ids: np.ndarray
    unit: str

    def __len__(self) -> int:
        """The number of clusters."""
        return int(self.ids.max()) + 1


def by_artist(artist_ids: Sequence[str]) -> Clusters:
    """Tracks of one artist together; a track without an artist's name stands alone.

    Raises:
      KerastagError: no track has one, so that this would be a bootstrap over tracks under another name.
    """
    if not any(artist_ids):
        raise errors.KerastagError("the split names no artists; resample tracks instead")
    keys = [(artist, -1) if artist else ("", row) for row, artist in enumerate(artist_ids)]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return Clusters(np.array([numbers[key] for key in keys]), "artists")


def of(measured: split_scores.SplitScores, unit: str) -> Clusters:
    """What a bootstrap over a split's tracks draws: "artist", "track", or "auto": artists where they are known.

    Raises:
      KerastagError: artists are asked for and not known.
    """
    artists = measured.artists
    known = artists is not None and any(artists)
    if unit == "artist" and not known:
        raise errors.KerastagError("no artist ids are known; give the split file, or resample tracks")
    return by_artist(artists) if artists is not None and known and unit != "track" else by_track(len(measured))


def by_track(num_tracks: int) -> Clusters:
    """Every track alone."""
    return Clusters(np.arange(num_tracks), "tracks")


def resamples(clusters: np.ndarray, num_resamples: int = NUM_RESAMPLES, seed: int = 0) -> np.ndarray:
    """Bootstrap resamples: clusters drawn with replacement, as many as there are.

    Args:
      clusters: the cluster of each track, integers from 0, (num_tracks,).
      num_resamples: how often to draw.
      seed: the same seed gives the same resamples.

    Returns:
      How often each track is drawn, int16 (num_resamples, num_tracks): its weight in the resample.
    """
    clusters = np.asarray(clusters)
    num_clusters = int(clusters.max()) + 1
    generator = np.random.default_rng(seed)
    weights = np.empty((num_resamples, len(clusters)), np.int16)
    for row in weights:
        drawn = generator.integers(num_clusters, size=num_clusters)
        row[:] = np.bincount(drawn, minlength=num_clusters)[clusters]
    return weights


def folds(clusters: np.ndarray, num_folds: int = 5, seed: int = 0) -> np.ndarray:
    """Folds of about equal numbers of tracks that never part a cluster.

    Args:
      clusters: the cluster of each track, integers from 0, (num_tracks,).
      num_folds: at least 2.
      seed: decides between clusters of equal size.

    Returns:
      The fold of each track, int64 (num_tracks,).

    Raises:
      KerastagError: there are fewer clusters than folds.
    """
    clusters = np.asarray(clusters)
    sizes = np.bincount(clusters)
    if not 2 <= num_folds <= len(sizes):
        raise errors.KerastagError(f"{len(sizes)} clusters cannot be dealt into {num_folds} folds")
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    fold_of_cluster, filled = np.zeros(len(sizes), np.int64), np.zeros(num_folds, np.int64)
    for cluster in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:  # the largest first, into the emptiest
        fold_of_cluster[cluster] = np.argmin(filled)
        filled[fold_of_cluster[cluster]] += sizes[cluster]
    return fold_of_cluster[clusters]


def weights_of(clusters: Clusters, num_tracks: int, num_resamples: int, seed: int) -> np.ndarray:
    """`resamples` of clusters that must be of so many tracks.

    Raises:
      KerastagError: they are not.
    """
    check(clusters, num_tracks)
    return resamples(clusters.ids, num_resamples, seed)


def check(clusters: Clusters, num_tracks: int) -> None:
    """Checks that the clusters are of so many tracks.

    Raises:
      KerastagError: they are not.
    """
    if len(clusters.ids) != num_tracks:
        raise errors.KerastagError(f"{clusters.unit} of {len(clusters.ids)} tracks for {num_tracks} rows")


def description(clusters: Clusters, num_resamples: int, seed: int, level: float = LEVEL) -> Resampled:
    """What was resampled, for JSON; `level`: of the intervals."""
    return {
        "unit": clusters.unit,
        "num_clusters": len(clusters),
        "num_resamples": num_resamples,
        "seed": seed,
        "level": level,
    }
