"""What a served model must answer: chunks cut by the package's reader, networks in Keras, the rest in NumPy."""

import dataclasses
import pathlib
from collections.abc import Sequence

import keras
import numpy as np

from kerastag import audio
from kerastag.audio import cutting
from kerastag.inference import scoring
from kerastag.models import embedding


@dataclasses.dataclass(frozen=True)
class Outputs:
    """Of one network.

    Attributes:
      scores: float32 (rows, num_tags).
      embedding: float32 (rows, width); None: it has none.
    """

    scores: np.ndarray
    embedding: np.ndarray | None


def of_waveforms(model: keras.Model, waveforms: np.ndarray, num_chunks: int) -> Outputs:
    """A row for each row of `waveforms`, float32 (batch, samples): the mean over its chunks."""
    size = model.chunk_samples
    if model.centred:
        return of_chunks(model, np.stack([audio.cut_chunk(row, 0.5, size) for row in waveforms]))
    starts = np.unique(audio.chunk_starts(waveforms.shape[1], size, num_chunks))  # those of a short one are all 0
    chunks = [of_chunks(model, cut(waveforms, int(start), size)) for start in starts]
    embeddings = [outputs.embedding for outputs in chunks if outputs.embedding is not None]
    scores = np.mean([outputs.scores for outputs in chunks], axis=0)
    return Outputs(scores, np.mean(embeddings, axis=0) if embeddings else None)


def of_chunks(model: keras.Model, chunks: np.ndarray) -> Outputs:
    """A row for each chunk, float32 (rows, chunk_samples)."""
    hidden = embedding.tensor_of(model)
    if hidden is None:
        return Outputs(np.asarray(scoring.scores_of(model(chunks, training=False))), None)
    logits, embedded = keras.Model(model.input, [model.output, hidden])(chunks, training=False)
    return Outputs(np.asarray(scoring.scores_of(logits)), np.asarray(keras.ops.cast(embedded, "float32")))


def consecutive_starts(num_samples: int, chunk_samples: int) -> np.ndarray:
    """First samples of chunks without overlap, int64 (chunks,); the last chunk ends with the waveform."""
    return np.array([*range(0, num_samples - chunk_samples, chunk_samples), max(0, num_samples - chunk_samples)])


def cut(waveforms: np.ndarray, start: int, num_samples: int) -> np.ndarray:
    """(batch, num_samples) of (batch, samples) from a sample on, zeros after the end."""
    return np.stack([cutting.fit(row[start:], num_samples) for row in waveforms])


def read(path: pathlib.Path, sample_rate: int) -> np.ndarray:
    """A file as it is scored, float32 (1, samples): rounded to 16 bits."""
    return audio.from_int16(audio.to_int16(audio.read(path, sample_rate)))[np.newaxis]


def best(scores: np.ndarray, k: Sequence[int]) -> list[np.ndarray]:
    """The columns with the highest scores of each row, highest first."""
    return [np.argsort(-row, kind="stable")[:number] for row, number in zip(scores, k, strict=True)]
