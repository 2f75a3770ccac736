"""Tracks to batches: chunks read in parallel, int16 on their way to the device, track identity kept."""

import dataclasses
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kerastag import audio, errors
from kerastag.audio import tfio_decoder
from kerastag.data import sampling

AUTOTUNE = tf.data.AUTOTUNE


@dataclasses.dataclass(frozen=True)
class ChunkFormat:
    """What a chunk is, from the reader to the device.

    Attributes:
      samples: samples of one chunk.
      sample_rate: in Hz.
      dtype: "int16", saturated, for half the memory and transfer, or "float32".
      decoder: one of audio.DECODERS.
      centred: whether a track is scored by one chunk from its middle, instead of evenly spaced ones.
    """

    samples: int
    sample_rate: int = audio.SAMPLE_RATE
    dtype: str = "int16"
    decoder: str = "soundfile"
    centred: bool = False

    @classmethod
    def of_model(cls, model: Any, dtype: str = "int16", decoder: str = "soundfile") -> "ChunkFormat":
        """What a model takes; anything with chunk_samples, sample_rate and centred."""
        return cls(model.chunk_samples, model.sample_rate, dtype, decoder, model.centred)

    def num_chunks(self, wanted: int) -> int:
        """Chunks per track in evaluation."""
        return 1 if self.centred else wanted

    def pack(self, waveform: np.ndarray) -> np.ndarray:
        """A float32 waveform in the format's dtype."""
        return audio.to_int16(waveform) if self.dtype == "int16" else waveform


class Tracks:
    """The audio files of a split, and which of them could not be read.

    Args:
      paths: (num_tracks,) audio files, or functions such as splits.Lookup that find them when they are first read.
      labels: (num_tracks, num_tags), or None where nothing is known about the tracks.
    """

    def __init__(self, paths: Sequence[str | os.PathLike[str] | Callable[[], Any]], labels: np.ndarray | None = None):
        self._paths = paths
        self.labels = np.zeros((len(paths), 0), np.float32) if labels is None else labels
        self.unreadable: dict[int, str] = {}  # row -> the reason, one line that names the file
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._paths)

    def path(self, row: int) -> str:
        """The audio file of a row.

        Raises:
          KerastagError: there is no such file.
        """
        path = self._paths[row]
        return os.fspath(path() if callable(path) else path)

    def mark_unreadable(self, row: int, reason: str) -> None:
        """Notes why a row was skipped; only the first reason is kept."""
        with self._lock:
            self.unreadable.setdefault(int(row), reason)

    def mark_missing(self, rows: Sequence[int] | np.ndarray) -> None:
        """Notes rows that were asked for and never came, which is how a decoder in the graph says that it failed."""
        for row in rows:
            if row not in self.unreadable:
                self.mark_unreadable(row, self._reason(row))

    def _reason(self, row: int) -> str:
        try:
            path = self.path(row)
            audio.info(path)
        except errors.KerastagError as error:
            return str(error)
        return f"{path}: the decoder in the graph does not decode it"


def to_float(waveform: Any) -> Any:
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
      batches of waveform (b, samples), labels (b, num_tags) float32, draw (b,) int64, the position in the plan, and
      weight (b,) float32, 1/b each, so that replicas of uneven shares add up to the mean over the batch.
    """
    draws = tf.data.Dataset.range(start, len(plan))

    def place(draw: np.ndarray) -> tuple[np.int64, np.float64, np.ndarray]:
        row = plan.tracks[draw]
        return np.int64(row), plan.fractions[draw], tracks.labels[row]

    def example(draw: Any) -> dict[str, Any]:
        row, fraction, labels = tf.numpy_function(place, [draw], (tf.int64, tf.float64, tf.float32), stateful=False)
        labels.set_shape([tracks.labels.shape[1]])
        return {"row": row, "fraction": fraction, "labels": labels, "draw": draw}

    def crop(path: str, fraction: float) -> np.ndarray:
        return audio.random_chunk(path, float(fraction), chunk.samples, chunk.sample_rate)

    def crop_whole(waveform: np.ndarray, fraction: float) -> np.ndarray:
        return audio.cut_chunk(waveform, fraction, chunk.samples)

    examples = _read(draws.map(example), tracks, chunk, (chunk.samples,), crop, crop_whole)
    batches = examples.batch(batch_size).map(weighted)
    return (batches.map(lambda batch: filled(batch, batch_size)) if fill else batches).prefetch(AUTOTUNE)


def evaluation_batches(
    tracks: Tracks, chunk: ChunkFormat, num_chunks: int, batch_size: int, fill: bool = False
) -> tf.data.Dataset:
    """All tracks: evenly spaced chunks, batches filled across tracks; unreadable ones are left out.

    Args:
      tracks: labels are not needed.
      chunk: what the model takes.
      num_chunks: of each track, if they are evenly spaced.
      batch_size: over all replicas; the last batch may be smaller.
      fill: as in `training_batches`.

    Returns:
      batches of waveform (b, samples), row (b,) int64, the track that a chunk is of, and weight (b,) float32, above 0
      but for what fills up.
    """

    def example(row: Any) -> dict[str, Any]:
        return {"row": row, "fraction": tf.zeros([], tf.float64)}

    num_chunks = chunk.num_chunks(num_chunks)

    def chunks(path: str, fraction: float) -> np.ndarray:
        if chunk.centred:
            return audio.random_chunk(path, 0.5, chunk.samples, chunk.sample_rate)[None]
        return audio.read_chunks(path, num_chunks, chunk.samples, chunk.sample_rate)

    def chunks_of_whole(waveform: np.ndarray, fraction: float) -> np.ndarray:
        if chunk.centred:
            return audio.cut_chunk(waveform, 0.5, chunk.samples)[None]
        return audio.cut_chunks(waveform, num_chunks, chunk.samples)

    def separate(example: dict[str, Any]) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices(
            {"waveform": example["waveform"], "row": tf.repeat(example["row"], num_chunks)}
        )

    rows = tf.data.Dataset.range(len(tracks)).map(example)
    examples = _read(rows, tracks, chunk, (num_chunks, chunk.samples), chunks, chunks_of_whole)
    batches = examples.flat_map(separate).batch(batch_size).map(weighted)
    return (batches.map(lambda batch: filled(batch, batch_size)) if fill else batches).prefetch(AUTOTUNE)


def weighted(batch: dict[str, Any]) -> dict[str, Any]:
    """Adds `weight` (b,), 1/b each."""
    size = tf.shape(batch["waveform"])[0]
    return {**batch, "weight": tf.fill([size], 1.0 / tf.cast(size, tf.float32))}


def filled(batch: dict[str, Any], batch_size: int) -> dict[str, Any]:
    """Repeats a batch's examples up to `batch_size`; those too many weigh nothing."""
    size = tf.shape(batch["weight"])[0]
    source = tf.range(batch_size) % size
    filled = {name: tf.gather(values, source) for name, values in batch.items()}
    return {**filled, "weight": tf.where(tf.range(batch_size) < size, filled["weight"], 0.0)}


def _is_readable(example: dict[str, Any], readable: Any) -> Any:
    return readable


def _without_mark(example: dict[str, Any], readable: Any) -> dict[str, Any]:
    return example


def _read(
    examples: tf.data.Dataset,
    tracks: Tracks,
    chunk: ChunkFormat,
    shape: tuple[int, ...],
    from_file: Callable[[str, float], np.ndarray],
    from_whole: Callable[[np.ndarray, float], np.ndarray],
) -> tf.data.Dataset:
    """Adds `waveform` of `shape` to examples with `row` and `fraction`, dropping `fraction` and unreadable tracks."""
    dtype = tf.as_dtype(chunk.dtype)
    silence = np.zeros(shape, chunk.dtype)

    def read(row: np.ndarray, fraction: np.ndarray) -> tuple[np.ndarray, np.bool_]:
        try:
            return chunk.pack(from_file(tracks.path(row), fraction)), np.True_
        except errors.KerastagError as error:
            tracks.mark_unreadable(row, str(error))
            return silence, np.False_

    def add_waveform(example: dict[str, Any]) -> tuple[dict[str, Any], Any]:
        fraction = example.pop("fraction")
        waveform, readable = tf.numpy_function(read, [example["row"], fraction], (dtype, tf.bool), stateful=False)
        waveform.set_shape(shape)
        readable.set_shape([])
        return {**example, "waveform": waveform}, readable

    def cut(whole: np.ndarray, fraction: np.ndarray) -> np.ndarray:
        return chunk.pack(from_whole(whole, float(fraction)))

    def decode_in_graph(example: dict[str, Any]) -> dict[str, Any]:
        fraction = example.pop("fraction")
        path = tf.numpy_function(tracks.path, [example["row"]], tf.string, stateful=False)
        whole = tfio_decoder.read(path, chunk.sample_rate)
        waveform = tf.numpy_function(cut, [whole, fraction], dtype, stateful=False)
        waveform.set_shape(shape)
        return {**example, "waveform": waveform}

    if chunk.decoder == "tfio":  # an error in the graph cannot be caught; what is missing shows in the rows
        return examples.map(decode_in_graph, AUTOTUNE).ignore_errors()
    return examples.map(add_waveform, AUTOTUNE).filter(_is_readable).map(_without_mark)
