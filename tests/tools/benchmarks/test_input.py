"""tools.benchmarks.input: a line for every format, and the files it is timed on."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import soxr

from kerastag import audio, errors
from tools.benchmarks import input as input_benchmark
from tools.benchmarks import input_peers, real_music

ROOT = pathlib.Path(__file__).resolve().parents[3]
RATE, LENGTHS = 44_100, (5.0, 9.0)
TINY = ("--num_files=2", "--num_chunks=9", "--num_rounds=1", "--num_loads=1", "--num_workers=2", "--batch_size=4")


@pytest.fixture
def folder(tmp_path, rng):
    """Two tracks of the right length, one of them Vorbis, and three files that are not taken."""
    folder = tmp_path / "music"
    (folder / "album").mkdir(parents=True)

    def write(name: str, seconds: float, rate: int = RATE, channels: int = 2) -> None:
        time = np.arange(int(seconds * rate))[:, None] / rate
        tones = 0.3 * np.sin(2 * np.pi * rng.uniform(200, 900, (1, channels)) * time)
        soundfile.write(folder / name, tones + rng.normal(0, 0.02, tones.shape), rate)

    write("album/a.ogg", 6)
    write("b.flac", (1 << 16) * 4 / RATE)  # whole blocks, no rest
    write("short.ogg", 2)
    write("mono.flac", 6, channels=1)
    write("low.flac", 6, rate=22_050)
    (folder / "noise.mp3").write_bytes(b"not audio")
    return folder


def run(folder: pathlib.Path, *arguments: str) -> int:
    lengths = (f"--min_seconds={LENGTHS[0]:.0f}", f"--max_seconds={LENGTHS[1]:.0f}")
    return input_benchmark.COMMAND.run([f"--music={folder}", *lengths, *TINY, *arguments])


def test_a_line_for_every_format(folder, tmp_path, capsys):
    assert run(folder, f"--work_dir={tmp_path / 'work'}") == 0
    printed = capsys.readouterr().out
    assert "vorbis: 2 files of 0.1 to 0.1 minutes, 1 of them re-encoded from real tracks by libsndfile" in printed
    lines = [line.split() for line in printed.splitlines()]
    table = {line[0]: line[1:] for line in lines if line[0] in real_music.CODECS}
    assert set(table) == {"mp3", "vorbis", "opus", "flac", "prepared"}
    assert all(float(cells[-1]) < 1e-5 for cells in table.values())  # librosa read the same chunks of the same files
    assert "us a chunk" in printed.splitlines()[-1]
    assert "keras" in printed.splitlines()[1]


@pytest.mark.parametrize(("tfio", "cells"), [(25.0, ["25.00", "8.0"]), (None, ["-", "-"])])
def test_a_line_has_rates_and_their_ratios(tfio, cells):
    line = input_benchmark.Rates(ours=200.0, librosa=4.0, tfio=tfio, bare=250.0, difference=2e-6).row("mp3", 2).split()
    over_librosa, over_bare, core_ms = "50.0", "0.80", "10.00"
    assert line == ["mp3", "200.0", "4.00", cells[0], "250.0", over_librosa, cells[1], over_bare, core_ms, "2e-06"]


@pytest.mark.parametrize(
    ("codec", "rate"), [("mp3", RATE), ("vorbis", RATE), ("opus", 48_000), ("flac", RATE)], ids=lambda value: str(value)
)
def test_files_are_whole_tracks_of_the_folder_in_the_codec(folder, tmp_path, codec, rate):
    work = tmp_path / "work"
    found = real_music.files_of(folder, codec, 5, work, LENGTHS)
    sources = [folder / "album/a.ogg", folder / "b.flac"]
    there = {"vorbis": [sources[0]], "flac": [sources[1]]}.get(codec, [])
    made = [work / codec / f"{'-'.join(s.relative_to(folder).parts)}" for s in sources if s not in there]
    assert found == there + [path.with_name(f"{path.name}.{real_music.FORMS[codec][3]}") for path in made]
    for source, path in zip([source for source in sources if source not in there], found[len(there) :], strict=True):
        header = soundfile.info(str(path))
        assert (header.format, header.subtype, header.samplerate, header.channels) == (
            *real_music.FORMS[codec][:2],
            rate,
            2,
        )
        whole, expected = soundfile.read(path)[0], soxr.resample(soundfile.read(source)[0], RATE, rate)
        assert len(whole) == pytest.approx(len(expected), abs=1200)
        both = min(len(whole), len(expected))
        for channel in (0, 1):
            assert np.corrcoef(whole[:both, channel], expected[:both, channel])[0, 1] > 0.97
    before = [path.stat().st_mtime_ns for path in found]
    assert real_music.files_of(folder, codec, 5, work, LENGTHS) == found
    assert [path.stat().st_mtime_ns for path in found] == before


def test_prepared_files_are_what_the_reader_gives(folder, tmp_path):
    (path,) = real_music.files_of(folder, "prepared", 1, tmp_path / "work", LENGTHS)
    assert soundfile.info(str(path)).samplerate == 16_000
    np.testing.assert_allclose(audio.read(path), audio.read(folder / "album/a.ogg"), atol=0.5 / 32768 + 1e-6)


def test_without_music_of_that_length_there_is_one_line(tmp_path, capsys):
    assert run(tmp_path, f"--work_dir={tmp_path / 'work'}") == 1
    assert capsys.readouterr().err == f"{tmp_path}: no stereo music of 0.083 to 0.15 minutes at 44,100 Hz or more\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--music is needed"),
        (["--music=.", "--codecs=mp4"], "--codecs: 'mp4' is none of mp3, vorbis"),
        (["--music=.", "--codecs="], "is none of"),
    ],
)
def test_wrong_flags_are_usage_errors(arguments, message, capsys):
    assert input_benchmark.COMMAND.run(arguments) == 2
    assert message in capsys.readouterr().err


def test_the_bare_loop_reads_every_draw_once(monkeypatch):
    from kerastag.data import pipeline, sampling

    seen = []
    monkeypatch.setattr(audio, "random_chunk", lambda path, fraction, *rest: seen.append((path, fraction)))
    plan = sampling.shuffled(11, seed=0, epoch=0)
    tracks = pipeline.Tracks([str(n) for n in range(11)])
    input_peers.bare_loop(tracks, plan, pipeline.ChunkFormat(4), 3)
    assert sorted(seen) == sorted(
        (str(row), fraction) for row, fraction in zip(plan.tracks, plan.fractions, strict=True)
    )


def test_an_unreadable_file_ends_the_run_with_its_name(tmp_path):
    from kerastag.data import pipeline, sampling

    (tmp_path / "noise.wav").write_bytes(b"not audio")
    bench = input_benchmark.Bench(3, 1, 1, True, 2)
    tracks = input_benchmark.tracks_of([tmp_path / "noise.wav"], 3)
    with pytest.raises(errors.KerastagError, match=r"noise\.wav: is not audio"):
        bench.pipeline(tracks, sampling.shuffled(3, 0, 0), pipeline.ChunkFormat(16_000))


def test_the_help_needs_no_tensorflow():
    code = (
        "import runpy, sys; sys.argv = ['x', '--help']\n"
        "try: runpy.run_module('tools.benchmarks.input', run_name='__main__')\n"
        "except SystemExit as end: assert end.code == 0\n"
        "assert not {'tensorflow', 'keras', 'librosa', 'sklearn'} & set(sys.modules)"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout.startswith("usage: python -m tools.benchmarks.input ") and "--music" in process.stdout
