"""Files are replaced whole or not at all, with all that they have, or refused in words."""

import errno
import fcntl
import json
import os
import pathlib
import stat
import subprocess
import sys
import threading

import pytest

from kerastag import errors
from kerastag.library import journal, replacing, writing
from tests.tagged_files import by_mutagen

pytest.importorskip("mutagen")


def test_a_link_stays_a_link_and_what_it_leads_to_is_written(place, write, undo, tmp_path):
    path = place("mp3")
    (tmp_path / "deep").mkdir()
    link = tmp_path / "deep" / "link.mp3"
    link.symlink_to("../mp3.mp3")
    before = path.read_bytes()
    log = write(link, ["film"])
    assert link.is_symlink() and os.readlink(link) == "../mp3.mp3" and by_mutagen(path)["tmoo"] == ["film"]
    assert undo(log) == ["restored"] and path.read_bytes() == before and link.is_symlink()


def test_hard_links_are_refused(place, tmp_path):
    path = place("mp3")
    os.link(path, tmp_path / "other.mp3")
    with pytest.raises(errors.KerastagError, match=r"mp3.mp3: has 2 names \(hard links\)"):
        writing.plan(path, "mood", ["film"])
    assert os.path.samefile(path, tmp_path / "other.mp3")


def test_read_only_files_are_refused(place):
    path = place("mp3")
    path.chmod(0o444)
    with pytest.raises(errors.KerastagError, match="mp3.mp3: is read-only"):
        writing.plan(path, "mood", ["film"])


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o755, 0o2640])
def test_the_mode_of_a_file_without_an_access_list_is_kept(place, write, undo, mode):
    path = place("flac")
    path.chmod(mode)
    log = write(path, ["film"])
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert undo(log) == ["restored"] and stat.S_IMODE(path.stat().st_mode) == mode


def test_mode_owner_and_attributes_are_kept(place, write, undo):
    path = place("flac")
    path.chmod(0o640)
    has_attributes, is_root = True, os.geteuid() == 0
    try:
        os.setxattr(path, "user.rating", b"\xff5")
    except OSError:
        has_attributes = False
    # an access list: of the owner rw, of user 1234 r, of the group r, its mask r, of others nothing
    entries = ((1, 6, -1), (2, 4, 1234), (4, 4, -1), (16, 4, -1), (32, 0, -1))
    access = b"\2\0\0\0" + b"".join(
        kind.to_bytes(2, "little") + rights.to_bytes(2, "little") + (who & 0xFFFFFFFF).to_bytes(4, "little")
        for kind, rights, who in entries
    )
    has_access = True
    try:
        os.setxattr(path, "system.posix_acl_access", access)
    except OSError:
        has_access = False
    if is_root:
        os.chown(path, 1234, 4321)
    old = path.stat()
    log = write(path, ["film"])
    for _ in range(2):
        new = path.stat()
        assert new.st_ino != old.st_ino
        assert (new.st_mode, new.st_uid, new.st_gid) == (old.st_mode, old.st_uid, old.st_gid)
        assert not has_attributes or os.getxattr(path, "user.rating") == b"\xff5"
        assert not has_access or os.getxattr(path, "system.posix_acl_access") == access
        old = new
        undo(log)


def test_an_attribute_that_cannot_be_kept_stops_it(place, write, monkeypatch):
    path = place("flac")
    try:
        os.setxattr(path, "user.rating", b"5")
    except OSError:
        pytest.skip("no extended attributes on this file system")

    def refuse(*arguments, **more):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "setxattr", refuse)
    before = path.read_bytes()
    with pytest.raises(errors.KerastagError, match="its attribute user.rating cannot be kept"):
        write(path, ["film"])
    assert path.read_bytes() == before


def _undone(monkeypatch, name, number, error, work):
    """Lets call `number` of a function of `os` fail; whether it came so far."""
    calls, real = iter(range(1 << 20)), getattr(os, name)

    def fail(*arguments, **more):
        if next(calls) == number:
            if name == "write":
                real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])  # half of it is written
            raise error
        return real(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, name, fail)
        try:
            work()
        except errors.KerastagError as told:
            return str(told)
    return ""


@pytest.mark.parametrize("name", ["write", "fsync", "replace", "fchmod", "open", "utime"])
def test_whatever_fails_leaves_the_file_as_it_was(place, tmp_path, undo, monkeypatch, name):
    error = OSError(errno.ENOSPC, "No space left on device")
    for number in range(20):
        path = place("flac")
        before, log = path.read_bytes(), tmp_path / f"{number}.jsonl"
        planned = writing.plan(path, "mood", ["film"])

        def work(planned=planned, log=log):
            with journal.Journal(log) as written:
                writing.apply(planned, written, preserve_mtime=True)

        told = _undone(monkeypatch, name, number, error, work)
        is_whole = path.read_bytes() == before or by_mutagen(path)["mood"] == ["calm", "film"]
        assert is_whole and not list(tmp_path.glob(".*"))
        if not told:
            assert by_mutagen(path)["mood"] == ["calm", "film"]
            return
        assert "no space left on device" in told or "cannot be kept" in told
        assert log.exists() or told.startswith(f"{log}: cannot be written")
        if log.exists() and b'"path"' in log.read_bytes():
            assert set(undo(log)) <= {"restored", "as it was"} and path.read_bytes() == before
    raise AssertionError("it never came to an end")


def test_a_file_that_changes_or_goes_meanwhile_is_left(place, write, tmp_path):
    path = place("mp3")
    status = path.stat()
    os.utime(path, ns=(0, 7))
    with pytest.raises(errors.KerastagError, match="has changed since it was heard"):
        writing.plan(path, "mood", ["film"], heard=status)
    planned = writing.plan(path, "mood", ["film"])
    path.write_bytes(path.read_bytes() + b"\0")
    with journal.Journal(tmp_path / "j") as written:
        with pytest.raises(errors.KerastagError, match="mp3.mp3: has changed meanwhile"):
            writing.apply(planned, written)
        path.unlink()
        with pytest.raises(errors.KerastagError, match="mp3.mp3: no such file"):
            writing.apply(planned, written)
    assert [entry.name for entry in tmp_path.iterdir()] == ["j"]


def test_a_file_that_changes_while_its_copy_is_made_is_left(place, tmp_path, monkeypatch):
    path = place("mp3")
    planned = writing.plan(path, "mood", ["film"])
    real = replacing.Replacement.prepare

    def prepare(self, mtime_ns=None):
        real(self, mtime_ns)
        path.write_bytes(b"other")

    monkeypatch.setattr(replacing.Replacement, "prepare", prepare)
    with journal.Journal(tmp_path / "j") as written, pytest.raises(errors.KerastagError, match="changed meanwhile"):
        writing.apply(planned, written)
    assert path.read_bytes() == b"other" and not list(tmp_path.glob(".*"))


def test_a_copy_left_behind_is_taken_away_and_one_in_work_is_not(place, write, tmp_path):
    path = place("mp3")
    copy = replacing.copy_of(path)
    assert copy.name.startswith(".") and copy.parent == tmp_path
    copy.write_bytes(b"left behind")
    write(path, ["film"])
    assert not copy.exists() and by_mutagen(path)["tmoo"] == ["film"]
    copy.write_bytes(b"left behind")
    other = tmp_path / ".notes"
    other.write_bytes(b"")
    assert replacing.sweep(tmp_path) == 1 and not copy.exists() and other.exists()
    with copy.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert replacing.sweep(tmp_path) == 0
        with pytest.raises(errors.KerastagError, match="mp3.mp3: is being written by another process"):
            write(path, ["calm"])
        assert copy.exists()


def test_an_edit_that_would_change_anything_else_is_refused(place, write, monkeypatch):
    from kerastag.library.fields import edits, flac

    path = place("flac")
    before = path.read_bytes()
    real = flac.Flac.changes
    middle = len(before) // 2
    wrong = [
        ("the music would change", [edits.Edit(middle, middle + 1, bytes([before[middle] ^ 1]))]),
        ("other tags would change", [edits.Edit(30, 31, bytes([before[30] ^ 1]))]),
    ]
    for reason, extra in wrong:
        monkeypatch.setattr(
            flac.Flac, "changes", lambda self, field, values, extra=extra: [*real(self, field, values), *extra]
        )
        with pytest.raises(errors.KerastagError, match=reason):
            write(path, ["film"])
    monkeypatch.setattr(flac.Flac, "changes", lambda self, field, values: real(self, field, ["other"]))
    with pytest.raises(errors.KerastagError, match="its mood would read as something else"):
        write(path, ["film"])
    assert path.read_bytes() == before and not list(path.parent.glob(".*"))


def test_mutagen_has_the_last_word(place, write, monkeypatch):
    from kerastag.library.fields import checking

    path = place("flac")
    before, real, looks = path.read_bytes(), checking.seen, iter(range(100))

    def seen(where, kind):
        found = real(where, kind)
        return {**found, "TITLE": ["another"]} if next(looks) == 2 else found  # the edited copy

    monkeypatch.setattr(checking, "seen", seen)
    with pytest.raises(errors.KerastagError, match="another tag, TITLE, would change"):
        write(path, ["film"])
    assert path.read_bytes() == before


def test_many_writers_at_once_lose_nothing(place, write, undo, tmp_path):
    path = place("flac")
    before, problems, logs = path.read_bytes(), [], []

    def work(word):
        try:
            logs.append(write(path, [word]))
        except errors.KerastagError as error:
            problems.append(str(error))

    threads = [threading.Thread(target=work, args=(f"word{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(logs) + len(problems) == 8 and logs
    assert all("another process" in line or "meanwhile" in line for line in problems)
    words = by_mutagen(path)["mood"]
    assert words[0] == "calm" and len(words) == 1 + len(logs)
    for log in sorted(
        logs, key=lambda log: words.index(json.loads(log.read_text().splitlines()[1])["after"][-1]), reverse=True
    ):
        assert undo(log) == ["restored"]
    assert path.read_bytes() == before and not list(tmp_path.glob(".*"))


def test_the_killer_finds_nothing_lost():
    command = [sys.executable, "-m", "tools.attacks.kill_writes", "--num_kills=12", "--seconds=1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=pathlib.Path(__file__).parents[3])
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    undone = next(line for line in lines if line[:1] == ["undone"])
    assert undone[1:] == ["108", "0", "0", "0", "0", "0"]  # 12 times 9 files are old; none is anything else


def test_the_way_back_is_on_the_disk_before_the_file_changes(place, tmp_path, monkeypatch):
    path, log = place("mp3"), tmp_path / "j"
    planned = writing.plan(path, "mood", ["film"])
    fsync, replace, order = os.fsync, os.replace, []

    def synced(descriptor):
        fsync(descriptor)
        order.append((os.readlink(f"/proc/self/fd/{descriptor}"), log.read_bytes().count(b"\n")))

    def replaced(source, target):
        order.append(("replaced", log.read_bytes().count(b"\n")))
        replace(source, target)

    with journal.Journal(log) as written:
        monkeypatch.setattr(os, "fsync", synced)
        monkeypatch.setattr(os, "replace", replaced)
        writing.apply(planned, written)
    copy = str(replacing.copy_of(path))
    # the copy, then the journal's line of it, then its place
    assert [(copy, 1), (str(log), 2), ("replaced", 2)] == [
        step for step in order if step[0] in (copy, str(log), "replaced")
    ]
