"""Peers of the input pipeline, to be timed beside it: librosa on whole files, and a bare loop in threads."""

import contextlib
import dataclasses
import multiprocessing
import pathlib
import time
from collections.abc import Iterator, Sequence
from concurrent import futures
from typing import Any

import numpy as np

from kerastag import audio, errors
from kerastag.audio import cutting

_START_SECONDS = 300  # a worker that has not loaded librosa by then never will


@dataclasses.dataclass(frozen=True)
class Load:
    """A chunk to cut from a whole file: `fraction` in [0, 1) says where."""

    path: str
    fraction: float
    samples: int


class LibrosaPool:
    """As many processes as a DataLoader would have, each loading whole files at 16 kHz mono and cropping them."""

    def __init__(self, executor: futures.ProcessPoolExecutor):
        self._executor = executor

    def run(self, loads: Sequence[Load]) -> tuple[list[np.ndarray], float]:
        """The chunks, float32 (samples,) each, and the mean seconds of a load while all processes load."""
        timed_chunks = list(self._executor.map(_timed, loads))
        return [chunk for chunk, _ in timed_chunks], float(np.mean([seconds for _, seconds in timed_chunks]))


@contextlib.contextmanager
def librosa_pool(num_workers: int, warm_up: pathlib.Path) -> Iterator[LibrosaPool]:
    """A pool whose every process has imported librosa and loaded the file `warm_up` once.

    Raises:
      KerastagError: a process does not start.
    """
    context = multiprocessing.get_context("spawn")  # TensorFlow's threads do not survive a fork
    barrier = context.Barrier(num_workers)
    with futures.ProcessPoolExecutor(num_workers, context, _warm_up, (barrier, str(warm_up))) as executor:
        try:
            list(executor.map(_nothing, range(num_workers)))
        except futures.BrokenExecutor as error:
            raise errors.KerastagError(f"librosa's processes do not start: {error}") from None
        yield LibrosaPool(executor)


def load_and_crop(load: Load) -> np.ndarray:
    """A chunk as the field's training code reads it: the whole file, resampled, then one crop."""
    import librosa

    waveform, _ = librosa.load(load.path, sr=audio.SAMPLE_RATE, mono=True)
    return cutting.cut_chunk(waveform, load.fraction, load.samples)


def _timed(load: Load) -> tuple[np.ndarray, float]:
    started = time.perf_counter()
    return load_and_crop(load), time.perf_counter() - started


def bare_loop(tracks: Any, plan: Any, chunk: Any, num_workers: int) -> float:
    """Seconds in which threads read the plan's chunks, and do nothing else with them.

    Args:
      tracks: a pipeline.Tracks.
      plan: a sampling.Plan.
      chunk: a pipeline.ChunkFormat.
      num_workers: threads.
    """
    draws = iter(range(len(plan)))  # shared: each thread takes the next one

    def work() -> None:
        for draw in draws:
            path, fraction = tracks.path(plan.tracks[draw]), float(plan.fractions[draw])
            out = np.empty(chunk.samples, chunk.dtype)
            audio.random_chunk(path, fraction, chunk.samples, chunk.sample_rate, out)

    started = time.perf_counter()
    with futures.ThreadPoolExecutor(num_workers) as executor:
        for worker in [executor.submit(work) for _ in range(num_workers)]:
            worker.result()
    return time.perf_counter() - started


def _warm_up(barrier: Any, path: str) -> None:
    load_and_crop(Load(path, 0.0, 1))
    barrier.wait(_START_SECONDS)  # else one process could do all the work that should start the others


def _nothing(number: int) -> None:
    return None
