"""Batches of which several processes read a part each: every step has a batch, whatever can be read of it."""

from typing import TypeAlias

import numpy as np
import tensorflow as tf

from kerastag.data import chunk_reader, pipeline, sampling
from kerastag.data.chunk_reader import plain
from kerastag.data.shares import Share
from kerastag.data.tracks import ChunkFormat, Tracks
from kerastag.tensors import Tensor

Read: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def training_batches(
    tracks: Tracks, plan: sampling.Plan, chunk: ChunkFormat, batch_size: int, share: Share, start: int = 0
) -> tf.data.Dataset:
    """One epoch as pipeline.training_batches gives it, of which this process reads its share.

    All processes have the same number of batches, each of the same size, for in every step they wait for each other.
    So what cannot be read is not made up for by later tracks: its step has less to learn from.

    Args:
      tracks, plan, chunk, start: see pipeline.training_batches; the decoder is not that in the graph.
      batch_size: over all processes, a multiple of their number.
      share: that of this process.

    Returns:
      batches of waveform (s, samples), labels (s, width), draw (s,) and weight (s,), s = batch_size / number of
      processes: those of all processes together are the whole batch, filled up as pipeline.filled does it. What cannot
      be read is replaced by what was read of the share, or by silence, and weighs nothing; its draw is the last of the
      whole batch.
    """
    reader = pipeline.draw_reader(tracks, plan, chunk)
    size = share.size(batch_size)

    def read(step: np.ndarray) -> Read:
        first = start + int(step) * batch_size
        num_rows = min(batch_size, len(plan) - first)
        wanted = first + share.rows(batch_size) % num_rows
        known, chunks = _read_in_blocks(reader, np.unique(wanted))
        is_known = np.isin(wanted, known)
        weight = np.where(is_known & (share.rows(batch_size) < num_rows), 1 / num_rows, 0).astype(np.float32)
        draw = np.where(is_known, wanted, first + num_rows - 1)
        if not len(known):
            return np.zeros((size, chunk.samples), chunk.dtype), tracks.targets[plan.tracks[draw]], draw, weight
        source = np.where(is_known, wanted, known[np.arange(size) % len(known)])
        waveform = chunks[np.searchsorted(known, source)]
        return waveform, tracks.targets[plan.tracks[source]], draw, weight

    def named(step: Tensor) -> dict[str, Tensor]:
        types = (tf.as_dtype(chunk.dtype), tf.float32, tf.int64, tf.float32)
        waveform, labels, draw, weight = tf.numpy_function(read, [step], types, stateful=False)
        batch = {"waveform": waveform, "labels": labels, "draw": draw, "weight": weight}
        shapes = {"waveform": [size, chunk.samples], "labels": [size, tracks.targets.shape[1]]}
        return {name: tf.ensure_shape(values, shapes.get(name, [size])) for name, values in batch.items()}

    num_steps = -(-max(len(plan) - start, 0) // batch_size)
    return pipeline.made_ahead(tf.data.Dataset.range(num_steps).map(plain(named), chunk_reader.AUTOTUNE))


def _read_in_blocks(reader: chunk_reader.ChunkReader, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draws that can be read, (r,), and their chunks, (r, samples)."""
    starts = range(0, max(len(draws), 1), pipeline.BLOCK)
    blocks = [reader.read_block(draws[start : start + pipeline.BLOCK]) for start in starts]
    return np.concatenate([block[0] for block in blocks]), np.concatenate([block[1] for block in blocks])
