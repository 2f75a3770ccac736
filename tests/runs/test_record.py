"""What a run's record says of how it was made."""

import shlex
import sys

from kerastag.runs import record


def test_the_command_can_be_pasted_into_a_shell(monkeypatch):
    flags = ["--loss=cb_focal", "--data_dir=my music", "--run_dir=$(x)", "--tags_file=it's"]
    monkeypatch.setattr(sys, "argv", ["/usr/bin/kerastag", "train", *flags])
    assert shlex.split(record.command_line()) == ["kerastag", "train", *flags]
    assert record.command_line().startswith("kerastag train --loss=cb_focal ")
