"""tools.datasets.debian_music without a network: what it writes, what it refuses, that it resumes from its cache."""

import pathlib
import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter

import numpy as np
import pytest
import soundfile

from kerastag import errors
from tools.datasets import deal, debian_music, debian_packages

ROOT = pathlib.Path(__file__).resolve().parents[3]
APT_GET = """#!/bin/sh
echo "$@" >> {log}
cp {debs}/"$3"_*.deb . 2>/dev/null && exit 0
echo "E: Unable to locate package $3" >&2
exit 100
"""
TABLE = (
    ("alpha", "usr/share/alpha/music/one.wav", "calm"),
    ("alpha", "usr/share/alpha/music/deep/two.wav", "calm,dark"),
    ("alpha", "usr/share/alpha/music/three.wav", "dark"),
    ("beta", "usr/share/beta/one.wav", "dark"),
    ("beta", "usr/share/beta/gone.wav", "calm"),
    ("gamma", "0music.pk3:music/one.wav", "calm,odd"),
    ("gamma", "0music.pk3:music/two.wav", ""),
    ("gamma", "0music.pk3:music/three.wav", "odd"),
)
needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg-deb to build packages")


def _write_tone(path: pathlib.Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.sin(np.arange(8000)), 8000)


def _build_deb(package: str, folder: pathlib.Path) -> None:
    root = folder / package
    for _, path, _ in (row for row in TABLE if row[0] == package and "gone" not in row[1]):
        archive, colon, member = path.partition(":")
        _write_tone(root / (f"zipped/{member}" if colon else archive))
    if (root / "zipped").is_dir():
        target = root / "usr/share/gamma/base/0music.pk3"
        target.parent.mkdir(parents=True)
        with zipfile.ZipFile(target, "w") as archive_file:
            for path in sorted((root / "zipped").rglob("*.wav")):
                archive_file.write(path, path.relative_to(root / "zipped"))
        shutil.rmtree(root / "zipped")
    legal = root / "usr/share/doc" / package / "copyright"
    legal.parent.mkdir(parents=True)
    legal.write_text("Licence: free\n")
    (root / "DEBIAN").mkdir()
    fields = f"Package: {package}\nVersion: 1:2\nArchitecture: all\nMaintainer: none <a@b.c>\nDescription: music\n"
    (root / "DEBIAN/control").write_text(fields)
    subprocess.run(["dpkg-deb", "-b", root, folder / f"{package}_1%3a2_all.deb"], check=True, capture_output=True)


@pytest.fixture
def small_table(tmp_path, monkeypatch):
    rows = [
        "\t".join([package, path, "1.0", "8000", "1", "pcm", tags, "name", "GPL-2"]) for package, path, tags in TABLE
    ]
    header = "package\tpath\tseconds\tsample_rate\tchannels\tcodec\ttags\tevidence\tlicence"
    table = tmp_path / "table.tsv"
    table.write_text("\n".join([header, *rows]) + "\n")
    monkeypatch.setattr(debian_packages, "read_table", lambda read=debian_packages.read_table: read(table))
    monkeypatch.setattr(debian_packages, "MEGABYTES", {"alpha": 1, "beta": 1, "gamma": 1})


@pytest.fixture
def run(tmp_path, monkeypatch, small_table):
    """Runs the tool with three packages that a stand-in for apt-get delivers."""
    debs, programs = tmp_path / "debs", tmp_path / "bin"
    for package in ("alpha", "beta", "gamma"):
        _build_deb(package, debs)
    programs.mkdir()
    (programs / "apt-get").write_text(APT_GET.format(log=tmp_path / "log", debs=debs))
    (programs / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")

    def run(*arguments: str) -> int:
        always = [f"--output={tmp_path / 'out'}", f"--cache_dir={tmp_path / 'cache'}", "--packages=all"]
        return debian_music.COMMAND.run([*always, *arguments])

    return run


def _rows(folder: pathlib.Path) -> dict[str, list[list[str]]]:
    lines = {split: (folder / f"{split}.tsv").read_text().splitlines() for split in deal.SPLITS}
    assert all(split[0] == "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS" for split in lines.values())
    return {name: [line.split("\t") for line in split[1:]] for name, split in lines.items()}


def test_the_table_names_safe_and_different_places():
    tracks = debian_packages.read_table()
    assert len(tracks) == 330
    assert {track.package for track in tracks} == set(debian_packages.MEGABYTES)
    targets = [pathlib.PurePosixPath(track.target) for track in tracks]
    assert len(set(targets)) == 330
    assert all(not target.is_absolute() and ".." not in target.parts for target in targets)
    assert all(target.parts[0] == track.package for target, track in zip(targets, tracks, strict=True))
    assert all(re.fullmatch("[a-z]+", tag) for track in tracks for tag in track.tags)


def test_the_real_table_splits_by_package_without_crossing():
    labelled = debian_music.label(debian_packages.read_table(), "mood")
    assert len(labelled) == 320
    places = debian_music.place(labelled, "package", seed=0)
    splits = {package: {places[t] for t in labelled if t.package == package} for package in debian_packages.MEGABYTES}
    assert all(len(found) == 1 for found in splits.values())
    sizes = Counter(places.values())
    assert 0.45 < sizes["train"] / 320 < 0.75 and min(sizes.values()) > 0.1 * 320


def test_the_real_table_splits_every_package_by_track():
    labelled = debian_music.label(debian_packages.read_table(), "package")
    places = debian_music.place(labelled, "track", seed=0)
    for package in debian_packages.MEGABYTES:
        counts = Counter(places[track] for track in labelled if track.package == package)
        total = sum(counts.values())
        assert all(abs(counts[s] - f * total) <= 1 for s, f in zip(deal.SPLITS, (0.6, 0.2, 0.2), strict=True))
        assert min(counts.values()) >= 1 and len(counts) == 3


@needs_dpkg
def test_package_labels(run, tmp_path, capsys):
    assert run("--labels=package") == 0
    rows = [row for split in _rows(tmp_path / "out").values() for row in split]
    assert len(rows) == 7  # of eight, one is not in its package
    for _, artist, _, path, seconds, tag in rows:
        assert tag == f"package---{artist}" and path.startswith(f"{artist}/")
        assert soundfile.info(str(tmp_path / "out" / path)).duration == float(seconds) == 1.0
    paths = {row[3] for row in rows}
    assert {"alpha/deep/two.wav", "beta/one.wav", "gamma/three.wav"} < paths
    assert "beta: usr/share/beta/gone.wav: not in this version" in capsys.readouterr().err
    licences = (tmp_path / "out/licences.tsv").read_text().splitlines()
    assert licences[0] == "PACKAGE\tVERSION\tLICENCE\tTEXT"
    assert licences[1] == "alpha\t1:2\tGPL-2\talpha/copyright.txt"
    assert (tmp_path / "out/alpha/copyright.txt").read_text() == "Licence: free\n"


@needs_dpkg
def test_mood_labels_keep_packages_apart_and_drop_what_training_would_not_see(run, tmp_path, capsys):
    assert run() == 0
    rows = _rows(tmp_path / "out")
    packages = {split: {row[1] for row in found} for split, found in rows.items()}
    assert packages["train"] == {"alpha"}
    assert packages["validation"] | packages["test"] == {"beta", "gamma"}
    assert {tag for found in rows.values() for row in found for tag in row[5:]} == {
        "mood/theme---calm",
        "mood/theme---dark",
    }
    said = capsys.readouterr().out
    assert "1 tracks have no mood and are left out" in said
    assert "1 tags are left out, training would never see them: mood/theme---odd" in said
    assert "1 tracks had no other tag and are left out" in said


@needs_dpkg
def test_downloads_are_taken_from_the_cache(run, tmp_path):
    assert run() == 0
    assert len((tmp_path / "log").read_text().splitlines()) == 3
    assert run("--overwrite", "--labels=package") == 0
    assert len((tmp_path / "log").read_text().splitlines()) == 3
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [
        "alpha_1%3a2_all.deb",
        "beta_1%3a2_all.deb",
        "gamma_1%3a2_all.deb",
    ]


@needs_dpkg
def test_a_package_that_fails_is_named_and_the_rest_is_written(run, tmp_path, monkeypatch, capsys):
    (tmp_path / "debs/beta_1%3a2_all.deb").unlink()
    monkeypatch.setattr(debian_packages, "LISTS", str(ROOT))  # something that exists
    assert run("--labels=package") == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "beta: apt-get download: Unable to locate package beta"
    assert said[-1].endswith("out: written without beta, which could not be had")
    assert {row[1] for found in _rows(tmp_path / "out").values() for row in found} == {"alpha", "gamma"}


@needs_dpkg
def test_a_damaged_package_is_reported_with_what_to_do(run, tmp_path, capsys):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/beta_9_all.deb").write_bytes(b"!<arch>\nnot a package")
    assert run("--labels=package") == 1
    assert "beta_9_all.deb: cannot be unpacked; delete it" in capsys.readouterr().err


@needs_dpkg
def test_an_interrupted_run_leaves_neither_a_dataset_nor_half_a_package(run, tmp_path, monkeypatch):
    def interrupt(*arguments, cwd=None, **keywords):
        (pathlib.Path(cwd) / "alpha_1%3a2_all.deb").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(debian_packages.subprocess, "run", interrupt)
    assert run() == 130
    assert not (tmp_path / "out").exists()
    assert list((tmp_path / "cache").iterdir()) == []


@needs_dpkg
def test_missing_lists_are_one_line_that_says_what_to_run(run, tmp_path, monkeypatch, capsys):
    (tmp_path / "debs/alpha_1%3a2_all.deb").unlink()
    monkeypatch.setattr(debian_packages, "LISTS", str(tmp_path / "no-such-*"))
    assert run() == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "run 'apt-get update' as root first" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("program", ["apt-get", "dpkg"])
def test_a_missing_program_is_one_line(program, small_table, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    if program == "dpkg":
        (tmp_path / "alpha_1_all.deb").touch()
    assert debian_music.COMMAND.run([f"--output={tmp_path}/out", f"--cache_dir={tmp_path}", "--packages=all"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"{program}: not found") and said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labels=package", "--split_by=package"], "--labels=package needs --split_by=track"),
        (["--packages=nonsense"], "--packages: no 'nonsense'"),
        (["--packages=asc-music,enigma-data"], "takes three of them"),
        (["--packages="], "--packages is empty"),
        ([], "--output is missing"),
        (["--seed=-1"], "--seed=-1"),
    ],
)
def test_contradictions_are_usage_errors(arguments, message, capsys):
    assert debian_music.COMMAND.run(arguments) == 2
    assert message in capsys.readouterr().err


def test_only_a_dataset_of_this_tool_is_overwritten(tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    assert debian_music.COMMAND.run([f"--output={tmp_path}/mine", "--overwrite"]) == 1
    assert "was not written by this tool" in capsys.readouterr().err
    assert (tmp_path / "mine").is_dir()


def test_too_few_groups_are_refused():
    tracks = debian_packages.read_table()[:2]
    with pytest.raises(errors.KerastagError, match="three splits need three"):
        debian_music.place(debian_music.label(tracks, "package"), "track", seed=0)


def test_the_list_and_the_help_need_no_tensorflow():
    for flag in ("--list", "--help"):
        program = (
            f"import runpy, sys; sys.argv = ['x', '{flag}']\n"
            "try: runpy.run_module('tools.datasets.debian_music', run_name='__main__')\n"
            "except SystemExit as end: assert end.code == 0\n"
            "assert 'tensorflow' not in sys.modules"
        )
        command = [sys.executable, "-c", program]
        process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert "asc-music" in process.stdout
