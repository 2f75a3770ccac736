"""Reads the chunks of many tracks in parallel inside a tf.data pipeline, and survives every one of them."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from kerastag import errors, parallel
from kerastag.audio import tfio_decoder
from kerastag.data.tracks import ChunkFormat, Tracks
from kerastag.tensors import Tensor

plain = tf.autograph.experimental.do_not_convert  # nothing here needs it, and it takes a third of a second at the start
FETCHED = 16  # calls at a time where tracks are remote
AUTOTUNE = tf.data.AUTOTUNE  # of a map: as many calls at a time as there are threads, see `pipeline._finished`


@dataclasses.dataclass(frozen=True)
class ChunkReader:
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
            return positions.unbatch().map(plain(self._decode_in_graph), AUTOTUNE).ignore_errors()
        reads = positions.map(
            plain(lambda block: self._call(self.read_block, block)), FETCHED if self.tracks.are_remote else AUTOTUNE
        )
        if not self.tracks.are_remote:
            return reads
        waiting = tf.data.Options()
        waiting.threading.private_threadpool_size = FETCHED
        return reads.with_options(waiting)

    def _call(
        self, function: Callable[..., tuple[np.ndarray, np.ndarray]], *arguments: Tensor
    ) -> tuple[Tensor, Tensor]:
        types = (tf.int64, tf.as_dtype(self.chunk.dtype))
        position, waveform = tf.numpy_function(function, arguments, types, stateful=False)
        return tf.ensure_shape(position, [None]), tf.ensure_shape(waveform, [None, self.chunk.samples])

    def read_block(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which position each chunk of a block is of, (b,) int64, and the chunks, (b, samples).

        Unreadable tracks give none, nor does an empty block.
        """
        read = self._read_each if self.one_each else self._read_all
        try:
            return self._noted(parallel.within(parallel.READ_SECONDS, read, positions))
        except TimeoutError:
            if len(positions) > 1:  # one of them is to blame
                parts = [self.read_block(positions[place : place + 1]) for place in range(len(positions))]
                return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
            row = self.row_of(positions[0])
            self.tracks.given_up.add(row)
            self.tracks.mishaps.add(row)
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
            self.tracks.mishaps.add(row)
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
