"""The mel filter bank in NumPy: librosa.filters.mel on the HTK scale and on Slaney's."""

import numpy as np

SCALES = ("htk", "slaney")

# Slaney's scale (Auditory Toolbox, 1998): linear with 3 mel per 200 Hz up to 1 kHz, above it 27 mel per factor of 6.4
_HZ_PER_MEL = 200 / 3
_LOG_FROM_HZ = 1000.0
_LOG_FROM_MEL = _LOG_FROM_HZ / _HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27


def hz_to_mel(frequency: np.ndarray | float, scale: str = "htk") -> np.ndarray:
    """Hertz to mel.

    Args:
      frequency: in Hz.
      scale: one of SCALES.

    Raises:
      ValueError: there is no such scale.
    """
    frequency = np.asarray(frequency, np.float64)
    if _checked(scale) == "htk":
        return 2595.0 * np.log10(1.0 + frequency / 700.0)
    logarithmic = _LOG_FROM_MEL + np.log(np.maximum(frequency, _LOG_FROM_HZ) / _LOG_FROM_HZ) / _LOG_STEP
    return np.where(frequency < _LOG_FROM_HZ, frequency / _HZ_PER_MEL, logarithmic)


def mel_to_hz(mel: np.ndarray | float, scale: str = "htk") -> np.ndarray:
    """Mel to hertz; arguments and errors as `hz_to_mel`."""
    mel = np.asarray(mel, np.float64)
    if _checked(scale) == "htk":
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    exponential = _LOG_FROM_HZ * np.exp(_LOG_STEP * np.maximum(mel - _LOG_FROM_MEL, 0.0))
    return np.where(mel < _LOG_FROM_MEL, mel * _HZ_PER_MEL, exponential)


def edges(num_mels: int, max_hz: float, scale: str = "htk") -> np.ndarray:
    """Where bands meet, in Hz, (num_mels + 2,), from 0 to `max_hz`: band i is centred on the i + 1st and ends at its
    neighbours.
    """
    return mel_to_hz(np.linspace(hz_to_mel(0.0, scale), hz_to_mel(max_hz, scale), num_mels + 2), scale)


def filter_bank(
    sample_rate: int, fft_size: int, num_mels: int, max_hz: float, scale: str = "htk", unit_area: bool = False
) -> np.ndarray:
    """Triangles between centres evenly spaced in mel from 0 to `max_hz`, linear in hertz.

    Args:
      sample_rate: in Hz.
      fft_size: samples per FFT.
      num_mels: bands.
      max_hz: where the last band ends.
      scale: one of SCALES.
      unit_area: each triangle has an area of 1 over hertz, librosa's norm="slaney" and Essentia's unit_tri, and
        not a peak of 1, librosa's norm=None.

    Returns:
      (fft_size // 2 + 1, num_mels) float64.

    Raises:
      ValueError: there is no such scale.
    """
    bins = np.fft.rfftfreq(fft_size, 1 / sample_rate)  # (num_bins,)
    ends = edges(num_mels, max_hz, scale)
    width = np.diff(ends)
    offset = ends - bins[:, None]  # (num_bins, num_mels + 2)
    rising = -offset[:, :-2] / width[:-1]
    falling = offset[:, 2:] / width[1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return triangles * 2 / (ends[2:] - ends[:-2]) if unit_area else triangles


def _checked(scale: str) -> str:
    if scale not in SCALES:
        raise ValueError(f"unknown mel scale '{scale}'; there are {', '.join(SCALES)}")
    return scale
