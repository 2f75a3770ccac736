"""The work that tools.benchmarks.growth measures, and the files that it measures on.

Each function that measures is meant for a process of its own: memory is the peak of the process above what it held
when TensorFlow was imported and nothing else done. Such functions return numbers by name.
"""

import itertools
import os
import pathlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import soundfile

from kerastag import audio, errors, tags, tsv
from kerastag.data import dataset, sampling, splits
from kerastag.data.reading import Reading
from tools import vitals

NUM_TAGS = 56
NUM_SNIPPETS = 8
NUM_FOLDERS = 1000  # that lead to the same snippets, so that caches by path are of no use
LONG_FORMS = ("wav", "mp3")
LONG_RATE = 44_100


def make_snippets(music: str | os.PathLike[str], folder: pathlib.Path, seconds: int = 6) -> list[str]:
    """Short pieces of real music as 16 kHz mono WAV, under many names each.

    Args:
      music: folder with at least one file of that length; the first of them are taken.
      folder: to write in.
      seconds: seconds of a snippet.

    Returns:
      their paths relative to `folder`.

    Raises:
      KerastagError: no file is long enough.
    """
    target = folder / "snippets"
    target.mkdir(parents=True)
    names: list[str] = []
    for path in itertools.islice(_long_enough(music, seconds), NUM_SNIPPETS):
        names.append(f"{len(names)}.wav")
        snippet = audio.read_chunk(path, 0, seconds * audio.SAMPLE_RATE)
        soundfile.write(target / names[-1], snippet, audio.SAMPLE_RATE, "PCM_16")
    if not names:
        raise errors.KerastagError(f"{music}: no audio file of {seconds} s or more")
    for number in range(NUM_FOLDERS):
        (folder / f"{number:03d}").symlink_to(target, target_is_directory=True)
    return [f"{number:03d}/{name}" for name in names for number in range(NUM_FOLDERS)]


def write_splits(folder: pathlib.Path, paths: Sequence[str], num_tracks: int) -> None:
    """train.tsv of so many tracks in MTG-Jamendo's form, one to three tags each, and a short validation.tsv."""
    generator = np.random.default_rng(0)
    names = [f"mood/theme---mood{number:02d}" for number in range(NUM_TAGS)]
    for split, size in (("train", num_tracks), ("validation", min(num_tracks, 100))):
        chosen = generator.integers(0, NUM_TAGS, (size, 3))
        sizes = generator.integers(1, 4, size)
        chosen[:NUM_TAGS, 0] = np.arange(min(size, NUM_TAGS))  # every tag has a track
        lines = (
            (
                *(f"{split}_{n:07d}", f"artist_{n // 10:06d}", f"album_{n // 5:06d}", paths[n % len(paths)], "6.0"),
                *(names[column] for column in columns[:count]),
            )
            for n, (columns, count) in enumerate(zip(chosen.tolist(), sizes.tolist(), strict=True))
        )
        tsv.write(folder / f"{split}.tsv", splits.FORMS[0], lines)


def split_figures(folder: str, batch_size: int, num_batches: int) -> dict[str, float]:
    """Reads splits as `kerastag train` does and runs its pipeline over the first batches of an epoch.

    Returns:
      read_s: seconds to read the TSVs; first_batch_s: from then on, until the first batch is there, over all tracks
      shuffled; chunk_ms: of the batches after the first; peak_mb.
    """
    idle = _start()
    from kerastag.data import pipeline

    started = time.perf_counter()
    data = dataset.read([(folder, f"{folder}/train.tsv")], (folder, f"{folder}/validation.tsv"))
    read = time.perf_counter()
    tracks = data.training_tracks()
    plan = sampling.shuffled(len(tracks), seed=0, epoch=0)
    batches = pipeline.training_batches(tracks, plan, pipeline.ChunkFormat(73_600), batch_size)
    times, sizes = [], []
    for batch in batches.take(num_batches):
        times.append(time.perf_counter())
        sizes.append(len(batch["draw"]))
    if tracks.unreadable:
        raise errors.KerastagError(next(iter(tracks.unreadable.values())))
    return {
        "read_s": read - started,
        "first_batch_s": times[0] - read,
        "chunk_ms": steady_ms(times, sizes),
        "peak_mb": vitals.peak_mb() - idle,
    }


def tagging_figures(
    paths: Sequence[str],
    warm_up: str,
    num_tracks: int,
    num_chunks: int,
    batch_size: int,
    num_channels: int,
    num_calls: int = 1,
) -> dict[str, float]:
    """Tags `num_tracks` files, the paths over and over, after a call on one short file that is not counted.

    Returns:
      first_s: seconds of that first call, network built and traced; start_ms: from the timed call to its first
      batch; chunk_ms: of the batches after it, NaN without any; seconds: of the whole call; peak_mb, warm_mb: with all
      tracks and after the first call. Times are the median of `num_calls` calls.
    """
    idle = _start()
    started = time.perf_counter()
    model = _tagger(num_channels)
    model.score_files([warm_up], Reading(2 * batch_size, batch_size))
    first, warm = time.perf_counter() - started, vitals.peak_mb()
    repeated = list(itertools.islice(itertools.cycle(paths), num_tracks))
    calls = [_timed_call(model, repeated, Reading(num_chunks, batch_size)) for _ in range(num_calls)]
    figures = {name: float(np.median([call[name] for call in calls])) for name in calls[0]}
    return {**figures, "first_s": first, "peak_mb": vitals.peak_mb() - idle, "warm_mb": warm - idle}


def _timed_call(model: Any, paths: Sequence[str], reading: Reading) -> dict[str, float]:
    times, sizes = [time.perf_counter()], []

    def on_chunks(rows: np.ndarray) -> None:
        times.append(time.perf_counter())
        sizes.append(len(rows))

    _, unreadable = model.score_files(paths, reading, on_chunks)
    if unreadable:
        raise errors.KerastagError(next(iter(unreadable.values())))
    return {
        "start_ms": 1000 * (times[1] - times[0]),
        "chunk_ms": steady_ms(times[1:], sizes),
        "seconds": times[-1] - times[0],
    }


def write_long(
    music: str | os.PathLike[str], folder: pathlib.Path, form: str, hours: float, minute: int = 60
) -> pathlib.Path:
    """A file of so many hours: a minute of real music over and over, mono at 44.1 kHz.

    Args:
      music: folder with a file of a minute or more.
      folder: to write in.
      form: one of LONG_FORMS.
      hours: its length.
      minute: seconds of the music that is repeated.
    """
    source = next(_long_enough(music, minute), None)
    if source is None:
        raise errors.KerastagError(f"{music}: no audio file of {minute} s or more")
    waveform = audio.read(source, LONG_RATE)[: minute * LONG_RATE]
    path, times = folder / f"long.{form}", round(3600 * hours / minute)
    if form == "mp3":
        soundfile.write(path, waveform, LONG_RATE, "MPEG_LAYER_III", format="MP3", bitrate_mode="CONSTANT")
        encoded = path.read_bytes()
        music_frames = encoded[encoded.index(encoded[:2], 100) :]  # the first frame only states the length
        with path.open("wb") as file:
            file.writelines(itertools.repeat(music_frames, times))
    else:
        with soundfile.SoundFile(path, "w", LONG_RATE, 1, "PCM_16") as sound_file:
            for _ in range(times):
                sound_file.write(waveform)
    return path


def _long_enough(music: str | os.PathLike[str], seconds: float) -> Iterator[pathlib.Path]:
    for path in audio.find_audio([music]).files:
        try:
            if audio.info(path).seconds >= seconds:
                yield path
        except audio.AudioError:
            continue


def _tagger(num_channels: int) -> Any:
    """A tagger of a network with random weights."""
    from kerastag import models
    from kerastag.inference import passes, scoring, tagger
    from kerastag.models import folding

    model = folding.fold(models.short_chunk_resnet(NUM_TAGS, num_channels), "float32")

    def forward(waveform: Any) -> Any:
        return scoring.scores_of(model(waveform, training=False))

    member = passes.Member(forward, model.chunk_samples, model.sample_rate, model.centred)
    return tagger.Tagger([member], tags.Vocabulary(list(map(str, range(NUM_TAGS)))))


def _start() -> float:
    """Imports TensorFlow and Keras; the memory held then, in MB."""
    from kerastag import runtime

    runtime.start()
    return vitals.held_mb()


def steady_ms(times: Sequence[float], sizes: Sequence[int]) -> float:
    """Milliseconds a chunk in the batches after the first; NaN without any.

    Args:
      times: the moment at which each batch was there, in seconds.
      sizes: chunks of each batch.
    """
    return 1000 * (times[-1] - times[0]) / sum(sizes[1:]) if len(times) > 1 else float("nan")
