"""A track at a URL is heard as the same file on the disk is, to the last bit, and little of it is fetched."""

import io
import threading
import zipfile

import numpy as np
import pytest

from kerastag import audio, retrying
from kerastag.audio import fetched, layout, second_reader
from tests.audio.conftest import FOREIGN, FORMATS

CHUNK = 16_000
pytestmark = pytest.mark.usefixtures("quick")


def constant_mp3(maker, seconds, info=True, rate=44_100, kilobits=64):
    """An MP3 of one bit rate, with an encoder's header or without."""
    av = pytest.importorskip("av", reason="the extra formats is not installed")
    memory = io.BytesIO()
    options = {"write_xing": str(int(info)), "id3v2_version": "0" if not info else "3"}
    with av.open(memory, "w", format="mp3", container_options=options) as container:
        stream = container.add_stream("mp3", rate=rate, layout="stereo")
        stream.bit_rate = kilobits * 1000
        stream.format = "fltp"
        samples = maker.music(rate, seconds)
        for start in range(0, len(samples), 1152):
            block = np.ascontiguousarray(samples[start : start + 1152].T)
            frame = av.AudioFrame.from_ndarray(block, "fltp", "stereo")
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return memory.getvalue()


def assert_same(path, url, num_chunks=(1, 3, 16)):
    """All that is read of a URL is what is read of the file, and so is the account of it."""
    for number in num_chunks:
        np.testing.assert_array_equal(
            audio.read_chunks(url, number, CHUNK), audio.read_chunks(str(path), number, CHUNK)
        )
    np.testing.assert_array_equal(audio.read_chunk(url, 20_011, 9_000), audio.read_chunk(str(path), 20_011, 9_000))
    assert audio.info(url) == audio.info(str(path))
    np.testing.assert_array_equal(audio.read(url), audio.read(str(path)))
    assert audio.account_of(url) == audio.account_of(str(path))


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_comes_out_the_same(maker, memory, form):
    path = maker.track(form, 16_000 if form != "vorbis" else 44_100, 12.0)
    assert_same(path, memory(path.name, path.read_bytes()))


@pytest.mark.parametrize("form", FOREIGN)
def test_formats_of_the_second_reader_come_out_the_same(maker, memory, form):
    rate = 48_000 if form == "webm" else 44_100
    path = maker.write(f"a.{form}", maker.encode_foreign(form, maker.music(rate, 3.0), rate))
    assert_same(path, memory(path.name, path.read_bytes()))


@pytest.mark.parametrize(("info", "rate"), [(True, 44_100), (False, 48_000)])
def test_of_an_mp3_of_one_bit_rate_only_the_chunks_are_fetched(maker, web, info, rate):
    path = maker.write("long.mp3", constant_mp3(maker, 40.0, info, rate, kilobits=192))
    url = web.put("long.mp3", path.read_bytes())
    np.testing.assert_array_equal(audio.read_chunks(url, 4, CHUNK), audio.read_chunks(str(path), 4, CHUNK))
    assert web.sent["/long.mp3"] < 0.5 * path.stat().st_size
    assert layout.of(url).links[0].frames is not None
    assert_same(path, url)


def test_an_mp3_of_a_low_rate_or_of_changing_bit_rates_is_fetched_whole(maker, memory):
    for name, content in (
        ("low.mp3", constant_mp3(maker, 15.0, rate=22_050)),
        ("changing.mp3", maker.encode("mp3", maker.music(44_100, 15.0), 44_100)),
    ):
        path = maker.write(name, content)
        assert_same(path, memory(name, content))
        assert fetched.of(f"memory://{name}").path is not None


def test_of_long_files_that_are_not_compressed_away_only_the_chunks_are_fetched(maker, web):
    for form in ("wav_pcm16", "flac"):
        path = maker.track(form, 44_100, 60.0)
        url = web.put(path.name, path.read_bytes())
        np.testing.assert_array_equal(audio.read_chunks(url, 3, CHUNK), audio.read_chunks(str(path), 3, CHUNK))
        assert web.sent[f"/{path.name}"] < (0.1 if form == "wav_pcm16" else 0.2) * path.stat().st_size


def test_a_long_ogg_stream_is_sought_in(maker, memory, monkeypatch):
    monkeypatch.setattr("kerastag.audio.ogg._SMALL", 0)
    path = maker.track("vorbis", 44_100, 20.0)
    url = memory("a.ogg", path.read_bytes())
    assert_same(path, url)
    double = maker.write("chained.ogg", path.read_bytes() * 2)
    assert_same(double, memory("chained.ogg", double.read_bytes()))


def test_an_mp3_that_changes_in_the_middle_is_fetched_whole(maker, web):
    """Frames are missing where the second chunk lies: beginning and end do not tell."""
    content = constant_mp3(maker, 50.0)
    place = len(content) // 3
    path = maker.write("hole.mp3", content[:place] + bytes(9_000) + content[place + 9_000 :])
    url = web.put("hole.mp3", path.read_bytes())
    np.testing.assert_array_equal(audio.read_chunks(url, 4, 10 * CHUNK), audio.read_chunks(str(path), 4, 10 * CHUNK))
    assert audio.account_of(url) == audio.account_of(str(path))
    assert fetched.of(url).path is not None


def test_damaged_files_come_out_the_same(maker, memory):
    for form in ("flac", "wav_pcm16", "mp3", "vorbis"):
        content = maker.encode(form, maker.music(44_100, 12.0), 44_100)
        path = maker.write(f"cut_{form}", content[: 2 * len(content) // 3])
        assert_same(path, memory(path.name, path.read_bytes()))
        path = maker.write(f"tagged_{form}", b"ID3\x03\0\0\0\0\x10\0" + bytes(2048) + content)
        assert_same(path, memory(path.name, path.read_bytes()))


def test_a_server_without_ranges_sends_the_file_once(maker, web):
    web.ranges = False
    path = maker.track("flac", 44_100, 20.0)
    url = web.put("a.flac", path.read_bytes())
    assert_same(path, url)
    assert [status for method, _, status in web.asked if method == "GET"] == [200] * 3  # the first two were broken off


def test_a_track_in_an_archive(maker, memory, tmp_path):
    path = maker.track("mp3", 44_100, 6.0)
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(path, "music/a.mp3")
    assert_same(path, f"zip://music/a.mp3::file://{archive}")
    assert_same(path, f"zip://music/a.mp3::{memory('a.zip', archive.read_bytes())}")
    with pytest.raises(audio.AudioError, match="no such file"):
        audio.read(f"zip://b.mp3::file://{archive}")


@pytest.mark.parametrize("faults", [["drop"], [503], ["drop", 503, 500, "drop"], ["slow"]])
def test_what_fails_for_a_while_is_asked_again(maker, web, faults):
    path = maker.track("flac", 16_000, 12.0)
    url = web.put("a.flac", path.read_bytes())
    fetched.facts_of(url)
    web.faults["/a.flac"] += faults
    np.testing.assert_array_equal(audio.read(url), audio.read(str(path)))
    assert web.faults["/a.flac"] == []


def test_a_server_may_say_how_long_to_wait(maker, web, quick):
    url = web.put("a.flac", maker.track("flac", 16_000).read_bytes())
    web.faults["/a.flac"] += [503, 503, 429, 429]  # HEAD and GET, twice
    web.headers["Retry-After"] = "7"
    audio.info(url)
    assert quick == [7.0, 7.0]


@pytest.mark.parametrize(
    ("fault", "tries", "words"),
    [(404, 1, "no such file"), (403, 1, r"may not be read"), (400, 1, "refuses .400"), (503, 5, "answers 503")],
)
def test_refusals_are_told_and_only_what_may_pass_is_asked_again(maker, web, fault, tries, words):
    url = web.put("a.flac", maker.track("flac", 16_000).read_bytes())
    web.faults["/a.flac"] += [("always", fault)]
    with pytest.raises(audio.AudioError, match=words):
        audio.read(url)
    assert len(web.asked) == 2 * tries  # fsspec asks by HEAD, then by GET


def test_a_connection_that_breaks_in_the_middle_of_decoding_is_no_damage(maker, web):
    """What a decoder's callback cannot fetch must not become silence."""
    path = maker.track("flac", 44_100, 30.0)
    url = web.put("a.flac", path.read_bytes())
    assert audio.info(url) == audio.info(str(path))
    web.faults["/a.flac"] += [("always", "drop")]
    with pytest.raises(audio.AudioError, match="no answer"):
        audio.read(url)
    web.faults.clear()
    retrying._SILENT.clear()
    np.testing.assert_array_equal(audio.read(url), audio.read(str(path)))


def test_a_store_that_is_down_is_not_asked_for_ever(web, quick):
    web.faults["*"] += [("always", 503)]
    for number in range(retrying.DOWN + 3):
        with pytest.raises(audio.AudioError):
            audio.info(f"{web.address}/{number}.mp3")
    assert len(web.asked) == 2 * 5 * retrying.DOWN and len(quick) == 4 * retrying.DOWN
    assert retrying.silent_stores(retrying.DOWN) == [web.address]


def test_parts_of_a_track_are_fetched_by_threads_together(maker, web):
    path = maker.track("flac", 44_100, 30.0)
    url = web.put("a.flac", path.read_bytes())
    expected = audio.read(str(path))
    found = {}

    def read(number):
        found[number] = audio.read_chunk(url, number * CHUNK, CHUNK)

    threads = [threading.Thread(target=read, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(8):
        np.testing.assert_allclose(found[number], expected[number * CHUNK :][:CHUNK], atol=1e-5)


def test_temporary_files_end_with_the_track(maker, memory, tmp_path, monkeypatch):
    monkeypatch.setattr(fetched.tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    url = memory("a.mp3", maker.track("mp3", 16_000).read_bytes())
    audio.read(url)
    assert len(list((tmp_path / "temporary").iterdir())) == 1
    audio.forget_files()
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_track_that_is_too_large_to_fetch_whole_says_so(maker, memory, monkeypatch):
    monkeypatch.setattr(fetched, "MOST_BYTES", 1 << 10)
    with pytest.raises(audio.AudioError, match="larger than"):
        audio.read(memory("a.mp3", maker.track("mp3", 44_100, 12.0).read_bytes()))


def test_no_more_tracks_are_kept_than_there_is_room_for(maker, memory, monkeypatch):
    monkeypatch.setattr(fetched, "KEPT_BYTES", 1 << 17)
    content = maker.track("wav_pcm16", 16_000).read_bytes()
    for number in range(5):
        audio.read(memory(f"{number}.wav", content))
    assert sum(track.num_bytes for track in fetched._KEPT.values()) <= (1 << 17) + len(content)


def test_what_is_no_file_or_empty_is_refused(memory):
    memory("folder/a.mp3", b"x")
    with pytest.raises(audio.AudioError, match="folder"):
        audio.read("memory://folder")
    with pytest.raises(audio.AudioError, match="is empty"):
        audio.read(memory("empty.mp3", b""))
    with pytest.raises(audio.AudioError, match="is not audio"):
        audio.read(memory("text.mp3", b"text " * 1000))


def test_the_second_reader_is_told_of_a_file_of_this_machine(maker, memory):
    if not second_reader.available():
        pytest.skip("the extra formats is not installed")
    url = memory("a.m4a", maker.encode_foreign("m4a", maker.music(44_100, 2.0), 44_100))
    audio.read(url)
    assert fetched.of(url).path is not None
