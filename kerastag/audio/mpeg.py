"""MPEG audio frames (layers I to III): which bytes of a file are music, and how much of it is missing.

A decoder that meets anything but a frame gives up after 1,024 bytes, takes its count of frames from the first header,
or loses the time. So the frames are followed from header to header, over tags, junk and the joints of streams: 0.2
microseconds a frame. Nothing is decoded.
"""

import dataclasses
import re
import struct

from kerastag.audio import mpeg_header, spliced
from kerastag.audio.mpeg_header import Key

_HEADER = re.compile(rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff][" + re.escape(mpeg_header.THIRD_BYTES) + rb"]", re.DOTALL)
_CONFIRMED = 4  # headers in a row that make a stream; 2 where the stream is known already
_LOOK_AHEAD = 1 << 14  # bytes, more than 4 frames
_LEAST_SHARE = 0.5  # of a file's bytes that frames make up: what has fewer is something else
_MOST_REFUSED = 20_000  # headers that nothing follows: random bytes have one in 131,000
_MOST_TAGS = 100  # one after the other


@dataclasses.dataclass(frozen=True)
class Run:
    """Frames that follow each other without a byte between.

    Attributes:
      start, stop: in bytes.
      num_frames: whole ones.
      last: where the last of them begins.
      key: key of each frame.
      cut: the file ends within the frame that follows.
    """

    start: int
    stop: int
    num_frames: int
    last: int
    key: Key
    cut: bool = False


def runs(blocks: spliced.Blocks) -> list[Run]:
    """All runs of frames in a file, tags and junk between them left out; none if it is no MPEG audio."""
    found: list[Run] = []
    position = behind_tags(blocks, 0)
    while (start := _acquire(blocks, position, found[-1].key if found else None)) is not None:
        if found and start != position:
            found[-1] = _without_last(found[-1])  # what comes next is junk, and so may be this frame's end
        run = follow(blocks, start)
        found.append(run)
        if run.cut:
            break
        position = behind_tags(blocks, run.stop)
    found = [run for run in found if run.num_frames]
    size = blocks.size - min(behind_tags(blocks, 0), blocks.size)
    return found if sum(run.stop - run.start for run in found) >= _LEAST_SHARE * size else []


def behind_tags(blocks: spliced.Blocks, position: int) -> int:
    """The place behind the tags at `position`: ID3v1, ID3v2, APE, Lyrics3."""
    for _ in range(_MOST_TAGS):
        size = _tag_bytes(blocks, position)
        if not size:
            break
        position += size
    return position


def _tag_bytes(blocks: spliced.Blocks, position: int) -> int:
    """The size of the tag at `position`, 0 if there is none."""
    head = blocks.at(position, 32)
    if head[:3] == b"TAG":
        return 227 if head[3:4] == b"+" else 128
    if head[:8] == b"APETAGEX" and len(head) == 32:
        size, flags = struct.unpack("<I4xI", head[12:24])
        return 32 + (size if flags & 1 << 29 else 0)  # the flag says that this is the header, which does not count
    if head[:11] == b"LYRICSBEGIN":
        end = blocks.find(b"LYRICS200", position, position + (1 << 20))
        return max(0, end + 9 - position)
    return id3v2_bytes(head)


def id3v2_bytes(head: bytes) -> int:
    """The size of the ID3v2 tag that begins with `head`, 0 if there is none."""
    if head[:3] != b"ID3" or len(head) < 10 or max(head[6:10]) > 127:
        return 0
    size = sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    return 10 + size + 10 * (head[5] >> 4 & 1)  # a footer


def _acquire(blocks: spliced.Blocks, position: int, known: Key | None) -> int | None:
    """Where the next stream's first frame is, from `position` on."""
    refused = 0
    while position < blocks.size:
        block = blocks.at(position)
        last = len(block) if position + len(block) >= blocks.size else len(block) - _LOOK_AHEAD
        for match in _HEADER.finditer(block, 0, min(len(block), last + 3)):
            if _confirmed(block, match.start(), known):
                return position + match.start()
            refused += 1
            if refused > _MOST_REFUSED:
                return None
        position += max(1, last)
    return None


def _confirmed(block: bytes, place: int, known: Key | None) -> bool:
    """Whether frames follow each other from `place` on, up to the end of `block` if that is the file's."""
    if place + 4 > len(block):
        return False
    key = mpeg_header.key_of(block[place : place + 4])
    wanted = 2 if known is not None and key.alike(known) else _CONFIRMED
    for number in range(wanted):
        header = block[place : place + 4]
        if len(header) < 4 or header[:3] in (b"TAG", b"APE", b"LYR", b"ID3"):
            return number > 0
        if header[0] != 0xFF or not key.alike(following := mpeg_header.key_of(header)):
            return False
        size = mpeg_header.frame_bytes(following, header[2])
        if not size:
            return False
        place += size
    return True


def split(blocks: spliced.Blocks, run: Run, place: int) -> tuple[Run, Run] | None:
    """A run in two, the second from `place` on; None if no frame begins there."""
    first = follow(blocks, run.start, place)
    if first.stop != place or not first.num_frames:
        return None
    return first, dataclasses.replace(run, start=place, num_frames=run.num_frames - first.num_frames)


def follow(blocks: spliced.Blocks, start: int, limit: int | None = None) -> Run:
    """The run of frames that begins at `start`, up to the frame that ends at or behind `limit`."""
    block, base = blocks.at(start), start
    key = mpeg_header.key_of(block[:4])
    sizes, second, mono = mpeg_header.frame_sizes(key.second, key.rate_bits), key.second, key.mono
    place = size = num_frames = 0
    while True:
        end = len(block) - 3
        if limit is not None:
            end = min(end, limit - base)
        while (
            place < end
            and block[place] == 255
            and block[place + 1] == second
            and (next_size := sizes[block[place + 2]])
            and (block[place + 3] >= 192) == mono
        ):
            size = next_size
            place += size
            num_frames += 1
        if place < end or base + len(block) >= blocks.size or (limit is not None and base + place >= limit):
            break
        base, place = base + place, 0
        block = blocks.at(base)
    stop = base + place
    if stop > blocks.size:
        return Run(start, stop - size, num_frames - 1, stop - size, key, cut=True)
    return Run(start, stop, num_frames, stop - size, key)


def _without_last(run: Run) -> Run:
    return dataclasses.replace(run, stop=run.last, num_frames=run.num_frames - 1)
