"""Real tracks of 3 to 5 minutes in the codec that a benchmark asks for; what a folder lacks is made by re-encoding."""

import functools
import pathlib
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
import soundfile
import soxr

from kerastag import audio, errors, files
from kerastag.data import preparing

FORMS = {  # codec: libsndfile's container and codec, the rate that is written, the suffix
    "mp3": ("MP3", "MPEG_LAYER_III", 44_100, "mp3"),
    "vorbis": ("OGG", "VORBIS", 44_100, "ogg"),
    "opus": ("OGG", "OPUS", 48_000, "opus"),
    "flac": ("FLAC", "PCM_16", 44_100, "flac"),
}
PREPARED = "prepared"  # 16 kHz mono 16-bit WAV, what kerastag prepare writes
CODECS = (*FORMS, PREPARED)
SECONDS = (180.0, 300.0)
MIN_RATE = 44_100  # files of a lower rate decode faster than music usually does
_BLOCK = 1 << 16  # frames; libsndfile's Vorbis encoder overflows its stack on long writes

Item = TypeVar("Item")


def files_of(
    folder: str | pathlib.Path,
    codec: str,
    num_files: int,
    work_dir: str | pathlib.Path,
    seconds: tuple[float, float] = SECONDS,
) -> list[pathlib.Path]:
    """Files of one codec, those in the folder first, then others of its tracks re-encoded.

    Args:
      folder: with real music in any codec, such as tools.datasets.debian_music writes; searched with its folders.
      codec: one of CODECS.
      num_files: how many.
      work_dir: where tracks are re-encoded to; files that are there already are taken as they are.
      seconds: the least and the greatest length.

    Returns:
      The files, fewer than `num_files` where the folder has fewer tracks of that length.

    Raises:
      KerastagError: the folder is missing, or has no track of that length.
    """
    folder, work_dir = pathlib.Path(folder), pathlib.Path(work_dir)
    tracks = _tracks(folder, work_dir, seconds)
    if not tracks:
        minutes = f"{seconds[0] / 60:.2g} to {seconds[1] / 60:.2g} minutes"
        raise errors.KerastagError(f"{folder}: no stereo music of {minutes} at {MIN_RATE:,} Hz or more")
    in_codec = [track for track, form in tracks.items() if form == FORMS.get(codec, ())[:2]]
    others = [track for track in tracks if track not in in_codec]
    chosen = _spread(in_codec, num_files)
    return chosen + [
        _encoded(track, codec, work_dir / codec / "-".join(track.relative_to(folder).parts))
        for track in _spread(others, num_files - len(chosen))
    ]


def origin(paths: Sequence[pathlib.Path], work_dir: str | pathlib.Path) -> str:
    """How many files there are, how long, and how many of them were re-encoded to `work_dir`, for people."""
    lengths = [audio.info(path).seconds / 60 for path in paths]
    num_encoded = sum(pathlib.Path(work_dir) in path.parents for path in paths)
    how = (
        f"{num_encoded} of them re-encoded from real tracks by libsndfile" if num_encoded else "all as they were found"
    )
    return f"{len(paths)} files of {min(lengths):.1f} to {max(lengths):.1f} minutes, {how}"


@functools.cache
def _tracks(
    folder: pathlib.Path, work_dir: pathlib.Path, seconds: tuple[float, float]
) -> dict[pathlib.Path, tuple[str, str]]:
    """Stereo files of the right length, with the container and codec of each."""
    tracks = {}
    for path in audio.find_audio([folder], skip=[work_dir]).files:
        try:
            info = audio.info(path)
        except audio.AudioError:
            continue
        if info.num_channels == 2 and info.sample_rate >= MIN_RATE and seconds[0] <= info.seconds <= seconds[1]:
            header = soundfile.info(str(path))
            tracks[path] = (header.format, header.subtype)
    return tracks


def _spread(items: Sequence[Item], count: int) -> list[Item]:
    """Up to `count` of the items, evenly spread, so that they are not all of one album."""
    if count >= len(items):
        return list(items)
    return [items[n * len(items) // count] for n in range(count)]


def _encoded(source: pathlib.Path, codec: str, target: pathlib.Path) -> pathlib.Path:
    """A whole track as a file of the codec, at `target` with the codec's suffix."""
    suffix = "wav" if codec == PREPARED else FORMS[codec][3]
    target = target.with_name(f"{target.name}.{suffix}")
    if target.is_file():
        return target
    if codec == PREPARED:
        preparing.convert_file(source, target, "wav", audio.SAMPLE_RATE)
        return target
    container, subtype, rate, _ = FORMS[codec]
    with (
        files.whole_file(target) as temporary,
        soundfile.SoundFile(temporary, "w", rate, 2, format=container, subtype=subtype) as file,
    ):
        for block in _blocks(source, rate):
            file.write(block)
    return target


def _blocks(source: pathlib.Path, rate: int) -> Iterator[np.ndarray]:
    """A stereo file at `rate` Hz, (frames, 2) float32 in [-1, 1] at a time."""
    with soundfile.SoundFile(source) as file:
        stream = soxr.ResampleStream(file.samplerate, rate, 2, dtype="float32")
        last = False
        while not last:
            block = file.read(_BLOCK, dtype="float32", always_2d=True)
            last = len(block) < _BLOCK
            yield np.clip(block if file.samplerate == rate else stream.resample_chunk(block, last=last), -1, 1)
