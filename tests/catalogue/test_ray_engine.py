"""The same result from Ray's actors as from one process, whoever of them is killed."""

import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from kerastag import errors, tag
from kerastag.catalogue import ray_engine, worker
from kerastag.computing import Computing
from kerastag.data.reading import Reading

dataset = pytest.importorskip("pyarrow.dataset", exc_type=ImportError, reason="pyarrow is missing or does not load")


@pytest.fixture
def spec(run, music, tmp_path):
    shutil.copytree(music / "test", tmp_path / "library")
    tracks = [f"{number % 8}.wav" for number in range(24)] + ["missing.wav"]
    (tmp_path / "library" / "tracks.txt").write_text("\n".join(tracks))
    how = (Reading(num_chunks=1), Computing("float32"))
    names = (str(tmp_path / "library" / "tracks.txt"), str(tmp_path / "job"), str(run))
    return worker.Spec(*names, num_shards=5, reading=how[0], computing=how[1], lease_seconds=20.0)


def result(spec):
    table = dataset.dataset(f"{spec.output}/parts").to_table().to_pydict()
    del table["heard_in_part"]
    return table.pop("path"), table.pop("reason"), [value for column in table.values() for value in column]


def test_the_result_is_that_of_one_process(two_actors, spec, tmp_path):
    alone = dataclasses.replace(spec, output=str(tmp_path / "alone"))
    expected = dict(worker.Worker(alone).work())
    assert dict(ray_engine.work(spec, two_actors)) == expected and list(ray_engine.work(spec, two_actors)) == []
    paths, reasons, scores = result(spec)
    assert (paths, reasons) == result(alone)[:2]
    assert scores == pytest.approx(result(alone)[2], abs=1e-6)


def test_an_actor_that_is_killed_costs_no_track(two_actors, spec):
    def kill():
        """Kills whoever has the first lease, as soon as there is one."""
        for _ in range(3000):
            for path in (tmp / "leases").glob("0*.1") if (tmp := job.folder) else ():
                text = path.read_text()
                if text:
                    os.kill(int(text.partition('"pid": ')[2].rstrip("}")), signal.SIGKILL)
                    killed.append(path.name)
                    return
            time.sleep(0.01)

    job, killed = worker.Worker(spec).job, []
    thread = threading.Thread(target=kill)
    thread.start()
    begun = time.monotonic()
    done = dict(ray_engine.work(dataclasses.replace(spec, lease_seconds=1000.0), two_actors))
    thread.join()
    assert killed and sorted(done) == [0, 1, 2, 3, 4] and time.monotonic() - begun < 500
    assert result(spec)[0] == [f"{number % 8}.wav" for number in range(24)] + ["missing.wav"]


def test_a_job_that_is_stopped_goes_on(two_actors, spec):
    patient = dataclasses.replace(spec, lease_seconds=1000.0)
    first = ray_engine.work(patient, two_actors)
    shard, _ = next(first)
    first.close()  # as an interruption does: what was in work is given back
    rest = dict(ray_engine.work(patient, two_actors))
    assert shard not in rest and worker.Worker(spec).job.done() == {0, 1, 2, 3, 4}
    assert result(spec)[0] == [f"{number % 8}.wav" for number in range(24)] + ["missing.wav"]


def test_an_error_in_an_actor_is_told_as_elsewhere(two_actors, spec, tmp_path):
    lost = dataclasses.replace(spec, root=str(tmp_path / "nowhere"))
    with pytest.raises(errors.KerastagError, match="files of shard . is here"):
        list(ray_engine.work(lost, two_actors))
    assert worker.Worker(spec).job.status().shards_left == 5


def test_a_driver_that_is_killed_can_be_started_again(two_actors, spec):
    job = pathlib.Path(spec.output)
    flags = [f"--{name}={getattr(spec, name)}" for name in ("tracks", "output", "model")]
    how = ["--shards=5", "--num_chunks=1", "--precision=float32", "--lease_seconds=10", "--engine=ray"]
    arguments = [*flags, *how, "--ray_workers=1", "--quiet"]
    root = pathlib.Path(tag.__file__).parents[1]
    command = [sys.executable, "-m", "kerastag.tag", *arguments]
    driver = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(root)})
    for _ in range(6000):
        if driver.poll() is not None or list(job.glob("done/*.json")):
            break
        time.sleep(0.02)
    driver.send_signal(signal.SIGKILL)
    assert driver.wait() == -signal.SIGKILL
    done = {path: path.stat().st_ino for path in job.glob("parts/*.parquet")}
    assert done and tag.COMMAND.run(arguments) == 0
    assert {path: path.stat().st_ino for path in done} == done
    assert result(spec)[0] == [f"{number % 8}.wav" for number in range(24)] + ["missing.wav"]
