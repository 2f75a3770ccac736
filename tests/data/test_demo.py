"""The demo set: its plan keeps exact counts, its pieces sound like their tags, its folder is whole."""

import collections
import hashlib
import itertools

import numpy as np
import pytest
import soundfile

from kerastag import errors
from kerastag.data import demo
from kerastag.data.demo import music, score

PLAN = demo.plan(0)


def _piece(tag: str, seed: int, rate: int = 22050) -> np.ndarray:
    rng = np.random.default_rng(seed)
    artist = score.Artist.invent(rng)
    return music.compose((tag,), artist, score.Form(8.0, rate, 1), rng)[:, 0]


def _centroid_hz(wave: np.ndarray, rate: int = 22050) -> float:
    power = np.abs(np.fft.rfft(wave)) ** 2
    return float(np.sum(np.fft.rfftfreq(len(wave), 1 / rate) * power) / np.sum(power))


def _onsets_a_second(wave: np.ndarray, rate: int = 22050) -> float:
    hop = rate // 100
    frames = wave[: len(wave) // hop * hop].reshape(-1, hop) * np.hanning(hop)
    rise = np.maximum(np.diff(np.log1p(100 * np.abs(np.fft.rfft(frames))), axis=0), 0).sum(axis=1)
    rise -= rise.mean()
    peaks = (rise[1:-1] > rise[:-2]) & (rise[1:-1] >= rise[2:]) & (rise[1:-1] > 2 * rise.std())
    return float(peaks.sum() / (len(wave) / rate))


def _kick_tempo(wave: np.ndarray, rate: int = 22050) -> float:
    """Beats per minute by autocorrelation of the loudness below 70 Hz."""
    spectrum = np.fft.rfft(wave)
    spectrum[np.fft.rfftfreq(len(wave), 1 / rate) > 70] = 0
    hop = rate // 200
    low = np.fft.irfft(spectrum, len(wave))[: len(wave) // hop * hop].reshape(-1, hop)
    loudness = np.sqrt((low**2).mean(axis=1))
    loudness -= loudness.mean()
    similarity = np.correlate(loudness, loudness, "full")[len(loudness) - 1 :]
    return 60 * 200 / (60 + int(np.argmax(similarity[60:120])))


def test_counts_fall_from_over_a_hundred_to_under_ten():
    counts = collections.Counter(tag for track in PLAN for tag in track.tags)
    assert counts == {tag: sum(by_split) for tag, by_split in demo.COUNTS.items()}
    assert max(counts.values()) > 100 and min(counts.values()) < 10
    assert len(PLAN) == 300 and len(counts) == len(demo.TAGS) == 12


def test_every_split_has_every_tag():
    for split, least in (("train", 3), ("validation", 2), ("test", 2)):
        counts = collections.Counter(tag for track in PLAN if track.split == split for tag in track.tags)
        assert len(counts) == 12 and min(counts.values()) >= least


def test_no_artist_is_in_two_splits():
    artists = {split: {t.artist for t in PLAN if t.split == split} for split in demo.SPLITS}
    for one, other in itertools.combinations(artists.values(), 2):
        assert not one & other
    assert [len(found) for found in artists.values()] == list(demo.ARTISTS)


def test_a_track_has_one_to_three_compatible_tags():
    assert {len(track.tags) for track in PLAN} == {1, 2, 3}
    for track in PLAN:
        assert len(set(track.tags)) == len(track.tags)
        assert all(music.compatible(*pair) for pair in itertools.combinations(track.tags, 2))


def test_formats_rates_and_channels_are_mixed():
    suffixes = collections.Counter(track.path.rpartition(".")[2] for track in PLAN)
    assert set(suffixes) == {"wav", "flac", "ogg", "opus", "mp3"} and min(suffixes.values()) >= 15
    assert {track.form.rate for track in PLAN} == {22050, 24000, 32000, 44100, 48000}
    assert {track.form.channels for track in PLAN} == {1, 2}
    assert all(10 <= track.form.seconds <= 15 for track in PLAN)
    assert len({track.path for track in PLAN}) == 300


def test_the_same_seed_gives_the_same_plan_and_waveforms():
    assert demo.plan(0) == PLAN
    assert demo.plan(1) != PLAN
    for track in PLAN[::75]:
        first, second = (hashlib.sha256(demo.render(track).tobytes()).hexdigest() for _ in range(2))
        assert first == second
        assert hashlib.sha256(demo.render(track, seed=1).tobytes()).hexdigest() != first


@pytest.mark.parametrize("track", PLAN[::37], ids=lambda track: "-".join(track.tags))
def test_waveforms_stay_below_full_scale_and_sound_throughout(track):
    wave = demo.render(track)
    assert wave.dtype == np.float32
    assert wave.shape == (int(track.form.seconds * track.form.rate), track.form.channels)
    assert 0.4 < np.abs(wave).max() < 0.9
    quarter_seconds = wave[: len(wave) // 40 * 40, 0].reshape(40, -1)
    assert np.sqrt((quarter_seconds**2).mean(axis=1)).min() > 1e-3


def test_dark_pieces_have_a_lower_spectral_centroid_than_energetic_ones():
    dark, bright = ([_centroid_hz(_piece(tag, seed)) for seed in range(4)] for tag in ("dark", "energetic"))
    assert 1.5 * max(dark) < min(bright)


def test_energetic_pieces_have_more_onsets_than_relaxing_ones():
    fast, slow = ([_onsets_a_second(_piece(tag, seed)) for seed in range(4)] for tag in ("energetic", "relaxing"))
    assert min(fast) > 1.5 * max(slow)


@pytest.mark.parametrize("seed", range(4))
def test_the_kick_of_an_energetic_piece_has_the_tempo_that_the_tag_asks_for(seed):
    low, high = music.TRAITS["energetic"].tempo
    assert low - 3 <= _kick_tempo(_piece("energetic", seed)) <= high + 3


def test_sleigh_bells_fill_the_top_of_the_spectrum():
    def top(wave: np.ndarray) -> float:
        power = np.abs(np.fft.rfft(wave)) ** 2
        hertz = np.fft.rfftfreq(len(wave), 1 / 22050)
        return float(power[(hertz > 3800) & (hertz < 7600)].sum() / power.sum())

    christmas, plain = ([top(_piece(tag, seed)) for seed in range(4)] for tag in ("christmas", "relaxing"))
    assert min(christmas) > 5 * max(plain)


@pytest.fixture
def few(monkeypatch):
    """A plan of one track of each format, and of each split."""
    picked = {track.path.rpartition(".")[2] + track.split: track for track in PLAN}
    tracks = [picked[key] for key in ("wavtrain", "flacvalidation", "oggtest", "opustrain", "mp3test")]
    monkeypatch.setattr(demo, "plan", lambda seed=0: tracks)
    return tracks


def test_the_folder_holds_what_the_split_files_name(few, tmp_path):
    lines = []
    folder = demo.ensure(tmp_path / "demo", progress=lines.append)
    assert folder == tmp_path / "demo" and lines[-1].endswith("5 of 5 made")
    seen = 0
    for split in demo.SPLITS:
        header, *rows = (folder / f"{split}.tsv").read_text().splitlines()
        assert header.split("\t") == ["TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION", "TAGS"]
        for row in rows:
            _, _, _, path, seconds, *tags = row.split("\t")
            info = soundfile.info(str(folder / path))
            assert abs(info.frames / info.samplerate - float(seconds)) < 0.1
            assert tags and set(tags) <= set(demo.TAGS)
            seen += 1
    assert seen == len(few)
    assert "MTG-Jamendo" in (folder / "README.txt").read_text()


def test_a_second_call_writes_nothing(few, tmp_path):
    def stamps() -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in (tmp_path / "demo").rglob("*")}

    demo.ensure(tmp_path / "demo")
    before = stamps()
    demo.ensure(tmp_path / "demo")
    assert stamps() == before


def test_an_interrupted_call_leaves_nothing(few, tmp_path, monkeypatch):
    write = soundfile.write

    def fail(path, *arguments, **keywords):
        write(path, *arguments, **keywords)
        if str(path).endswith(".flac"):
            raise KeyboardInterrupt

    monkeypatch.setattr(soundfile, "write", fail)
    with pytest.raises(KeyboardInterrupt):
        demo.ensure(tmp_path / "demo")
    assert list(tmp_path.iterdir()) == []


def test_another_folder_is_not_taken_for_the_demo_set(few, tmp_path):
    (tmp_path / "music").mkdir()
    with pytest.raises(errors.KerastagError, match="not the kerastag demo set"):
        demo.ensure(tmp_path / "music")
    demo.ensure(tmp_path / "demo")
    with pytest.raises(errors.KerastagError, match="seed 1"):
        demo.ensure(tmp_path / "demo", seed=1)


def test_the_default_place_is_the_users_cache(few, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert demo.ensure() == tmp_path / "kerastag" / f"demo-{demo.VERSION}"
    assert demo.ensure(seed=3) == tmp_path / "kerastag" / f"demo-{demo.VERSION}-seed-3"
