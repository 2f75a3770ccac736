"""Tracks to batches: chunks read in parallel, int16 on their way to the device, track identity kept."""

import numpy as np
import tensorflow as tf

from kerastag import audio, parallel
from kerastag.data import chunk_reader, sampling
from kerastag.data.chunk_reader import plain
from kerastag.data.shares import WHOLE, Share
from kerastag.data.tracks import ChunkFormat, Tracks
from kerastag.tensors import Tensor

PREFETCHED = 2  # batches that wait for the device
_MAX_PARTS = 1 << 32  # more than any track has
BLOCK = 16  # training chunks that one call of Python reads: a call for each costs 0.2 ms more a chunk


def to_float(waveform: Tensor) -> Tensor:
    """A batch as it travels, int16 or float32, to float32 in [-1, 1); called on the device."""
    scale = 1 / 32768 if waveform.dtype == tf.int16 else 1.0
    return tf.cast(waveform, tf.float32) * scale


def training_batches(
    tracks: Tracks,
    plan: sampling.Plan,
    chunk: ChunkFormat,
    batch_size: int,
    start: int = 0,
    fill: bool = False,
) -> tf.data.Dataset:
    """One epoch: a chunk per draw, batched; unreadable tracks are left out, see `Tracks.unreadable`.

    Args:
      tracks: with labels.
      plan: the epoch's draws.
      chunk: what the model takes.
      batch_size: over all replicas; the last batch may be smaller.
      start: the first draw to read, for an epoch that was interrupted.
      fill: the last batch is filled up with its own examples, of weight 0: no device of several may go empty.

    Returns:
      batches of waveform (b, samples), labels (b, width) float32, the tracks' targets, draw (b,) int64, the position in
      the plan, and weight (b,) float32, 1/b each, so that replicas of uneven shares add up to the mean over the batch.
    """

    def labels_of(draws: np.ndarray) -> np.ndarray:
        return tracks.targets[plan.tracks[draws]]

    def labelled(draws: Tensor, waveform: Tensor) -> dict[str, Tensor]:
        labels = tf.numpy_function(labels_of, [draws], tf.float32, stateful=False)
        labels.set_shape([None, tracks.targets.shape[1]])
        return {"waveform": waveform, "labels": labels, "draw": draws}

    draws = tf.data.Dataset.range(start, len(plan)).batch(BLOCK)
    reader = draw_reader(tracks, plan, chunk)
    return _finished(reader.chunks(draws).rebatch(batch_size).map(plain(labelled)), batch_size, fill)


def draw_reader(tracks: Tracks, plan: sampling.Plan, chunk: ChunkFormat) -> chunk_reader.ChunkReader:
    """Reads the chunks of a plan's draws."""

    def row_of(draw: np.ndarray) -> int:
        return int(plan.tracks[draw])

    def crop(path: str, draw: np.ndarray, out: np.ndarray) -> np.ndarray:
        fraction, kept = float(plan.fractions[draw]), tracks.decoded(path)
        if kept is None:
            return audio.random_chunk(path, fraction, chunk.samples, chunk.sample_rate, out)
        out[...] = audio.cut_chunk(kept, fraction, chunk.samples)
        return out

    def crop_whole(waveform: np.ndarray, draw: np.ndarray) -> np.ndarray:
        return audio.cut_chunk(waveform, float(plan.fractions[draw]), chunk.samples)

    return chunk_reader.ChunkReader(tracks, chunk, row_of, crop, crop_whole, one_each=True)


def evaluation_batches(
    tracks: Tracks,
    chunk: ChunkFormat,
    num_chunks: int | None,
    batch_size: int,
    fill: bool = False,
    share: Share = WHOLE,
) -> tf.data.Dataset:
    """All tracks: evenly spaced chunks, batches filled across tracks; unreadable ones are left out.

    Many chunks of a track are read in parts, so that memory does not grow with its length; in the graph, whole.

    Args:
      tracks: labels are not needed.
      chunk: what the model takes.
      num_chunks: number of chunks of each track, if they are evenly spaced; None: tracks are heard whole, for which
        `chunk` must have the consecutive chunks.
      batch_size: over all replicas; the last batch may be smaller.
      fill: as in `training_batches`.
      share: the tracks that this process scores, of evenly spaced chunks.

    Returns:
      batches of waveform (b, samples), row (b,) int64, the track that a chunk is of, and weight (b,) float32, above 0
      but for what fills up.
    """
    if num_chunks is None:
        return _whole_tracks(tracks, chunk, batch_size, fill)
    num_chunks = chunk.num_chunks(num_chunks)
    num_parts = 1 if chunk.decoder == "tfio" else audio.num_parts(num_chunks)

    def row_of(position: np.ndarray) -> int:
        return int(position) // num_parts

    def chunks(path: str, position: np.ndarray) -> np.ndarray:
        part, kept = int(position) % num_parts, tracks.decoded(path)
        if chunk.centred:
            if kept is not None:
                return audio.cut_chunk(kept, 0.5, chunk.samples)
            return audio.random_chunk(path, 0.5, chunk.samples, chunk.sample_rate)
        if kept is not None:
            return audio.cut_chunks(kept, num_chunks, chunk.samples, part)
        return audio.read_chunks(path, num_chunks, chunk.samples, chunk.sample_rate, part)

    def chunks_of_whole(waveform: np.ndarray, position: np.ndarray) -> np.ndarray:
        if chunk.centred:
            return audio.cut_chunk(waveform, 0.5, chunk.samples)
        return audio.cut_chunks(waveform, num_chunks, chunk.samples)

    def named(position: Tensor, waveform: Tensor) -> dict[str, Tensor]:
        return {"waveform": waveform, "row": position // num_parts}

    first = share.of_tracks(len(tracks)) * num_parts
    every = (first[:, None] + np.arange(num_parts)).ravel()
    positions = tf.data.Dataset.from_tensor_slices(every).batch(1)
    reader = chunk_reader.ChunkReader(tracks, chunk, row_of, chunks, chunks_of_whole, one_each=False)
    return _finished(reader.chunks(positions).rebatch(batch_size).map(plain(named)), batch_size, fill)


def _whole_tracks(tracks: Tracks, chunk: ChunkFormat, batch_size: int, fill: bool) -> tf.data.Dataset:
    """`evaluation_batches` of consecutive chunks, as many as each track has."""
    consecutive = chunk.consecutive
    if consecutive is None or chunk.decoder == "tfio":
        raise ValueError("whole tracks are read by libsndfile, for networks with consecutive chunks")

    def starts_of(length: int) -> np.ndarray:
        return consecutive.starts(length, chunk.samples)

    def num_parts_of(row: np.ndarray) -> np.int64:
        try:
            length = parallel.within(
                parallel.READ_SECONDS, audio.num_samples, tracks.sound(int(row)), chunk.sample_rate
            )
        except BaseException:  # reading the one part will say why
            return np.int64(1)
        return np.int64(audio.num_parts(len(starts_of(length))))

    def row_of(position: np.ndarray) -> int:
        return int(position) // _MAX_PARTS

    def chunks(path: str, position: np.ndarray) -> np.ndarray:
        part, kept = int(position) % _MAX_PARTS, tracks.decoded(path)
        if kept is None:
            return audio.read_consecutive(path, chunk.samples, consecutive, chunk.sample_rate, part)
        return audio.cut_at(kept, audio.starts_of_part(starts_of(len(kept)), part), chunk.samples)

    def positions_of(row: Tensor) -> tf.data.Dataset:
        num_parts = tf.ensure_shape(tf.numpy_function(num_parts_of, [row], tf.int64, stateful=False), [])
        return tf.data.Dataset.range(num_parts).map(plain(lambda part: row * _MAX_PARTS + part))

    def named(position: Tensor, waveform: Tensor) -> dict[str, Tensor]:
        return {"waveform": waveform, "row": position // _MAX_PARTS}

    positions = tf.data.Dataset.range(len(tracks)).flat_map(plain(positions_of)).batch(1)
    # no decoder in the graph gives a whole waveform here
    reader = chunk_reader.ChunkReader(
        tracks, chunk, row_of, chunks, lambda waveform, position: waveform, one_each=False
    )
    return _finished(reader.chunks(positions).rebatch(batch_size).map(plain(named)), batch_size, fill)


def _finished(batches: tf.data.Dataset, batch_size: int, fill: bool) -> tf.data.Dataset:
    """Weighs the batches, fills them if asked to, and makes some ahead."""
    batches = batches.map(plain(weighted))
    if fill:
        batches = batches.map(plain(lambda batch: filled(batch, batch_size)))
    return made_ahead(batches)


def made_ahead(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Makes some batches before they are asked for.

    Without tf.data's own tuning: on few cores it finds nothing better than a call for each thread, and its thread holds
    up the end of an epoch, by up to 1.2 s.
    """
    fixed = tf.data.Options()
    fixed.autotune.enabled = False
    return batches.prefetch(PREFETCHED).with_options(fixed)


def weighted(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Adds `weight` (b,), 1/b each."""
    size = tf.shape(batch["waveform"])[0]
    return {**batch, "weight": tf.fill([size], 1.0 / tf.cast(size, tf.float32))}


def filled(batch: dict[str, Tensor], batch_size: int) -> dict[str, Tensor]:
    """Repeats a batch's examples up to `batch_size`; those too many weigh nothing."""
    size = tf.shape(batch["weight"])[0]
    source = tf.range(batch_size) % size
    filled = {name: tf.gather(values, source) for name, values in batch.items()}
    return {**filled, "weight": tf.where(tf.range(batch_size) < size, filled["weight"], 0.0)}


def fixed(batch: dict[str, Tensor], batch_size: int) -> dict[str, Tensor]:
    """`filled`, with a shape that says so."""
    values = filled(batch, batch_size)
    return {name: tf.ensure_shape(value, [batch_size, *value.shape[1:]]) for name, value in values.items()}
