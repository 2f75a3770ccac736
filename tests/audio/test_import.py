"""What importing the package costs."""

import subprocess
import sys

HEAVY = ("tensorflow", "keras", "librosa", "sklearn", "soundfile", "soxr")


def loaded_after(statement: str) -> list[str]:
    code = f"import sys; {statement}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return result.stdout.split()


def test_constants_load_nothing():
    assert loaded_after("from kerastag import audio; audio.SAMPLE_RATE, audio.DECODERS, audio.AudioError") == []


def test_reading_loads_the_decoder_and_the_resampler_only():
    assert loaded_after("from kerastag import audio; audio.read, audio.find_audio") == ["soundfile", "soxr"]


def test_unknown_name_is_an_attribute_error():
    assert loaded_after("from kerastag import audio; assert not hasattr(audio, 'reed')") == []
