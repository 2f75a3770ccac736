"""What `kill_training` would find, were a run another than it should be; and when it kills."""

import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from tools.attacks import kill_training, trainings


@pytest.fixture
def copied(run, tmp_path):
    return shutil.copytree(run, tmp_path / "copied")


def test_a_run_and_its_copy_do_not_differ(run, copied):
    assert trainings.differences(run, copied) == []


def test_each_difference_is_named(run, copied):
    path = copied / "checkpoint" / "variables.npz"
    with np.load(path) as arrays:
        variables = dict(arrays)
    changed = next(name for name, array in variables.items() if array.dtype == np.float32 and array.size > 1)
    variables[changed] = np.nextafter(variables[changed], np.float32(9))
    np.savez(path, **variables)
    history = copied / "history.tsv"
    history.write_text(history.read_text().replace("\t", "\t9", 1 + history.read_text().split("\n")[0].count("\t")))
    assert trainings.differences(run, copied) == [changed, "the losses in history.tsv"]


def process(seconds):
    return subprocess.Popen([sys.executable, "-S", "-c", f"import time; time.sleep({seconds})"])


def test_it_kills_when_the_moment_has_come_or_when_something_is_written(tmp_path):
    (tmp_path / ".left.1.partial").touch()  # by a life before
    started = time.monotonic()
    assert kill_training.lived(process(60), tmp_path, 0.2, while_writing=False)
    assert 0.2 <= time.monotonic() - started < 30
    assert not kill_training.lived(process(0.3), tmp_path, 0.0, while_writing=True)  # nothing was written until its end
    with subprocess.Popen(["sh", "-c", f"sleep 0.3; : > {tmp_path}/.new.2.partial; sleep 60"]) as writer:
        assert kill_training.lived(writer, tmp_path, 0.0, while_writing=True)
    assert kill_training.partial(tmp_path) == {".left.1.partial", ".new.2.partial"}
