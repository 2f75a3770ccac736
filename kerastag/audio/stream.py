"""One stream of a file as it really is: its true length, and silence where it is damaged."""

from typing import Protocol

import numpy as np

from kerastag import audio
from kerastag.audio.link import Layout, Link


class Decoder(Protocol):
    """What decodes a stream: decoder.Decoder, or that of the second reader."""

    rate: int
    num_channels: int
    form: tuple[str, str]
    stores_int16: bool

    @property
    def stated_frames(self) -> int: ...

    def decodes(self, position: int) -> bool: ...

    def run(self, position: int, mono: np.ndarray) -> int: ...

    def close(self) -> None: ...


class Stream:
    """Any stretch of a stream as mono float32 at its own rate.

    Args:
      path: the file's name.
      decoder: opened on `link`.
      layout: the file's.
      link: the stream; what is found out about it is kept there.
    """

    def __init__(self, path: str, decoder: Decoder, layout: Layout, link: Link) -> None:
        self.decoder = decoder
        self.rate = decoder.rate
        self._path, self._layout, self._link = path, layout, link
        link.rate = decoder.rate
        if link.states_length and link.num_frames is None:
            link.num_frames = decoder.stated_frames
        elif link.num_frames is None and not decoder.stated_frames:
            link.num_frames = 0

    @property
    def num_frames(self) -> int:
        """The number of frames up to the last one that decodes, whatever the header states; 0 if none does.

        The first look costs a seek to the end, some more where the header is wrong; later ones in the same process
        cost nothing.
        """
        if self._link.num_frames is None:
            self._link.num_frames = _find_end(self.decoder)
        return self._link.num_frames

    def decode(self, start: int, stop: int, dtype: type[np.number] = np.float32) -> np.ndarray:
        """Decodes frames `start` to `stop` to mono (frames,), fewer where the stream ends before `stop`.

        A damaged stretch inside becomes silence: time before and after it stays right.

        Args:
          start, stop: frames at the stream's own rate.
          dtype: float32, or int16 where the decoder `stores_int16`.

        Raises:
          AudioError: there are NaN or infinite samples among them.
        """
        if self._link.num_frames is not None or stop > self.decoder.stated_frames:
            stop = min(stop, self.num_frames)
        mono = np.zeros(max(0, stop - start), dtype)
        position = start
        while position < stop:
            position += self.decoder.run(position, mono[position - start :])
            if position < stop:  # damage, or the stream's end
                stop = min(stop, self.num_frames)
                silent = min(self.rate // 4, stop - position)
                if silent > 0:
                    self._layout.note_silence(self._link, position, position + silent)
                    position += silent
        mono = mono[: max(0, stop - start)]
        if dtype == np.float32:
            self._check_finite(mono, start)
        return mono

    def _check_finite(self, mono: np.ndarray, start: int) -> None:
        finite = np.isfinite(mono)
        if not finite.all():
            frame = start + int(finite.argmin())
            where = f"frame {frame:,} ({frame / self.rate:.2f} s)"
            raise audio.AudioError(f"{self._path}: holds NaN or infinity at {where}")


def _find_end(decoder: Decoder) -> int:
    """Finds the true number of frames, 0 if none decodes."""
    stated = decoder.stated_frames
    return stated if decoder.decodes(stated - 1) else _search_end(decoder, 0, stated)


def _search_end(decoder: Decoder, low: int, high: int) -> int:
    """Searches the end between frame `low`, which decodes, and frame `high`, which does not.

    First the last second, where most wrong lengths end; then strides up from `low` that double until one
    fails, which keeps clear of absurd lengths; then halves.
    """
    second, stride = decoder.rate, 16 * decoder.rate
    if high - low > second and decoder.decodes(high - second):
        low = high - second
    while low + stride < high:
        if decoder.decodes(low + stride):
            low, stride = low + stride, 2 * stride
        else:
            high = low + stride
    while high - low > second:
        middle = (low + high) // 2
        if decoder.decodes(middle):
            low = middle
        else:
            high = middle
    return low + decoder.run(low, np.empty(high - low, np.float32))
