"""Folders that are replaced stay there, whatever stops it."""

import os
import signal
import subprocess
import sys

import pytest

from kerastag import errors, files

KILLED = """
import os, sys
from kerastag import files
renames, at = os.rename, int(sys.argv[2])
def rename(*paths):
    global at
    if at == 0:
        os.kill(os.getpid(), 9)
    at -= 1
    renames(*paths)
os.rename = rename
with files.whole_folder(sys.argv[1], overwrite=True) as folder:
    (folder / "new").touch()
"""


def replace(path, name="new"):
    with files.whole_folder(path, overwrite=True) as folder:
        (folder / name).touch()


def names(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("renames", [0, 1])
def test_a_folder_whose_replacement_was_killed_is_put_back(tmp_path, renames):
    replace(tmp_path / "state", "old")
    ended = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "state"), str(renames)])
    assert ended.wait() == -signal.SIGKILL
    assert any(map(files.is_unfinished, tmp_path.iterdir()))
    files.put_back(tmp_path / "state")
    files.remove_unfinished(tmp_path, ended.pid)
    assert names(tmp_path) == {"state", "state/old"}


def test_what_a_kill_moved_aside_goes_when_the_folder_is_written_again(tmp_path):
    replace(tmp_path / "state", "old")
    (tmp_path / "state").rename(tmp_path / ".state.kerastag.old")
    replace(tmp_path / "state")
    assert names(tmp_path) == {"state", "state/new"}
    replace(tmp_path / ".state.kerastag.old", "older")
    replace(tmp_path / "state", "newest")
    assert names(tmp_path) == {"state", "state/newest"}


def test_a_folder_that_cannot_be_replaced_stays(tmp_path, monkeypatch):
    replace(tmp_path / "state", "old")
    rename = os.rename

    def refused(source, target):
        if ".partial" in str(source):
            raise OSError(28, "No space left on device", str(source))
        rename(source, target)

    monkeypatch.setattr(os, "rename", refused)
    with pytest.raises(errors.KerastagError, match=r"state: .*no space left"):
        replace(tmp_path / "state")
    assert names(tmp_path) == {"state", "state/old"}


def test_a_link_to_a_folder_is_replaced_and_its_folder_left(tmp_path):
    replace(tmp_path / "elsewhere", "theirs")
    (tmp_path / "state").symlink_to("elsewhere")
    replace(tmp_path / "state")
    assert not (tmp_path / "state").is_symlink()
    assert names(tmp_path) == {"elsewhere", "elsewhere/theirs", "state", "state/new"}


def test_what_is_unfinished_is_known_by_its_name(tmp_path):
    with files.whole_file(tmp_path / "a.b.keras") as file, files.whole_folder(tmp_path / "c") as folder:
        file.touch()
        assert files.is_unfinished(file) and files.is_unfinished(folder)
        files.remove_unfinished(tmp_path, os.getpid() + 1)
        assert file.exists() and folder.exists()
        files.remove_unfinished(tmp_path, os.getpid())
        assert names(tmp_path) == set()
        file.touch()
        folder.mkdir()
    others = ("a.b.keras", "c", ".partial", ".lock", ".c.kerastag.old")
    assert not any(files.is_unfinished(tmp_path / name) for name in others)


def test_names_as_long_as_the_file_system_takes_are_written_apart(tmp_path):
    first, second = (tmp_path / f"{'é' * 124}{letter}.wav" for letter in "ab")  # 253 bytes
    with files.whole_file(first) as one, files.whole_file(second) as other:
        assert one != other and one.suffix == ".wav"
        one.write_text("1")
        other.write_text("2")
    assert (first.read_text(), second.read_text()) == ("1", "2")
    with files.whole_folder(tmp_path / ("x" * 250)) as folder:
        (folder / "a").write_text("3")
    assert (tmp_path / ("x" * 250) / "a").read_text() == "3"
