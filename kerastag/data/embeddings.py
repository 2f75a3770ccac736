"""Embeddings of tracks, computed once and kept: what a head is trained on instead of audio."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from kerastag import errors, tsv
from kerastag.data import pipeline, sampling
from kerastag.metrics import matrices

COLUMNS = ("TRACK_ID", "ARTIST_ID", "PATH", "CHUNKS")
Identities: TypeAlias = Sequence[tuple[str, str, str]]


@dataclasses.dataclass(frozen=True)
class Embeddings:
    """The embeddings of a split's tracks, one for each chunk.

    Attributes:
      values: float32 (num_chunks, width), track after track.
      counts: chunks of each track, int64 (num_tracks,); 0 for a track that cannot be read.
    """

    values: np.ndarray
    counts: np.ndarray

    def training_batches(
        self, labels: np.ndarray, plan: sampling.Plan, batch_size: int, start: int = 0, fill: bool = False
    ) -> tf.data.Dataset:
        """One epoch as pipeline.training_batches gives it, an embedding (width,) in place of each waveform.

        A draw's fraction, the place of its chunk in the track, chooses among the track's embeddings.

        Args:
          labels: float32 (num_tracks, num_tags).
          plan, batch_size, start, fill: see pipeline.training_batches.
        """
        draws = np.arange(start, len(plan))
        draws = draws[self.counts[plan.tracks[draws]] > 0]
        rows = plan.tracks[draws]
        places = (plan.fractions[draws] * self.counts[rows]).astype(np.int64)
        chunks = self._firsts()[rows] + np.minimum(places, self.counts[rows] - 1)
        batch = {"waveform": self.values[chunks], "labels": labels[rows], "draw": draws}
        return _batches(batch, batch_size, fill)

    def evaluation_batches(self, batch_size: int, fill: bool = False) -> tf.data.Dataset:
        """All embeddings as pipeline.evaluation_batches gives chunks."""
        rows = np.repeat(np.arange(len(self.counts)), self.counts)
        return _batches({"waveform": self.values, "row": rows}, batch_size, fill)

    def write(self, path: pathlib.Path, tracks: Identities) -> None:
        """Writes `path`, a .npy, and beside it a .tsv with the tracks; the latter last, it says that all is there."""
        matrices.save_matrix(path, self.values)
        lines = [(*track, count) for track, count in zip(tracks, self.counts.tolist(), strict=True)]
        tsv.write(path.with_suffix(".tsv"), COLUMNS, lines)

    def _firsts(self) -> np.ndarray:
        """The first chunk of each track, (num_tracks,)."""
        return np.cumsum(self.counts) - self.counts


def read(path: pathlib.Path, tracks: Identities) -> Embeddings | None:
    """What `Embeddings.write` wrote; None if it is not there whole, or of other tracks."""
    try:
        lines = [cells for _, cells in tsv.read_raw(path.with_suffix(".tsv"))][1:]
        values = matrices.load_matrix(path)
        counts = np.array([int(cells[-1]) for cells in lines], np.int64)
    except (errors.KerastagError, ValueError, OverflowError):
        return None
    if [tuple(cells[:-1]) for cells in lines] != list(tracks) or values.dtype != np.float32:
        return None
    if (counts < 0).any() or sum(counts.tolist()) != len(values) or not np.isfinite(values).all():
        return None
    return Embeddings(values, counts)


def _batches(examples: dict[str, np.ndarray], batch_size: int, fill: bool) -> tf.data.Dataset:
    batches = tf.data.Dataset.from_tensor_slices(examples).batch(batch_size).map(pipeline.weighted)
    return batches.map(lambda batch: pipeline.filled(batch, batch_size)) if fill else batches
