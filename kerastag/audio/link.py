"""What a file is made of: links, each a stream that a decoder reads by itself, and what is missing of them."""

import dataclasses
import threading
from typing import TYPE_CHECKING

from kerastag.audio import account, spliced

if TYPE_CHECKING:
    from kerastag.audio import evenly

_MOST_SILENCE = 600.0  # seconds


@dataclasses.dataclass
class Link:
    """One stream of a file, and what decoding it has shown so far.

    Attributes:
      pieces: its bytes; empty: the file as it is.
      num_frames: the frames that decode; None: not known yet.
      states_length: the decoder's own count can be believed.
      claims_more: see spliced.SplicedFile.
      rate: frames per second; 0: not known yet.
      silences: [start, stop) of stretches that do not decode, in frames.
      follows: it is a piece of the same stream as the link before it, and something between them is missing.
      ends_at, clock: where it ends in that stream, counted at `clock` Hz; 0: at its own rate.
      stated: frames that its header counts, where that count is to be believed; 0: it is not, or there is none.
      frames: of a remote track, whose stretches are decoded from some of them alone; None: it is decoded as a stream.
    """

    pieces: tuple[spliced.Piece, ...] = ()
    num_frames: int | None = None
    states_length: bool = False
    claims_more: bool = False
    rate: int = 0
    silences: list[tuple[int, int]] = dataclasses.field(default_factory=list)
    stated: int = 0
    follows: bool = False
    ends_at: int = 0
    clock: int = 0
    frames: "evenly.Frames | None" = None

    @classmethod
    def of_bytes(
        cls, size: int, start: int, stop: int | None = None, patches: dict[int, bytes] | None = None
    ) -> "Link":
        """A link of the bytes from `start` to `stop` of a file of `size` bytes, with others in some places."""
        stop = size if stop is None else stop
        if start == 0 and stop == size and not patches:
            return cls()
        pieces: list[spliced.Piece] = []
        for place, value in sorted((patches or {}).items()):
            pieces += [(start, place), value]
            start = place + len(value)
        return cls((*pieces, (start, stop)))

    @property
    def num_bytes(self) -> int:
        """Of its pieces."""
        return sum(len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in self.pieces)


@dataclasses.dataclass
class Layout:
    """The links of a file, in order.

    Attributes:
      links: at least one.
      gaps: (start, seconds) of what is missing between frames that decode, where `start` counts what does.
      seconds_stated: by its headers; None where they do not say.
      foreign: libsndfile does not read it, the second reader does.
    """

    links: list[Link]
    gaps: list[tuple[float, float]] = dataclasses.field(default_factory=list)
    seconds_stated: float | None = None
    foreign: bool = False
    _lock: threading.Lock = dataclasses.field(default_factory=threading.Lock, repr=False)

    @property
    def maybe_gaps(self) -> bool:
        """Whether something may be missing; quick, for one that is asked of all files."""
        return bool(self.gaps) or any(link.silences or link.stated or link.follows for link in self.links)

    def note_silence(self, link: Link, start: int, stop: int) -> None:
        """Notes that frames `start` to `stop` of a link do not decode."""
        with self._lock:
            merged = sorted([*link.silences, (start, stop)])
            link.silences = merged[:1]
            for first, last in merged[1:]:
                if first <= link.silences[-1][1]:
                    link.silences[-1] = (link.silences[-1][0], max(last, link.silences[-1][1]))
                else:
                    link.silences.append((first, last))

    def become_foreign(self, gaps: list[tuple[float, float]], seconds_stated: float | None) -> None:
        """Forgets what was made of a file that libsndfile does not read; takes what the second reader says."""
        with self._lock:
            if not self.foreign:
                self.links[:] = [Link(states_length=True)]
                self.gaps[:], self.seconds_stated = gaps, seconds_stated
                self.foreign = True

    def lose(self, link: Link) -> None:
        """Notes that a link behind the first cannot be opened; its share of bytes says how long it was."""
        first = self.links[0]
        with self._lock:
            if link.num_frames is None and first.num_frames and first.rate:
                link.num_frames, share = 0, link.num_bytes / max(1, first.num_bytes)
                self.gaps.append((first.num_frames / first.rate, share * first.num_frames / first.rate))

    def silence_before(self, number: int) -> float:
        """Seconds that are missing in front of a link, which are silent; its length and the one before must be known.

        A stream's own positions say so. They are believed up to ten minutes.
        """
        link = self.links[number]
        if not link.follows:
            return 0.0
        before, clock = self.links[number - 1], link.clock or link.rate
        seconds = (link.ends_at - before.ends_at) / clock - (link.num_frames or 0) / link.rate
        return seconds if 0 < seconds < _MOST_SILENCE else 0.0

    def account(self) -> account.Account | None:
        """What is known of the file's reading; None while its length is not."""
        read, begin, gaps = 0.0, 0.0, list(self.gaps)
        for number, link in enumerate(self.links):
            if link.num_frames is None or not link.rate:
                return None
            silent = self.silence_before(number)
            if silent:
                gaps.append((begin, silent))
                begin += silent
            for start, stop in link.silences:
                gaps.append((begin + start / link.rate, (stop - start) / link.rate))
                read -= (stop - start) / link.rate
            read += link.num_frames / link.rate
            begin += link.num_frames / link.rate
            if link.stated > link.num_frames:
                gaps.append((begin, (link.stated - link.num_frames) / link.rate))
        return account.Account(read, tuple(sorted(gaps)), self.seconds_stated)
