"""From when to when a tag is heard in a track.

Scores along a track are those of chunks, each told to the time around its middle: the time nearer to the middle of one
chunk than to that of any other is that chunk's cell, so that cells lie side by side from the track's beginning to its
end. A tag is heard in the cells whose chunk has a score that the file would be given the tag for (`Decider.levels`).
Two rules then smooth, in this order:

1. A gap between two such stretches that is shorter than one chunk is closed.
2. A stretch is left out if its first chunk and its last begin less than half a chunk apart, unless it is all of the
   track. With chunks that overlap by half or less, one chunk alone is therefore not enough, and two in a row are.

A track that is one chunk long or shorter has a single cell.
"""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from kerastag import errors

ROUNDING = 1e-3  # seconds: starts of chunks are rounded to samples


@dataclasses.dataclass(frozen=True)
class Segment:
    """A stretch of a track in which a tag is heard: [start, end) in seconds.

    Attributes:
      tag: the tag's column.
      start, end: in seconds from the track's beginning.
      mean: the mean of its chunks' scores.
      peak: the highest of them.
    """

    tag: int
    start: float
    end: float
    mean: float
    peak: float

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.end - self.start


@dataclasses.dataclass(frozen=True)
class Taggram:
    """Scores along a track.

    Attributes:
      path: the file.
      seconds: how long it lasts.
      chunk_seconds: how long a chunk lasts.
      starts: where chunks begin, in seconds, rising, (num_chunks,); there is at least one.
      scores: in [0, 1], (num_chunks, num_tags).
      levels: the score from which each tag is given, (num_tags,); of a word that stands for several tags, the lowest.
      given: whether each tag is given by a chunk, bool (num_chunks, num_tags).
      tags: names as people see them, (num_tags,).
    """

    path: pathlib.Path
    seconds: float
    chunk_seconds: float
    starts: np.ndarray
    scores: np.ndarray
    levels: np.ndarray
    given: np.ndarray
    tags: Sequence[str]

    @property
    def edges(self) -> np.ndarray:
        """Where the chunks' cells begin and end, in seconds, (num_chunks + 1,); see `edges_of`."""
        return edges_of(self.starts, self.chunk_seconds, self.seconds)

    def segments(self) -> list[Segment]:
        """The stretches in which its tags are heard; see `find`."""
        return find(self.starts, self.scores, self.given, self.chunk_seconds, self.seconds)


def find(
    starts: np.ndarray, scores: np.ndarray, given: np.ndarray, chunk_seconds: float, track_seconds: float
) -> list[Segment]:
    """The stretches in which tags are heard, by the rules of this module.

    Args:
      starts: where chunks begin, in seconds, rising, (num_chunks,).
      scores: (num_chunks, num_tags).
      given: whether a chunk's score is enough for a tag, bool (num_chunks, num_tags).
      chunk_seconds: how long a chunk lasts.
      track_seconds: how long the track lasts.

    Returns:
      by their starts, and of the same start by the tags' columns; between two of one tag there is at least the length
      of a chunk.

    Raises:
      KerastagError: shapes do not go together, or a chunk begins before the one before it or beyond the track.
    """
    edges = edges_of(starts, chunk_seconds, track_seconds)
    if scores.shape != given.shape or len(scores) != len(starts) or scores.ndim != 2:
        raise errors.KerastagError(f"{len(starts)} chunks, scores {scores.shape}, decisions {given.shape}")
    found = []
    for tag in np.flatnonzero(given.any(axis=0)):
        for first, last in _smoothed(given[:, tag], starts, edges, chunk_seconds):
            own = np.asarray(scores[first : last + 1, tag], np.float64)
            limits = float(edges[first]), float(edges[last + 1])
            found.append(Segment(int(tag), *limits, float(own.mean()), float(own.max())))
    return sorted(found, key=lambda segment: (segment.start, segment.tag))


def edges_of(starts: np.ndarray, chunk_seconds: float, track_seconds: float) -> np.ndarray:
    """Where the cells of chunks begin and end: at the track's ends, and half-way between the middles of neighbours.

    Args:
      starts, chunk_seconds, track_seconds: as of `find`.

    Returns:
      seconds from 0 to `track_seconds`, rising, float64 (num_chunks + 1,).

    Raises:
      KerastagError: there is no chunk, or one begins before the one before it or beyond the track.
    """
    starts = np.asarray(starts, np.float64)
    inner = (starts[:-1] + starts[1:] + chunk_seconds) / 2
    edges = np.concatenate([[0.0], inner, [float(track_seconds)]])
    if not len(starts) or starts[0] < 0 or not (np.diff(starts) > 0).all() or not (np.diff(edges) > 0).all():
        raise errors.KerastagError(f"{len(starts)} chunks do not lie one after the other within {track_seconds} s")
    return edges


def _smoothed(given: np.ndarray, starts: np.ndarray, edges: np.ndarray, chunk_seconds: float) -> list[tuple[int, int]]:
    """First and last chunk of each stretch of one tag."""
    runs: list[tuple[int, int]] = []
    for first, last in _runs(given):
        if runs and edges[first] - edges[runs[-1][1] + 1] < chunk_seconds - ROUNDING:
            first = runs.pop()[0]
        runs.append((first, last))
    everything = (0, len(given) - 1)
    shortest = chunk_seconds / 2 - ROUNDING
    return [run for run in runs if run == everything or starts[run[1]] - starts[run[0]] >= shortest]


def _runs(given: np.ndarray) -> list[tuple[int, int]]:
    """First and last place of each run of True."""
    changes = np.diff(np.concatenate([[0], np.asarray(given, np.int8), [0]]))
    return [(int(a), int(b) - 1) for a, b in zip(np.flatnonzero(changes > 0), np.flatnonzero(changes < 0), strict=True)]
