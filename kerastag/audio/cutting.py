"""Where chunks start, and chunks out of a waveform that is whole already."""

import dataclasses

import numpy as np

PART = 16  # chunks read at a time, as many as fit in some 40 MB of work, however long the file


def chunk_starts(length: int, chunk_samples: int, num_chunks: int) -> np.ndarray:
    """int64 (num_chunks,): in `length` samples, chunk i starts at i * ((length - chunk) // num_chunks)."""
    return np.arange(num_chunks, dtype=np.int64) * (max(0, length - chunk_samples) // num_chunks)


def random_start(length: int, chunk_samples: int, fraction: float) -> int:
    """The start that `fraction` in [0, 1) picks among all those of a chunk in `length` samples."""
    if not 0 <= fraction < 1:
        raise ValueError(f"fraction {fraction} is not in [0, 1)")
    last_start = max(0, length - chunk_samples)
    return min(last_start, int(fraction * (last_start + 1)))


def cut_chunk(waveform: np.ndarray, fraction: float, chunk_samples: int) -> np.ndarray:
    """What `random_chunk` reads, (chunk_samples,), out of a waveform (samples,)."""
    start = random_start(len(waveform), chunk_samples, fraction)
    return fit(waveform[start:], chunk_samples)


def num_parts(num_chunks: int) -> int:
    """The number of parts in which so many chunks can be read."""
    return -(-num_chunks // PART)


@dataclasses.dataclass(frozen=True)
class Consecutive:
    """Chunks that follow each other over a whole track, so that none of it is left out.

    Attributes:
      hop_samples: from one chunk's start to the next one's.
      lead_samples: by which the first begins before the track, and the last may end after it; zeros are there.
    """

    hop_samples: int
    lead_samples: int

    def starts(self, length: int, chunk_samples: int) -> np.ndarray:
        """int64 (chunks,): where chunks start in `length` samples; one if the track is shorter than a chunk."""
        spare = length + 2 * self.lead_samples - chunk_samples
        return np.arange(max(0, spare) // self.hop_samples + 1, dtype=np.int64) * self.hop_samples - self.lead_samples


def starts_of_part(starts: np.ndarray, part: int) -> np.ndarray:
    """Those of the chunks that are read as that part."""
    return starts[part * PART : (part + 1) * PART]


def cut_chunks(waveform: np.ndarray, num_chunks: int, chunk_samples: int, part: int | None = None) -> np.ndarray:
    """What `read_chunks` reads, (num_chunks, chunk_samples) or a part of that, out of a waveform (samples,)."""
    starts = chunk_starts(len(waveform), chunk_samples, num_chunks)
    if part is not None:
        starts = starts_of_part(starts, part)
    return np.stack([fit(waveform[start:], chunk_samples) for start in starts])


def cut_at(waveform: np.ndarray, starts: np.ndarray, chunk_samples: int) -> np.ndarray:
    """(chunks, chunk_samples) of a waveform (samples,), zeros before it and after it."""
    before = np.zeros(max(0, -int(starts.min(initial=0))), waveform.dtype)
    whole = np.concatenate([before, waveform]) if len(before) else waveform
    return np.stack([fit(whole[start:], chunk_samples) for start in starts + len(before)])


def fit(waveform: np.ndarray, num_samples: int) -> np.ndarray:
    """Cuts a waveform, or pads it with zeros at its end, to `num_samples`."""
    if len(waveform) >= num_samples:
        return waveform[:num_samples]
    return np.concatenate([waveform, np.zeros(num_samples - len(waveform), waveform.dtype)])
