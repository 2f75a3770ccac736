"""Decoding inside a TensorFlow graph, by tensorflow-io; the extra `tfio` installs it.

It reads WAV, FLAC, Ogg Vorbis and MP3, always whole and undamaged files, and takes 1.4 (WAV), 2 (MP3) and
5 times (FLAC, Vorbis) as long as libsndfile. Two things stay outside tensorflow-io's operations:
- The header is read by libsndfile: the decoding operations do not tell the sample rate, and must be told the
  sample type. (tensorflow_io.audio.AudioIOTensor tells both, but mixes up files inside a parallel map.) So
  errors read as those of `audio.read`. Every file is decoded by libsndfile once in a process, before tensorflow-io sees
  it: of a damaged one its decoders may never return, and nothing stops them in a graph.
- The resampling is soxr's: tensorflow_io.audio.resample takes 150 times as long and is not aligned in time.
"""

import contextlib
import functools
import importlib.metadata
import importlib.util
import os
import types
import warnings
from typing import TYPE_CHECKING

import numpy as np

from kerastag import audio, errors

if TYPE_CHECKING:
    import tensorflow as tf

    from kerastag.audio import source

REMEDY = "pip install 'kerastag[tfio]', with TensorFlow 2.16 or 2.17 and Python 3.11 or 3.12"

_FRAMES_AT_ONCE = 1 << 20

# What libsndfile calls a file, and how tensorflow-io must be asked: operation, sample type, full scale.
_FORMS = {
    ("WAV", "PCM_U8"): ("decode_wav", "uint8", 128),
    ("WAV", "PCM_16"): ("decode_wav", "int16", 1 << 15),
    ("WAV", "PCM_24"): ("decode_wav", "int32", 1 << 31),
    ("WAV", "PCM_32"): ("decode_wav", "float32", 1 << 31),  # its integers come out under the wrong type
    ("WAV", "FLOAT"): ("decode_wav", "float32", 1),
    ("FLAC", "PCM_S8"): ("decode_flac", "uint8", 128),
    ("FLAC", "PCM_16"): ("decode_flac", "int16", 1 << 15),
    ("FLAC", "PCM_24"): ("decode_flac", "int32", 1 << 31),
    ("OGG", "VORBIS"): ("decode_vorbis", "float32", 1),
    ("MP3", "MPEG_LAYER_III"): ("decode_mp3", "float32", 1),
}


@functools.cache
def available() -> str | None:
    """Says in a few words why tensorflow-io cannot be used here; None if it can."""
    if importlib.util.find_spec("tensorflow_io") is None:
        return "tensorflow-io is not installed"
    try:
        import tensorflow as tf

        with tf.init_scope():  # the first operation loads the library
            _operations().encode_wav(tf.zeros([1, 1], tf.int16), rate=audio.SAMPLE_RATE)
    except Exception as error:  # NotImplementedError, ImportError or AttributeError, by what does not fit
        versions = {name: importlib.metadata.version(name) for name in ("tensorflow-io", "tensorflow")}
        pair = " with ".join(f"{name} {version}" for name, version in versions.items())
        return f"{pair} does not load ({type(error).__name__})"
    return None


def require() -> None:
    """Raises KerastagError, saying why and what to install, if tensorflow-io cannot be used here."""
    reason = available()
    if reason:
        raise errors.KerastagError(f"the tfio decoder cannot be used: {reason}; {REMEDY}")


def read(path: "tf.Tensor", sample_rate: int = audio.SAMPLE_RATE) -> "tf.Tensor":
    """`audio.read` as TensorFlow operations, for use inside the map of a tf.data pipeline.

    Args:
      path: string scalar.
      sample_rate: sample rate of the result, in Hz.

    Returns:
      float32 (samples,), within 1e-3 of what `audio.read` gives.

    Raises:
      KerastagError: tensorflow-io cannot be used here; when the graph is built.
      tf.errors.OpError: the file cannot be read; when the graph runs. Its message holds "AudioError: <line>".
    """
    import tensorflow as tf

    require()
    form, rate = tf.numpy_function(_header, [path], [tf.int32, tf.int32], stateful=False)
    with tf.control_dependencies([form]):
        contents = tf.io.read_file(path)
    branches = [functools.partial(_decode, contents, *how) for how in _FORMS.values()]
    mono = tf.switch_case(form, branches)  # (frames,)
    resample = functools.partial(_resample, sample_rate)
    waveform = tf.numpy_function(resample, [path, mono, rate], tf.float32, stateful=False)  # (samples,)
    waveform.set_shape([None])
    return waveform


def _decode(contents: "tf.Tensor", operation: str, sample_type: str, full_scale: int) -> "tf.Tensor":
    """Decodes a file's bytes to mono (frames,)."""
    import tensorflow as tf

    decode = getattr(_operations(), operation)
    samples = decode(contents, dtype=sample_type) if operation in ("decode_wav", "decode_flac") else decode(contents)
    if sample_type == "float32" and full_scale > 1:
        samples = tf.bitcast(samples, tf.int32)
    samples = tf.cast(samples, tf.float32)  # (frames, channels)
    if sample_type == "uint8":
        samples -= full_scale
    return tf.reduce_mean(samples, axis=1) / full_scale


def _header(path: np.ndarray | bytes) -> tuple[np.int32, np.int32]:
    """Which of _FORMS a file has, and its rate in Hz."""
    name = np.asarray(path).item()
    seen = None  # by opening it is said what is wrong
    with contextlib.suppress(OSError):
        status = os.stat(name)
        seen = (status.st_ino, status.st_size, status.st_mtime_ns)
    form, rate = _checked(name, seen)
    return np.int32(form), np.int32(rate)


@functools.lru_cache(maxsize=100_000)
def _checked(name: bytes, _seen: tuple[int, ...] | None) -> tuple[int, int]:
    """As `_header`, of a file that decodes from its first byte to its last."""
    from kerastag.audio import source

    with source.Source(name) as file:
        container, codec = file.form
        form = ("WAV" if container == "WAVEX" else container, codec)
        if form not in _FORMS:
            raise audio.AudioError(f"{file.path}: tensorflow-io does not decode {container} {codec}, soundfile does")
        if not (file.plain and _is_whole(file)):
            raise audio.AudioError(f"{file.path}: is damaged, which tensorflow-io does not bear, soundfile does")
        return list(_FORMS).index(form), file.rate


def _is_whole(file: "source.Source") -> bool:
    """Whether nothing is missing once everything was decoded."""
    for start in range(0, file.num_frames, _FRAMES_AT_ONCE):
        file.decode(start, min(start + _FRAMES_AT_ONCE, file.num_frames))
    return not file.account().gaps


def _resample(sample_rate: int, path: np.ndarray | bytes, mono: np.ndarray, rate: np.int32) -> np.ndarray:
    from kerastag.audio import resampling

    if not np.isfinite(mono).all():
        raise audio.AudioError(f"{os.fsdecode(np.asarray(path).item())}: holds NaN or infinity")
    return resampling.resample(mono, int(rate), sample_rate)


def _operations() -> types.ModuleType:
    """The module tensorflow_io.audio."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about file systems that it could not load
        import tensorflow_io
    return tensorflow_io.audio
