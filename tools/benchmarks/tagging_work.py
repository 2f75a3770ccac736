"""The work that tools.benchmarks.tagging times: files to scores, by kerastag and by what a user would write instead.

Every function takes a Job, warms up before the time starts, and returns wall-clock seconds. Each is meant for a
process of its own, so that no library's threads or memory are in another's way.
"""

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerastag import audio, errors, tags
from kerastag.computing import AUTOMATIC, Computing
from kerastag.data.reading import Reading

NUM_TAGS = 56
CHUNK_SAMPLES = 73_600  # of the 4.6 s network, at 16 kHz
MUSICNN_FFT, MUSICNN_HOP, MUSICNN_MELS = 512, 256, 96  # of its front end, at 16 kHz
MUSICNN_FRAMES = 187  # of its windows of 3 s, which do not overlap


@dataclasses.dataclass(frozen=True)
class Job:
    """Files, and how they are scored.

    Attributes:
      paths: to be timed.
      warm_up: scored first, untimed, so that the time has no tracing and no imports; other names than `paths`.
      num_chunks: number of chunks of each file.
      batch_size: chunks per step; a file's own chunks for the twin.
      num_channels: num channels of the network; its weights are random, on which the speed does not depend.
      computing: precision and compilation.
    """

    paths: Sequence[str]
    warm_up: Sequence[str]
    num_chunks: int = 16
    batch_size: int = 32
    num_channels: int = 128
    computing: Computing = AUTOMATIC


def kerastag_seconds(job: Job) -> float:
    """Tagger.score_files, what `kerastag tag` calls: decoding, network, means."""
    network, forward = _network(job)
    from kerastag.inference import passes, tagger

    member = passes.Member(forward, network.chunk_samples, network.sample_rate, network.centred)
    model = tagger.Tagger([member], tags.Vocabulary(list(map(str, range(NUM_TAGS)))), computing=job.computing)

    def score(paths: Sequence[str]) -> None:
        _, unreadable = model.score_files(paths, Reading(job.num_chunks, job.batch_size))
        if unreadable:
            raise errors.KerastagError(next(iter(unreadable.values())))

    return timed(score, job)


def reading_seconds(job: Job) -> float:
    """The same batches, without a network."""
    from kerastag import runtime

    runtime.start()
    from kerastag.data import pipeline

    chunk = pipeline.ChunkFormat(CHUNK_SAMPLES)

    def read(paths: Sequence[str]) -> None:
        for _ in pipeline.evaluation_batches(pipeline.Tracks(paths), chunk, job.num_chunks, job.batch_size):
            pass

    return timed(read, job)


def network_seconds(job: Job) -> float:
    """The same network on as many chunks of noise, without reading."""
    _, forward = _network(job)
    import tensorflow as tf

    from kerastag.data import pipeline
    from kerastag.inference import scoring

    generator = np.random.default_rng(0)
    noise = generator.integers(-8000, 8000, (job.batch_size, CHUNK_SAMPLES), dtype=np.int16)
    rows = np.zeros(job.batch_size, np.int64)
    batches = tf.data.Dataset.from_tensors({"waveform": noise, "row": rows}).map(pipeline.weighted).cache()
    compiled_size = job.batch_size if job.computing.compiles_scoring(len(job.paths) * job.num_chunks) else None
    scorer = scoring.Scorer(forward, NUM_TAGS, compiled_size=compiled_size)

    def score(paths: Sequence[str]) -> None:
        scorer.score_tracks(batches.repeat(-(-len(paths) * job.num_chunks // job.batch_size)), 1)

    return timed(score, job)


def twin_seconds(job: Job) -> float:
    """librosa loads each file whole, and PyTorch's twin of the network, float32, takes its chunks as one batch."""
    import librosa

    from tools.benchmarks import torch_twin

    network = torch_twin.scorer(torch_twin.Twin("float32", NUM_TAGS, job.num_channels))

    def score(paths: Sequence[str]) -> None:
        for path in paths:
            waveform, _ = librosa.load(path, sr=audio.SAMPLE_RATE, mono=True)
            (chunks,) = torch_twin.pinned(audio.cut_chunks(waveform, job.num_chunks, CHUNK_SAMPLES))
            network(chunks).mean(axis=0)

    return timed(score, job)


def mel_seconds(job: Job) -> float:
    """What musicnn does before its network: librosa loads each file whole and makes its mel spectrogram."""
    import librosa

    def windows(paths: Sequence[str]) -> None:
        for path in paths:
            waveform, rate = librosa.load(path, sr=audio.SAMPLE_RATE, mono=True)
            mel = librosa.feature.melspectrogram(
                y=waveform, sr=rate, n_fft=MUSICNN_FFT, hop_length=MUSICNN_HOP, n_mels=MUSICNN_MELS
            )
            mel = np.log10(10_000 * mel.T + 1)  # (num_frames, num_mels)
            [mel[first : first + MUSICNN_FRAMES] for first in range(0, len(mel), MUSICNN_FRAMES)]

    return timed(windows, job)


def _network(job: Job) -> tuple[Any, Callable[[Any], Any]]:
    """A run's network with batch norm folded, as `kerastag.load` makes it, and waveform to scores by it."""
    from kerastag import runtime

    runtime.start()
    from kerastag import models
    from kerastag.inference import scoring
    from kerastag.models import folding

    model = folding.fold(models.short_chunk_resnet(NUM_TAGS, job.num_channels), job.computing.policy)
    return model, lambda waveform: scoring.scores_of(model(waveform, training=False))


def timed(work: Callable[[Sequence[str]], None], job: Job) -> float:
    """Seconds in which `work` does a job's files, after its warm-up."""
    work(job.warm_up)
    started = time.perf_counter()
    work(job.paths)
    return time.perf_counter() - started
