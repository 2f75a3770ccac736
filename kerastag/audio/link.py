"""What a file is made of: links, each a stream that a decoder reads by itself, and what is missing of them."""

import dataclasses
import threading

from kerastag.audio import account, spliced


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
      stated: frames that its header counts, where that count is to be believed; 0: it is not, or there is none.
    """

    pieces: tuple[spliced.Piece, ...] = ()
    num_frames: int | None = None
    states_length: bool = False
    claims_more: bool = False
    rate: int = 0
    silences: list[tuple[int, int]] = dataclasses.field(default_factory=list)
    stated: int = 0

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

    def account(self) -> account.Account | None:
        """What is known of the file's reading; None while its length is not."""
        read, begin, gaps = 0.0, 0.0, list(self.gaps)
        for link in self.links:
            if link.num_frames is None or not link.rate:
                return None
            silent = [((stop - start) / link.rate, begin + start / link.rate) for start, stop in link.silences]
            gaps += [(start, seconds) for seconds, start in silent]
            read += link.num_frames / link.rate - sum(seconds for seconds, _ in silent)
            begin += link.num_frames / link.rate
            if link.stated > link.num_frames:
                gaps.append((begin, (link.stated - link.num_frames) / link.rate))
        return account.Account(read, tuple(sorted(gaps)), self.seconds_stated)
