"""Headers of encoders in MPEG audio, in frames that hold no music: Xing's, LAME's and VBRI's, read and written.

They are known from the encoders that write them.
"""

import dataclasses
import struct

from kerastag.audio import mpeg, mpeg_header, spliced
from kerastag.audio.mpeg_header import Key

_INFO_BYTES = 200  # a Xing header with all its fields, and a LAME one


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


def read(blocks: spliced.Blocks, position: int, key: Key) -> Info | None:
    """The encoder's header in the frame at `position`; None if that frame is music."""
    if key.layer != 3:
        return None
    frame = blocks.at(position, mpeg_header.frame_bytes(key, blocks.at(position, 4)[2]))
    side = _side_bytes(key)
    if frame[36:40] == b"VBRI" and len(frame) >= 54:
        num_bytes, num_frames = struct.unpack(">II", frame[46:54])
        return Info(frame, num_frames, num_bytes, is_xing=False)
    for start in (4 + side, 6 + side):
        if frame[start : start + 4] in (b"Xing", b"Info") and len(frame) >= start + 8:
            return _xing(frame, start)
    return None


def places(blocks: spliced.Blocks, run: mpeg.Run) -> list[int]:
    """Where in a run encoders' headers may stand, behind its first frame: streams that were joined."""
    found = []
    side = _side_bytes(run.key)
    for mark in (b"Xing", b"Info"):
        place = blocks.find(mark, run.start + 4 + side + 1, run.stop)
        while place >= 0:
            start = place - 4 - side
            header = blocks.at(start, 4)
            if header[0] == 0xFF and run.key.alike(mpeg_header.key_of(header)):
                found.append(start)
            place = blocks.find(mark, place + 1, run.stop)
    return sorted(found)


def rewritten(info: Info, key: Key, num_frames: int, num_bytes: int, padding: int | None) -> bytes:
    """An encoder's header that states what there is, so that libsndfile believes it.

    Args:
      info: the stream's own, whose delay is kept.
      key: key of the stream.
      num_frames, num_bytes: to state.
      padding: samples that the encoder put behind the stream's end; None: not known.
    """
    first = next(
        third
        for third in mpeg_header.THIRD_BYTES
        if third & 0x0E == key.rate_bits and mpeg_header.frame_bytes(key, third) >= _INFO_BYTES
    )
    frame = bytearray(mpeg_header.frame_bytes(key, first))
    frame[:4] = bytes((0xFF, key.second | 1, first, 0xC0 if key.mono else 0x40))
    start = 4 + _side_bytes(key)
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


def _side_bytes(key: Key) -> int:
    """Bytes of the side information in a frame of layer III, behind which an encoder's header stands."""
    if key.second >> 3 & 3 == 3:
        return 17 if key.mono else 32
    return 9 if key.mono else 17
