"""Sounds of the demo set: instruments, percussion, textures and effects, as float32 arrays.

Every function takes the sample rate; what is random comes from the generator handed in.
"""

import functools

import numpy as np

TABLE_SIZE = 2048
HARMONICS = {  # amplitude of the k-th harmonic, k = 1, 2, ...
    "flute": (1.0, 0.25, 0.08, 0.03),
    "organ": (1.0, 0.6, 0.3, 0.25, 0.0, 0.15, 0.0, 0.12),
    "round": (1.0, 0.45, 0.15),
    "saw": tuple(1.0 / k for k in range(1, 41)),
    "square": tuple((k % 2) / k for k in range(1, 41)),
}


@functools.cache
def _table(timbre: str, num_harmonics: int) -> np.ndarray:
    phase = np.arange(TABLE_SIZE) * (2 * np.pi / TABLE_SIZE)
    waves = [a * np.sin(k * phase) for k, a in enumerate(HARMONICS[timbre][:num_harmonics], 1)]
    return np.sum(waves, axis=0).astype(np.float32)


def hertz(pitch: float) -> float:
    """MIDI note number -> frequency; 69 is A at 440 Hz."""
    return 440.0 * 2.0 ** ((pitch - 69.0) / 12.0)


def seconds_axis(seconds: float, rate: int) -> np.ndarray:
    """The time of every sample, float64."""
    return np.arange(max(1, int(seconds * rate))) / rate


def tone(timbre: str, frequency: float, seconds: float, rate: int, vibrato: float = 0.0) -> np.ndarray:
    """A band-limited wavetable oscillator; `vibrato` is the depth at 5.5 Hz as a part of the frequency."""
    t = seconds_axis(seconds, rate)
    cycles = frequency * t
    if vibrato:
        cycles -= frequency * vibrato / (2 * np.pi * 5.5) * np.cos(2 * np.pi * 5.5 * t)
    table = _table(timbre, max(1, int(0.45 * rate / frequency)))
    return table[(cycles * TABLE_SIZE).astype(np.int64) & (TABLE_SIZE - 1)]


def envelope(num_samples: int, rate: int, attack: float, decay: float | None, release: float) -> np.ndarray:
    """Linear rise, exponential fall with time constant `decay` (None: none), linear release; seconds."""
    t = np.arange(num_samples, dtype=np.float32) / rate
    shape = np.exp(-t / decay) if decay else np.ones_like(t)
    shape *= np.minimum(1.0, t / attack)
    return shape * np.minimum(1.0, (num_samples / rate - t) / release)


def fm(frequency: float, seconds: float, rate: int, ratio: float, index: float, decay: float) -> np.ndarray:
    """Two-operator frequency modulation whose index and loudness fall with time constant `decay`."""
    t = seconds_axis(seconds, rate)
    fall = np.exp(-t / decay)
    cycles = np.mod(np.stack([frequency * t, frequency * ratio * t]), 1.0).astype(np.float32) * np.float32(2 * np.pi)
    wave = np.sin(cycles[0] + (index * fall).astype(np.float32) * np.sin(cycles[1]))
    return (wave * envelope(len(t), rate, 0.003, decay, 0.02)).astype(np.float32)


def pluck(frequency: float, seconds: float, rate: int, decay: float = 0.996) -> np.ndarray:
    """A plucked string, Karplus and Strong 1983: every period is the smoothed one before it."""
    period = max(2, round(rate / frequency - 0.5))
    num_periods = int(seconds * rate) // period + 1
    string = np.empty((num_periods, period), np.float32)
    string[0] = np.random.default_rng(period).uniform(-1, 1, period)
    for row in range(1, num_periods):
        previous = string[row - 1]
        string[row, 1:] = previous[1:] + previous[:-1]
        string[row, 0] = previous[0] + previous[-1]
        string[row] *= 0.5 * decay
    wave = string.reshape(-1)
    return wave * envelope(len(wave), rate, 0.002, None, 0.02)


def strings(frequency: float, seconds: float, rate: int) -> np.ndarray:
    """Three bowed strings a little out of tune, swelling."""
    wave = np.sum([tone("saw", frequency * d, seconds, rate, 0.004) for d in (0.996, 1.0, 1.005)], axis=0)
    return wave * envelope(len(wave), rate, 0.3 * seconds, None, 0.25 * seconds) * np.float32(0.4)


def held(timbre: str, frequency: float, seconds: float, rate: int, attack: float = 0.01) -> np.ndarray:
    """A wavetable tone held at one loudness."""
    wave = tone(timbre, frequency, seconds, rate)
    return wave * envelope(len(wave), rate, attack, None, 0.03)


def music_box(frequency: float, seconds: float, rate: int) -> np.ndarray:
    """A small metal tongue: few inharmonic partials that die fast."""
    t = seconds_axis(seconds, rate)
    partials = ((1.0, 1.0, 0.35), (2.76, 0.4, 0.15), (5.4, 0.25, 0.06))
    wave = sum(a * np.sin(2 * np.pi * frequency * p * t) * np.exp(-t / d) for p, a, d in partials)
    return (wave * envelope(len(t), rate, 0.001, None, 0.01)).astype(np.float32)


def bowl(frequency: float, seconds: float, rate: int) -> np.ndarray:
    """A singing bowl: each partial is a pair that beats."""
    t = seconds_axis(seconds, rate)
    partials = ((1.0, 1.0, 1.3), (2.71, 0.6, 2.1), (5.15, 0.35, 3.3))
    wave = sum(
        a * (np.sin(2 * np.pi * frequency * p * t) + np.sin(2 * np.pi * (frequency * p + beat) * t))
        for p, a, beat in partials
    )
    return (wave * envelope(len(t), rate, 0.05, 0.6 * seconds, 0.1)).astype(np.float32)


INSTRUMENTS = {
    "bell": lambda f, s, r: fm(f, s, r, ratio=3.5, index=2.5, decay=0.5),
    "bowl": bowl,
    "brass": lambda f, s, r: held("saw", f, s, r, attack=0.06),
    "flute": lambda f, s, r: held("flute", f, s, r, attack=0.05),
    "keys": lambda f, s, r: fm(f, s, r, ratio=1.0, index=1.6, decay=0.9),
    "music_box": music_box,
    "organ": lambda f, s, r: held("organ", f, s, r),
    "pluck": pluck,
    "round": lambda f, s, r: held("round", f, s, r),
    "saw": lambda f, s, r: held("saw", f, s, r),
    "square": lambda f, s, r: held("square", f, s, r, attack=0.003),
    "strings": strings,
}


def noise(seconds: float, rate: int, rng: np.random.Generator) -> np.ndarray:
    """White noise."""
    return rng.standard_normal(max(1, int(seconds * rate)), dtype=np.float32)


def band(wave: np.ndarray, low: float | None, high: float | None, rate: int) -> np.ndarray:
    """Second-order Butterworth between `low` and `high` Hz, along the last axis; None leaves an end open."""
    from scipy import signal  # takes half a second to import, and only the making of the set needs it

    top = 0.45 * rate
    if low and high:
        b, a = signal.butter(1, [low, min(high, top)], "bandpass", fs=rate)
    elif high:
        b, a = signal.butter(2, min(high, top), "lowpass", fs=rate)
    else:
        b, a = signal.butter(2, low, "highpass", fs=rate)
    return signal.lfilter(b.astype(np.float32), a.astype(np.float32), wave)


def _hit(rate: int, rng: np.random.Generator, seconds: float, low: float, high: float | None) -> np.ndarray:
    wave = band(noise(5 * seconds, rate, rng), low, high, rate)
    return wave * envelope(len(wave), rate, 0.001, seconds, 0.01)


def _drop(rate: int, seconds: float, start: float, end: float) -> np.ndarray:
    t = seconds_axis(4 * seconds, rate)
    glide = end * t + (start - end) * 0.03 * (1 - np.exp(-t / 0.03))
    return (np.sin(2 * np.pi * glide) * envelope(len(t), rate, 0.001, seconds, 0.01)).astype(np.float32)


def _snare(rate: int, rng: np.random.Generator) -> np.ndarray:
    crack = _hit(rate, rng, 0.06, 1500, 7000)
    crack[: int(0.1 * rate)] += 0.6 * _drop(rate, 0.03, 280, 180)[: int(0.1 * rate)]
    return crack


def _clap(rate: int, rng: np.random.Generator) -> np.ndarray:
    crack = _hit(rate, rng, 0.05, 900, 2600)
    wave = np.zeros(len(crack) + int(0.03 * rate), np.float32)
    for late in (0.0, 0.011, 0.023):
        wave[int(late * rate) : int(late * rate) + len(crack)] += crack
    return wave


def _sleigh(rate: int, rng: np.random.Generator) -> np.ndarray:
    t = seconds_axis(0.16, rate)
    pitches = rng.uniform(3800, 7600, 14)
    wave = np.sin(2 * np.pi * pitches[:, None] * t + rng.uniform(0, 6, (14, 1))).sum(axis=0) * 0.3
    return (wave * envelope(len(t), rate, 0.004, 0.05, 0.02)).astype(np.float32)


PERCUSSION = {
    "clap": _clap,
    "hat": lambda r, rng: 0.5 * _hit(r, rng, 0.02, 5500, None),
    "kick": lambda r, rng: _drop(r, 0.12, 160, 48),
    "shaker": lambda r, rng: 0.4 * _hit(r, rng, 0.03, 3000, 6000),
    "sleigh": _sleigh,
    "snare": _snare,
    "tom": lambda r, rng: _drop(r, 0.25, 140, 62) + 0.1 * noise(1.0, r, rng)[: int(r)] * _drop(r, 0.25, 300, 250),
}


def birds(seconds: float, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Chirps in groups, a group about every half second."""
    wave = np.zeros(int(seconds * rate), np.float32)
    base, span, length = rng.uniform(2800, 4200), rng.uniform(600, 1800), rng.uniform(0.05, 0.11)
    start = rng.uniform(0.0, 0.3)
    while start < seconds:
        for call in range(rng.integers(2, 6)):
            t = seconds_axis(length, rate)
            sweep = base * t + rng.choice((-1, 1)) * span * t**2 / (2 * length)
            chirp = np.sin(2 * np.pi * sweep) * np.sin(np.pi * t / length) * rng.uniform(0.5, 1.0)
            place = int((start + 1.4 * length * call) * rate)
            room = wave[place : place + len(chirp)]
            room += chirp[: len(room)].astype(np.float32)
        start += rng.uniform(0.35, 1.0)
    return wave


def wind(seconds: float, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Noise between 300 and 1500 Hz that comes and goes."""
    t = seconds_axis(seconds, rate).astype(np.float32)
    gusts = 0.65 + 0.35 * np.sin(2 * np.pi * (rng.uniform(0.15, 0.35) * t + rng.uniform()))
    return band(noise(seconds, rate, rng), 300, 1500, rate) * gusts.astype(np.float32)


def glide(seconds: float, rate: int, rng: np.random.Generator) -> np.ndarray:
    """A theremin that wanders over two octaves, a turn every few seconds."""
    t = seconds_axis(seconds, rate)
    centre, turn = np.log2(rng.uniform(600, 1000)), rng.uniform(2.2, 3.5)
    octaves = centre + np.sin(2 * np.pi * (t / turn + rng.uniform())) + 0.02 * np.sin(2 * np.pi * 6 * t)
    return np.sin(np.mod(np.cumsum(2.0**octaves) / rate, 1.0) * (2 * np.pi)).astype(np.float32)


def echo(wave: np.ndarray, seconds: float, gain: float, rate: int, times: int = 4) -> np.ndarray:
    """Repeats of `wave`, each `gain` times as loud as the one before."""
    out, late = wave.copy(), int(seconds * rate)
    for k in range(1, times + 1):
        if k * late < wave.shape[-1]:
            out[..., k * late :] += np.float32(gain**k) * wave[..., : -k * late]
    return out


def reverb(wave: np.ndarray, seconds: float, wet: float, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Adds one room to all channels: their mean convolved with noise that is 60 dB down after `seconds`."""
    from scipy import signal

    t = seconds_axis(seconds, rate).astype(np.float32)
    room = band(noise(seconds, rate, rng), 150, 5000, rate)[: len(t)] * np.exp(-6.9 * t / seconds)
    room *= np.float32(wet) / np.sqrt(np.sum(room**2))
    return wave + signal.oaconvolve(wave.mean(axis=0), room)[: wave.shape[-1]]
