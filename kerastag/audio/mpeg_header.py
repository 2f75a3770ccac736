"""The header of an MPEG audio frame (layers I to III): the stream that it belongs to, and the bytes of the frame.

ISO/IEC 11172-3 and 13818-3.
"""

import dataclasses
import functools

_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # by version bits
_KILOBITS = {  # by MPEG-1 or not, and layer
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
THIRD_BYTES = bytes(byte for byte in range(0x10, 0xF0) if byte & 0x0C != 0x0C)  # a bit rate and a sample rate


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


@functools.cache
def frame_sizes(second: int, rate_bits: int) -> tuple[int, ...]:
    """Bytes of a frame by its third byte, 0 where it is none of this stream."""
    key = Key(second, rate_bits, False)
    sizes = [0] * 256
    if second & 0xE0 != 0xE0 or second >> 3 & 3 == 1 or not second >> 1 & 3 or rate_bits == 0x0C:
        return tuple(sizes)
    kilobits = _KILOBITS[second >> 3 & 3 == 3, key.layer]
    slot = 4 if key.layer == 1 else 1
    for third in THIRD_BYTES:
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
    return frame_sizes(key.second, key.rate_bits)[third]


def key_of(header: bytes) -> Key:
    """The key of a frame by its first four bytes."""
    return Key(header[1], header[2] & 0x0C, header[3] >> 6 == 3)
