"""Real chunks that forms are compared on: of the run's validation split, else of what is at hand."""

import dataclasses
import pathlib
from collections.abc import Sequence

import keras
import numpy as np

from kerastag import audio, errors, tags
from kerastag.data import splits, track_files
from kerastag.runs import examples, run_folder
from kerastag.runs.model import Model
from kerastag.serving.graph import warm_up


@dataclasses.dataclass(frozen=True)
class ComparisonChunks:
    """Chunks of tracks.

    Attributes:
      chunks: float32 (num_chunks, chunk_samples), every value that of an int16, as chunks are scored.
      rows: the track that each is of, (num_chunks,).
      labels: 0 or 1, (num_tracks, num_tags); None: not known.
      source: what they are, for people.
    """

    chunks: np.ndarray
    rows: np.ndarray
    labels: np.ndarray | None
    source: str

    def of_tracks(self, scores: np.ndarray) -> np.ndarray:
        """Scores of chunks, (num_chunks, num_tags), to the means of each track's, (num_tracks, num_tags)."""
        sums, counts = np.zeros((self.rows.max() + 1, scores.shape[1])), np.bincount(self.rows)
        np.add.at(sums, self.rows, scores)
        return sums / counts[:, None]


def find(
    model: Model,
    split: tuple[pathlib.Path, pathlib.Path] | None,
    network: keras.Model,
    num_chunks: int,
    max_chunks: int,
) -> ComparisonChunks:
    """The best there is: the validation split, the run's examples, or synthesised sounds.

    Args:
      model: a run or an ensemble, whose tags the labels have and whose examples are taken.
      split: the folder of the dataset and the split file, if both are there.
      network: whose chunks they are.
      num_chunks: chunks of a track, at most.
      max_chunks: chunks of all tracks, at most.
    """
    of_split = split and _of_split(*split, model.vocabulary, network, num_chunks, max_chunks)
    return of_split or _of_examples(model.folder, network) or _synthesised(network)


def _of_split(
    folder: pathlib.Path,
    path: pathlib.Path,
    vocabulary: tags.Vocabulary,
    network: keras.Model,
    num_chunks: int,
    max_chunks: int,
) -> ComparisonChunks | None:
    """Tracks evenly spaced in the split, as many as can be, with as many chunks each as that leaves room for."""
    split = splits.read(path, vocabulary)
    chosen = np.unique(np.linspace(0, len(split) - 1, min(len(split), max_chunks)).round().astype(int))
    count = min(num_chunks, max_chunks // len(chosen))
    chunks, read = [], []
    for row in chosen:
        try:
            chunks.append(_of_file(track_files.resolve(folder, split.tracks[row]), network, count))
        except errors.KerastagError:
            continue  # evaluation is where unreadable tracks are named
        read.append(row)
    if not chunks:
        return None
    chosen_chunks = _of_tracks(chunks, f"{len(chunks)} of {len(split)} validation tracks")
    return dataclasses.replace(chosen_chunks, labels=split.labels(vocabulary)[read])


def _of_file(path: pathlib.Path, network: keras.Model, count: int) -> np.ndarray:
    if network.centred:
        return audio.random_chunk(path, 0.5, network.chunk_samples, network.sample_rate)[None]
    return audio.read_chunks(path, count, network.chunk_samples, network.sample_rate)


def _of_examples(run: run_folder.RunFolder, network: keras.Model) -> ComparisonChunks | None:
    """The validation tracks whose sound a run keeps, up to 10 s of each."""
    kept = [example.waveform() for example in examples.read(run) if example.sample_rate == network.sample_rate]
    chunks = [
        audio.cut_chunks(waveform, 1 + len(waveform) // network.chunk_samples, network.chunk_samples)
        for waveform in kept
    ]
    return _of_tracks(chunks, f"the run's {len(kept)} examples") if kept else None


def _synthesised(network: keras.Model) -> ComparisonChunks:
    """A chord, noise at four levels, and silence."""
    size = network.chunk_samples
    generator = np.random.default_rng(0)
    noise = [generator.normal(0, level, size) for level in (0.3, 0.1, 0.01, 0.001)]
    sounds = [warm_up.example_waveform(size, network.sample_rate), *noise, np.zeros(size)]
    return _of_tracks([np.asarray(sound, np.float32)[None] for sound in sounds], "synthesised sounds")


def _of_tracks(chunks: Sequence[np.ndarray], source: str) -> ComparisonChunks:
    rows = np.repeat(np.arange(len(chunks)), [len(of_track) for of_track in chunks])
    rounded = audio.from_int16(audio.to_int16(np.concatenate(chunks)))
    return ComparisonChunks(rounded, rows, None, f"{len(rows)} chunks of {source}")
