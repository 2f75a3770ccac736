"""MPEG audio of one bit rate, of which only the frames are fetched that a stretch is decoded from.

In such a stream a frame's number says where it stands, within some bytes. What a stretch needs is decoded as a stream
of its own that begins some frames earlier: to the last bit what decoding the whole gives there, since a seek precedes
every stretch, which resets the decoder but for its place in a ring of 16 terms. From wherever a frame of MPEG-1 begins
there, terms are added up in the same order (measured on x86-64); those of 24 kHz and less differ in the last bit, and
are not read like this. What turns out otherwise is fetched whole and read anew.
"""

import dataclasses

import numpy as np

from kerastag.audio import decoder, fetched, mpeg, mpeg_header, mpeg_info, spliced
from kerastag.audio.link import Link

_SLACK = 8  # bytes that a frame may stand from where its number suggests
_BEFORE, _BEHIND = 32, 4  # frames more than are decoded: bits are borrowed, decoders run ahead, encoders delay
_LOOKED_AT = 40  # frames at the beginning and at the end
_FRONT = 1 << 16  # bytes in which the first frames stand
_BEHIND_MUSIC = 1 << 14  # bytes of tags


@dataclasses.dataclass(frozen=True)
class Frames:
    """Frames of one size that follow each other, but for a byte of padding.

    Attributes:
      start, stop: of all of them, in bytes.
      num_frames: how many there are.
      key: theirs.
      info: the encoder's header in front of them; None: there is none.
    """

    start: int
    stop: int
    num_frames: int
    key: mpeg_header.Key
    info: mpeg_info.Info | None

    @property
    def seconds_stated(self) -> float | None:
        """How long the header says that they last; None without one."""
        if self.info is None:
            return None
        trimmed = (self.info.delay or 0) + (self.info.padding or 0)
        return self.num_frames * (self.key.frame_samples / self.key.rate) - trimmed / self.key.rate

    @property
    def known_length(self) -> int | None:
        """The samples, where no header says it."""
        return None if self.info else self.num_frames * self.key.frame_samples

    def place(self, number: int) -> int:
        """About where a frame begins."""
        return self.start + round(number * (self.stop - self.start) / self.num_frames)

    def link(self, path: str, first: int, last: int) -> Link:
        """Frames `first` to `last` (excluded) as a stream.

        Raises:
          Unlike: they are not where they should be.
          OSError: they cannot be fetched.
        """
        start, stop = max(self.start, self.place(first) - _SLACK), min(self.stop, self.place(last) + _SLACK)
        fetched.of(path).fetch(start, stop)
        with spliced.Blocks(path, start, stop) as blocks:
            run = self._run(blocks, last - first)
        if run is None:
            raise fetched.Unlike(path)
        padding = self.info.padding if self.info and last == self.num_frames else 0
        return self._stream((run.start, run.stop), last - first, padding)

    def opening(self) -> Link:
        """The first frames as a stream that states the length of the whole."""
        padding = self.info.padding if self.info else 0
        return self._stream((self.start, self.place(min(self.num_frames, _LOOKED_AT))), self.num_frames, padding)

    def _stream(self, span: tuple[int, int], num_frames: int, padding: int | None) -> Link:
        pieces: tuple[spliced.Piece, ...] = (span,)
        if self.info:
            header = mpeg_info.rewritten(self.info, self.key, num_frames, span[1] - span[0], padding)
            pieces = (header, span)
        return Link(pieces, states_length=True, claims_more=self.info is None)

    def _run(self, blocks: spliced.Blocks, num_frames: int) -> mpeg.Run | None:
        """The frames that begin within _SLACK bytes of where they should, and end so; None if they do not."""
        for start in range(blocks.start, blocks.start + 2 * _SLACK + 1):
            head = blocks.at(start, 4)
            if len(head) == 4 and head[0] == 255 and self.key.alike(mpeg_header.key_of(head)):
                run = mpeg.follow(blocks, start)
                if run.num_frames == num_frames and blocks.size - run.stop <= 2 * _SLACK:
                    return run
        return None


class Decoder:
    """Decodes stretches of `Frames`; see stream.Decoder.

    Args:
      path: the URL.
      frames: what is there.

    Raises:
      OSError, AudioError: the beginning cannot be fetched or decoded.
    """

    def __init__(self, path: str, frames: Frames):
        self._path, self._frames = path, frames
        opened = decoder.Decoder(path, frames.opening())
        self.rate, self.num_channels, self.form = opened.rate, opened.num_channels, opened.form
        self.stores_int16 = False
        self.stated_frames = frames.known_length or opened.stated_frames
        opened.close()

    def decodes(self, position: int) -> bool:
        return position < self.stated_frames

    def run(self, position: int, mono: np.ndarray) -> int:
        """As decoder.Decoder.run. Raises Unlike, OSError."""
        samples, delay = self._frames.key.frame_samples, (self._frames.info.delay or 0) if self._frames.info else 0
        first = max(0, (position - decoder.MPEG_PREROLL) // samples - _BEFORE)
        last = -(-(position + len(mono) + delay) // samples) + _BEHIND
        link = self._frames.link(self._path, first, min(last, self._frames.num_frames))
        opened = decoder.Decoder(self._path, link)
        try:
            done = opened.run(position - first * samples, mono)
        finally:
            opened.close()
        if done < min(len(mono), self.stated_frames - position):
            raise fetched.Unlike(self._path)
        return done

    def close(self) -> None:
        """Nothing is open between stretches."""


def frames_of(path: str, blocks: spliced.Blocks, start: int) -> Frames | None:
    """The frames of an MPEG file that begins at byte `start`, by its beginning and its end.

    Returns:
      None: its bit rate changes, it is not of layer III of MPEG-1, or something is not as it says.

    Raises:
      OSError: it cannot be fetched.
    """
    with spliced.Blocks(path, start, start + _FRONT) as front:
        head = front.at(start, 4)
        if len(head) < 4 or head[0] != 255 or start != mpeg.id3v2_bytes(blocks.at(0, 10)):
            return None
        key = mpeg_header.key_of(head)
        if key.layer != 3 or key.frame_samples != 1152 or mpeg.follow(front, start).num_frames < _LOOKED_AT:
            return None
        info = mpeg_info.read(front, start, key)
        first = start + len(info.frame) if info else start
        third = front.at(first, 4)[2]
    stop = _end(path, blocks, first, key, third)
    if stop is None or (info and not info.is_xing):
        return None
    num_frames = info.num_frames if info else round((stop - first) / mpeg_header.mean_bytes(key, third))
    if not num_frames or num_frames < 4 * _LOOKED_AT:
        return None
    frames = Frames(first, stop, num_frames, key, info)
    return frames if _are_even(path, frames, mpeg_header.mean_bytes(key, third)) else None


def _end(path: str, blocks: spliced.Blocks, first: int, key: mpeg_header.Key, third: int) -> int | None:
    """The end of the last frame, behind which there are tags alone; None if it is not found."""
    size = mpeg_header.frame_bytes(key, third)
    begin = max(first, blocks.size - _BEHIND_MUSIC - _LOOKED_AT * (size + 1))
    with spliced.Blocks(path, begin) as tail:
        for start in range(begin, min(begin + 2 * size + 2, tail.size - 4)):
            head = tail.at(start, 4)
            if head[0] == 255 and key.alike(mpeg_header.key_of(head)) and mpeg_header.frame_bytes(key, head[2]):
                run = mpeg.follow(tail, start)
                if run.num_frames >= _LOOKED_AT and not run.cut:
                    return run.stop if mpeg.behind_tags(tail, run.stop) == tail.size else None
    return None


def _are_even(path: str, frames: Frames, mean: float) -> bool:
    """Whether frames are of one size, and stand where their number suggests, at both ends and in the middle."""
    if abs((frames.stop - frames.start) / frames.num_frames - mean) > 1:
        return False
    try:
        for first in (0, frames.num_frames // 2, frames.num_frames - _LOOKED_AT):
            frames.link(path, first, first + _LOOKED_AT)
    except fetched.Unlike:
        return False
    return True
