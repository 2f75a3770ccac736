"""FLAC streams (RFC 9639): whether the count of samples in front is that of the frames behind it.

libsndfile believes the count, and where a tag of more than 64 KB stands in front it seeks wrongly.
"""

import dataclasses
import functools
import re
import struct

from kerastag.audio import spliced
from kerastag.audio.link import Layout, Link

_BEGINNING = b"fLaC\0\0\0\x22"  # and the first block, always the one with the count
_HEAD = 42  # bytes of both
_TAILS = (1 << 15, 1 << 18)  # bytes: of most last frames, of the longest there can be
_PROBES = (0.25, 0.5, 0.75)  # where in a file a frame's number is looked at
_OFF = 0.2  # of a stream that a frame may lie from where its bytes suggest
_BLOCKS = {1: 192, **{2 + i: 576 << i for i in range(4)}, **{8 + i: 256 << i for i in range(8)}}
_SYNC = re.compile(rb"\xff[\xf8\xf9]")


@dataclasses.dataclass(frozen=True)
class _StreamInfo:
    """What a stream says of itself: the greatest block, Hz, samples in all (0: not known)."""

    greatest_block: int
    rate: int
    num_samples: int


def layout(blocks: spliced.Blocks, start: int) -> Layout:
    """The layout of the FLAC file that begins at byte `start`."""
    info = _stream_info(blocks.at(start, _HEAD))
    link = Link.of_bytes(blocks.size, start)
    if info is None or not info.num_samples or not info.rate:
        return Layout([link])
    seconds = info.num_samples / info.rate
    end, last_frame = _last_frame(blocks, start, info)
    if end != info.num_samples or _out_of_order(blocks, start, info):
        second = blocks.find(_BEGINNING, start + _HEAD)
        if second >= 0:  # two files, one after the other
            following = layout(blocks, second)
            both = None if following.seconds_stated is None else seconds + following.seconds_stated
            return Layout([Link.of_bytes(blocks.size, start, second), *following.links], seconds_stated=both)
    if end is not None and end > info.num_samples:
        fields = blocks.at(start + 21, 1)
        count = bytes([fields[0] & 0xF0 | end >> 32]) + struct.pack(">I", end & 0xFFFFFFFF)
        return Layout([Link.of_bytes(blocks.size, start, patches={start + 21: count})], seconds_stated=seconds)
    if end is None or end == info.num_samples or _crc(last_frame, 0x8005, 16):
        link.stated = info.num_samples  # else the file ends where a frame does: the count is wrong
    return Layout([link], seconds_stated=seconds)


def _stream_info(head: bytes) -> _StreamInfo | None:
    if len(head) < _HEAD:
        return None
    bits = int.from_bytes(head[18:26], "big")
    return _StreamInfo(int.from_bytes(head[10:12], "big"), bits >> 44, bits & (1 << 36) - 1)


def _last_frame(blocks: spliced.Blocks, start: int, info: _StreamInfo) -> tuple[int | None, bytes]:
    """The sample behind the last frame, by its header, None if there is no frame; all bytes from that frame on."""
    for size in _TAILS:
        tail = blocks.at(max(start, blocks.size - size), size)
        place = tail.rfind(b"\xff")
        while place >= 0:
            span = _span(tail[place : place + 16], info) if _SYNC.match(tail, place) else None
            if span:
                return span[1], tail[place:]
            place = tail.rfind(b"\xff", 0, place)
    return None, b""


def _out_of_order(blocks: spliced.Blocks, start: int, info: _StreamInfo) -> bool:
    """Whether a frame in the file's middle lies far from where its number belongs, as in two files joined."""
    for share in _PROBES:
        block = blocks.at(start + int(share * (blocks.size - start)), _TAILS[0])
        spans = (_span(block[match.start() : match.start() + 16], info) for match in _SYNC.finditer(block))
        first = next((span[0] for span in spans if span), None)
        if first is not None and abs(first / info.num_samples - share) > _OFF:
            return True
    return False


def _span(header: bytes, info: _StreamInfo) -> tuple[int, int] | None:
    """The first sample of a frame and the one behind it, by its header; None if it is none."""
    if len(header) < 16 or header[3] & 1 or header[3] >> 4 > 10 or not header[2] >> 4:
        return None
    ones = 8 - (header[4] ^ 0xFF).bit_length()  # a number coded like UTF-8
    if ones in (1, 8):
        return None
    length = max(1, ones)
    number = header[4] & 0x7F >> ones
    for byte in header[5 : 4 + length]:
        number = number << 6 | byte & 0x3F
    place, block_code = 4 + length, header[2] >> 4
    size = _BLOCKS.get(block_code, 0)
    if block_code in (6, 7):
        size = int.from_bytes(header[place : place + block_code - 5], "big") + 1
        place += block_code - 5
    place += {12: 1, 13: 2, 14: 2}.get(header[2] & 15, 0)
    if place >= len(header) or _crc(header[:place], 0x07, 8) != header[place]:
        return None
    first = number if header[1] & 1 else number * info.greatest_block
    return first, first + size


def _crc(data: bytes, polynomial: int, width: int) -> int:
    """The checksum of headers (8 bits) and frames (16 bits): high bits first, from 0; 0 if `data` ends with its own."""
    table, mask, value = _crc_table(polynomial, width), (1 << width) - 1, 0
    for byte in data:
        value = (value << 8 ^ table[value >> width - 8 ^ byte]) & mask
    return value


@functools.cache
def _crc_table(polynomial: int, width: int) -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte << width - 8
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> width - 1 & 1 else 0)
        table.append(value & (1 << width) - 1)
    return tuple(table)
