"""Layouts of WAV, AIFF, AU, FLAC and Ogg files whose headers, or what stands in front of them, mislead libsndfile."""

import dataclasses
import re
import struct

from kerastag.audio import mpeg, spliced
from kerastag.audio.link import Layout, Link

_FRONT = 1 << 16  # bytes of junk in front of a known beginning, at most
_TAIL = 1 << 18  # bytes, more than the longest FLAC frame of 24 bits
_FLAC_BLOCKS = {1: 192, **{2 + i: 576 << i for i in range(4)}, **{8 + i: 256 << i for i in range(8)}}
_FLAC_SYNC = re.compile(rb"\xff[\xf8\xf9]")
_OGG_BEGINS = b"OggS\0\2"
_OGG_CODECS = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ")
_BEGINNINGS = re.compile(rb"RIFF....WAVE|RIFX....WAVE|FORM....AIF[FC]|fLaC\x00\x00\x00\x22|OggS\x00\x02|\.snd\x00\x00\x00.", re.DOTALL)
_NOT_MPEG = re.compile(  # what is not to be searched for MPEG frames: MP4, ASF, WavPack, APE, Musepack, Matroska, ...
    rb"....ftyp|\x30\x26\xb2\x75|wvpk|MAC |MPCK|MP\+|\x1aE\xdf\xa3|TTA[12]|DSD |FRM8|caff|riff|RF64|PK\x03\x04",
    re.DOTALL,
)


def of(blocks: spliced.Blocks) -> Layout | None:
    """The layout of a file that is one of these; None if it is not, or not known to be."""
    start = mpeg.behind_tags(blocks, 0)
    if _NOT_MPEG.match(blocks.at(start, 16)):
        return Layout([Link()])
    match = _BEGINNINGS.match(blocks.at(start, 16)) or _BEGINNINGS.search(blocks.at(start, _FRONT))
    if match is None:
        return None
    start, begins = start + match.start(), match.group()
    if begins[:4] in (b"RIFF", b"RIFX", b"FORM"):
        return _chunked(blocks, start, begins)
    if begins[:4] == b".snd":
        return _au(blocks, start)
    return _flac(blocks, start) if begins[:4] == b"fLaC" else _ogg(blocks, start)


def _link(blocks: spliced.Blocks, start: int, stop: int | None = None, patches: dict[int, bytes] | None = None) -> Link:
    """A link of the bytes from `start` to `stop`, some replaced, by place; the file as it is if that is all of it."""
    stop = blocks.size if stop is None else stop
    if start == 0 and stop == blocks.size and not patches:
        return Link()
    pieces: list[spliced.Piece] = []
    for place, value in sorted((patches or {}).items()):
        pieces += [(start, place), value]
        start = place + len(value)
    return Link((*pieces, (start, stop)))


def _chunked(blocks: spliced.Blocks, start: int, begins: bytes) -> Layout | None:
    """WAV and AIFF: chunks with an id and a size."""
    order, data_id = (">" if begins[:4] != b"RIFF" else "<"), (b"SSND" if begins[:4] == b"FORM" else b"data")
    position, frame_bytes, rate, num_frames = start + 12, 0, 0.0, None
    while len(head := blocks.at(position, 8)) == 8:
        chunk_id, size = head[:4], struct.unpack(order + "I", head[4:])[0]
        if chunk_id == b"fmt " and size >= 16:
            fields = struct.unpack(order + "HHIIH", blocks.at(position + 8, 14).ljust(14, b"\0"))
            if fields[0] in (0x50, 0x55):  # MPEG frames in a WAV's clothes
                return None
            rate, frame_bytes = fields[3], 1  # bytes per second
        elif chunk_id == b"COMM":
            num_frames = struct.unpack(">I", blocks.at(position + 10, 4).ljust(4, b"\0"))[0]
        elif chunk_id == data_id:
            break
        position += 8 + size + size % 2
    else:
        return Layout([_link(blocks, start)])
    there = blocks.size - position - 8
    header = 8 if data_id == b"SSND" else 0
    if size <= header and there > header + 8 and not _chunk_follows(blocks, position + 8 + size, order):
        return _without_size(blocks, start, position, there, order, num_frames)
    link = _link(blocks, start)
    known = 0 < size < 0x7FFFFFFF and rate and frame_bytes
    if not known:
        return Layout([link])
    gaps = [(there / rate, (size - there) / rate)] if size - there > 1 else []
    return Layout([link], gaps, size / rate)


def _without_size(
    blocks: spliced.Blocks, start: int, position: int, there: int, order: str, num_frames: int | None
) -> Layout:
    """A file whose writer never came back to fill in the size of its data: all that is there is data."""
    size = struct.pack(order + "I", min(there, 0xFFFFFFF0))
    whole = struct.pack(order + "I", min(blocks.size - start - 8, 0xFFFFFFF0))
    return Layout([_link(blocks, start, None, {start + 4: whole, position + 4: size})])


def _chunk_follows(blocks: spliced.Blocks, position: int, order: str) -> bool:
    """Whether a chunk that fits in the file stands at `position`."""
    head = blocks.at(position, 8)
    if len(head) < 8 or not re.fullmatch(rb"[ -~]{4}", head[:4]):
        return False
    return position + 8 + struct.unpack(order + "I", head[4:])[0] <= blocks.size + 1


def _au(blocks: spliced.Blocks, start: int) -> Layout:
    offset, size = struct.unpack(">II", blocks.at(start + 4, 8).ljust(8, b"\0"))
    if size == 0 and blocks.size - start > offset:
        return Layout([_link(blocks, start, None, {start + 8: b"\xff\xff\xff\xff"})])
    return Layout([_link(blocks, start)])


@dataclasses.dataclass(frozen=True)
class _StreamInfo:
    """What a FLAC stream says of itself: the frames' block sizes, Hz, samples in all (0: not known)."""

    least_block: int
    greatest_block: int
    rate: int
    num_samples: int


def _flac(blocks: spliced.Blocks, start: int) -> Layout:
    """FLAC: behind a tag, or with a count of samples that the last frame contradicts."""
    info = _stream_info(blocks.at(start, 42))
    if info is None or not info.num_samples:
        return Layout([_link(blocks, start)])
    end, complete = _flac_end(blocks, start, info)
    seconds = info.num_samples / info.rate if info.rate else None
    link = dataclasses.replace(_link(blocks, start), stated=info.num_samples)
    if end == info.num_samples:
        return Layout([link], seconds_stated=seconds)
    second = blocks.find(b"fLaC\0\0\0\x22", start + 42)
    if second >= 0:  # two files, one after the other
        parts = [_flac_part(blocks, start, second), *_flac(blocks, second).links]
        return Layout(parts)
    if end is not None and end > info.num_samples:
        return Layout([_flac_part(blocks, start, blocks.size, end)], seconds_stated=seconds)
    if complete:  # it ends where a frame does: the count was wrong
        link.stated = 0
    return Layout([link], seconds_stated=seconds)


def _flac_part(blocks: spliced.Blocks, start: int, stop: int, num_samples: int | None = None) -> Link:
    if num_samples is None:
        return _link(blocks, start, stop)
    fields = blocks.at(start + 21, 5)
    patched = bytes([fields[0] & 0xF0 | num_samples >> 32]) + struct.pack(">I", num_samples & 0xFFFFFFFF)
    return _link(blocks, start, stop, {start + 21: patched})


def _stream_info(head: bytes) -> _StreamInfo | None:
    if len(head) < 42:
        return None
    least, greatest = struct.unpack(">HH", head[8:12])
    bits = int.from_bytes(head[18:26], "big")
    return _StreamInfo(least, greatest, bits >> 44, bits & (1 << 36) - 1)


def _flac_end(blocks: spliced.Blocks, start: int, info: _StreamInfo) -> tuple[int | None, bool]:
    """Where the last frame says that it ends, in samples, None if there is none; whether all of its bytes are there."""
    base = max(start, blocks.size - _TAIL)
    tail = blocks.at(base, _TAIL)
    for match in reversed(list(_FLAC_SYNC.finditer(tail))):
        end = _flac_frame_end(tail[match.start() : match.start() + 16], info)
        if end is not None:
            return end, _crc(tail[match.start() :], 0x8005, 16) == 0
    return None, False


def _flac_frame_end(header: bytes, info: _StreamInfo) -> int | None:
    """The sample behind a frame, by its header; None if it is none."""
    if len(header) < 16 or header[3] & 1 or header[3] >> 4 > 10 or not header[2] >> 4:
        return None
    ones = 8 - (header[4] ^ 0xFF).bit_length()  # a number coded like UTF-8
    if ones in (1, 8):
        return None
    length = max(1, ones)
    number = header[4] & 0x7F >> ones
    for byte in header[5 : 4 + length]:
        number = number << 6 | byte & 0x3F
    place, block_code, rate_code = 4 + length, header[2] >> 4, header[2] & 15
    size = _FLAC_BLOCKS.get(block_code, 0)
    if block_code in (6, 7):
        size = int.from_bytes(header[place : place + block_code - 5], "big") + 1
        place += block_code - 5
    place += {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if place >= len(header) or _crc(header[:place], 0x07, 8) != header[place]:
        return None
    first = number if header[1] & 1 else number * info.greatest_block
    return first + size


def _crc(data: bytes, polynomial: int, width: int) -> int:
    """The checksum of FLAC's headers (8 bits) and frames (16 bits): no reflection, no initial value."""
    table, mask = [], (1 << width) - 1
    for byte in range(256):
        value = byte << width - 8
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> width - 1 & 1 else 0)
        table.append(value & mask)
    value = 0
    for byte in data:
        value = (value << 8 ^ table[value >> width - 8 ^ byte]) & mask
    return value


def _ogg(blocks: spliced.Blocks, start: int) -> Layout:
    """Ogg: one link for each stream of a chain, that begin with pages of their own."""
    starts = [start]
    end = start + _page_bytes(blocks, start)
    place = blocks.find(_OGG_BEGINS, start + 1)
    while place >= 0:
        audio_codec = any(codec in blocks.at(place, 64) for codec in _OGG_CODECS)
        if place != end and audio_codec:  # else it is another stream of the same link
            starts.append(place)
        end = place + _page_bytes(blocks, place)
        place = blocks.find(_OGG_BEGINS, place + 1)
    stops = [*starts[1:], blocks.size]
    return Layout([_link(blocks, *pair) for pair in zip(starts, stops, strict=True)])


def _page_bytes(blocks: spliced.Blocks, position: int) -> int:
    header = blocks.at(position, 27 + 255)
    return 27 + header[26] + sum(header[27 : 27 + header[26]]) if len(header) > 27 else 0
