"""Times random 4.6 s chunks of real music through the input pipeline, file by file format.

    python -m tools.benchmarks.input --music=FOLDER [--codecs=mp3,vorbis,opus,flac,prepared] [--num_chunks=1000]

The pipeline is the one that `kerastag train` reads an epoch with, up to batches of int16 in memory. Beside it:
librosa loading whole files and cropping them, in as many processes as there are workers; tensorflow-io, where it
loads; and a bare loop, which makes the same seeks, reads and resamplings in threads, without TensorFlow.
A last line tells what the pipeline costs where reading costs nothing.
"""

import contextlib
import dataclasses
import os
import pathlib
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
from absl import flags

from kerastag import audio, cli, errors, runtime
from kerastag.audio import tfio_decoder
from kerastag.cli import options
from tools.benchmarks import input_peers, machine, real_music

CHUNK_SAMPLES = 73_600  # 4.6 s
NUM_TAGS = 56
NOT_IN_GRAPH = ("opus",)
HEADER = (
    f"{'':<9}{'kerastag':>9}{'librosa':>9}{'tfio':>9}{'bare loop':>10}{'/librosa':>10}{'/tfio':>8}{'/bare':>8}"
    f"{'ms':>9}{'difference':>12}"
)
GOALS = f"{'goals':<46}{'40':>10}{'':>8}{'0.85':>8}{'':>9} of MP3, Vorbis, Opus and FLAC; overhead 100 us"

FLAGS = flags.FlagValues()
flags.DEFINE_string(
    "music",
    None,
    "Folder of real music in any format, such as tools.datasets.debian_music writes.",
    flag_values=FLAGS,
)
flags.DEFINE_list(
    "codecs", list(real_music.CODECS), "Formats; prepared is what kerastag prepare writes.", flag_values=FLAGS
)
options.positive(FLAGS, "num_files", 8, "Files of each format.")
options.positive(FLAGS, "num_chunks", 1000, "Chunks in a round of the pipeline and of the bare loop.")
options.positive(FLAGS, "num_rounds", 3, "Rounds; medians are shown.")
options.positive(FLAGS, "num_loads", 4, "Whole files that each worker loads for librosa and tensorflow-io.")
options.positive(FLAGS, "num_workers", None, "Threads, and librosa's processes; default: one per core.")
options.positive(FLAGS, "batch_size", 32, "Chunks of a batch.")
flags.DEFINE_string(
    "work_dir",
    None,
    "Where files that --music lacks are made and kept; default: a temporary folder.",
    flag_values=FLAGS,
)
options.positive(FLAGS, "min_seconds", int(real_music.SECONDS[0]), "The least length of a file.")
options.positive(FLAGS, "max_seconds", int(real_music.SECONDS[1]), "The greatest length of a file.")
options.define_verbosity(FLAGS)


@dataclasses.dataclass(frozen=True)
class Bench:
    """How the pipeline and the bare loop are timed.

    Attributes:
      num_chunks: number of chunks of a round.
      num_rounds: whose median is taken.
      num_workers: threads of the pipeline and of the bare loop.
      fixed_workers: whether the pipeline is given that number; by itself it takes one thread per core.
      batch_size: chunks of a batch.
    """

    num_chunks: int
    num_rounds: int
    num_workers: int
    fixed_workers: bool
    batch_size: int

    def pipeline(self, tracks: Any, plan: Any, chunk: Any) -> float:
        """Seconds of an epoch through the pipeline of `kerastag train`.

        Raises:
          KerastagError: a file cannot be read.
        """
        from kerastag.data import pipeline

        batches = pipeline.training_batches(tracks, plan, chunk, self.batch_size)
        if self.fixed_workers:
            batches = batches.with_options(threads(self.num_workers))
        started = time.perf_counter()
        num_read = sum(len(batch["draw"]) for batch in batches)
        seconds = time.perf_counter() - started
        if num_read < len(plan):
            tracks.mark_missing(plan.tracks)
            raise errors.KerastagError(next(iter(tracks.unreadable.values())))
        return seconds

    def in_turn(self, tracks: Any, chunk: Any) -> tuple[float, float]:
        """Median seconds of the pipeline and of the bare loop, which take turns at the same plans."""
        from kerastag.data import sampling

        times = []
        for epoch in range(self.num_rounds):
            plan = sampling.shuffled(len(tracks), seed=0, epoch=epoch)
            seconds = self.pipeline(tracks, plan, chunk)
            times.append((seconds, input_peers.bare_loop(tracks, plan, chunk, self.num_workers)))
        ours, bare = np.median(times, axis=0)
        return float(ours), float(bare)


@dataclasses.dataclass(frozen=True)
class Rates:
    """Chunks a second of one format.

    Attributes:
      ours: ours of the pipeline.
      librosa: librosa of whole files loaded and cropped, as if no process ever waited for another.
      tfio: tfio of the pipeline with tensorflow-io's decoders; None where it does not load or lacks the format.
      bare: bare of the bare loop.
      difference: between librosa's chunks and ours, at most; 1 is full scale.
    """

    ours: float
    librosa: float
    tfio: float | None
    bare: float
    difference: float

    def row(self, codec: str, num_workers: int) -> str:
        """A line below HEADER."""
        tfio, over_tfio = ("-", "-") if self.tfio is None else (f"{self.tfio:.2f}", f"{self.ours / self.tfio:.1f}")
        return (
            f"{codec:<9}{self.ours:9.1f}{self.librosa:9.2f}{tfio:>9}{self.bare:10.1f}{self.ours / self.librosa:10.1f}"
            f"{over_tfio:>8}{self.ours / self.bare:8.2f}{1e3 * num_workers / self.ours:9.2f}{self.difference:12.0e}"
        )


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints the settings, a line for each format, and one for the pipeline alone."""
    options.require(values, "music")
    for codec in values.codecs or [""]:
        if codec not in real_music.CODECS:
            raise errors.UsageError(f"--codecs: '{codec}' is none of {', '.join(real_music.CODECS)}")
    machine.need_librosa()
    runtime.start(values.verbosity)
    print(machine.describe())
    workers = values.num_workers or len(os.sched_getaffinity(0))
    bench = Bench(values.num_chunks, values.num_rounds, workers, values.num_workers is not None, values.batch_size)
    reason = tfio_decoder.available()
    print(f"tensorflow-io: {f'does not load here ({reason})' if reason else 'loads; it does not decode Opus'}")
    with work_folder(values.work_dir) as folder:
        music = find_music(values, folder)
        print(
            f"chunks a second, of 4.6 s at random, int16, batches of {bench.batch_size}, {workers} workers; median of "
            f"{bench.num_rounds} rounds of {bench.num_chunks}; librosa and tfio {values.num_loads * workers} chunks\n"
            "before the clock: all files read, their true ends, librosa and the pipeline once, an epoch's graph\n"
            "ms: of a core, for a chunk; difference: librosa's chunks from ours, 1 is full scale\n" + HEADER
        )
        first = next(iter(music.values()))[0]
        with input_peers.librosa_pool(workers, first) as pool:
            for codec, paths in music.items():
                rates = time_codec(codec, paths, bench, pool, values.num_loads * workers)
                print(rates.row(codec, workers), flush=True)
    print(GOALS)
    if real_music.PREPARED in music:
        print(time_prepared(music[real_music.PREPARED], bench))
    print(time_overhead(bench))
    return 0


def threads(num_threads: int) -> Any:
    """Options for a tf.data pipeline of its own threads."""
    import tensorflow as tf

    pool = tf.data.Options()
    pool.threading.private_threadpool_size = num_threads
    return pool


@contextlib.contextmanager
def work_folder(given: str | None) -> Iterator[pathlib.Path]:
    """The folder of --work_dir, or a temporary one."""
    if given is not None:
        yield pathlib.Path(given)
        return
    with tempfile.TemporaryDirectory(prefix="kerastag-benchmark-") as folder:
        yield pathlib.Path(folder)


def find_music(values: flags.FlagValues, work_dir: pathlib.Path) -> dict[str, list[pathlib.Path]]:
    """The files of each format; prints a line about them."""
    music = {}
    for codec in values.codecs:
        lengths = (values.min_seconds, values.max_seconds)
        music[codec] = real_music.files_of(values.music, codec, values.num_files, work_dir, lengths)
        print(f"{codec}: {real_music.origin(music[codec], work_dir)}", flush=True)
    return music


def time_codec(codec: str, paths: list[pathlib.Path], bench: Bench, pool: Any, num_loads: int) -> Rates:
    """The rates at files of one format, after a warm-up of the files and of the pipeline."""
    from kerastag.data import pipeline, sampling

    for path in paths:
        path.read_bytes()
        audio.num_samples(path)
    chunk = pipeline.ChunkFormat(CHUNK_SAMPLES)
    few, plan = tracks_of(paths, num_loads), sampling.shuffled(num_loads, seed=1, epoch=0)
    bench.pipeline(few, plan, chunk)
    ours, bare = bench.in_turn(tracks_of(paths, bench.num_chunks), chunk)
    loads = [
        input_peers.Load(few.path(row), float(fraction), CHUNK_SAMPLES)
        for row, fraction in zip(plan.tracks, plan.fractions, strict=True)
    ]
    cropped, librosa = pool.run(loads)
    in_graph = None
    if tfio_decoder.available() is None and codec not in NOT_IN_GRAPH:
        decoded = dataclasses.replace(chunk, decoder="tfio")
        bench.pipeline(few, plan, decoded)
        in_graph = num_loads / bench.pipeline(few, plan, decoded)
    return Rates(
        ours=bench.num_chunks / ours,
        bare=bench.num_chunks / bare,
        librosa=bench.num_workers / librosa,
        tfio=in_graph,
        difference=max(difference(load, waveform) for load, waveform in zip(loads, cropped, strict=True)),
    )


def tracks_of(paths: list[pathlib.Path], num_tracks: int) -> Any:
    """Tracks with sparse labels, which take the files in turn."""
    from kerastag.data import pipeline

    labels = np.random.default_rng(0).random((num_tracks, NUM_TAGS)) < 0.03
    return pipeline.Tracks([str(paths[n % len(paths)]) for n in range(num_tracks)], labels.astype(np.float32))


def difference(load: input_peers.Load, waveform: np.ndarray) -> float:
    """How far librosa's chunk is from ours at most; 1 is full scale."""
    ours = audio.random_chunk(load.path, load.fraction, load.samples)
    return float(np.abs(ours - waveform).max())


def time_prepared(paths: list[pathlib.Path], bench: Bench) -> str:
    """A line: what a chunk of a prepared file costs one core that does nothing else."""
    from kerastag.data import pipeline, sampling

    tracks, chunk = tracks_of(paths, bench.num_chunks), pipeline.ChunkFormat(CHUNK_SAMPLES)
    plan = sampling.shuffled(len(tracks), seed=0, epoch=0)
    seconds = min(input_peers.bare_loop(tracks, plan, chunk, 1) for _ in range(bench.num_rounds))
    return f"reading a prepared chunk on one core: {1e3 * seconds / len(tracks):.2f} ms; goal 0.30"


def time_overhead(bench: Bench) -> str:
    """A line: the pipeline's own cost of an element, with a reader that only fills the array with zeros."""
    from kerastag.data import pipeline

    def ready(*arguments: Any) -> np.ndarray:
        arguments[-1].fill(0)
        return arguments[-1]

    tracks, chunk = tracks_of([pathlib.Path("ready")], bench.num_chunks), pipeline.ChunkFormat(CHUNK_SAMPLES)
    with mock.patch.object(audio, "random_chunk", ready):
        seconds = bench.in_turn(tracks, chunk)
    ours, bare = (1e6 * second / bench.num_chunks for second in seconds)
    return (
        f"per-element overhead, nothing decoded: {ours - bare:.1f} us a chunk "
        f"(pipeline {ours:.1f} us, bare loop {bare:.1f} us)"
    )


COMMAND = cli.Command("python -m tools.benchmarks.input", "time the input pipeline on real music", FLAGS, main)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
