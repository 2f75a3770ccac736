"""What `refuse_writes` refuses, and what it would find of a training that does not end as promised."""

import subprocess
import sys

import pytest

from tools.attacks import refuse_writes
from tools.benchmarks import processes

WRITES = """
import errno, os, pathlib, sys
from tools.attacks import refusing

place = pathlib.Path(sys.argv[1])
(place / "before").write_text("")
refusing.refuse(place, int(sys.argv[2]), errno.ENOSPC, place.with_suffix(".told"))
for name, write in {
    "opened": lambda: (place / "one").write_text("1"),
    "read": lambda: (place / "before").read_text(),
    "elsewhere": lambda: place.with_suffix(".other").write_text(""),
    "made": lambda: (place / "folder").mkdir(),
    "renamed": lambda: os.replace(place / "one", place / "two"),
}.items():
    try:
        write()
        print(name)
    except OSError as error:
        print(name, error.strerror, os.path.basename(error.filename))
"""
FULL = "No space left on device"


@pytest.mark.parametrize(
    ("number", "lines", "told"),
    [
        (0, [f"opened {FULL} one", "read", "elsewhere", f"made {FULL} folder", f"renamed {FULL} two"], "open one"),
        (1, ["opened", "read", "elsewhere", f"made {FULL} folder", f"renamed {FULL} two"], "mkdir folder"),
        (2, ["opened", "read", "elsewhere", "made", f"renamed {FULL} two"], "rename two"),
        (3, ["opened", "read", "elsewhere", "made", "renamed"], None),
    ],
)
def test_writes_in_the_folder_fail_from_a_number_on(number, lines, told, tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", WRITES, str(place), str(number)],
        cwd=processes.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.splitlines() == lines
    path = tmp_path / "place.told"
    assert (path.read_text() if path.exists() else None) == told


def ended(status, said):
    return subprocess.CompletedProcess([], status, "", said)


@pytest.mark.parametrize(
    ("status", "said", "fault"),
    [
        (1, "runs/a/model.keras: cannot be written (no space left on device)\n", ""),
        (1, "runs/a/model.keras: cannot be written (file too large)\n", ""),
        (1, "runs/a/.lock: read-only file system\n", ""),
        (0, "fine\n", "exit status 0: fine"),
        (-11, "", "exit status -11: nothing"),
        (1, "no space left on device\n", "said: no space left on device"),
        (1, "Traceback (most recent call last):\nOSError: full\n", "traceback: OSError: full"),
    ],
)
def test_what_is_not_as_promised_is_a_fault(status, said, fault):
    assert refuse_writes.fault_of(ended(status, said)) == fault


def test_a_later_failure_may_not_keep_an_older_checkpoint():
    some = [
        refuse_writes.Refusal("EROFS", number, "open x", epoch, "") for number, epoch in enumerate([-1, 0, 1, 0, 1])
    ]
    assert [(one.number, one.fault) for one in refuse_writes.fell_back(some)] == [(3, "epoch 0 kept, 1 before")]


def test_a_checkpoint_that_was_moved_aside_is_kept(tmp_path):
    assert refuse_writes.kept(tmp_path) == -1
    for name, epoch in ((".checkpoint.kerastag.old", 3), ("checkpoint", 4)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "state.json").write_text(f'{{"epoch": {epoch}}}')
        assert refuse_writes.kept(tmp_path) == epoch
