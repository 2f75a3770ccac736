"""Where a command will write is checked before it works; what fails later is told of the file that the user named."""

import errno
import os
import pathlib
import shutil
import subprocess

import numpy as np
import pytest

from kerastag import ensemble, errors, evaluate, export, files, prepare, report, tag, train
from kerastag.inference import opening


@pytest.fixture
def read_only(tmp_path):
    """A folder in which nothing can be made: root may write anywhere but on a file system that is read-only."""
    folder = tmp_path / "read_only"
    folder.mkdir()
    if os.geteuid() != 0:
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)
        return
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("root may write everywhere here, and may not mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def commands(run, music, place, tmp_path):
    """Every command that writes, told to write to `place`."""
    scores = [
        f"--predictions={run / 'predictions' / 'validation.npy'}",
        f"--labels={run / 'labels' / 'validation.npy'}",
    ]
    scores += [f"--tags={run / 'tags.txt'}", "--fit_on_the_labels_reported_on"]
    return {
        "tag": (tag, [str(music / "test"), f"--model={run}", f"--output={place}.json"]),
        "evaluate": (evaluate, [*scores, f"--output={place}.json"]),
        "decisions": (evaluate, [*scores, f"--decisions={place}.npy"]),
        "tables": (evaluate, [*scores, f"--tables_dir={place}"]),
        "plots": (evaluate, [*scores, f"--plots_dir={place}"]),
        "ensemble": (ensemble, [f"--run_dirs={run},{run}/", "--split=validation", f"--output={place}.npy"]),
        "ensemble folder": (ensemble, [f"--run_dirs={run},{run}/", f"--output_dir={place}"]),
        "export": (export, [f"--run_dir={run}", f"--output_dir={place}"]),
        "prepare": (prepare, [f"--data_dir={music}", f"--output_dir={place}"]),
        "report": (report, [str(run), f"--output={place}.html"]),
        "train": (
            train,
            [f"--data_dir={music}", f"--run_dir={place}", "--epochs=1", "--num_channels=1", "--num_blocks=2"],
        ),
    }


NAMES = list(commands(pathlib.Path(), pathlib.Path(), "", pathlib.Path()))


@pytest.fixture
def no_work(monkeypatch):
    """Whatever takes long fails the test."""
    from kerastag import metrics, reporting, runtime
    from kerastag.data import preparing
    from kerastag.inference import split_scoring
    from kerastag.metrics import assessment

    def work(*arguments, **options):
        raise AssertionError("work began")

    for module, name in (
        (opening, "load"),
        (runtime, "start"),
        (split_scoring, "score_run"),
        (assessment, "assess"),
        (metrics, "evaluate"),
        (preparing, "convert_all"),
        (reporting, "write"),
    ):
        monkeypatch.setattr(module, name, work)


@pytest.mark.parametrize("name", NAMES)
def test_a_read_only_folder_is_told_before_the_work(run, music, read_only, tmp_path, name, no_work, capsys):
    place = read_only / "x" / "out"
    command, arguments = commands(run, music, place, tmp_path)[name]
    assert command.COMMAND.run(arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(str(place)) and line.endswith(
        ": cannot be written (read-only file system)" if os.geteuid() == 0 else ")"
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_file_in_the_place_of_a_folder_is_told_before_the_work(run, music, tmp_path, name, no_work, capsys):
    (tmp_path / "file").write_text("precious")
    command, arguments = commands(run, music, tmp_path / "file" / "out", tmp_path)[name]
    assert command.COMMAND.run(arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(str(tmp_path / "file" / "out")) and ".partial" not in line
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("name", ["tag", "evaluate", "decisions", "ensemble", "report"])
def test_a_folder_of_the_name_is_told_before_the_work(run, music, tmp_path, name, no_work, capsys):
    command, arguments = commands(run, music, tmp_path / "out", tmp_path)[name]
    place = pathlib.Path(arguments[-1].partition("=")[2])
    place.mkdir()
    assert command.COMMAND.run([*arguments, *([] if name == "report" else ["--overwrite"])]) == 1
    assert capsys.readouterr().err == f"{place}: is a folder\n"


def test_a_missing_parent_is_made(run, music, tmp_path):
    output = tmp_path / "a" / "b" / "tags.tsv"
    assert tag.COMMAND.run([str(music / "test" / "0.wav"), f"--model={run}", f"--output={output}"]) == 0
    assert output.is_file()


def test_a_relative_name_is_told_as_it_was_given(read_only, monkeypatch):
    monkeypatch.chdir(read_only)
    for check in (
        lambda: files.check_output("out.json", False),
        lambda: files.check_folder_writable("out.json"),
        lambda: files.write_text("out.json", "x"),
        lambda: files.whole_folder("out.json").__enter__(),
    ):
        with pytest.raises(errors.KerastagError, match=r"^out\.json: cannot be written \("):
            check()


def test_checking_leaves_nothing_behind(tmp_path):
    files.check_writable(tmp_path / "a" / "b.tsv")
    files.check_folder_writable(tmp_path / "c")
    assert not list(tmp_path.iterdir())


def test_decisions_without_thresholds_are_refused_before_the_work(run, tmp_path, no_work, capsys):
    scores = [
        f"--predictions={run / 'predictions' / 'validation.npy'}",
        f"--labels={run / 'labels' / 'validation.npy'}",
    ]
    arguments = [*scores, f"--tags={run / 'tags.txt'}", f"--decisions={tmp_path / 'd.npy'}"]
    assert evaluate.COMMAND.run(arguments) == 2
    assert "--decisions needs thresholds" in capsys.readouterr().err


def test_a_run_that_may_only_be_read_is_measured_all_the_same(run, music, tmp_path, monkeypatch, capsys):
    copy = tmp_path / "run"
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("events", "examples"))
    made = files.whole_file

    def whole_file(path):
        if str(path).startswith(str(copy)):
            raise errors.KerastagError(f"{path}: cannot be written (read-only file system)")
        return made(path)

    monkeypatch.setattr(files, "whole_file", whole_file)
    assert evaluate.COMMAND.run([f"--run_dir={copy}", f"--data_dir={music}", "--num_chunks=1"]) == 0
    captured = capsys.readouterr()
    assert "macro" in captured.out
    told = [line for line in captured.err.splitlines() if line.startswith(f"not kept: {copy}")]
    assert len(told) == 2 and all("read-only file system" in line for line in told)


@pytest.fixture
def full(tmp_path):
    """A folder on a file system of 64 KB."""
    folder = tmp_path / "full"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_of_the_file_that_was_named(full):
    for write in (
        lambda: files.write_text(full / "a.tsv", "x" * 200_000),
        lambda: files.write_json(full / "a.json", ["x" * 200_000]),
    ):
        with pytest.raises(
            errors.KerastagError, match=r"full/a\.(tsv|json): cannot be written \(no space left on device\)"
        ):
            write()
    from kerastag.metrics import matrices

    with pytest.raises(errors.KerastagError, match=r"full/m\.npy: cannot be written"):
        matrices.save_matrix(full / "m.npy", np.zeros((100, 100)))
    with (
        pytest.raises(errors.KerastagError, match=r"full/d: cannot be written"),
        files.whole_folder(full / "d") as folder,
    ):
        (folder / "x").write_bytes(bytes(200_000))
    assert not list(full.iterdir())


@pytest.mark.parametrize("where", ["write", "replace"])
def test_an_error_without_a_name_is_told_of_the_target(tmp_path, monkeypatch, where):
    def fail(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if where == "replace":
        monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(errors.KerastagError) as caught, files.whole_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("x")
        if where == "write":
            fail()
    assert str(caught.value) == f"{tmp_path / 'a.txt'}: cannot be written (no space left on device)"
    assert not list(tmp_path.iterdir())


def test_an_error_about_another_file_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="not_there"), files.whole_file(tmp_path / "a.txt"):
        (tmp_path / "not_there").read_text()
