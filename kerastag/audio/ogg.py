"""Ogg pages (RFC 3533): which of them are whole, where a chain's links begin, where pages are missing.

libsndfile reads the first link of a chain alone, and where pages are missing it goes on as if there were none: what
follows comes too early when it is read through, in its right time when it is sought. So each stretch of whole pages
becomes a stream of its own, with the link's first pages in front, and pages' own positions say how much lies between.
"""

import dataclasses
import itertools
import struct
import zlib
from collections.abc import Iterator

from kerastag.audio import spliced
from kerastag.audio.link import Layout, Link

_SMALL = 1 << 23  # bytes of a remote file that is fetched whole: a decoder that seeks in it looks at most of it
_DENSITY = 0.6  # of the pages for each byte at the end: a file with fewer was joined of streams that count anew
_ENDS = (1 << 16, 5 << 14)  # bytes at the beginning and the end of a remote file that are looked at
_MOST_PAGE = 27 + 255 + 255 * 255  # bytes
_MOST_REFUSED = 20_000  # pages that are not whole, before the rest is given up
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_CODECS = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ")
_CONTINUED, _FIRST = 1, 2  # flags of a page
_OPUS_CLOCK = 48_000  # positions in Opus streams count samples at this rate, whatever the stream's


@dataclasses.dataclass(frozen=True)
class Page:
    """A whole page, `start` to `stop` in bytes; `position`: samples of its stream up to its end, -1 if it ends none."""

    start: int
    stop: int
    flags: int
    position: int
    serial: int
    number: int
    codec: bytes  # of a first page


@dataclasses.dataclass
class _Run:
    """Whole pages without one missing between."""

    start: int
    stop: int
    number: int  # of the last page
    position: int  # at the end of it


@dataclasses.dataclass
class _Chained:
    """One link of a chain: its first pages, which tell how to decode, and its runs."""

    serial: int
    codec: bytes
    head: tuple[int, int]
    runs: list[_Run]
    in_head: bool = True


def layout(blocks: spliced.Blocks, start: int) -> Layout | None:
    """The layout of the Ogg file that begins at byte `start`; None if it has no whole first page of a known codec."""
    chain: list[_Chained] = []
    for page in _pages(blocks, start):
        last = chain[-1] if chain else None
        if page.flags & _FIRST and page.codec and not (last and last.in_head and last.head[1] == page.start):
            chain.append(_Chained(page.serial, page.codec, (page.start, page.stop), []))
        elif last and page.serial == last.serial:
            _add(last, page)
        elif last and last.in_head and last.head[1] == page.start:  # of another stream that begins here too
            last.head = (last.head[0], page.stop)
    if not chain:
        return None
    if not any(chained.runs for chained in chain):
        return Layout([Link.of_bytes(blocks.size, start)])
    if start == 0 and len(chain) == 1 and len(chain[0].runs) == 1 and chain[0].runs[0].start == chain[0].head[1]:
        return Layout([Link(states_length=chain[0].codec != _CODECS[3])])
    return Layout([link for chained in chain for link in _links(chained)])


def outline(path: str) -> Layout | None:
    """The layout of an Ogg file that is one stream without a hole, as far as its beginning and its end tell.

    Returns:
      None: they do not, or it is small.

    Raises:
      OSError: it cannot be fetched.
    """
    with spliced.Blocks(path) as whole:
        size = whole.size
    if size <= _SMALL:
        return None
    with spliced.Blocks(path, 0, _ENDS[0]) as blocks:
        front = list(_pages(blocks, 0))
    with spliced.Blocks(path, size - _ENDS[1]) as blocks:
        back = list(_pages(blocks, blocks.start))
    if not front or not back or not front[0].codec or front[0].start or back[-1].stop != size:
        return None
    for pages in (front, back):
        for before, page in itertools.pairwise(pages):
            if page.start != before.stop or page.number != before.number + 1 or page.flags & _FIRST:
                return None
    music = any(page.position > 0 for page in front)
    alone = {page.serial for page in (*front, *back)} == {front[0].serial} and back[0].number >= front[0].number
    as_dense = (back[-1].number + 1) / size > _DENSITY * len(back) / (size - back[0].start)
    return Layout([Link(states_length=front[0].codec != _CODECS[3])]) if music and alone and as_dense else None


def _add(chained: _Chained, page: Page) -> None:
    if chained.in_head and page.position in (0, -1) and page.start == chained.head[1]:
        chained.head = (chained.head[0], page.stop)
        return
    chained.in_head = False
    run = chained.runs[-1] if chained.runs else None
    if run and page.number == run.number + 1:
        run.stop, run.number = page.stop, page.number
    else:
        chained.runs.append(_Run(page.start, page.stop, page.number, 0))
    if page.position >= 0:
        chained.runs[-1].position = page.position


def _links(chained: _Chained) -> list[Link]:
    """A link for each run, all with the first pages in front."""
    clock = _OPUS_CLOCK if chained.codec == _CODECS[1] else 0
    links = []
    for number, run in enumerate(chained.runs):
        together = chained.head[1] == run.start
        pieces = ((chained.head[0], run.stop),) if together else (chained.head, (run.start, run.stop))
        links.append(Link(pieces, ends_at=run.position, clock=clock, follows=number > 0))
    return links


def _pages(blocks: spliced.Blocks, start: int) -> Iterator[Page]:
    """Whole pages from byte `start` on; what is between is passed over."""
    base, block, mirrored, place = start, b"", b"", 0
    refused = 0
    while refused < _MOST_REFUSED:
        if len(block) - place < _MOST_PAGE and base + len(block) < blocks.size:
            base, place = base + place, 0
            block = blocks.at(base)
            mirrored = block.translate(_MIRRORED)
        if block[place : place + 4] != b"OggS":
            found = block.find(b"OggS", place)
            ahead = len(block) - 3 if found < 0 else found
            if found < 0 and base + len(block) >= blocks.size:
                return
            place = max(place, ahead)
            continue
        page = _page(block, mirrored, place, base)
        if page is None:
            place, refused = place + 1, refused + 1
            continue
        yield page
        place = page.stop - base


def _page(block: bytes, mirrored: bytes, place: int, base: int) -> Page | None:
    """The page at `place` of a block; None if it is not whole, by its checksum."""
    if len(block) - place < 27:
        return None
    flags, position, serial, number = struct.unpack_from("<BqII", block, place + 5)
    segments = block[place + 26]
    body = place + 27 + segments
    stop = body + sum(block[place + 27 : body])
    if block[place + 4] or stop > len(block):
        return None
    # the checksum goes through bytes from their high bits down: zlib's, of all bits mirrored
    value = zlib.crc32(mirrored[place : place + 22], 0xFFFFFFFF)
    value = zlib.crc32(mirrored[place + 26 : stop], zlib.crc32(bytes(4), value)) ^ 0xFFFFFFFF
    if value != int.from_bytes(mirrored[place + 22 : place + 26], "big"):
        return None
    codec = b""
    if flags & _FIRST:
        codec = next((known for known in _CODECS if block.startswith(known, body)), b"")
    return Page(base + place, base + stop, flags, position, serial, number, codec)
