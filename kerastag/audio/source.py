"""An audio file as it really is: its true length, and silence where it is damaged."""

import os
from types import TracebackType

import numpy as np

from kerastag import audio
from kerastag.audio import decoder

_KNOWN_ENDS: dict[tuple[str, int, int], tuple[int, bool]] = {}  # (path, bytes, time) -> (frames, lengthened)
_MAX_KNOWN_ENDS = 1_000_000


class Source:
    """An open audio file: any stretch of it as mono float32 at its own rate.

    Attributes:
      path: the file's name.
      rate: frames per second.
      num_channels: channels in the file.
      form: container and codec, as libsndfile names them: ("OGG", "VORBIS").
      stores_int16: its samples are mono integers of 16 bits, which can be had as they are.
    """

    def __init__(self, path: str | bytes | os.PathLike[str]) -> None:
        """Opens the file; raises AudioError where that fails or its header states no samples."""
        self.path = os.fsdecode(path)
        self._decoder = decoder.Decoder(self.path)
        self.rate, self.num_channels = self._decoder.rate, self._decoder.num_channels
        self.form, self.stores_int16 = self._decoder.form, self._decoder.stores_int16
        self._num_frames: int | None = None
        self._stated_frames = self._decoder.stated_frames
        if not self._stated_frames:
            self._decoder.close()
            raise audio.AudioError(f"{self.path}: holds no samples")

    def __enter__(self) -> "Source":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._decoder.close()

    @property
    def num_frames(self) -> int:
        """The number of frames up to the last one that decodes, whatever the header states.

        The first look at a file costs a seek to its end (0.1 ms for FLAC, 3 ms for three minutes of MP3),
        some more where the header is wrong; later ones in the same process cost nothing.

        Raises:
          AudioError: not one frame decodes.
        """
        if self._num_frames is None:
            self._num_frames = self._look_up_end()
            if not self._num_frames:
                raise audio.AudioError(f"{self.path}: is damaged, none of its samples can be decoded")
        return self._num_frames

    @property
    def truncated(self) -> bool:
        """Whether there are fewer frames than the header counts; an estimate is not a count."""
        if self.num_frames >= self._stated_frames:
            return False
        if self._decoder.estimated:
            self._decoder.lengthen()
        return self._decoder.stated_frames == self._stated_frames

    def decode(self, start: int, stop: int, dtype: type[np.number] = np.float32) -> np.ndarray:
        """Decodes frames `start` to `stop` to mono (frames,), fewer where the file ends before `stop`.

        A damaged stretch inside the file becomes silence: time before and after it stays right.

        Args:
          start, stop: frames at the file's own rate.
          dtype: float32, or int16 where `stores_int16`.

        Raises:
          AudioError: there are NaN or infinite samples among them, or nothing in the file decodes.
        """
        if stop > self._decoder.stated_frames:
            stop = min(stop, self.num_frames)
        mono = np.zeros(max(0, stop - start), dtype)
        position = start
        while position < stop:
            position += self._decoder.run(position, mono[position - start :])
            if position < stop:  # damage, or the file's end
                stop = min(stop, self.num_frames)
                position += self.rate // 4
        mono = mono[: max(0, stop - start)]
        if dtype == np.float32:
            self._check_finite(mono, start)
        return mono

    def _check_finite(self, mono: np.ndarray, start: int) -> None:
        finite = np.isfinite(mono)
        if not finite.all():
            frame = start + int(finite.argmin())
            where = f"frame {frame:,} ({frame / self.rate:.2f} s)"
            raise audio.AudioError(f"{self.path}: holds NaN or infinity at {where}")

    def _look_up_end(self) -> int:
        status = os.stat(self.path)
        key = (self.path, status.st_size, status.st_mtime_ns)
        if key not in _KNOWN_ENDS:
            if len(_KNOWN_ENDS) >= _MAX_KNOWN_ENDS:
                _KNOWN_ENDS.clear()
            _KNOWN_ENDS[key] = _find_end(self._decoder)
        elif _KNOWN_ENDS[key][1]:
            self._decoder.lengthen()
        return _KNOWN_ENDS[key][0]


def _find_end(file: decoder.Decoder) -> tuple[int, bool]:
    """Finds the true number of frames; leaves the decoder lengthened if it must be so to reach them all.

    Returns:
      The number of frames, 0 if none decodes, and whether the decoder is lengthened.
    """
    stated = file.stated_frames
    if not file.decodes(stated - 1):
        return _search_end(file, 0, stated), False
    if file.estimated:
        file.lengthen()
        end = stated
        if file.stated_frames > stated:
            end = _search_end(file, stated - 1, file.stated_frames)
        if end > stated:
            return end, True
        file.shorten()
    return stated, False


def _search_end(file: decoder.Decoder, low: int, high: int) -> int:
    """Searches the end between frame `low`, which decodes, and frame `high`, which does not.

    First the last second, where most wrong lengths end; then strides up from `low` that double until one
    fails, which keeps clear of absurd lengths; then halves.
    """
    second, stride = file.rate, 16 * file.rate
    if high - low > second and file.decodes(high - second):
        low = high - second
    while low + stride < high:
        if file.decodes(low + stride):
            low, stride = low + stride, 2 * stride
        else:
            high = low + stride
    while high - low > second:
        middle = (low + high) // 2
        if file.decodes(middle):
            low = middle
        else:
            high = middle
    return low + file.run(low, np.empty(high - low, np.float32))
