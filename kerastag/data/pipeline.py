"""Tracks to batches: chunks read in parallel, int16 on their way to the device, track identity kept."""

import dataclasses
import os
import threading
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import numpy as np
import tensorflow as tf

from kerastag import audio, errors, parallel
from kerastag.audio import tfio_decoder
from kerastag.data import decoded, sampling
from kerastag.tensors import Tensor

_plain = (
    tf.autograph.experimental.do_not_convert
)  # nothing here needs it, and it takes a third of a second at the start
AUTOTUNE = tf.data.AUTOTUNE  # of a map: as many calls at a time as there are threads, see `_finished`
PREFETCHED = 2  # batches that wait for the device
Sound: TypeAlias = str | os.PathLike[str] | audio.Waveform
PathOrLookup: TypeAlias = Sound | Callable[[], Sound]
_MAX_PARTS = 1 << 32  # more than any track has
BLOCK = 16  # training chunks that one call of Python reads: a call for each costs 0.2 ms more a chunk


class TakesChunks(Protocol):
    """A network, or what stands for one, that says which chunks it takes; see ChunkFormat."""

    @property
    def chunk_samples(self) -> int: ...

    @property
    def sample_rate(self) -> int: ...

    @property
    def centred(self) -> bool: ...

    @property
    def consecutive(self) -> audio.Consecutive | None: ...


@dataclasses.dataclass(frozen=True)
class ChunkFormat:
    """What a chunk is, from the reader to the device.

    Attributes:
      samples: samples of one chunk.
      sample_rate: in Hz.
      dtype: "int16", saturated, for half the memory and transfer, or "float32".
      decoder: one of audio.DECODERS.
      centred: whether a track is scored by one chunk from its middle, instead of evenly spaced ones.
      consecutive: where chunks lie if a track is heard whole, one after the other; None: it never is.
    """

    samples: int
    sample_rate: int = audio.SAMPLE_RATE
    dtype: str = "int16"
    decoder: str = "soundfile"
    centred: bool = False
    consecutive: audio.Consecutive | None = None

    @classmethod
    def of_model(cls, model: "TakesChunks", dtype: str = "int16", decoder: str = "soundfile") -> "ChunkFormat":
        """What a model takes."""
        return cls(model.chunk_samples, model.sample_rate, dtype, decoder, model.centred, model.consecutive)

    def num_chunks(self, wanted: int) -> int:
        """Chunks per track in evaluation."""
        return 1 if self.centred else wanted

    def pack(self, waveform: np.ndarray) -> np.ndarray:
        """A waveform, float32 or in the format's dtype already, in that."""
        return audio.to_int16(waveform) if waveform.dtype != self.dtype else waveform


class Tracks:
    """The audio files of a split, and which of them could not be read.

    Args:
      paths: (num_tracks,) audio files, waveforms in memory, which tfio cannot take, or functions such as splits.Lookup
        that find either when it is read.
      labels: (num_tracks, num_tags), or None where nothing is known about the tracks.
      kept: keeps them decoded, see data.decoded; None: every chunk is read from its file.
    """

    def __init__(
        self,
        paths: Sequence[PathOrLookup],
        labels: np.ndarray | None = None,
        kept: decoded.DecodedTracks | None = None,
    ):
        self._paths = paths
        self.kept = kept
        self.labels = np.zeros((len(paths), 0), np.float32) if labels is None else labels
        self.unreadable: dict[int, str] = {}  # row -> the reason, one line that names the file
        self.given_up: set[int] = set()  # rows whose reading did not end, which nobody is to wait for again
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._paths)

    def first(self, count: int) -> "Tracks":
        """The first `count` of them."""
        return Tracks(self._paths[:count], self.labels[:count], self.kept)

    def sound(self, row: int) -> str | audio.Waveform:
        """What a row is read from, its file or its waveform.

        Raises:
          KerastagError: there is no such file.
        """
        path = self._paths[row]
        sound = path() if callable(path) else path
        return sound if isinstance(sound, audio.Waveform) else os.fspath(sound)

    def path(self, row: int) -> str:
        """The audio file of a row, or what its waveform is called; raises as `sound` does."""
        return str(self.sound(row))

    def decoded(self, path: str) -> np.ndarray | None:
        """The whole track of a path, int16 (samples,), if decoded tracks are kept and there was room for it."""
        return None if self.kept is None else self.kept.waveform(path)

    def name(self, row: int) -> str:
        """What to call a row whose file may not be found."""
        return str(self._paths[row])

    def mark_unreadable(self, row: int, reason: str) -> None:
        """Notes why a row was skipped; only the first reason is kept."""
        with self._lock:
            self.unreadable.setdefault(int(row), reason)

    def heard_in_part(self) -> dict[int, audio.Account]:
        """The rows of whose music over a second, or over 5 %, is missing, as far as this process has seen."""
        known = audio.heard_in_part()
        if not known:
            return {}
        rows = (row for row in range(len(self)) if row not in self.unreadable)
        paths = {row: _path_if_there(self, row) for row in rows}
        return {row: known[path] for row, path in paths.items() if path in known}

    def mark_missing(self, rows: Sequence[int] | np.ndarray) -> None:
        """Notes rows that were asked for and never came, which is how a decoder in the graph says that it failed."""
        for row in rows:
            if row not in self.unreadable:
                self.mark_unreadable(row, self._reason(row))

    def _reason(self, row: int) -> str:
        try:
            path = self.path(row)
            parallel.within(parallel.READ_SECONDS, audio.info, path)
        except errors.KerastagError as error:
            return str(error)
        except BaseException as error:
            return parallel.mishap(self.name(row), error)
        return f"{path}: the decoder in the graph does not decode it"


def _path_if_there(tracks: Tracks, row: int) -> str | None:
    try:
        return tracks.path(row)
    except errors.KerastagError:
        return None


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
      batches of waveform (b, samples), labels (b, num_tags) float32, draw (b,) int64, the position in the plan, and
      weight (b,) float32, 1/b each, so that replicas of uneven shares add up to the mean over the batch.
    """

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

    def labels_of(draws: np.ndarray) -> np.ndarray:
        return tracks.labels[plan.tracks[draws]]

    def labelled(draws: Tensor, waveform: Tensor) -> dict[str, Tensor]:
        labels = tf.numpy_function(labels_of, [draws], tf.float32, stateful=False)
        labels.set_shape([None, tracks.labels.shape[1]])
        return {"waveform": waveform, "labels": labels, "draw": draws}

    draws = tf.data.Dataset.range(start, len(plan)).batch(BLOCK)
    reader = _Reader(tracks, chunk, row_of, crop, crop_whole, one_each=True)
    return _finished(reader.chunks(draws).rebatch(batch_size).map(_plain(labelled)), batch_size, fill)


def evaluation_batches(
    tracks: Tracks, chunk: ChunkFormat, num_chunks: int | None, batch_size: int, fill: bool = False
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

    positions = tf.data.Dataset.range(len(tracks) * num_parts).batch(1)
    reader = _Reader(tracks, chunk, row_of, chunks, chunks_of_whole, one_each=False)
    return _finished(reader.chunks(positions).rebatch(batch_size).map(_plain(named)), batch_size, fill)


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
        return tf.data.Dataset.range(num_parts).map(_plain(lambda part: row * _MAX_PARTS + part))

    def named(position: Tensor, waveform: Tensor) -> dict[str, Tensor]:
        return {"waveform": waveform, "row": position // _MAX_PARTS}

    positions = tf.data.Dataset.range(len(tracks)).flat_map(_plain(positions_of)).batch(1)
    # no decoder in the graph gives a whole waveform here
    reader = _Reader(tracks, chunk, row_of, chunks, lambda waveform, position: waveform, one_each=False)
    return _finished(reader.chunks(positions).rebatch(batch_size).map(_plain(named)), batch_size, fill)


def _finished(batches: tf.data.Dataset, batch_size: int, fill: bool) -> tf.data.Dataset:
    """Weighs the batches, fills them if asked to, and makes some ahead.

    Without tf.data's own tuning: on few cores it finds nothing better than a call for each thread, and its thread holds
    up the end of an epoch, by up to 1.2 s.
    """
    batches = batches.map(_plain(weighted))
    if fill:
        batches = batches.map(_plain(lambda batch: filled(batch, batch_size)))
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


@dataclasses.dataclass(frozen=True)
class _Reader:
    """Reads chunks of positions: draws of a plan, or parts of rows.

    Attributes:
      tracks: the files.
      chunk: what the model takes.
      row_of: a position's row in `tracks`.
      from_file: path and position to float32 (chunks, samples), or, if there is one each, into an array (samples,).
      from_whole: a waveform (samples,) of a whole file, and position to float32 (chunks, samples), or (samples,).
      one_each: whether a position is one chunk; else blocks hold one position.
    """

    tracks: Tracks
    chunk: ChunkFormat
    row_of: Callable[[np.ndarray], int]
    from_file: Callable[..., np.ndarray]
    from_whole: Callable[[np.ndarray, np.ndarray], np.ndarray]
    one_each: bool

    def chunks(self, positions: tf.data.Dataset) -> tf.data.Dataset:
        """Reads blocks of positions, (p,) int64 each: one after the other in a block, and many blocks at a time.

        Returns:
          position, (b,) int64, and waveform, (b, samples), of each block's chunks, without unreadable tracks.
        """
        if self.chunk.decoder == "tfio":  # an error in the graph cannot be caught; what is missing shows in the rows
            return positions.unbatch().map(_plain(self._decode_in_graph), AUTOTUNE).ignore_errors()
        return positions.map(_plain(lambda block: self._call(self._read_block, block)), AUTOTUNE)

    def _call(
        self, function: Callable[..., tuple[np.ndarray, np.ndarray]], *arguments: Tensor
    ) -> tuple[Tensor, Tensor]:
        types = (tf.int64, tf.as_dtype(self.chunk.dtype))
        position, waveform = tf.numpy_function(function, arguments, types, stateful=False)
        return tf.ensure_shape(position, [None]), tf.ensure_shape(waveform, [None, self.chunk.samples])

    def _read_block(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The chunks of a block's positions, and which position each is of, without unreadable ones."""
        read = self._read_each if self.one_each else self._read_all
        try:
            return self._noted(parallel.within(parallel.READ_SECONDS, read, positions))
        except TimeoutError:
            if len(positions) > 1:  # one of them is to blame
                parts = [self._read_block(positions[place : place + 1]) for place in range(len(positions))]
                return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
            row = self.row_of(positions[0])
            self.tracks.given_up.add(row)
            self.tracks.mark_unreadable(row, parallel.mishap(self.tracks.name(row), TimeoutError()))
            return np.zeros(0, np.int64), np.zeros((0, self.chunk.samples), self.chunk.dtype)

    def _noted(self, read: tuple[np.ndarray, np.ndarray, dict[int, str]]) -> tuple[np.ndarray, np.ndarray]:
        for row, reason in read[2].items():
            self.tracks.mark_unreadable(row, reason)
        return read[:2]

    def _read_each(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
        """A chunk of each position, written straight to its place in the block; why by row where that failed."""
        done: list[np.ndarray] = []
        unreadable: dict[int, str] = {}
        block = np.empty((len(positions), self.chunk.samples), self.chunk.dtype)
        for position in positions:
            if self._read(position, unreadable, block[len(done)]) is not None:
                done.append(position)
        return np.array(done, np.int64), block[: len(done)], unreadable

    def _read_all(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
        """All chunks of the one position of a block; why by row if that failed."""
        unreadable: dict[int, str] = {}
        waveform = self._read(positions[0], unreadable)
        chunks = self._pack(np.empty(0, np.float32) if waveform is None else waveform)
        return np.full(len(chunks), positions[0]), chunks, unreadable

    def _read(self, position: np.ndarray, unreadable: dict[int, str], *out: np.ndarray) -> np.ndarray | None:
        """What the file of a position holds; None if it cannot be read, whatever the reason: others may be fine."""
        row = self.row_of(position)
        if row in self.tracks.given_up:
            return None
        try:
            return self.from_file(self.tracks.sound(row), position, *out)
        except errors.KerastagError as error:
            unreadable[row] = str(error)
        except BaseException as error:
            unreadable[row] = parallel.mishap(self.tracks.name(row), error)
        return None

    def _decode_in_graph(self, position: Tensor) -> tuple[Tensor, Tensor]:
        path = tf.numpy_function(self._path, [position], tf.string, stateful=False)
        return self._call(self._cut, position, tfio_decoder.read(path, self.chunk.sample_rate))

    def _path(self, position: np.ndarray) -> str:
        return self.tracks.path(self.row_of(position))

    def _cut(self, position: np.ndarray, whole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        chunks = self._pack(self.from_whole(whole, position))
        return np.full(len(chunks), position), chunks

    def _pack(self, waveform: np.ndarray) -> np.ndarray:
        return self.chunk.pack(waveform).reshape(-1, self.chunk.samples)
