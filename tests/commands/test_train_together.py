"""Flags and environment of trainings by several processes; tests/training/test_workers.py trains."""

import json

import pytest

from kerastag import train

ONE = json.dumps({"cluster": {"worker": ["127.0.0.1:1"]}, "task": {"type": "worker", "index": 0}})
BAD_USES = {
    "--model=popular": "--model=popular is trained by one process",
    "--model=probe": "--model=probe is trained by one process",
    "--swa_from=1": "--strategy=multi_worker and --swa_from do not go together",
    "--teacher=runs/other": "--strategy=multi_worker and --teacher do not go together",
    "--num_devices=2": "--strategy=multi_worker and --num_devices do not go together",
    "--decoder=tfio": "--strategy=multi_worker needs --decoder=soundfile",
}


@pytest.mark.parametrize("arguments", BAD_USES)
def test_what_several_processes_cannot_train_dies_at_once(arguments, die_at_once, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", ONE)
    die_at_once(f"--strategy=multi_worker {arguments}", BAD_USES[arguments])


def test_all_workers_need_one_folder(music, capsys):
    assert train.COMMAND.run([f"--data_dir={music}", "--strategy=multi_worker"]) == 2
    assert "--strategy=multi_worker needs --run_dir" in capsys.readouterr().err


def test_a_process_that_is_not_told_its_place_says_so(music, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    arguments = [f"--data_dir={music}", f"--run_dir={tmp_path / 'run'}", "--strategy=multi_worker"]
    assert train.COMMAND.run(arguments) == 1
    assert "nothing says which worker this is: set TF_CONFIG" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
