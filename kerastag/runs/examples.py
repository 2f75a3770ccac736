"""A fixed handful of validation tracks, to look at and to listen to: TensorBoard and the report show them."""

import dataclasses
import pathlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from kerastag import audio, errors, files, json_types
from kerastag.data import splits
from kerastag.metrics.drawing import canvas
from kerastag.models import mel as mel_scale
from kerastag.runs import run_folder

if TYPE_CHECKING:
    import keras

    from kerastag.data import pipeline
    from kerastag.models import layers

COUNT = 6
MAX_SECONDS = 10.0
RECORD = "examples.json"
_FLAC, _PNG = b"fLaC", b"\x89PNG\r\n\x1a\n"
_NAME = re.compile(r"[0-9]{1,9}")  # of an example's files, without the suffix
_FREQUENCY_TICKS = (0, 250, 500, 1000, 2000, 4000, 8000, 16_000)  # Hz
_SCALES = {"decibel": "dB", "log10_10000": "log10(1 + 10000 power)", "pcen": "PCEN"}


@dataclasses.dataclass(frozen=True)
class Stretch:
    """A stretch of a track of a split.

    Attributes:
      row: in the split, counted from 0.
      track_id: TRACK_ID of the split file.
      path: likewise.
      tags: full names of its true tags.
      start_seconds: where in the track the stretch begins.
      sample_rate: sample rate of the stretch, in Hz.
    """

    row: int
    track_id: str
    path: str
    tags: tuple[str, ...]
    start_seconds: float
    sample_rate: int


@dataclasses.dataclass(frozen=True)
class Example(Stretch):
    """A stretch, and where its sound and picture are.

    Attributes:
      audio: a FLAC file of the stretch, mono.
      picture: a PNG of its mel spectrogram.
    """

    audio: pathlib.Path
    picture: pathlib.Path

    @property
    def name(self) -> str:
        """The number of the example, from "1" on."""
        return self.audio.stem

    def are_files_whole(self) -> bool:
        """Whether both files are there and begin as what they are called: who sends a report sends what is in it."""
        return all(_begins_with(path, start) for path, start in ((self.audio, _FLAC), (self.picture, _PNG)))

    def waveform(self) -> np.ndarray:
        """The stretch, float32 (samples,)."""
        return soundfile.read(self.audio, dtype="float32")[0]


def choose(labels: np.ndarray, count: int = COUNT) -> list[list[int]]:
    """Candidates for examples: one of each list is to be taken, the first that can be read.

    Args:
      labels: 0 or 1, (num_tracks, num_tags).
      count: number of examples.

    Returns:
      the rows that have one tag, for each of up to `count` tags from the most frequent one to the rarest.
    """
    frequency = labels.sum(axis=0)
    by_frequency = np.argsort(-frequency, kind="stable")[: np.count_nonzero(frequency)]
    places = np.unique(np.linspace(0, len(by_frequency) - 1, min(count, len(by_frequency))).round().astype(int))
    return [np.flatnonzero(labels[:, by_frequency[place]]).tolist() for place in places]


def write(
    folder: run_folder.RunFolder,
    tracks: "pipeline.Tracks",
    listed: Sequence[splits.Track],
    model: "keras.Model",
    count: int = COUNT,
) -> list[Example]:
    """Writes the examples of a split into RUN/examples: sounds, pictures and examples.json.

    Args:
      folder: folder of the run.
      tracks: tracks of the split, with labels.
      listed: the same tracks as the split file has them.
      model: whose sample rate, chunk and front end they are for.
    """
    place, taken, records = folder.examples_path, set[int](), []
    front_end = _front_end(model)
    with files.whole_folder(place, overwrite=True) as temporary:
        for rows in choose(tracks.labels, count):
            readable = _first_readable(tracks, [row for row in rows if row not in taken], model)
            if readable is None:
                continue
            row, start, waveform = readable
            taken.add(row)
            name = str(len(taken))
            soundfile.write(temporary / f"{name}.flac", audio.to_int16(waveform), model.sample_rate)
            (temporary / f"{name}.png").write_bytes(mel_picture(mel_of(front_end, waveform), front_end))
            track = listed[row]
            records.append(
                {"row": row, "track_id": track.track_id, "path": track.path, "tags": list(track.tags)}
                | {"start_seconds": start / model.sample_rate, "sample_rate": model.sample_rate, "name": name}
            )
        files.write_json(temporary / RECORD, records)
    return read(folder)


def read(folder: run_folder.RunFolder) -> list[Example]:
    """The examples of a run; none if it has none.

    Raises:
      KerastagError: their record is damaged.
    """
    path = folder.examples_path / RECORD
    if not path.is_file():
        return []
    try:
        records = json_types.build(_Records, {"examples": files.read_json(path)}).examples
        for record in records:
            if not _NAME.fullmatch(record.name):
                raise TypeError(f"'name' is {record.name[:40]!r}")
    except TypeError as error:
        raise errors.KerastagError(f"{path}: not the examples of a run ({error})") from None
    kept = []
    for record in records:
        about = dataclasses.asdict(record)
        del about["name"]
        audio_path, picture_path = (path.with_name(f"{record.name}.{suffix}") for suffix in ("flac", "png"))
        kept.append(Example(**about, audio=audio_path, picture=picture_path))
    return kept


@dataclasses.dataclass(frozen=True)
class _Record(Stretch):
    """What the record says of an example: the stretch, and the stem of its files' names."""

    name: str


@dataclasses.dataclass(frozen=True)
class _Records:
    """What the record says."""

    examples: tuple[_Record, ...]


def _begins_with(path: pathlib.Path, start: bytes) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(start)) == start


def _front_end(model: "keras.Model") -> "layers.LogMelSpectrogram":
    """The network's own, or one for its waveforms where it stands on a base of another maker."""
    from kerastag.models import layers

    own = [layer for layer in model.layers if isinstance(layer, layers.LogMelSpectrogram)]
    return own[0] if own else layers.LogMelSpectrogram(model.sample_rate, padding="zeros")


def mel_of(front_end: "layers.LogMelSpectrogram", waveform: np.ndarray) -> np.ndarray:
    """The mel spectrogram of a waveform (samples,) by the front end of a network, (num_mels, num_frames)."""
    return np.asarray(front_end(waveform[None]))[0, :, :, 0]


def mel_picture(mel: np.ndarray, front_end: "layers.LogMelSpectrogram") -> bytes:
    """A PNG of a mel spectrogram, with time in seconds, frequency in Hz where its bands lie, and its scale.

    Args:
      mel: (num_mels, num_frames) on the front end's scale.
      front_end: the LogMelSpectrogram that made it.
    """
    bands = mel_scale.edges(front_end.num_mels, front_end.sample_rate / 2, front_end.mel_scale)
    seconds = mel.shape[1] * front_end.hop_size / front_end.sample_rate
    with canvas.canvas(4.2, 2.3) as figure:
        axes = figure.subplots()
        floor = front_end.floor_db if front_end.compression == "decibel" else 0.0
        lowest = max(floor, float(np.percentile(mel, 2)))  # empty bands would take most of the scale
        image = axes.imshow(
            mel, origin="lower", aspect="auto", cmap="magma", vmin=lowest, extent=(0, seconds, 0, len(mel))
        )
        ticks = [hertz for hertz in _FREQUENCY_TICKS if hertz <= front_end.sample_rate / 2]
        axes.set_yticks(np.interp(ticks, bands[1:-1], np.arange(len(mel)) + 0.5), [f"{hertz:,}" for hertz in ticks])
        axes.set(xlabel="time (s)", ylabel="frequency (Hz)")
        figure.colorbar(image, ax=axes, label=_SCALES[front_end.compression], pad=0.01)
        return canvas.png(figure)


def _first_readable(
    tracks: "pipeline.Tracks", rows: Sequence[int], model: "keras.Model"
) -> tuple[int, int, np.ndarray] | None:
    """The first of the rows that can be read, the sample at which its middle stretch begins, and the stretch."""
    for row in rows:
        try:
            path = tracks.path(row)
            length = audio.num_samples(path, model.sample_rate)
            samples = min(model.chunk_samples, int(MAX_SECONDS * model.sample_rate), length)
            start = (length - samples) // 2
            return row, start, audio.read_chunk(path, start, samples, model.sample_rate)
        except errors.KerastagError:
            continue  # training names what it cannot read
    return None
