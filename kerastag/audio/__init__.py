"""A file to a waveform: decoding, seeking, resampling, chunks.

A waveform is float32 (samples,), mono, the mean of the file's channels, at the model's sample rate. Whatever
the format, a chunk read alone equals that stretch of the whole file to 1e-5, and `num_samples` is the length
that `read` gives, also where a file's header is wrong. Importing this package costs next to nothing:
libsndfile, soxr and NumPy load with the first function asked for, TensorFlow only inside `tfio_decoder`.
"""

import importlib
from typing import TYPE_CHECKING, Any

from kerastag import errors

if TYPE_CHECKING:
    from kerastag.audio import tfio_decoder as tfio_decoder
    from kerastag.audio.account import Account as Account
    from kerastag.audio.cutting import Consecutive as Consecutive
    from kerastag.audio.cutting import chunk_starts as chunk_starts
    from kerastag.audio.cutting import cut_at as cut_at
    from kerastag.audio.cutting import cut_chunk as cut_chunk
    from kerastag.audio.cutting import cut_chunks as cut_chunks
    from kerastag.audio.cutting import num_parts as num_parts
    from kerastag.audio.cutting import starts_of_part as starts_of_part
    from kerastag.audio.finding import Found as Found
    from kerastag.audio.finding import find_audio as find_audio
    from kerastag.audio.in_memory import Waveform as Waveform
    from kerastag.audio.pcm import from_int16 as from_int16
    from kerastag.audio.pcm import to_int16 as to_int16
    from kerastag.audio.pcm import wav_bytes as wav_bytes
    from kerastag.audio.reading import AudioInfo as AudioInfo
    from kerastag.audio.reading import account_of as account_of
    from kerastag.audio.reading import forget_files as forget_files
    from kerastag.audio.reading import heard_in_part as heard_in_part
    from kerastag.audio.reading import info as info
    from kerastag.audio.reading import num_samples as num_samples
    from kerastag.audio.reading import random_chunk as random_chunk
    from kerastag.audio.reading import read as read
    from kerastag.audio.reading import read_chunk as read_chunk
    from kerastag.audio.reading import read_chunks as read_chunks
    from kerastag.audio.reading import read_consecutive as read_consecutive

SAMPLE_RATE = 16_000
EXTENSIONS = (
    *(".wav", ".w64", ".rf64", ".aif", ".aiff", ".aifc", ".au", ".caf"),
    *(".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2"),
)
FOREIGN_EXTENSIONS = (  # of what the second reader reads; videos that hold music are read where they are named
    *(".m4a", ".m4b", ".aac", ".wma", ".wv", ".mpc", ".ape", ".mka", ".webm", ".weba", ".tta"),
)
ALL_EXTENSIONS = (*EXTENSIONS, *FOREIGN_EXTENSIONS)
DECODERS = ("soundfile", "tfio")

_HOMES = {
    "account": "Account",
    "reading": "AudioInfo account_of forget_files heard_in_part info num_samples random_chunk read read_chunk "
    "read_chunks read_consecutive",
    "pcm": "from_int16 to_int16 wav_bytes",
    "cutting": "Consecutive chunk_starts cut_at cut_chunk cut_chunks num_parts starts_of_part",
    "finding": "Found find_audio",
    "in_memory": "Waveform",
    "tfio_decoder": "tfio_decoder",
}


class AudioError(errors.KerastagError):
    """An audio file that cannot be used: one line, "<path>: <what is wrong>"."""


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names.split():
            module = importlib.import_module(f"{__name__}.{home}")
            return globals().setdefault(name, module if name == home else getattr(module, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
