"""The mel filter bank in NumPy: the HTK scale, as librosa.filters.mel(htk=True, norm=None) has it."""

import numpy as np


def hz_to_mel(frequency: np.ndarray | float) -> np.ndarray:
    """Hertz to mel on the HTK scale."""
    return 2595.0 * np.log10(1.0 + np.asarray(frequency, np.float64) / 700.0)


def mel_to_hz(mel: np.ndarray | float) -> np.ndarray:
    """Mel on the HTK scale to hertz."""
    return 700.0 * (10.0 ** (np.asarray(mel, np.float64) / 2595.0) - 1.0)


def filter_bank(sample_rate: int, fft_size: int, num_mels: int, max_hz: float) -> np.ndarray:
    """Triangles between centres evenly spaced in mel from 0 to `max_hz`, linear in hertz, each with a peak of 1.

    Returns:
      (fft_size // 2 + 1, num_mels) float64.
    """
    bins = np.fft.rfftfreq(fft_size, 1 / sample_rate)  # (num_bins,)
    edges = mel_to_hz(np.linspace(hz_to_mel(0.0), hz_to_mel(max_hz), num_mels + 2))
    width = np.diff(edges)
    offset = edges - bins[:, None]  # (num_bins, num_mels + 2)
    rising = -offset[:, :-2] / width[:-1]
    falling = offset[:, 2:] / width[1:]
    return np.maximum(0.0, np.minimum(rising, falling))
