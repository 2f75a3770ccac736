"""A process that decodes by FFmpeg's libraries what libsndfile does not read; it may die, its parent goes on.

It reads requests from standard input, a line of JSON each, and answers on standard output with a line of JSON, which
may announce float32 samples behind it. It runs as a script of its own, so it imports nothing of the package.

A file is always decoded from its first packet: timestamps in milliseconds, noise that decoders draw by their own
dice, and bits borrowed from packets before make a chunk after a seek another one than the slice of the whole.
"""

import json
import mmap
import os
import re
import struct
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

import av
import numpy as np

KEPT_SAMPLES = 1 << 25  # of the last file: 12 minutes at 44.1 kHz, 134 MB
FORMATS = (
    *("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "asf", "wv", "ape", "mpc", "mpc8", "matroska", "webm", "tta", "aac"),
    *("ogg", "wav", "w64", "aiff", "caf", "ac3", "eac3", "dsf", "iff", "amr", "tak"),
)  # no playlists, devices, images, subtitles: nothing that leads elsewhere
BARE = ("aac", "ac3", "eac3")  # frames without a container: their times only count what was found
ESTIMATE = (*BARE, "amr", "wav")  # formats whose duration is not a count
_INITIAL = re.escape(bytes(byte for byte in range(256) if byte & 8))  # the flag of the first block of a moment
BEGINNINGS = (  # of MP4, ASF, Matroska, WavPack's first block, TTA
    re.compile(rb"....ftyp(M4A |M4B |isom|mp42|dash|qt  )", re.DOTALL),
    re.compile(rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"),
    re.compile(rb"\x1a\x45\xdf\xa3.{0,48}?\x42\x82.(matroska|webm)", re.DOTALL),
    re.compile(rb"wvpk.{4}[\x02-\x10]\x04.{6}\0{4}.{5}[" + _INITIAL + rb"]", re.DOTALL),
    re.compile(rb"TTA[12]\x01\x00"),
)
ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")  # after it, what FFmpeg takes from the file's size
SILENT = "none of its samples can be decoded"
GAP_SECONDS = 0.1  # timestamps may be off by less
_SCALES = {"u8": 128, "s16": 1 << 15, "s32": 1 << 31, "s64": 1 << 63, "flt": 1, "dbl": 1}


class Recording:
    """The sound of a file, decoded from its start.

    Args:
      path: the file's name.

    Attributes:
      rate: samples per second.
      facts: what `open` answers.
    """

    def __init__(self, path: bytes):
        self._path = path
        self.rate = 0
        self._gaps: list[tuple[float, float]] = []
        kept: list[np.ndarray] | None = []
        total = 0
        for block in self._blocks():
            total += len(block)
            if kept is not None:
                kept.append(block)
            if total > KEPT_SAMPLES:
                kept = None
        if not total:
            raise ValueError(SILENT)
        self._whole = None if kept is None else np.concatenate([np.zeros(0, np.float32), *kept])
        self._add_missing_end(total / self.rate)
        self.facts = {
            "rate": self.rate,
            "num_channels": self._num_channels,
            "form": self._form,
            "num_frames": total,
            "gaps": self._gaps,
            "seconds_stated": self._stated,
        }

    def stretch(self, start: int, stop: int) -> np.ndarray:
        """Samples `start` to `stop`, mono float32, fewer at the end."""
        if self._whole is not None:
            return self._whole[start:stop]
        parts, position = [np.zeros(0, np.float32)], 0
        for block in self._blocks():
            parts.append(block[max(0, start - position) : max(0, stop - position)])
            position += len(block)
            if position >= stop:
                break
        return np.concatenate(parts)

    def _add_missing_end(self, seconds: float) -> None:
        """Adds what the file states and does not hold, and a second file behind it, which no such decoder reads."""
        if self._stated is not None:
            missing = self._stated - seconds - sum(lost for _, lost in self._gaps)
            if missing > GAP_SECONDS:
                self._gaps.append((seconds, missing))
        behind = _share_behind(self._path)
        if behind and (self._stated is None or seconds < (1 + behind / 2) * self._stated):  # else it was read
            self._gaps.append((seconds, behind * seconds))

    def _blocks(self) -> Iterator[np.ndarray]:
        """Decoded frames, mono float32; what does not decode is passed over and noted."""
        options = {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "file"}
        # an open file, not its name: names may be no UTF-8, or look like an address
        with open(self._path, "rb") as file, av.open(file, "r", options=options, metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise ValueError("it holds no sound")
            stream = container.streams.audio[0]
            stream.codec_context.options = {"err_detect": "crccheck+explode"}  # better a gap than noise
            self.rate, self._num_channels = stream.codec_context.sample_rate, stream.codec_context.channels
            self._form = [container.format.name.split(",")[0].upper(), stream.codec_context.name.upper()]
            self._stated = _seconds_stated(container, stream, file)
            if not self.rate > 0:
                raise ValueError("its sample rate is not known")
            gaps: _TimedGaps | _CountedGaps
            gaps = _CountedGaps(self.rate, file) if container.format.name in BARE else _TimedGaps(self.rate)
            for packet, frames in _packets(container, stream):
                for block in gaps.passed(packet, [frame for frame in frames if frame.sample_rate == self.rate]):
                    if np.isfinite(block).all():
                        gaps.position += len(block)
                        yield block
            self._gaps = gaps.found()


class _TimedGaps:
    """Gaps by the times that a container gives its frames."""

    def __init__(self, rate: int):
        self.position = 0  # samples so far
        self._rate = rate
        self._ahead: int | None = None  # samples that times are ahead of what was read
        self._gaps: list[tuple[float, float]] = []

    def passed(self, packet: Any, frames: list[Any]) -> Iterator[np.ndarray]:
        for frame in frames:
            if frame.pts is not None and frame.time_base is not None:
                ahead = round(float(frame.pts * frame.time_base) * self._rate) - self.position
                lost = 0 if self._ahead is None else ahead - self._ahead
                if self._ahead is None or lost > GAP_SECONDS * self._rate:
                    self._ahead = ahead
                if lost > GAP_SECONDS * self._rate:
                    self._gaps.append((self.position / self._rate, lost / self._rate))
            yield _mono(frame)

    def found(self) -> list[tuple[float, float]]:
        return self._gaps


class _CountedGaps:
    """One gap of frames without times, by the bytes that are in none; what is in front and behind is no loss."""

    def __init__(self, rate: int, file: BinaryIO):
        self.position = 0
        self._rate, self._file = rate, file
        self._bytes = self._first_failure = 0

    def passed(self, packet: Any, frames: list[Any]) -> Iterator[np.ndarray]:
        if frames:
            self._bytes += packet.size
        elif packet.size:
            self._first_failure = self._first_failure or self.position
        yield from map(_mono, frames)

    def found(self) -> list[tuple[float, float]]:
        if not 0 < self._first_failure < self.position:
            return []
        lost = _size_behind_tag(self._file) - self._bytes
        seconds = self.position / self._rate * lost / self._bytes
        return [(self._first_failure / self._rate, seconds)] if seconds > GAP_SECONDS else []


def _packets(container: Any, stream: Any) -> Iterator[tuple[Any, list[Any]]]:
    """Each packet and the frames decoded from it, none where it does not decode."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.error.FFmpegError):
            return
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            frames = []
        yield packet, frames


def _seconds_stated(container: Any, stream: Any, file: BinaryIO) -> float | None:
    if container.format.name in ESTIMATE:
        return None
    if container.format.name == "asf":
        return _asf_seconds(file)
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / 1_000_000 if container.duration else None


def _asf_seconds(file: BinaryIO) -> float | None:
    """How long an ASF file says that it plays; what was read ahead of it counts too, there."""
    place = file.tell()
    file.seek(0)
    head = file.read(1 << 20)
    file.seek(place)
    start = head.find(ASF_PROPERTIES)
    if start < 0 or len(head) < start + 88:
        return None
    play, _, preroll = struct.unpack("<QQQ", head[start + 64 : start + 88])  # in 100 ns, 100 ns and ms
    return max(0.0, play / 1e7 - preroll / 1e3) or None


def _share_behind(path: bytes) -> float:
    """How long a second file behind the first one is, over the first one's length; 0: there is none."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for beginning in BEGINNINGS:
            if beginning.match(content):
                second = beginning.search(content, 16)
                return (len(content) - second.start()) / second.start() if second else 0.0
    return 0.0


def _size_behind_tag(file: BinaryIO) -> int:
    """Bytes of a file without an ID3v2 tag in front."""
    file.seek(0)
    head = file.read(10)
    tag = (
        10 + sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=False))
        if head[:3] == b"ID3"
        else 0
    )
    return file.seek(0, os.SEEK_END) - tag


def _mono(frame: Any) -> np.ndarray:
    """The mean over the channels, float32 (samples,)."""
    samples = frame.to_ndarray()
    name = frame.format.name
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    kind = name.removesuffix("p")
    wide = samples.astype(np.float64 if kind in ("s32", "s64", "dbl") else np.float32)
    if kind == "u8":
        wide -= 128
    return (wide.mean(axis=0) / _SCALES[kind]).astype(np.float32)


def answer(request: dict[str, Any], last: dict[Any, Recording]) -> tuple[dict[str, Any], bytes]:
    """The answer to a request: {"path": hex, "start": n, "stop": n}, or without the last two for the facts alone."""
    path = bytes.fromhex(request["path"])
    status = os.stat(path)
    key = (path, status.st_size, status.st_mtime_ns)
    if key not in last:
        last.clear()
        last[key] = Recording(path)
    if "start" not in request:
        return last[key].facts, b""
    samples = last[key].stretch(request["start"], request["stop"])
    return {"num_samples": len(samples)}, samples.astype("<f4").tobytes()


def main() -> None:
    """Answers until standard input ends."""
    av.logging.set_level(av.logging.PANIC)
    last: dict[Any, Recording] = {}
    for line in sys.stdin.buffer:
        try:
            facts, samples = answer(json.loads(line), last)
        except Exception as error:  # of any kind: the parent says which file it was
            last.clear()
            facts, samples = {"error": f"{type(error).__name__}: {error}"}, b""
        sys.stdout.buffer.write(json.dumps(facts).encode() + b"\n" + samples)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
