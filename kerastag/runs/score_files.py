"""Scores of a split from files: what runs keep, .npy files beside labels, and which of them can be paired."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from kerastag import errors, tags
from kerastag.data import splits
from kerastag.metrics import matrices, resampling
from kerastag.metrics.split_scores import SplitScores
from kerastag.runs import ensemble_folder, run_folder

Path = str | os.PathLike[str]


def read(
    predictions: Path,
    labels: Path,
    vocabulary: tags.Vocabulary,
    split_file: Path | None = None,
    class_counts: np.ndarray | None = None,
) -> SplitScores:
    """Scores and labels from two .npy files of (num_tracks, num_tags).

    Args:
      predictions: scores.
      labels: 0 or 1.
      vocabulary: the tags in column order.
      split_file: names the tracks of the rows; None: not known.
      class_counts: training tracks with each tag, (num_tags,).

    Raises:
      KerastagError: a file is missing or damaged, or the split has another number of tracks.
    """
    scores, given = matrices.load_matrix(predictions), matrices.load_matrix(labels)
    tracks = None
    if split_file is not None:
        tracks = [track.identity for track in splits.read(split_file).tracks]
        if len(tracks) != len(given):
            raise errors.KerastagError(f"{split_file}: {len(tracks)} tracks, but {len(given)} rows of labels")
    return SplitScores(scores, given, vocabulary, tracks, class_counts, str(predictions))


def read_paired(path: str, split: str, partner: SplitScores) -> SplitScores:
    """Scores of the very tracks that `partner` has scores of.

    Args:
      path: a run or an ensemble that keeps them, the .npy in its folder, or any other .npy.
      split: which of a run's.
      partner: whose labels an .npy that nothing is known about is taken to have.

    Raises:
      KerastagError: they are missing or damaged, or of other tracks or tags.
    """
    scores = _read_like(path, split, partner)
    partner.check_same_tracks(scores)
    return scores


def _read_like(path: str, split: str, partner: SplitScores) -> SplitScores:
    place = pathlib.Path(path)
    if place.is_dir():
        return ensemble_folder.existing(place).read_scores(split)
    folder = place.parent.parent
    if place.parent.name == "predictions" and ensemble_folder.is_model(folder):
        return ensemble_folder.existing(folder).read_scores(place.stem)
    scores = matrices.load_matrix(path)
    if scores.shape[1] != len(partner.vocabulary):
        raise errors.KerastagError(f"{path}: {scores.shape[1]} tags, but {len(partner.vocabulary)} in {partner.name}")
    return SplitScores(scores, partner.labels, partner.vocabulary, None, partner.class_counts, path)


def read_members(paths: Sequence[str], labels: str | None = None) -> list[SplitScores]:
    """Scores of the same tracks by several models, from .npy files whose tags nobody names.

    Args:
      paths: paths of (num_tracks, num_tags) each.
      labels: a .npy of the same shape; None: there are none, and all labels are 0.

    Raises:
      KerastagError: a file is missing or damaged, or shapes differ.
    """
    members = {path: matrices.load_matrix(path) for path in paths}
    first = members[paths[0]]
    for path, member in members.items():
        if member.shape != first.shape:
            raise errors.KerastagError(f"{path}: scores are {member.shape}, those of {paths[0]} {first.shape}")
        try:
            matrices.checked(np.zeros(first.shape, bool), member)
        except errors.KerastagError as error:
            raise errors.KerastagError(f"{path}: {error}") from None
    vocabulary = tags.Vocabulary([str(column) for column in range(first.shape[1])])
    given = np.zeros(first.shape, bool) if labels is None else matrices.load_matrix(labels)
    return [SplitScores(member, given, vocabulary, name=path) for path, member in members.items()]


def read_validation(run: run_folder.RunFolder, split_file: pathlib.Path | None = None) -> SplitScores | None:
    """A run's validation scores, to fit on; None: it has none.

    Args:
      run: a run or an ensemble.
      split_file: names the tracks of an older run, which did not keep them, if it is there and fits.

    Raises:
      KerastagError: the scores are damaged.
    """
    if not run.predictions_path("validation").is_file():
        return None
    kept = run.read_scores("validation")
    if kept.tracks is not None or split_file is None or not split_file.is_file():
        return kept
    tracks = [track.identity for track in splits.read(split_file).tracks]
    return dataclasses.replace(kept, tracks=tracks) if len(tracks) == len(kept) else kept


def clusters_of(scores: SplitScores, unit: str, split_file: pathlib.Path | None = None) -> resampling.Clusters:
    """What a selection keeps together: "artist" or "track".

    Args:
      scores: scores of the tracks.
      unit: "artist", or "track": each alone.
      split_file: names the artists where the scores do not.

    Raises:
      KerastagError: artists are wanted and not known.
    """
    if unit == "track":
        return resampling.by_track(len(scores))
    artists, place = scores.artists, scores.name
    if artists is None and split_file is not None:
        artists, place = [track.artist_id for track in splits.read(split_file).tracks], str(split_file)
        if len(artists) != len(scores):
            raise errors.KerastagError(f"{split_file}: {len(artists)} tracks, but {len(scores)} rows of labels")
    if artists is None or not any(artists):
        raise errors.KerastagError(f"{place}: names no artists, and tracks can be taken one by one", "resample")
    return resampling.by_artist(artists)
