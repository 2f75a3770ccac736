"""Processes that tools.experiments starts: how they are stopped, and which checkout they use."""

import os
import pathlib
import signal
import threading
import time

import pytest

from tools import experiments

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_a_process_is_asked_to_stop_once_and_waited_for(tmp_path, monkeypatch):
    ready, stopped = tmp_path / "ready", tmp_path / "stopped"
    (tmp_path / "slow_command.py").write_text(
        "import pathlib, signal, sys, time\n"
        "count = []\n"
        "signal.signal(signal.SIGINT, lambda *_: count.append(1))\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        "while not count: time.sleep(0.01)\n"
        "time.sleep(0.3)\n"
        f"pathlib.Path({str(stopped)!r}).write_text(str(len(count)))\n"
        "sys.exit(130)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def interrupt():
        while not ready.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        experiments.run_command(["slow_command"])
    assert stopped.read_text() == "1"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_process_uses_this_checkout_and_its_exit_status_comes_back(tmp_path, monkeypatch):
    (tmp_path / "where.py").write_text(
        "import sys, kerastag\nopen('where.txt', 'w').write(kerastag.__file__)\nsys.exit(int(sys.argv[1]))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kerastag.py").touch()  # `python -m` is kept from preferring the working folder
    (tmp_path / "elsewhere" / "where.txt").symlink_to(tmp_path / "where.txt")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert experiments.run_command(["where", "3"]) == 3
    assert (tmp_path / "where.txt").read_text() == str(ROOT / "kerastag" / "__init__.py")
