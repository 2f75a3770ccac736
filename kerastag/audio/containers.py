"""Layouts of WAV, AIFF and AU files, and which other container a file is, by its first bytes.

What misleads libsndfile: a size that the writer never came back to fill in, bytes in front of the file, a second file
behind it. What it does not tell: that the data is shorter than stated.
"""

import dataclasses
import re
import struct
from collections.abc import Iterator

from kerastag.audio import flac, mpeg, ogg, spliced
from kerastag.audio.link import Layout, Link

_FRONT = 1 << 16  # bytes of junk in front of a known beginning, at most
_BEGINNINGS = re.compile(
    rb"RIFF....WAVE|RIFX....WAVE|FORM....AIF[FC]|fLaC\x00\x00\x00\x22|OggS\x00\x02|\.snd\x00\x00\x00.", re.DOTALL
)
_OTHERS = re.compile(  # which nobody need search for MPEG frames: MP4, ASF, WavPack, APE, Musepack, Matroska, ...
    rb"....ftyp|\x30\x26\xb2\x75|wvpk|MAC |MPCK|MP\+|\x1aE\xdf\xa3|TTA[12]|DSD |FRM8|caff|riff|RF64|PK\x03\x04",
    re.DOTALL,
)
_MPEG_CODES = (0x50, 0x55)  # of MPEG frames in a WAV's clothes
_UNSTATED = 0x7FFFFFFF  # and more: sizes of files that were written to a pipe
_MOST_CHUNKS = 10_000  # that are looked at: a file of nothing but empty ones is not to take for ever
_AU_BYTES = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}  # of a sample, by encoding


@dataclasses.dataclass(frozen=True)
class _Data:
    """The samples of a WAV, AIFF or AU file.

    Attributes:
      start: start of the samples, in bytes.
      size: as stated.
      rate: bytes per second; 0: not known.
      patches: what to write where, if all that is there is data.
    """

    start: int
    size: int
    rate: float
    patches: dict[int, bytes]


def of(blocks: spliced.Blocks) -> Layout | None:
    """The layout of a file in a container that is known; None if it is in none."""
    start = mpeg.behind_tags(blocks, 0)
    if _OTHERS.match(blocks.at(start, 16)):
        return Layout([Link()])
    match = _BEGINNINGS.match(blocks.at(start, 16)) or _BEGINNINGS.search(blocks.at(start, _FRONT))
    return _at(blocks, start + match.start(), match.group()) if match else None


def _at(blocks: spliced.Blocks, start: int, beginning: bytes) -> Layout | None:
    """The layout of what begins at byte `start`."""
    if beginning[:4] == b"fLaC":
        return flac.layout(blocks, start)
    if beginning[:4] == b"OggS":
        return ogg.layout(blocks, start)
    if beginning[:4] == b".snd":
        return _samples(blocks, start, _au(blocks, start), ">")
    order = "<" if beginning[:4] == b"RIFF" else ">"
    chunks = _aiff if beginning[:4] == b"FORM" else _wav
    data = chunks(blocks, start, order)
    return _samples(blocks, start, data, order) if data else None


def _samples(blocks: spliced.Blocks, start: int, data: _Data, order: str) -> Layout:
    """The layout of a file with `data`, and of what is joined to it."""
    there = blocks.size - data.start
    if data.size <= 0 and there > 8 and not _chunk_follows(blocks, data.start, order):
        return Layout([Link.of_bytes(blocks.size, start, patches=data.patches)])
    if not 0 < data.size < _UNSTATED or not data.rate:
        return Layout([Link.of_bytes(blocks.size, start)])
    stop, seconds = data.start + data.size, data.size / data.rate
    behind = stop + data.size % 2 if _BEGINNINGS.match(blocks.at(stop + data.size % 2, 16)) else stop
    match = _BEGINNINGS.match(blocks.at(behind, 16))
    following = _at(blocks, behind, match.group()) if match else None
    if following is not None:
        gaps = [(begin + seconds, lost) for begin, lost in following.gaps]
        both = None if following.seconds_stated is None else seconds + following.seconds_stated
        return Layout([Link.of_bytes(blocks.size, start, behind), *following.links], gaps, both)
    gaps = [(there / data.rate, (data.size - there) / data.rate)] if data.size - there > 1 else []
    return Layout([Link.of_bytes(blocks.size, start)], gaps, seconds)


def _chunks(blocks: spliced.Blocks, start: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """The id, the content's place and the size of each chunk."""
    position = start + 12
    for _ in range(_MOST_CHUNKS):
        head = blocks.at(position, 8)
        if len(head) < 8:
            break
        size = struct.unpack(order + "I", head[4:])[0]
        yield head[:4], position + 8, size
        position += 8 + size + size % 2


def _wav(blocks: spliced.Blocks, start: int, order: str) -> _Data | None:
    """None: it is no plain WAV file."""
    rate = 0
    for name, place, size in _chunks(blocks, start, order):
        if name == b"fmt " and size >= 16:
            code, _, _, rate = struct.unpack(order + "HHII", blocks.at(place, 12).ljust(12, b"\0"))
            if code in _MPEG_CODES:
                return None
        elif name == b"data":
            return _Data(place, size, rate, _sizes(blocks, start, place, order))
    return _Data(blocks.size, 0, 0, {})


def _aiff(blocks: spliced.Blocks, start: int, order: str) -> _Data | None:
    rate = seconds = 0.0
    frames = frames_place = 0
    frame_bytes = 1
    for name, place, size in _chunks(blocks, start, order):
        if name == b"COMM" and size >= 18:
            channels, frames, bits, exponent, mantissa = struct.unpack(">HIHHQ", blocks.at(place, 18).ljust(18, b"\0"))
            hertz = mantissa * 2.0 ** ((exponent & 0x7FFF) - 16383 - 63) if exponent & 0x7FFF < 16500 else 0.0
            seconds, frames_place, frame_bytes = (frames / hertz if hertz else 0.0), place + 2, channels * -(-bits // 8)
        elif name == b"SSND":
            data_start = place + 8
            if seconds and abs(size - 8 - frames * frame_bytes) < frame_bytes:  # else a codec has its say
                rate = (size - 8) / seconds
            patches = _sizes(blocks, start, place, order)
            if frames_place:
                there = (blocks.size - data_start) // max(1, frame_bytes)
                patches[frames_place] = struct.pack(">I", min(there, 0xFFFFFFFF))
            return _Data(data_start, size - 8, rate, patches)
    return _Data(blocks.size, 0, 0, {})


def _au(blocks: spliced.Blocks, start: int) -> _Data:
    fields = struct.unpack(">IIIII", blocks.at(start + 4, 20).ljust(20, b"\0"))
    offset, size, encoding, rate, channels = fields
    return _Data(start + offset, size, rate * channels * _AU_BYTES.get(encoding, 0), {start + 8: b"\xff\xff\xff\xff"})


def _sizes(blocks: spliced.Blocks, start: int, place: int, order: str) -> dict[int, bytes]:
    """The sizes of the file and of the chunk whose content is at `place`, as if all that is there were in it."""
    sizes = {start + 4: blocks.size - start - 8, place - 4: blocks.size - place}
    return {where: struct.pack(order + "I", min(size, 0xFFFFFFF0)) for where, size in sizes.items()}


def _chunk_follows(blocks: spliced.Blocks, position: int, order: str) -> bool:
    """Whether a chunk that fits in the file stands at `position`."""
    head = blocks.at(position, 8)
    if len(head) < 8 or not re.fullmatch(rb"[ -~]{4}", head[:4]):
        return False
    return position + 8 + struct.unpack(order + "I", head[4:])[0] <= blocks.size + 1
