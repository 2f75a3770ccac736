"""tools.benchmarks.growth: its splits and files are as they should be, and every part prints its lines."""

import functools

import numpy as np
import pytest
import soundfile

from kerastag import audio, models
from kerastag.data import splits, track_files
from tools.benchmarks import growth, growth_work, processes


@pytest.fixture(scope="module")
def long_enough(tmp_path_factory):
    """A folder with one file of a minute, and one that is not audio."""
    folder = tmp_path_factory.mktemp("music")
    time = np.arange(61 * 16_000) / 16_000
    wave = 0.3 * np.sin(2 * np.pi * 330 * time) + np.random.default_rng(0).normal(0, 0.02, len(time))
    soundfile.write(folder / "minute.flac", wave, 16_000)
    (folder / "a.mp3").write_bytes(b"not audio")
    return folder


def test_splits_are_those_of_a_dataset(long_enough, tmp_path):
    paths = growth_work.make_snippets(long_enough, tmp_path)
    growth_work.write_splits(tmp_path, paths, 2_500)
    split = splits.read(tmp_path / "train.tsv")
    assert len(split) == 2_500
    assert len(splits.collect_vocabulary([split])) == growth_work.NUM_TAGS
    assert len({track.path for track in split.tracks}) == min(2_500, len(paths))
    assert len(audio.read(track_files.resolve(tmp_path, split.tracks[-1]))) == 6 * 16_000


@pytest.mark.parametrize("form", growth_work.LONG_FORMS)
def test_a_long_file_is_a_minute_over_and_over(long_enough, tmp_path, form):
    path = growth_work.write_long(long_enough, tmp_path, form, hours=0.05)
    assert audio.info(path).seconds == pytest.approx(180, abs=0.3)
    once, again = audio.read_chunk(path, 20 * 16_000, 16_000), audio.read_chunk(path, 140 * 16_000, 16_000)
    energy = [np.sqrt(np.mean(np.square(chunk))) for chunk in (once, again)]
    assert energy == pytest.approx([0.213, 0.213], abs=0.01)  # of the tone 0.3 / sqrt(2), and of the noise


def test_every_part_prints_a_line_for_each_size(long_enough, monkeypatch, capsys):
    monkeypatch.setattr(processes, "alone", lambda function, *arguments: function(*arguments))
    shallow = functools.partial(models.short_chunk_resnet, num_blocks=2)  # tracing takes most of it
    monkeypatch.setattr(models, "short_chunk_resnet", shallow)
    monkeypatch.setattr(growth_work, "_tagger", functools.cache(growth_work._tagger))  # one for all, in one process
    arguments = ["--max_split=300", "--max_tracks=3", "--hours=0.02", "--num_channels=1", "--num_batches=2"]
    assert growth.COMMAND.run([f"--music={long_enough}", *arguments]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert [line[0] for line in lines] == ["tracks", "300", "tracks", "1", "3", "form", "wav", "wav", "mp3", "mp3"]
    assert [line[1] for line in lines[6:]] == ["16", "15", "16", "15"]  # 72 s hold 15 chunks of 4.6 s
    assert not any("nan" in line for line in lines)


def test_sizes_are_powers_of_ten_and_the_greatest():
    assert growth.sizes(1, 1) == [1]
    assert growth.sizes(1, 100) == [1, 10, 100]
    assert growth.sizes(1000, 20_000) == [1000, 10_000, 20_000]


def test_the_first_batch_is_not_in_the_cost_of_a_chunk():
    assert growth_work.steady_ms([10.0, 10.2, 10.5], [32, 10, 15]) == pytest.approx(500 / 25)
    assert np.isnan(growth_work.steady_ms([10.0], [32]))


def test_unknown_parts_and_forms_are_refused(long_enough, capsys):
    for wrong in ("--parts=long,wide", "--long_forms=ogg"):
        assert growth.COMMAND.run([f"--music={long_enough}", wrong]) == 2
        assert "is none of" in capsys.readouterr().err
