"""A dataset as 16-bit mono files at the model's rate, which cost almost nothing to read a chunk of."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

import soundfile

from kerastag import audio, errors, files, parallel, tsv
from kerastag.data import splits, track_files

FORMATS = {"wav": ("WAV", 1.0), "flac": ("FLAC", 0.63)}  # libsndfile's name; bytes per byte of PCM, about
BLOCK_SECONDS = 60  # converted at a time, so that an hour-long file needs no more memory than a short one


@dataclasses.dataclass(frozen=True)
class Conversion:
    """One file to be made.

    Attributes:
      folder: folder of the source dataset.
      track: whose PATH leads to the source.
      target: the file to write.
    """

    folder: pathlib.Path
    track: splits.Track
    target: pathlib.Path


@dataclasses.dataclass(frozen=True)
class Converted:
    """What became of conversions.

    Attributes:
      unreadable: the reason by PATH for each that cannot be read.
      heard_in_part: accounts of sources of which some of the music is missing, by file.
    """

    unreadable: dict[str, str]
    heard_in_part: dict[str, audio.Account]


def plan(
    folder: pathlib.Path, output: pathlib.Path, tracks: Sequence[splits.Track], file_format: str
) -> list[Conversion]:
    """What is to be made, one for each PATH, in the same tree.

    Raises:
      KerastagError: two PATHs would become one file.
    """
    targets: dict[str, str] = {}
    conversions = []
    for track in tracks:
        path = prepared_path(track.path, file_format)
        if targets.setdefault(path, track.path) != track.path:
            raise errors.KerastagError(f"{track.path} and {targets[path]} would both become {path}")
        conversions.append(Conversion(folder, track, output / path))
    return list({conversion.target: conversion for conversion in conversions}.values())


def prepared_path(path: str, file_format: str) -> str:
    """A PATH with the suffix of the format, in place of an audio suffix or after the name."""
    stem, suffix = os.path.splitext(path)
    return f"{stem if suffix.lower() in audio.ALL_EXTENSIONS else path}.{file_format}"


def expected_bytes(tracks: Sequence[splits.Track], file_format: str, sample_rate: int) -> int | None:
    """About how much will be written, by the split file's DURATION; None where it does not say."""
    seconds = [track.seconds for track in tracks]
    if not seconds or any(second is None for second in seconds):
        return None
    return int(sum(second or 0 for second in seconds) * sample_rate * 2 * FORMATS[file_format][1])


def convert_all(
    conversions: Sequence[Conversion], file_format: str, sample_rate: int, num_workers: int | None = None
) -> Converted:
    """Writes every file that is not there yet, in threads; what cannot be read does not stop the others."""

    def convert(conversion: Conversion) -> str:
        if conversion.target.is_file():
            return ""
        try:
            source = track_files.resolve(conversion.folder, conversion.track)
            convert_file(source, conversion.target, file_format, sample_rate)
        except errors.KerastagError as error:
            return str(error)
        except BaseException as error:  # whatever it is, others may be fine
            return parallel.mishap(os.path.join(conversion.folder, conversion.track.path), error)
        return ""

    reasons = parallel.run(convert, conversions, f"preparing {len(conversions)} files", num_workers)
    paths = (conversion.track.path for conversion in conversions)
    unreadable = {path: reason for path, reason in zip(paths, reasons, strict=True) if reason}
    return Converted(unreadable, audio.heard_in_part())


def convert_file(source: pathlib.Path, target: pathlib.Path, file_format: str, sample_rate: int) -> None:
    """Writes one file, whole or not at all: mono, 16 bits, saturated.

    Raises:
      AudioError: the source cannot be read.
      TimeoutError: reading a block of it takes too long.
    """
    length = parallel.within(parallel.READ_SECONDS, audio.num_samples, source, sample_rate)
    block = BLOCK_SECONDS * sample_rate
    options = {"samplerate": sample_rate, "channels": 1, "format": FORMATS[file_format][0], "subtype": "PCM_16"}
    with files.whole_file(target) as temporary, soundfile.SoundFile(os.fsencode(temporary), "w", **options) as file:
        for start in range(0, length, block):
            stretch = (source, start, min(block, length - start), sample_rate)
            waveform = parallel.within(parallel.READ_SECONDS, audio.read_chunk, *stretch)
            file.write(audio.to_int16(waveform))


def rewrite_split(source: pathlib.Path, target: pathlib.Path, file_format: str, left_out: set[str]) -> None:
    """Writes a split file with the new PATHs; lines of files that could not be read are left out."""
    (_, header), *lines = tsv.read_raw(source)
    column = [name.strip() for name in header].index("PATH")
    rows = []
    for _, cells in lines:
        if any(map(str.strip, cells)) and cells[column] not in left_out:
            rows.append([*cells[:column], prepared_path(cells[column], file_format), *cells[column + 1 :]])
    tsv.write(target, header, rows)
