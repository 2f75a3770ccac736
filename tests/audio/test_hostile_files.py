"""Files that declare more than they have, are something else, or change while they are read."""

import io
import os
import struct
import tarfile
import threading
import tracemalloc
import zipfile

import numpy as np
import pytest

from kerastag import audio

MEGABYTE = 1 << 20


def declared(content, place, form, value):
    changed = bytearray(content)
    struct.pack_into(form, changed, place, value)
    return bytes(changed)


def of_rf64(size):
    """A second of silence at 16 kHz, whose sizes of 64 bits are `size`."""
    sizes = b"ds64" + struct.pack("<IQQQI", 28, size, size, size, 0)
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
    return b"RF64\xff\xff\xff\xffWAVE" + sizes + form + b"data\xff\xff\xff\xff" + bytes(32_000)


@pytest.mark.parametrize("kind", ["rf64", "wav", "flac"])
def test_terabytes_that_are_only_declared_take_no_memory(maker, kind):
    samples = np.zeros((16_000, 1), np.float32)
    content = {
        "rf64": lambda: of_rf64(1 << 43),
        "wav": lambda: declared(maker.encode("wav_pcm16", samples, 16_000), 40, "<I", 0xFFFFFFF0),
        "flac": lambda: declared(maker.encode("flac", samples, 16_000), 22, ">I", 0xFFFFFFFF),
    }[kind]()
    path = maker.write("a", content)
    tracemalloc.start()
    try:
        assert audio.read_chunks(path, 4, 8_000).shape == (4, 8_000)
        assert len(audio.read(path)) <= 17_000
        _, peak = tracemalloc.get_traced_memory()
    except audio.AudioError as error:
        assert "\n" not in str(error)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * MEGABYTE


def test_a_thousand_channels_are_read_or_refused(maker):
    signal = np.full((4_000, 1_000), 0.25, np.float32)
    np.testing.assert_allclose(audio.read(maker.write("a.wav", maker.encode("wav_float", signal, 16_000))), 0.25)
    many = declared(maker.encode("wav_pcm16", np.zeros((4_000, 2)), 16_000), 22, "<H", 0xFFFF)
    with pytest.raises(audio.AudioError, match="is not audio"):
        audio.read(maker.write("b.wav", many))


def test_archives_named_as_music_are_refused(maker):
    song = maker.encode("flac", maker.music(16_000, 1.0), 16_000)
    packed, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.txt", song)
    with tarfile.open(fileobj=tarred, mode="w:gz") as archive:
        entry = tarfile.TarInfo("a.flac")
        entry.size = len(song)
        archive.addfile(entry, io.BytesIO(song))
    for name, memory in (("a.mp3", packed), ("b.mp3", tarred)):
        with pytest.raises(audio.AudioError, match="is not audio"):
            audio.read(maker.write(name, memory.getvalue()))


@pytest.mark.parametrize("path", ["/proc/self/maps", "/proc/self/environ", "/proc/kmsg", "/dev/full", "/dev/tty"])
def test_what_the_system_shows_as_files_is_refused(path):
    if not os.path.exists(path):
        pytest.skip(f"there is no {path} here")
    with pytest.raises(audio.AudioError) as caught:
        audio.read(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("form", ["wav_pcm16", "flac", "mp3", "vorbis"])
def test_files_that_grow_shrink_and_vanish_while_they_are_read(maker, form):
    """Each reading is that of a file as it was at some time, or an error of the file."""
    path = maker.track(form, 16_000, 3.0)
    content = path.read_bytes()
    stop = threading.Event()

    def change():
        random = np.random.default_rng(0)
        while not stop.is_set():
            with path.open("r+b") as file:
                file.truncate(int(random.integers(1, len(content))))
                file.seek(0)
                file.write(content + content[: int(random.integers(0, len(content)))])
            path.unlink()
            path.write_bytes(content)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        outcomes = [outcome(path) for _ in range(60)]
    finally:
        stop.set()
        thread.join()
        audio.forget_files()
    assert set(outcomes) <= {"read", "refused"}
    assert audio.read_chunks(path, 2, 8_000).shape == (2, 8_000)


def outcome(path):
    try:
        chunks = audio.read_chunks(path, 4, 8_000)
        waveform = audio.read(path)
    except audio.AudioError:
        return "refused"
    return "read" if chunks.shape == (4, 8_000) and np.isfinite(waveform).all() else "wrong"
