"""What libsndfile does not read: FFmpeg's libraries do, in a process that may die."""

import struct

import numpy as np
import pytest

from kerastag import audio, parallel
from kerastag.audio import second_reader

RATE = 44_100
LOSSLESS = ("alac", "wv", "tta")
FORMS = (*LOSSLESS, "m4a", "wma", "mka", "aac")

pytestmark = pytest.mark.skipif(not second_reader.available(), reason="the extra formats is not installed")


@pytest.fixture
def fresh_processes(monkeypatch):
    """Processes that no other test has used or will use."""
    monkeypatch.setattr(second_reader, "_IDLE", [])


@pytest.fixture
def tone():
    """Two seconds of quiet, then a tone that rises, (frames, 2)."""
    time = np.arange(6 * RATE) / RATE
    sweep = 0.5 * np.sin(2 * np.pi * (200 + 100 * time) * time) * (time > 2)
    return np.repeat(sweep[:, None], 2, axis=1).astype(np.float32)


@pytest.mark.parametrize("form", FORMS)
def test_the_waveform_is_that_of_the_signal(maker, tone, form):
    path = maker.write(f"a.{form}", maker.encode_foreign(form, tone, RATE))
    reference = audio.read(maker.write("a.wav", maker.encode("wav_float", tone, RATE)))
    waveform = audio.read(path)
    if form in LOSSLESS:
        np.testing.assert_allclose(waveform, reference, atol=1e-4)
    spectra = [np.abs(np.fft.rfft(wave[40_000:56_000])) for wave in (waveform, reference)]
    assert np.corrcoef(*spectra)[0, 1] > 0.95
    assert not waveform[:30_000].round(2).any()


@pytest.mark.parametrize("form", FORMS)
def test_a_chunk_is_exact_to_the_sample(maker, form):
    path = maker.write(f"a.{form}", maker.encode_foreign(form, maker.music(RATE, 5.0), RATE))
    whole = audio.read(path)
    assert audio.num_samples(path) == len(whole)
    for start in (0, 1, 4_321, len(whole) // 2, len(whole) - 3_000):
        expected = np.concatenate([whole, np.zeros(9_000)])[start : start + 9_000]
        np.testing.assert_allclose(audio.read_chunk(path, start, 9_000), expected, atol=1e-5)


def test_a_file_too_long_to_be_kept_is_decoded_again_for_each_chunk(maker, monkeypatch, fresh_processes, tmp_path):
    script = tmp_path / "process.py"
    text = second_reader._SCRIPT.read_text().replace("KEPT_SAMPLES = 1 << 25", "KEPT_SAMPLES = 10_000")
    assert "KEPT_SAMPLES = 10_000" in text
    script.write_text(text)
    path = maker.write("a.wv", maker.encode_foreign("wv", maker.music(RATE, 4.0), RATE))
    kept = audio.read(path)
    monkeypatch.setattr(second_reader, "_IDLE", [])
    monkeypatch.setattr(second_reader, "_SCRIPT", script)
    np.testing.assert_array_equal(audio.read(path), kept)
    np.testing.assert_allclose(audio.read_chunk(path, 30_001, 8_000), kept[30_001:38_001], atol=1e-5)


def test_a_rewritten_file_is_decoded_anew(maker):
    path = maker.write("a.wv", maker.encode_foreign("wv", maker.music(RATE, 2.0), RATE))
    assert audio.num_samples(path) == 32_000
    maker.write("a.wv", maker.encode_foreign("wv", maker.music(RATE, 1.0), RATE))
    assert audio.num_samples(path) == 16_000


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "was ended by signal 11"),
        ("import time; time.sleep(60)", "did not finish within 1 s"),
        ("print('nonsense', flush=True); import time; time.sleep(60)", "did not finish within 1 s"),
    ],
    ids=["killed", "hanging", "babbling"],
)
def test_a_process_that_dies_or_hangs_costs_its_file_alone(maker, monkeypatch, fresh_processes, tmp_path, body, reason):
    path = maker.write("a.wv", maker.encode_foreign("wv", maker.music(RATE, 1.0), RATE))
    whole = second_reader._SCRIPT
    script = tmp_path / "process.py"
    script.write_text(f"import sys\nsys.stdin.readline()\n{body}\n")
    monkeypatch.setattr(second_reader, "_SCRIPT", script)
    monkeypatch.setattr(second_reader, "TIME_LIMIT", 1.0)
    with pytest.raises(audio.AudioError, match=f"a.wv: cannot be read: the process that decoded it {reason}"):
        audio.read(path)
    monkeypatch.setattr(second_reader, "_SCRIPT", whole)
    monkeypatch.setattr(second_reader, "TIME_LIMIT", 60.0)
    assert len(audio.read(path)) == 16_000


def test_a_process_that_ended_while_it_waited_is_not_the_next_files_fault(maker, fresh_processes):
    first, second = (
        maker.write(name, maker.encode_foreign("wv", maker.music(RATE, 1.0), RATE)) for name in ("a.wv", "b.wv")
    )
    assert len(audio.read(first)) == 16_000
    (idle,) = second_reader._IDLE
    idle._process.kill()
    idle._process.wait()
    assert len(audio.read(second)) == 16_000


def test_a_process_is_given_up_before_whoever_waits_for_it():
    assert second_reader.TIME_LIMIT < parallel.READ_SECONDS


def test_without_the_extra_a_line_says_what_to_install(maker, monkeypatch):
    monkeypatch.setattr(second_reader, "available", lambda: False)
    path = maker.write("a.wv", maker.encode_foreign("wv", maker.music(RATE, 1.0), RATE))
    with pytest.raises(audio.AudioError, match=r"a\.wv: needs FFmpeg's libraries: pip install 'kerastag\[formats\]'"):
        audio.read(path)
    path = maker.write("a.txt", b"Dear diary,\n" * 500)
    with pytest.raises(audio.AudioError, match="is not audio that libsndfile can read"):
        audio.read(path)


def test_playlists_and_pictures_are_no_audio_and_lead_nowhere(maker, tmp_path):
    music = maker.write("music.m4a", maker.encode_foreign("m4a", maker.music(RATE, 1.0), RATE))
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\n{music}\n#EXT-X-ENDLIST\n"
    concat = f"ffconcat version 1.0\nfile {music}\n"
    for name, content in (("a.m3u8", playlist), ("a.m4a", playlist), ("a.wma", concat)):
        with pytest.raises(audio.AudioError, match="is not audio"):
            audio.read(maker.write(name, content.encode()))


def test_a_video_without_sound_is_refused(maker):
    import av

    path = maker.folder / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
        container.mux(stream.encode(None))
    with pytest.raises(audio.AudioError, match="is not audio"):
        audio.read(path)


def test_absurd_rates_are_refused(maker, tone):
    """At 2 Hz a small file would last for hours."""
    content = bytearray(maker.encode_foreign("mka_pcm", tone, RATE))
    place = content.index(b"\xb5\x88" + struct.pack(">d", RATE)) + 2  # the element SamplingFrequency
    content[place : place + 8] = struct.pack(">d", 2)
    with pytest.raises(audio.AudioError, match="a sample rate of 2 Hz is not within 1,000 to 768,000 Hz"):
        audio.read(maker.write("a.mka", bytes(content)))
