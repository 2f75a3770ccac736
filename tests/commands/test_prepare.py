"""`kerastag prepare`: a dataset like any other, with the same audio to 16 bits, resumable."""

import shutil

import numpy as np
import pytest
import soundfile

from kerastag import audio, prepare
from kerastag.data import preparing, splits


@pytest.fixture
def dataset(tmp_path):
    """Two readable tracks of other rates and formats, one that is not audio."""
    folder = tmp_path / "in"
    generator = np.random.default_rng(0)
    (folder / "a").mkdir(parents=True)
    soundfile.write(folder / "a" / "one.flac", generator.uniform(-1, 1, (70 * 22_050, 2)), 22_050)
    soundfile.write(folder / "a" / "two.ogg", generator.normal(0, 0.3, 44_100), 44_100)
    (folder / "a" / "three.mp3").write_bytes(b"not audio")
    header = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\t\r\n"
    rows = [
        "1\tx\ty\ta/one.flac\t70.0\thappy\t\r\n",
        "2\tx\ty\ta/two\t1.0\thappy\tsad\r\n",
        "3\tx\ty\ta/three.mp3\t1\tsad\t\r\n",
    ]
    (folder / "train.tsv").write_text(header + "".join(rows), newline="")
    return folder


@pytest.mark.parametrize("file_format", ["wav", "flac"])
def test_the_result_is_a_dataset_with_the_same_audio(dataset, tmp_path, file_format, capsys):
    output = tmp_path / "out"
    arguments = [f"--data_dir={dataset}", f"--output_dir={output}", f"--format={file_format}"]
    assert prepare.COMMAND.run(arguments) == 1  # one file cannot be read
    captured = capsys.readouterr()
    assert "left out" in captured.err and "three.mp3" in captured.err and "about 0.00 GB" in captured.err
    tracks = splits.read(output / "train.tsv").tracks
    assert [track.path for track in tracks] == [f"a/one.{file_format}", f"a/two.{file_format}"]
    assert [track.tags for track in tracks] == [("happy",), ("happy", "sad")]
    for track, source in zip(tracks, ("one.flac", "two.ogg"), strict=True):
        facts = audio.info(output / track.path)
        assert (facts.sample_rate, facts.num_channels) == (16_000, 1)
        expected = audio.read(dataset / "a" / source)
        difference = np.abs(audio.read(output / track.path) - np.clip(expected, -1, 1))
        assert difference.max() <= 0.5 / 32768 + 2e-5  # 16 bits, and what a block's edge may differ by


def test_a_second_run_makes_only_what_is_missing(dataset, tmp_path, capsys):
    output = tmp_path / "out"
    arguments = [f"--data_dir={dataset}", f"--output_dir={output}"]
    prepare.COMMAND.run(arguments)
    before = (output / "a" / "one.wav").stat().st_mtime_ns
    (output / "a" / "two.wav").unlink()
    prepare.COMMAND.run(arguments)
    assert "1 there already" in capsys.readouterr().err
    assert (output / "a" / "one.wav").stat().st_mtime_ns == before and (output / "a" / "two.wav").is_file()


def test_bad_use(dataset, tmp_path, capsys):
    assert prepare.COMMAND.run([f"--data_dir={dataset}", f"--output_dir={dataset}"]) == 2
    assert prepare.COMMAND.run([f"--data_dir={dataset}"]) == 2
    assert prepare.COMMAND.run([f"--data_dir={dataset / 'a'}", f"--output_dir={tmp_path / 'o'}"]) == 1
    assert "no train.tsv" in capsys.readouterr().err
    shutil.copy(dataset / "a" / "one.flac", dataset / "a" / "one.wav")
    lines = (dataset / "train.tsv").read_text().splitlines()
    (dataset / "train.tsv").write_text("\n".join([*lines, "4\tx\ty\ta/one.wav\t1\tsad"]) + "\n")
    assert prepare.COMMAND.run([f"--data_dir={dataset}", f"--output_dir={tmp_path / 'o'}"]) == 1
    assert "would both become a/one.wav" in capsys.readouterr().err


def test_expected_size_by_hand():
    tracks = [splits.Track(str(n), f"{n}.mp3", "", "", 100.0, ()) for n in range(3)]
    assert preparing.expected_bytes(tracks, "wav", 16_000) == 300 * 32_000
    unknown = splits.Track("x", "x", "", "", None, ())
    assert preparing.expected_bytes([*tracks, unknown], "wav", 16_000) is None
