"""Embeddings of tracks by a network, chunk by chunk."""

import keras
import numpy as np
import tensorflow as tf

from kerastag import errors, progress
from kerastag.data import embeddings, pipeline
from kerastag.inference import scoring


def of_tracks(
    embed: keras.Model,
    tracks: pipeline.Tracks,
    chunk: pipeline.ChunkFormat,
    num_chunks: int,
    batch_size: int,
    strategy: tf.distribute.Strategy,
    compiled_size: int | None = None,
) -> embeddings.Embeddings:
    """Reads the tracks once; those that cannot be read have no embedding and are noted in `tracks`.

    Args:
      embed: waveform to embedding, for inference, built under `strategy`.
      tracks: labels are not needed.
      chunk: what the network takes.
      num_chunks: evenly spaced chunks of each track.
      batch_size, strategy, compiled_size: see scoring.Scorer.

    Raises:
      KerastagError: none of them can be read.
    """
    scorer = scoring.Scorer.of_model(embed, strategy, compiled_size, scores=lambda vectors: vectors)
    batches = pipeline.evaluation_batches(tracks, chunk, num_chunks, batch_size, fill=strategy.num_replicas_in_sync > 1)
    rows, vectors = [np.zeros(0, np.int64)], [np.zeros((0, embed.output_shape[-1]), np.float32)]
    total = len(tracks) * chunk.num_chunks(num_chunks)
    with progress.Bar(total, f"embedding {len(tracks)} tracks", "chunks") as bar:
        for of_batch, values in scorer.batches(batches):
            rows.append(of_batch)
            vectors.append(values)
            bar.advance(len(of_batch))
    counts = np.bincount(np.concatenate(rows), minlength=len(tracks)).astype(np.int64)
    tracks.mark_missing(np.flatnonzero(counts == 0))
    if not counts.any():
        reason = next(iter(tracks.unreadable.values()), "there is none")
        raise errors.KerastagError(f"no track can be read: {reason}")
    order = np.argsort(np.concatenate(rows), kind="stable")
    return embeddings.Embeddings(np.concatenate(vectors)[order], counts)
