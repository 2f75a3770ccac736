"""The same chunks as `reading` takes, out of a waveform that is whole already."""

import numpy as np

from kerastag.audio import reading, resampling


def cut_chunk(waveform: np.ndarray, fraction: float, chunk_samples: int) -> np.ndarray:
    """What `random_chunk` reads, (chunk_samples,), out of a waveform (samples,)."""
    last_start = max(0, len(waveform) - chunk_samples)
    start = min(last_start, int(fraction * (last_start + 1)))
    return resampling.fit(waveform[start:], chunk_samples)


def cut_chunks(waveform: np.ndarray, num_chunks: int, chunk_samples: int) -> np.ndarray:
    """What `read_chunks` reads, (num_chunks, chunk_samples), out of a waveform (samples,)."""
    starts = reading.chunk_starts(len(waveform), chunk_samples, num_chunks)
    padded = resampling.fit(waveform, max(len(waveform), chunk_samples))
    return np.stack([padded[start : start + chunk_samples] for start in starts])
