"""tools.datasets.audit: a damaged dataset is told in a report and in JSON, a good one gives exit status 0."""

import json
import pathlib
import shutil
import subprocess
import sys

import pytest
import soundfile

from kerastag import names
from tools.datasets import audit

ROOT = pathlib.Path(__file__).resolve().parents[3]
PUBLISHED = ROOT.parent / "shared/data/mediaeval2020"

HEADER = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"
ROWS = {
    "train": (
        ("t1", "ar1", "a.wav", "1.0", "mood---calm", "mood---dark"),
        ("t2", "ar1", "b.wav", "9.0", "mood---calm"),
        ("t3", "ar2", "c.wav", "1.0", "mood---happy"),
        ("t4", "ar2", "d.wav", "1.0"),
    ),
    "validation": (
        ("v1", "ar2", "copy_of_a.wav", "1.0", "mood---calm"),
        ("v2", "ar3", "gone.wav", "1.0", "mood---dark"),
        ("v3", "ar3", "broken.wav", "", "mood---dark"),
    ),
}


@pytest.fixture
def folder(tmp_path, rng):
    for name in "abcd":
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * rng.standard_normal(8000), 8000)
    shutil.copyfile(tmp_path / "a.wav", tmp_path / "copy_of_a.wav")
    (tmp_path / "broken.wav").write_bytes(bytes(200))
    for split, rows in ROWS.items():
        lines = ["\t".join([row[0], row[1], "", *row[2:]]) for row in rows]
        (tmp_path / f"{split}.tsv").write_text("\n".join([HEADER, *lines]) + "\n")
    return tmp_path


def run(*arguments: object) -> int:
    return audit.COMMAND.run([str(argument) for argument in arguments])


def test_the_report_tells_all_that_is_wrong(folder, capsys):
    assert run(f"--data_dir={folder}") == 1
    report = capsys.readouterr().out
    for line in (
        f"{folder}: 6 tracks",
        f"{folder}/test.tsv: no such file, left out",
        "1 file missing:",
        f"  validation: {folder}/gone.wav: no such file (track 'v2')",
        "1 file unreadable:",
        "1 of 4 lengths are off their DURATION by more than 1 s",
        f"  train: {folder}/b.wav: 1.0 s, not 9.0 s",
        "4 files shorter than a chunk of 4.6 s",
        "same bytes: 1 group of 2 tracks, 1 across splits, 1 with different tags",
        f"  train: {folder}/a.wav (calm, dark); validation: {folder}/copy_of_a.wav (calm)",
        "0 TRACK_IDs in more than one place",
        "1 of 3 artists in more than one split",
        "  ar2: train 1, validation 1",
        "3 tags: head 0, middle 0, tail 3",
        "validation has no track of 1 tag: happy",
        "tracks by their number of tags: 1: 5, 2: 1",
    ):
        assert line in report.splitlines()
    rows = [line.split() for line in report.splitlines()]
    assert ["train", "3", "1", "0", "0", "0.0", "1.0", "s", "1.0", "s", "1.0", "s"] in rows
    assert ["validation", "3", "0", "1", "1", "0.0", "1.0", "s", "1.0", "s", "1.0", "s"] in rows
    assert ["calm", "tail", "2", "1"] in rows
    assert ["calm", "+", "dark", "1", "33%"] in rows


def test_the_json_file_has_what_the_report_has(folder, tmp_path):
    output = tmp_path / "audit.json"
    assert run(f"--data_dir={folder}", f"--output={output}") == 1
    found = json.loads(output.read_text())
    assert found["num_tracks"] == {"train": 3, "validation": 3}
    assert found["num_untagged"] == {"train": 1, "validation": 0}
    assert found["splits"] == {split: [f"{folder}/{split}.tsv"] for split in ROWS}
    assert [track["track_id"] for track in found["files"]["unreadable"]] == ["v3"]
    assert found["duplicates"]["num_across_splits"] == 1
    assert found["tags"]["absent"] == {"train": [], "validation": ["mood---happy"]}


def test_a_good_dataset_gives_0_and_flags_name_its_files(folder, capsys):
    split = folder / "train.tsv"
    assert run(f"--data_dir={folder}", f"--train_split={split},{split}", "--validation_split=", "--hash=none") == 1
    (folder / "validation.tsv").unlink()
    tags = folder / "tags.txt"
    tags.write_text("mood---calm\nmood---happy\n")
    arguments = [f"--train_split={split},{split}", f"--tags_file={tags}", "--hash=none"]
    capsys.readouterr()
    assert run(f"--data_dir={folder}", *arguments, "--head_over=3", "--tail_at_most=2") == 0
    report = capsys.readouterr().out.splitlines()
    assert "1 unknown tag not counted: mood---dark (2)" in report
    assert "same file: 3 groups of 6 tracks, 0 across splits, 0 with different tags" in report
    assert "3 TRACK_IDs in more than one place" in report
    assert "2 tags: head 1, middle 0, tail 1" in report


def test_what_stands_at_output_is_kept(folder, capsys):
    output = folder / "audit.json"
    output.write_text("mine")
    assert run(f"--data_dir={folder}", f"--output={output}") == 1
    assert capsys.readouterr().err == f"{output}: exists already (see --overwrite)\n"
    assert output.read_text() == "mine"
    assert run(f"--data_dir={folder}", f"--output={output}", "--overwrite") == 1
    assert json.loads(output.read_text())["hash"] == "bytes"


def test_wrong_folders_and_files_are_one_line(tmp_path, capsys):
    assert run(f"--data_dir={tmp_path}/gone") == 1
    assert run(f"--data_dir={tmp_path}") == 1
    assert run(f"--data_dir={tmp_path}", "--train_split=gone.tsv") == 1
    (tmp_path / "train.tsv").write_text(HEADER + "\nt1\tar1\n")
    assert run(f"--data_dir={tmp_path}") == 1
    assert run("--hash=md5") == 2
    assert run("--head_over=1", "--tail_at_most=2") == 2
    assert capsys.readouterr().err.splitlines() == [
        f"{tmp_path}/gone: no such folder",
        f"{tmp_path}: no train.tsv, validation.tsv or test.tsv; --train_split names another",
        "gone.tsv: no such file or directory",
        f"{tmp_path}/train.tsv:2: 2 columns, not TRACK_ID ARTIST_ID ALBUM_ID PATH DURATION TAGS",
        "python -m tools.datasets.audit: flag --hash=md5: value should be one of <bytes|audio|none> (see --help)",
        "python -m tools.datasets.audit: --tail_at_most is above --head_over (see --help)",
    ]


def test_many_findings_are_summed_up(tmp_path, capsys):
    lines = [f"t{n}\tar{n % 50}\t\t{n}.mp3\t\tmood---{n % 40:02d}" for n in range(1500)]
    for split, rows in (("train", lines[:1000]), ("test", lines[1000:])):
        (tmp_path / f"{split}.tsv").write_text("\n".join([HEADER, *rows]) + "\n")
    assert run(f"--data_dir={tmp_path}") == 1
    report = capsys.readouterr().out.splitlines()
    assert "1,500 files missing:" in report and "  ... and 1,495 others" in report
    assert f"not one file is there; --data_dir={tmp_path} may be the wrong folder" in report
    assert "50 of 50 artists in more than one split" in report
    assert len(report) < 90


def test_it_runs_as_a_module_and_helps_without_heavy_imports():
    code = """
import runpy, sys
sys.argv = ["audit", "--help"]
try:
    runpy.run_module("tools.datasets.audit", run_name="__main__")
except SystemExit as end:
    print(end.code, {"tensorflow", "keras", "sklearn"} & set(sys.modules))
"""
    output = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert output.startswith("usage: python -m tools.datasets.audit ") and output.endswith("0 set()\n")


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="needs the MediaEval 2020 data in ../shared")
def test_the_published_splits_without_their_audio(capsys):
    flags = [f"--{name}_split={PUBLISHED}/autotagging_moodtheme-{name}.tsv" for name in ("train", "validation")]
    assert run(f"--data_dir={PUBLISHED}", *flags) == 1
    report = capsys.readouterr().out.splitlines()
    assert "13,751 files missing:" in report
    assert "0 of 1,181 artists in more than one split" in report
    assert "56 tags: head 8, middle 29, tail 19" in report
    assert ["happy", "head", "927", "392"] in [line.split() for line in report]
    assert len(report) < 110


def test_labels_of_one_tag_each_have_no_pairs(folder, capsys):
    (folder / "train.tsv").write_text(HEADER + "\nt1\t\t\ta.wav\t\tcalm\n")
    (folder / "validation.tsv").unlink()
    assert run(f"--data_dir={folder}") == 0
    report = capsys.readouterr().out
    assert report.endswith("tracks by their number of tags: 1: 1\n")
    assert "1 track without an artist" in report


def test_what_the_data_are_called_does_nothing_to_a_terminal(folder, capsys):
    split = folder / "train.tsv"
    split.write_text(split.read_text().replace("b.wav", "b\x1b[2J\u202e.wav"))
    output = folder / "a\x1b[1m.json"
    assert run(f"--data_dir={folder}", f"--output={output}") == 1
    captured = capsys.readouterr()
    assert r"b\x1b[2J\xe2\x80\xae.wav" in captured.out + captured.err
    assert all(names.hidden_letter(line) is None for line in (captured.out + captured.err).split("\n"))
