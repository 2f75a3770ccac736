"""Audio to test with: music-like signals, files of every format, and files damaged in every way."""

import dataclasses
import hashlib
import io
import pathlib
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest
import soundfile

FORMATS = {  # name: container, codec, the rates tried
    "wav_pcm16": ("WAV", "PCM_16", (8000, 11025, 16000, 22050, 44100, 48000, 96000)),
    "wav_float": ("WAV", "FLOAT", (8000, 44100, 96000)),
    "flac": ("FLAC", "PCM_16", (8000, 16000, 32000, 44100, 96000)),
    "vorbis": ("OGG", "VORBIS", (8000, 16000, 22050, 44100, 48000, 96000)),
    "opus": ("OGG", "OPUS", (8000, 12000, 16000, 24000, 48000)),
    "mp3": ("MP3", "MPEG_LAYER_III", (8000, 11025, 16000, 22050, 32000, 44100, 48000)),
}
FOREIGN = {  # name: container, codec; libsndfile does not write them
    "m4a": ("mp4", "aac"),
    "alac": ("mp4", "alac"),
    "wma": ("asf", "wmav2"),
    "wv": ("wv", "wavpack"),
    "mka": ("matroska", "aac"),
    "mka_pcm": ("matroska", "pcm_s16le"),
    "webm": ("webm", "libopus"),
    "tta": ("tta", "tta"),
    "aac": ("adts", "aac"),
    "mp2": ("mp2", "mp2"),
}
MAX_KEPT = 1_000_000  # bytes of an encoded file that may be asked for again
CASES = [(form, rate) for form, (_, _, rates) in FORMATS.items() for rate in rates]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def form_and_rate(request: pytest.FixtureRequest) -> tuple[str, int]:
    """Every format at every rate it is tried at."""
    return request.param


@dataclasses.dataclass
class Maker:
    """Makes signals and files in one folder."""

    folder: pathlib.Path
    encoded: ClassVar[dict[tuple, bytes]] = {}  # encoding takes longer than reading, and many files are alike

    def music(self, rate: int, seconds: float, channels: int = 2, seed: int = 0) -> np.ndarray:
        """(frames, channels): tones, noise bursts and a silence, so that codecs change their ways."""
        random = np.random.default_rng(seed)
        time = np.arange(int(rate * seconds))[:, None] / rate
        tones = 0.3 * np.sin(2 * np.pi * (220 + 110 * np.arange(channels)) * time)
        noise = 0.1 * random.standard_normal((len(time), channels)) * np.sin(np.pi * time) ** 2
        for start in random.integers(0, len(time), int(4 * seconds)):
            noise[start : start + rate // 200] *= 5
        signal = np.clip(tones + noise, -0.99, 0.99)
        signal[len(signal) // 2 : len(signal) // 2 + rate // 2] = 0
        return signal.astype(np.float32)

    def encode(self, form: str, samples: np.ndarray, rate: int, **options: object) -> bytes:
        samples = np.ascontiguousarray(samples)
        key = (form, samples.shape, samples.dtype, hashlib.sha256(samples).digest(), rate, *sorted(options.items()))
        if key in self.encoded:
            return self.encoded[key]
        container, codec, _ = FORMATS[form]
        memory = io.BytesIO()
        channels = samples.shape[1]
        with soundfile.SoundFile(memory, "w", rate, channels, format=container, subtype=codec, **options) as file:
            file.write(samples)
        if memory.tell() < MAX_KEPT:
            self.encoded[key] = memory.getvalue()
        return memory.getvalue()

    def encode_foreign(self, form: str, samples: np.ndarray, rate: int) -> bytes:
        """A file in one of FOREIGN, by FFmpeg's libraries."""
        av = pytest.importorskip("av", reason="the extra formats is not installed")
        container_name, codec = FOREIGN[form]
        memory = io.BytesIO()
        with av.open(memory, "w", format=container_name) as container:
            layout = "mono" if samples.shape[1] == 1 else "stereo"
            stream = container.add_stream(codec, rate=rate, layout=layout)
            stream.bit_rate = 192_000
            known = {form.name for form in stream.codec.audio_formats}
            stream.format = next(name for name in ("fltp", "s16p", "s16") if name in known)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.reshape(1, -1)), "flt", layout)
            frame.sample_rate = rate
            resampler = av.AudioResampler(stream.format, layout, rate, stream.frame_size or 4096)
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                container.mux(stream.encode(part))
            container.mux(stream.encode(None))
        return memory.getvalue()

    def write(self, name: str, content: bytes) -> pathlib.Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def track(self, form: str, rate: int, seconds: float = 4.0, channels: int = 2, **options: object) -> pathlib.Path:
        """A file of `music`."""
        suffix = {"vorbis": "ogg", "wav_pcm16": "wav", "wav_float": "wav"}.get(form, form)
        content = self.encode(form, self.music(rate, seconds, channels), rate, **options)
        return self.write(f"{form}_{rate}_{seconds}_{channels}.{suffix}", content)


@pytest.fixture
def maker(tmp_path: pathlib.Path) -> Maker:
    return Maker(tmp_path)


@pytest.fixture
def mp3_frames() -> Callable[[bytes], list[int]]:
    """The offsets of the frames of an MPEG-1 layer III stream without tags."""
    kilobits = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
    rates = (44100, 48000, 32000)

    def offsets(content: bytes) -> list[int]:
        found, position = [], 0
        while position + 4 <= len(content):
            assert content[position] == 0xFF and content[position + 1] & 0xFE == 0xFA
            found.append(position)
            third = content[position + 2]
            position += 144_000 * kilobits[third >> 4] // rates[third >> 2 & 3] + (third >> 1 & 1)
        return found

    return offsets


@pytest.fixture
def decoded_frames(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list to which every read of libsndfile adds its number of frames."""
    frames: list[int] = []

    class Counting(soundfile.SoundFile):
        def read(self, *arguments, out, **options):
            frames.append(len(out))
            return super().read(*arguments, out=out, **options)

    monkeypatch.setattr(soundfile, "SoundFile", Counting)
    return frames
