"""MPEG audio frames (layers I to III): which bytes of a file are music, and how much of it is missing.

A decoder that meets anything but a frame gives up after 1,024 bytes, takes its count of frames from the first header,
or loses the time. So the frames are followed from header to header, over tags, junk and the joints of streams: 0.2
microseconds a frame. Nothing is decoded. ISO/IEC 11172-3 and 13818-3 have the header; the Xing, LAME and VBRI headers
are known from the encoders that write them.
"""

import dataclasses
import functools
import re
import struct

from kerastag.audio import spliced

_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # by version bits
_KILOBITS = {  # by MPEG-1 or not, and layer
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_THIRD = bytes(byte for byte in range(0x10, 0xF0) if byte & 0x0C != 0x0C)  # a bit rate and a sample rate
_HEADER = re.compile(rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff][" + re.escape(_THIRD) + rb"]", re.DOTALL)
_CONFIRMED = 4  # headers in a row that make a stream; 2 where the stream is known already
_LOOK_AHEAD = 1 << 14  # bytes, more than 4 frames
_LEAST_SHARE = 0.5  # of a file's bytes that frames make up: what has fewer is something else
_MOST_REFUSED = 20_000  # headers that nothing follows: random bytes have one in 131,000
_MOST_TAGS = 100  # one after the other
_INFO_BYTES = 200  # a Xing header with all its fields, and a LAME one


@dataclasses.dataclass(frozen=True)
class Key:
    """What all frames of a stream have in common: the second byte, the sample rate's bits, one channel or two."""

    second: int
    rate_bits: int
    mono: bool

    @property
    def layer(self) -> int:
        return 4 - (self.second >> 1 & 3)

    @property
    def rate(self) -> int:
        """In Hz."""
        return _RATES[self.second >> 3 & 3][self.rate_bits >> 2]

    @property
    def frame_samples(self) -> int:
        """Samples of each channel in a frame."""
        if self.layer == 1:
            return 384
        return 576 if self.layer == 3 and self.second >> 3 & 3 != 3 else 1152

    def alike(self, other: "Key") -> bool:
        """Whether one decoder reads both: a checksum or not does not matter."""
        return (self.second | 1, self.rate_bits, self.mono) == (other.second | 1, other.rate_bits, other.mono)


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


@dataclasses.dataclass(frozen=True)
class Info:
    """What an encoder's header says, a frame that holds no music.

    Attributes:
      frame: its bytes.
      num_frames, num_bytes: of the stream; None where it does not say.
      delay, padding: samples that the encoder put in front and behind; None where it does not say.
      is_xing: it is of the kind that makes decoders take their own delay off the beginning.
    """

    frame: bytes
    num_frames: int | None
    num_bytes: int | None
    delay: int | None = None
    padding: int | None = None
    is_xing: bool = True


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


def info_at(blocks: spliced.Blocks, position: int, key: Key) -> Info | None:
    """The encoder's header in the frame at `position`; None if that frame is music."""
    if key.layer != 3:
        return None
    frame = blocks.at(position, frame_bytes(key, blocks.at(position, 4)[2]))
    side = side_bytes(key)
    if frame[36:40] == b"VBRI" and len(frame) >= 54:
        num_bytes, num_frames = struct.unpack(">II", frame[46:54])
        return Info(frame, num_frames, num_bytes, is_xing=False)
    for start in (4 + side, 6 + side):
        if frame[start : start + 4] in (b"Xing", b"Info") and len(frame) >= start + 8:
            return _xing(frame, start)
    return None


def rewritten(info: Info, key: Key, num_frames: int, num_bytes: int, padding: int | None) -> bytes:
    """An encoder's header that states what there is, so that libsndfile believes it.

    Args:
      info: the stream's own, whose delay is kept.
      key: key of the stream.
      num_frames, num_bytes: to state.
      padding: samples that the encoder put behind the stream's end; None: not known.
    """
    first = next(third for third in _THIRD if third & 0x0E == key.rate_bits and frame_bytes(key, third) >= _INFO_BYTES)
    frame = bytearray(frame_bytes(key, first))
    frame[:4] = bytes((0xFF, key.second | 1, first, 0xC0 if key.mono else 0x40))
    start = 4 + side_bytes(key)
    frame[start : start + 16] = b"Info" + struct.pack(">III", 3, num_frames, num_bytes + len(frame))
    if info.delay is not None:
        frame[start + 16 : start + 25] = b"LAME3.100"
        frame[start + 37 : start + 40] = (info.delay << 12 | min(padding or 0, 4095)).to_bytes(3, "big")
    return bytes(frame)


def _xing(frame: bytes, start: int) -> Info:
    flags = int.from_bytes(frame[start + 4 : start + 8], "big")
    place, counts = start + 8, []
    for bit, size in ((1, 4), (2, 4), (4, 100), (8, 4)):
        counts.append(int.from_bytes(frame[place : place + 4], "big") if flags & bit else None)
        place += size if flags & bit else 0
    if not frame[place : place + 1].strip(b"\0") or len(frame) < place + 24:
        return Info(frame, counts[0], counts[1])
    both = int.from_bytes(frame[place + 21 : place + 24], "big")
    return Info(frame, counts[0], counts[1], both >> 12, both & 0xFFF)


@functools.cache
def _sizes(second: int, rate_bits: int) -> tuple[int, ...]:
    """Bytes of a frame by its third byte, 0 where it is none of this stream."""
    key = Key(second, rate_bits, False)
    sizes = [0] * 256
    if second & 0xE0 != 0xE0 or second >> 3 & 3 == 1 or not second >> 1 & 3 or rate_bits == 0x0C:
        return tuple(sizes)
    kilobits = _KILOBITS[second >> 3 & 3 == 3, key.layer]
    slot = 4 if key.layer == 1 else 1
    for third in _THIRD:
        if third & 0x0C == rate_bits:
            bits = key.frame_samples * kilobits[(third >> 4) - 1] * 1000 // 8
            sizes[third] = (bits // slot // key.rate + (third >> 1 & 1)) * slot
    return tuple(sizes)


def mean_bytes(key: Key, third: int) -> float:
    """Bytes of a frame with its share of padding, by its third byte, in a stream of one bit rate."""
    kilobits = _KILOBITS[key.second >> 3 & 3 == 3, key.layer][(third >> 4) - 1]
    return key.frame_samples * kilobits * 125 / key.rate


def frame_bytes(key: Key, third: int) -> int:
    """Bytes of a frame by its third byte; 0: there is no such frame in this stream."""
    return _sizes(key.second, key.rate_bits)[third]


def key_of(header: bytes) -> Key:
    """The key of a frame by its first four bytes."""
    return Key(header[1], header[2] & 0x0C, header[3] >> 6 == 3)


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
    key = key_of(block[place : place + 4])
    wanted = 2 if known is not None and key.alike(known) else _CONFIRMED
    for number in range(wanted):
        header = block[place : place + 4]
        if len(header) < 4 or header[:3] in (b"TAG", b"APE", b"LYR", b"ID3"):
            return number > 0
        if header[0] != 0xFF or not key.alike(key_of(header)) or not frame_bytes(key_of(header), header[2]):
            return False
        place += frame_bytes(key_of(header), header[2])
    return True


def split(blocks: spliced.Blocks, run: Run, place: int) -> tuple[Run, Run] | None:
    """A run in two, the second from `place` on; None if no frame begins there."""
    first = follow(blocks, run.start, place)
    if first.stop != place or not first.num_frames:
        return None
    return first, dataclasses.replace(run, start=place, num_frames=run.num_frames - first.num_frames)


def info_places(blocks: spliced.Blocks, run: Run) -> list[int]:
    """Where in a run encoders' headers may stand, behind its first frame: streams that were joined."""
    places = []
    side = side_bytes(run.key)
    for mark in (b"Xing", b"Info"):
        place = blocks.find(mark, run.start + 4 + side + 1, run.stop)
        while place >= 0:
            start = place - 4 - side
            header = blocks.at(start, 4)
            if header[0] == 0xFF and run.key.alike(key_of(header)):
                places.append(start)
            place = blocks.find(mark, place + 1, run.stop)
    return sorted(places)


def side_bytes(key: Key) -> int:
    """Bytes of the side information in a frame of layer III, behind which an encoder's header stands."""
    if key.second >> 3 & 3 == 3:
        return 17 if key.mono else 32
    return 9 if key.mono else 17


def follow(blocks: spliced.Blocks, start: int, limit: int | None = None) -> Run:
    """The run of frames that begins at `start`, up to the frame that ends at or behind `limit`."""
    block, base = blocks.at(start), start
    key = key_of(block[:4])
    sizes, second, mono = _sizes(key.second, key.rate_bits), key.second, key.mono
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
