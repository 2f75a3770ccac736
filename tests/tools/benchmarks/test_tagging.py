"""tools/benchmark_tagging: a line for each way of tagging, and what the lines count."""

import concurrent.futures
import importlib.machinery
import importlib.util
import pathlib
import re

import numpy as np
import pytest
import soundfile

from kerastag import errors

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "benchmark_tagging"
_loader = importlib.machinery.SourceFileLoader("benchmark_tagging", str(TOOL))
benchmark_tagging = importlib.util.module_from_spec(importlib.util.spec_from_loader("benchmark_tagging", _loader))
_loader.exec_module(benchmark_tagging)
tagging_work = benchmark_tagging.tagging_work

SECONDS = 6
TINY = ("--num_chunks=3", "--batch_size=4", "--num_channels=1", "--min_seconds=5", "--max_seconds=9")
LINE = re.compile(r"(\d+) files +([\d.]+) files/s +([\d,]+) x real time")


@pytest.fixture
def folder(tmp_path, rng):
    """Two stereo Vorbis files of 6 s."""
    folder = tmp_path / "music"
    folder.mkdir()
    for number in range(2):
        soundfile.write(folder / f"{number}.ogg", rng.normal(0, 0.1, (SECONDS * 44_100, 2)), 44_100)
    return folder


@pytest.fixture
def in_this_process(monkeypatch):
    """No way gets a process of its own, which would take it seconds to start."""
    monkeypatch.setattr(benchmark_tagging, "alone", lambda: concurrent.futures.ThreadPoolExecutor(1))


def run(folder: pathlib.Path, *arguments: str) -> int:
    return benchmark_tagging.COMMAND.run([f"--music={folder}", *TINY, *arguments])


def test_a_line_for_every_way(folder, in_this_process, capsys):
    assert run(folder, "--codecs=vorbis", "--num_files=3", "--num_twin_files=1") == 0
    printed = capsys.readouterr().out
    assert "vorbis: 2 files" in printed and "goal 1,200" in printed
    found = [LINE.search(line).groups() for line in printed.splitlines() if " files/s " in line]
    twin = "PyTorch is not installed" not in printed
    assert [int(num_files) for num_files, _, _ in found] == [3, 3, 3, *([1] if twin else []), 1]
    for _, files, times in found:
        assert int(times.replace(",", "")) == pytest.approx(SECONDS * float(files), rel=0.01, abs=0.6)


def test_files_come_again_under_names_of_their_own(folder, tmp_path):
    benchmark_tagging.COMMAND.parse([*TINY, "--num_files=5", "--num_twin_files=2"])
    files = sorted(folder.iterdir())
    turns = benchmark_tagging.Turns(benchmark_tagging.FLAGS, files, tmp_path / "links")
    assert len(set(turns.all)) == 5 and turns.few == turns.all[:2]
    assert {pathlib.Path(path).resolve() for path in turns.all} == set(files)


def test_what_cannot_be_read_is_no_speed(tmp_path, folder):
    (tmp_path / "noise.ogg").write_bytes(b"not audio")
    warm_up = [str(next(folder.iterdir()))]
    job = tagging_work.Job([str(tmp_path / "noise.ogg")], warm_up, 2, 4, 1, "float32")
    with pytest.raises(errors.KerastagError, match=r"noise\.ogg"):
        tagging_work.kerastag_seconds(job)


def test_every_way_reads_every_file(folder, monkeypatch):
    """Seconds are of the files that are asked for, the warm-up left out."""
    seen, moments = [], iter(np.arange(10.0))
    monkeypatch.setattr(tagging_work.time, "perf_counter", lambda: next(moments))
    paths = [str(path) for path in sorted(folder.iterdir())]
    assert tagging_work._timed(seen.append, tagging_work.Job(paths, paths[:1])) == 1
    assert seen == [paths[:1], paths]


def test_an_unknown_codec_is_refused(folder, capsys):
    assert run(folder, "--codecs=vorbis,wma") == 2
    assert "'wma' is none of mp3, vorbis, opus, flac" in capsys.readouterr().err
