"""Several processes train what one would: the same weights, whoever reads what, whoever is stopped or killed."""

import json
import os
import pathlib
import socket

import numpy as np
import pytest

from kerastag import cluster, errors
from kerastag.runs import run_folder
from kerastag.training import devices, workers
from tests.training import worker_run

ROOT = pathlib.Path(__file__).resolve().parents[2]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def together(forks, count, music, folder, last=()):
    """Trains with several processes, of which the last is given events; their statuses, outputs and errors."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(count)]}
    started = []
    for index in range(count):
        place = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        command = [worker_run.__file__, str(music), str(folder / "run"), str(folder / f"weights_{index}.npz")]
        command += last if index == count - 1 else ()
        with (folder / f"out_{index}").open("w") as out, (folder / f"said_{index}").open("w") as said:
            environment = {**os.environ, "TF_CONFIG": place, "PYTHONPATH": str(ROOT)}
            started.append(forks.start(command, out, said, environment, bare=False))
    statuses = [each.wait(240) for each in started]
    return statuses, *([(folder / f"{name}_{index}").read_text() for index in range(count)] for name in ("out", "said"))


def check_same(folder, count, expected):
    for index in range(count):
        with np.load(folder / f"weights_{index}.npz") as saved:
            for ours, theirs in zip(saved.values(), expected, strict=True):
                np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_processes_stopped_and_killed_go_on_as_more_to_what_one_trains(forks, music, tmp_path):
    """Two of them until one is killed, then three: so few starts because each takes seconds."""
    statuses, outputs, told = together(forks, 2, music, tmp_path, ("stop", "0", "2", "die", "2", "3"))
    assert statuses == [1, -9], told
    assert outputs[0] == outputs[1] and outputs[0].startswith("stopped after 0 ")  # both, after the same step
    assert "worker 0 of 2 has lost another (" in told[0]
    assert told[0].strip().splitlines()[-1].endswith("; start all of them again with --resume")
    statuses, outputs, told = together(forks, 3, music, tmp_path)
    assert statuses == [0, 0, 0], told
    at, weights = worker_run.run(music, tmp_path / "alone", devices.strategy("one"))
    assert [float(output) for output in outputs] == [pytest.approx(at.best_score)] * 3
    check_same(tmp_path, 3, weights)
    expected = figures(tmp_path / "alone")
    assert len(expected) == worker_run.EPOCHS
    np.testing.assert_allclose(figures(tmp_path / "run"), expected, rtol=1e-4)  # each scored its part of the tracks


def figures(path):
    rows = run_folder.read_history(path / "history.tsv")
    return [[float(row[name]) for name in ("loss", "val_loss", "val_pr_auc", "val_roc_auc")] for row in rows]


class TwoWorkers(workers.Workers):
    """The second of two, whose chief has told other things."""

    index, count = 1, 2

    def total(self, values):
        others = np.zeros_like(values)
        others[0] = values[1] + [0, 1]
        return values + others


def test_processes_with_other_flags_do_not_train_together():
    second = TwoWorkers(devices.strategy("one"))
    with pytest.raises(errors.KerastagError, match="worker 1 has other flags than worker 0: all must be the same"):
        second.check_same({"versions": (1, 2), "flags": {"batch_size": 8}})


def test_one_process_alone_waits_for_nobody():
    alone = workers.Workers(devices.strategy("one"))
    assert alone.is_chief and alone.share.count == 1 and alone.of_chief(2.5) == 2.5
    alone.wait()
    alone.check_same({"flags": 1})


def test_slurms_tasks_are_found_on_their_nodes(monkeypatch):
    tasks = {"PROCID": "3", "STEP_NUM_TASKS": "4", "STEP_NODELIST": "n[1-2]", "STEP_TASKS_PER_NODE": "2(x2)"}
    for name, value in tasks.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.delenv("TF_CONFIG", raising=False)
    resolver = devices._resolver(cluster.place())
    assert resolver.cluster_spec().as_dict() == {"worker": ["n1:8888", "n1:8889", "n2:8888", "n2:8889"]}
    assert (resolver.task_type, resolver.task_id) == ("worker", 3)
