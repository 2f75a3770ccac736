"""What stands in front of music, behind it and between: all of the music is read, as if the rest were not there."""

import struct

import numpy as np
import pytest

from kerastag import audio

RATE = 44_100
PREFIXES = {
    "newline": b"\n",
    "zeros": bytes(4_000),
    "icy": b"ICY 200 OK\r\nicy-name: x\r\n\r\n",
    "http": b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n",
    "bom": b"\xef\xbb\xbf",
    "id3v1": b"TAG" + bytes(125),
    "ape": b"APETAGEX" + struct.pack("<IIII", 2000, 64, 2, 0xA0000000) + bytes(8) + bytes(64),
    "id3v2 longer than it states": b"ID3\x03\0\0\0\0\0\x20" + bytes(5_000),
    "junk": np.random.default_rng(1).bytes(30_000),
}


@pytest.fixture
def mp3(maker):
    return maker.encode("mp3", maker.music(RATE, 6.0), RATE)


def same_music(path, content, maker):
    """The file at `path` holds what `content` holds alone."""
    clean = audio.read(maker.write("clean", content))
    waveform = audio.read(path)
    np.testing.assert_allclose(waveform, clean, atol=1e-5)
    for start in (0, len(clean) // 3, len(clean) - 5_000):
        np.testing.assert_allclose(audio.read_chunk(path, start, 5_000), clean[start:][:5_000], atol=1e-5)
    assert audio.account_of(path).gaps == ()


@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES)
def test_an_mp3_is_read_as_without_the_bytes_before_its_first_frame(maker, mp3, prefix):
    same_music(maker.write("a.mp3", prefix + mp3), mp3, maker)


@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES)
def test_an_mp3_without_an_encoders_header_is_too(maker, mp3, mp3_frames, prefix):
    bare = mp3[mp3_frames(mp3)[1] :]
    same_music(maker.write("a.mp3", prefix + bare), bare, maker)


@pytest.mark.parametrize("form", ["wav_pcm16", "flac", "vorbis", "opus"])
def test_other_formats_are_read_behind_a_few_bytes_of_junk(maker, form):
    content = maker.encode(form, maker.music(48_000, 3.0), 48_000)
    for prefix in (b"\n", PREFIXES["icy"], bytes(3_000)):
        same_music(maker.write("a", prefix + content), content, maker)


@pytest.mark.parametrize("size", [1_000, 70_000, 300_000])
def test_flac_behind_a_tag_of_any_size(maker, size):
    content = maker.encode("flac", maker.music(RATE, 6.0), RATE)
    tag = b"ID3\x03\0\0" + bytes((size >> shift) & 127 for shift in (21, 14, 7, 0)) + bytes(size)
    same_music(maker.write("a.flac", tag + content), content, maker)


@pytest.mark.parametrize("stated", [0.5, 0.1, 0.0])
def test_an_mp3_whose_header_counts_too_few_frames(maker, mp3, stated):
    content = bytearray(mp3)
    place = max(content.find(b"Xing"), content.find(b"Info")) + 8
    count = struct.unpack(">I", content[place : place + 4])[0]
    content[place : place + 4] = struct.pack(">I", max(1, int(stated * count)))
    same_music(maker.write("a.mp3", bytes(content)), mp3, maker)


@pytest.mark.parametrize("stated", [0.5, 0.1])
def test_a_flac_file_whose_header_counts_too_few_samples(maker, stated):
    flac = maker.encode("flac", maker.music(RATE, 6.0), RATE)
    content = bytearray(flac)
    content[22:26] = struct.pack(">I", int(stated * 6 * RATE))
    same_music(maker.write("a.flac", bytes(content)), flac, maker)


@pytest.mark.parametrize("form", ["wav_pcm16", "flac", "vorbis", "opus", "mp3"])
def test_of_joined_files_all_is_read(maker, form):
    first = maker.encode(form, maker.music(48_000, 3.0), 48_000)
    second = maker.encode(form, maker.music(48_000, 4.0, seed=1), 48_000)
    alone = [audio.read(maker.write(name, content)) for name, content in (("1", first), ("2", second))]
    path = maker.write("both", first + second)
    both = audio.read(path)
    assert abs(len(both) - 7 * 16_000) < 0.1 * 16_000
    np.testing.assert_allclose(both[: 2 * 16_000], alone[0][: 2 * 16_000], atol=1e-5)
    np.testing.assert_allclose(both[-3 * 16_000 :], alone[1][-3 * 16_000 :], atol=1e-5)
    for start in range(0, len(both), 9_999):
        expected = np.concatenate([both, np.zeros(8_000)])[start : start + 8_000]
        np.testing.assert_allclose(audio.read_chunk(path, start, 8_000), expected, atol=1e-5)


@pytest.mark.parametrize("form", ["flac", "vorbis", "opus", "mp3"])
def test_a_file_behind_itself_is_read_twice(maker, form):
    content = maker.encode(form, maker.music(48_000, 5.0), 48_000)
    assert abs(audio.num_samples(maker.write("twice", 2 * content)) - 10 * 16_000) < 0.1 * 16_000


@pytest.mark.parametrize("form", ["vorbis", "mp3", "wav_pcm16"])
def test_joined_files_may_have_other_rates_and_channels(maker, form):
    first = maker.encode(form, maker.music(44_100, 3.0, channels=2), 44_100)
    tone = 0.5 * np.sin(2 * np.pi * 500 * np.arange(3 * 22_050) / 22_050)[:, None]
    path = maker.write("both", first + maker.encode(form, tone.astype(np.float32), 22_050))
    both = audio.read(path)
    assert abs(len(both) - 6 * 16_000) < 0.15 * 16_000
    spectrum = np.abs(np.fft.rfft(both[-2 * 16_000 : -16_000]))
    assert spectrum.argmax() == 500  # Hz, of one second
    chunk = audio.read_chunk(path, 70_001, 8_000)
    np.testing.assert_allclose(chunk, both[70_001:78_001], atol=1e-5)


def test_a_chain_of_many_links_is_read_with_few_open_files(maker, monkeypatch):
    import soundfile

    link = maker.encode("vorbis", maker.music(RATE, 0.5), RATE)
    path = maker.write("a.ogg", 300 * link)
    now, most = set(), []
    opened, closed = soundfile.SoundFile.__init__, soundfile.SoundFile.close

    def count(self, *arguments, **options):
        opened(self, *arguments, **options)
        now.add(id(self))
        most.append(len(now))

    monkeypatch.setattr(soundfile.SoundFile, "__init__", count)
    monkeypatch.setattr(soundfile.SoundFile, "close", lambda self: now.discard(id(self)) or closed(self))
    assert audio.num_samples(path) == 300 * 8_000
    whole = audio.read(path)
    np.testing.assert_allclose(audio.read_chunk(path, 1_234_567, 8_000), whole[1_234_567:1_242_567], atol=1e-5)
    assert max(most) <= 3


def test_a_chain_of_five_links(maker):
    links = [maker.encode("vorbis", maker.music(RATE, 1.5, seed=seed), RATE) for seed in range(5)]
    assert audio.num_samples(maker.write("a.ogg", b"".join(links))) == 5 * 24_000


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_wav_file_whose_writer_never_filled_in_the_sizes(maker, size):
    content = bytearray(maker.encode("wav_pcm16", maker.music(RATE, 3.0), RATE))
    clean = bytes(content)
    content[4:8] = content[40:44] = struct.pack("<I", size)
    path = maker.write("a.wav", bytes(content))
    np.testing.assert_allclose(audio.read(path), audio.read(maker.write("clean", clean)), atol=1e-7)


@pytest.mark.parametrize(("container", "places"), [("AIFF", (4, -1)), ("AU", (8,))])
def test_so_with_aiff_and_au(tmp_path, container, places):
    import soundfile

    path = tmp_path / "a"
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 16_000).astype(np.float32)
    soundfile.write(path, samples, 16_000, format=container, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    for place in places:
        place = place if place >= 0 else content.find(b"SSND") + 4
        content[place : place + 4] = bytes(4)
    path.write_bytes(content)
    np.testing.assert_allclose(audio.read(path), samples, atol=1e-4)


@pytest.mark.parametrize("subtype", ["GSM610", "G721_32", "NMS_ADPCM_32"])
def test_codecs_that_cannot_seek_are_read_from_their_start(tmp_path, subtype):
    check_unseekable(tmp_path / "a.wav", subtype)


@pytest.mark.parametrize(("suffix", "subtype"), [("aiff", "DWVW_16"), ("aiff", "GSM610"), ("au", "G723_24")])
def test_so_in_other_containers(tmp_path, suffix, subtype):
    check_unseekable(tmp_path / f"a.{suffix}", subtype)


def check_unseekable(path, subtype):
    import soundfile

    samples = 0.3 * np.sin(2 * np.pi * 200 * np.arange(3 * 8_000) / 8_000)
    soundfile.write(path, samples, 8_000, subtype=subtype)
    whole = audio.read(path)
    assert 48_000 <= len(whole) < 49_000
    assert np.abs(np.fft.rfft(whole[16_000:32_000])).argmax() == 200
    for start in (30_000, 0, 12_345):
        np.testing.assert_allclose(audio.read_chunk(path, start, 5_000), whole[start:][:5_000], atol=1e-5)


def test_mpeg_frames_in_the_clothes_of_a_wav_file(maker, mp3):
    header = (
        b"RIFF"
        + struct.pack("<I", len(mp3) + 46)
        + b"WAVEfmt "
        + struct.pack("<IHHIIHHH", 18, 0x55, 2, RATE, 16000, 1, 0, 0)
    )
    path = maker.write("a.wav", header + b"data" + struct.pack("<I", len(mp3)) + mp3)
    np.testing.assert_allclose(audio.read(path), audio.read(maker.write("clean.mp3", mp3)), atol=1e-5)


@pytest.mark.parametrize("kilobytes", [2, 8, 64])
@pytest.mark.parametrize("damage", ["zeroed", "random", "removed"])
def test_of_a_damaged_mp3_all_but_what_the_hole_held_is_read(maker, kilobytes, damage):
    music = maker.music(RATE, 20.0)
    content = maker.encode("mp3", music, RATE, bitrate_mode="CONSTANT", compression_level=0.5)
    middle, size = len(content) // 2, kilobytes * 1024
    hole = {"zeroed": bytes(size), "random": np.random.default_rng(0).bytes(size), "removed": b""}[damage]
    path = maker.write("a.mp3", content[:middle] + hole + content[middle + size :])
    waveform = audio.read(path)
    lost = 20.0 * size / len(content)
    assert len(waveform) / 16_000 > 20 - 1.3 * lost - 0.2
    silent = np.abs(waveform) < 1e-5
    assert silent.sum() < 0.6 * 16_000  # of which the music has 0.5 s
    account = audio.account_of(path)
    assert account.seconds_missing == pytest.approx(lost, rel=0.3, abs=0.15)
    assert account.gaps[0][0] == pytest.approx(10.0, abs=1.5)
