"""One training at a time in a run's folder."""

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from kerastag import errors
from kerastag.runs import lock

HOLDS = "import pathlib, sys, time; from kerastag.runs import lock\nwith lock.held(pathlib.Path(sys.argv[1])):\n"


def hold_in_another_process(folder, then="time.sleep(60)"):
    process = subprocess.Popen([sys.executable, "-c", f"{HOLDS}    print('held', flush=True); {then}", str(folder)],
                               stdout=subprocess.PIPE, text=True)  # fmt: skip
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_is_told_who_holds_it(tmp_path):
    process = hold_in_another_process(tmp_path / "run")
    try:
        before = (tmp_path / "run" / lock.NAME).read_text()
        with pytest.raises(errors.KerastagError) as caught, lock.held(tmp_path / "run"):
            raise AssertionError
        expected = f"{tmp_path / 'run'}: process {process.pid} on {socket.gethostname()}, since 20"
        assert str(caught.value).startswith(expected) and str(caught.value).endswith(" trains here")
        assert (tmp_path / "run" / lock.NAME).read_text() == before
    finally:
        process.kill()
        process.wait()


def test_a_lock_of_a_killed_process_is_taken_over(tmp_path):
    process = hold_in_another_process(tmp_path / "run")
    process.kill()
    process.wait()
    for pid in (process.pid, 1):
        (tmp_path / "run" / f".model.{pid}.partial.keras").touch()
    with lock.held(tmp_path / "run") as taken_over:
        assert [path.name for path in (tmp_path / "run").glob("*.keras")] == [".model.1.partial.keras"]
        assert json.loads((tmp_path / "run" / lock.NAME).read_text())["pid"] == os.getpid()
    assert f"taken over from process {process.pid} on " in taken_over[0]
    assert not (tmp_path / "run" / lock.NAME).exists()


@pytest.mark.parametrize("who", ["getppid", "getpid"])  # in a container every process may be number 1
def test_a_number_that_another_process_has_by_now_does_not_count(tmp_path, who):
    holder = {"pid": getattr(os, who)(), "host": socket.gethostname(), "since": "long ago", "started": "1"}
    (tmp_path / lock.NAME).write_text(json.dumps(holder))
    with lock.held(tmp_path):
        pass


def test_a_lock_of_another_machine_is_believed(tmp_path):
    (tmp_path / lock.NAME).write_text(json.dumps({"pid": 1, "host": "elsewhere", "since": "noon", "started": "1"}))
    with (
        pytest.raises(errors.KerastagError, match=r"process 1 on elsewhere, since noon, trains here; .* remove .*lock"),
        lock.held(tmp_path),
    ):
        pass


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1e300}', '{"pid": -1}', f'{{"pid": {2**70}}}', "[" * 99_999]
)
def test_a_lock_that_was_never_written_is_nobodys(tmp_path, content):
    (tmp_path / lock.NAME).write_text(content)
    with lock.held(tmp_path):
        pass


def test_of_many_at_once_one_gets_it(tmp_path):
    code = f"{HOLDS}    sys.stdin.read()"  # until all others have tried
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    many = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "run")], **pipes) for _ in range(8)]
    until = time.monotonic() + 60
    while sum(process.poll() is None for process in many) > 1 and time.monotonic() < until:
        time.sleep(0.02)
    for process in many:
        process.communicate()
    assert sorted(process.returncode for process in many) == [0, *[1] * 7]


def test_what_fails_inside_leaves_no_lock_and_no_empty_folder(tmp_path):
    with pytest.raises(ZeroDivisionError), lock.held(tmp_path / "a" / "run"):
        raise ZeroDivisionError
    assert not (tmp_path / "a" / "run").exists()


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(errors.KerastagError, match="run: is no folder"), lock.held(tmp_path / "run"):
        pass
