"""`kerastag train --resume` on data that is no longer what the run was started on."""

import hashlib
import json
import shutil

import pytest

from kerastag import files, train


@pytest.fixture
def moved(run, music, tmp_path):
    """Copies of a finished run and its music, and a function that resumes it there and returns the status."""
    run_dir, folder = tmp_path / "run", tmp_path / "music"
    shutil.copytree(run, run_dir)
    shutil.copytree(music, folder)
    return run_dir, folder, lambda: train.COMMAND.run([f"--data_dir={folder}", f"--run_dir={run_dir}", "--resume"])


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_record_has_what_the_splits_and_the_files_say(run, music):
    digests = files.read_json(run / "run.json")["digests"]
    lines = [line.split("\t") for line in (music / "validation.tsv").read_text().splitlines()[1:]]
    rows = [[line[0], line[1], line[3], *line[5:]] for line in lines]
    sizes = [(music / line[3]).stat().st_size for line in lines]
    assert digests["validation"] == hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    assert digests["validation audio"] == hashlib.sha256(json.dumps(sizes).encode()).hexdigest()
    assert set(digests) == {"train", "train audio", "validation", "validation audio"}


@pytest.mark.parametrize(("split", "old", "new"), [("train", "---high", "---low"), ("validation", "_3\t", "_33\t")])
def test_other_tracks_or_tags_are_another_experiment(split, old, new, moved, capsys):
    run_dir, folder, resume = moved
    replace(folder / f"{split}.tsv", old, new)
    before = {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()}
    assert resume() == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and f"the {split} split has other tracks or tags" in said[0] and "--run_dir" in said[0]
    assert {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()} == before


def test_other_files_are_told(moved, capsys):
    _, folder, resume = moved
    assert resume() == 0
    assert "other sizes" not in capsys.readouterr().err, "the same music in another place is the same"
    with (folder / "train" / "3.wav").open("ab") as file:
        file.write(b"\0\0")
    (folder / "validation" / "1.wav").unlink()
    resume()
    said = [line for line in capsys.readouterr().err.splitlines() if "other sizes" in line]
    assert [line.split(" files of the ")[1].split()[0] for line in said] == ["train", "validation"]


def test_what_an_older_version_wrote_is_resumed_unchecked(moved):
    run_dir, folder, resume = moved
    record = files.read_json(run_dir / "run.json")
    del record["digests"]
    files.write_json(run_dir / "run.json", record)
    replace(folder / "train.tsv", "---high", "---low")
    assert resume() == 0
