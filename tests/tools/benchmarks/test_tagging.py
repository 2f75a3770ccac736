"""tools.benchmarks.tagging: a line for each way of tagging, and what the lines count."""

import functools
import pathlib
import re

import numpy as np
import pytest
import soundfile

from kerastag import errors, models
from kerastag.computing import Computing
from tools.benchmarks import machine, processes, tagging, tagging_work

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


def run(folder: pathlib.Path, *arguments: str) -> int:
    return tagging.COMMAND.run([f"--music={folder}", *TINY, *arguments])


def lines_of(printed: str) -> list[tuple[str, ...]]:
    """Number of files, files a second and times real time, of every line that has them."""
    return [LINE.search(line).groups() for line in printed.splitlines() if " files/s " in line]


def test_a_line_for_every_way(folder, monkeypatch, capsys):
    # a process of its own would take each way seconds to start
    monkeypatch.setattr(processes, "alone", lambda function, *arguments: function(*arguments))
    shallow = functools.partial(models.short_chunk_resnet, num_blocks=2)  # tracing takes most of it
    monkeypatch.setattr(models, "short_chunk_resnet", shallow)
    assert run(folder, "--codecs=vorbis", "--num_files=3", "--num_twin_files=1") == 0
    printed = capsys.readouterr().out
    assert "vorbis: 2 files" in printed and "goal 1,200" in printed
    twin = "PyTorch is not installed" not in printed
    assert [int(num_files) for num_files, _, _ in lines_of(printed)] == [3, 3, 3, *([1] if twin else []), 1]


def test_rates_are_of_files_and_of_their_music(folder, monkeypatch, capsys):
    seconds = {"kerastag_seconds": 0.5, "reading_seconds": 0.25, "network_seconds": 0.2, "mel_seconds": 2.0}
    monkeypatch.setattr(machine, "accelerator", lambda: machine.Accelerator("a GPU", "mixed_float16"))
    monkeypatch.setattr(
        processes, "alone", lambda function, *job: seconds.get(function.__name__, 3.0) if job else function()
    )
    monkeypatch.setattr(machine, "has_torch", lambda: True)
    assert run(folder, "--codecs=vorbis", "--num_files=3", "--num_twin_files=1") == 0
    printed = capsys.readouterr().out
    assert "GPU: a GPU" in printed
    assert lines_of(printed) == [
        ("3", "6.00", "36"),
        ("3", "12.00", "72"),
        ("3", "15.00", "90"),
        ("1", "0.33", "2"),
        ("1", "0.50", "3"),
    ]
    assert "kerastag is 18.0 x as fast" in printed and "12.0 x; without its network" in printed


def test_files_come_again_under_names_of_their_own(folder, tmp_path):
    tagging.COMMAND.parse([*TINY, "--num_files=5", "--num_twin_files=2"])
    files = sorted(folder.iterdir())
    turns = tagging.Turns(tagging.FLAGS, files, tmp_path / "links")
    assert len(set(turns.all)) == 5 and turns.few == turns.all[:2]
    assert {pathlib.Path(path).resolve() for path in turns.all} == set(files)


def test_what_cannot_be_read_is_no_speed(tmp_path, folder):
    (tmp_path / "noise.ogg").write_bytes(b"not audio")
    warm_up = [str(next(folder.iterdir()))]
    job = tagging_work.Job([str(tmp_path / "noise.ogg")], warm_up, 2, 4, 1, Computing("float32"))
    with pytest.raises(errors.KerastagError, match=r"noise\.ogg"):
        tagging_work.kerastag_seconds(job)


def test_every_way_reads_every_file(folder, monkeypatch):
    """Seconds are of the files that are asked for, the warm-up left out."""
    seen, moments = [], iter(np.arange(10.0))
    monkeypatch.setattr(tagging_work.time, "perf_counter", lambda: next(moments))
    paths = [str(path) for path in sorted(folder.iterdir())]
    assert tagging_work.timed(seen.append, tagging_work.Job(paths, paths[:1])) == 1
    assert seen == [paths[:1], paths]


def test_an_unknown_codec_is_refused(folder, capsys):
    assert run(folder, "--codecs=vorbis,wma") == 2
    assert "'wma' is none of mp3, vorbis, opus, flac" in capsys.readouterr().err
