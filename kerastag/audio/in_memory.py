"""A waveform that is in memory already, to be read as a file is: mixed down, resampled, cut into chunks."""

from types import TracebackType

import numpy as np

from kerastag import audio
from kerastag.audio import decoder


class Waveform:
    """Sound in memory; `audio.info`, `num_samples`, `read`, `read_chunk`, `read_chunks` and `random_chunk` take it.

    They give, to the last bit, what they give for a WAV file of these samples as 32-bit floats.

    Args:
      samples: float, (samples,) or (samples, channels), finite; full scale is 1.0.
      sample_rate: in Hz, 1,000 to 768,000.
      name: what errors call it.

    Attributes:
      rate: `sample_rate`.
      num_channels: channels of `samples`.
      num_frames: its length.

    Raises:
      AudioError: the samples or the rate are none of these.
    """

    stores_int16 = False

    def __init__(self, samples: np.ndarray, sample_rate: int, name: str = "the waveform"):
        samples = np.asarray(samples)
        self._name, self.rate = name, int(sample_rate)
        self._check(samples)
        block = samples.astype(np.float32, copy=False).reshape(len(samples), -1)
        self.num_frames, self.num_channels = block.shape
        self._mono = np.empty(self.num_frames, np.float32)
        decoder.mix(block, self._mono)
        finite = np.isfinite(self._mono)
        if not finite.all():
            raise audio.AudioError(f"{name}: holds NaN or infinity at sample {int(finite.argmin()):,}")

    def __str__(self) -> str:
        return self._name

    def __enter__(self) -> "Waveform":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def decode(self, start: int, stop: int, dtype: type[np.number] = np.float32) -> np.ndarray:
        """Samples `start` to `stop`, mono float32 at its own rate, fewer where it ends before `stop`."""
        return self._mono[start:stop]

    def _check(self, samples: np.ndarray) -> None:
        """Raises AudioError: these are no samples, or not at such a rate."""
        problem = ""
        if samples.dtype.kind != "f":
            problem = f"samples are {samples.dtype}, not float with full scale at 1.0"
        elif samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] > samples.shape[0]):
            problem = f"shape {samples.shape} is neither (samples,) nor (samples, channels)"
        elif not samples.size:
            problem = "holds no samples"
        elif not decoder.MIN_RATE <= self.rate <= decoder.MAX_RATE:
            problem = f"{self.rate:,} Hz is outside {decoder.MIN_RATE:,} to {decoder.MAX_RATE:,} Hz"
        if problem:
            raise audio.AudioError(f"{self._name}: {problem}")
