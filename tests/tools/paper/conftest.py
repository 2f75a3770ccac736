"""What a reproduction of the paper is tried with: commands that only note what they are asked, and a training split."""

import pytest

from tests.tools.paper import stand_in_commands
from tools import experiments


@pytest.fixture
def commands(monkeypatch):
    fake = stand_in_commands.Commands()
    monkeypatch.setattr(experiments, "run_command", fake)
    return fake


@pytest.fixture
def folder(tmp_path):
    """Three training tracks are calm, one of them dark: with bounds 2 and 1 calm is the head, dark the tail."""
    rows = ["TRACK_ID\tPATH\tTAGS", "1\ta\tcalm\tdark", "2\tb\tcalm", "3\tc\tcalm"]
    calm, dark = stand_in_commands.TAGS
    (tmp_path / "train.tsv").write_text("\n".join(rows).replace("calm", calm).replace("dark", dark) + "\n")
    return tmp_path
