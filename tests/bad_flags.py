"""Flags of training that contradict each other."""

from collections.abc import Callable

import pytest


@pytest.fixture
def die_at_once(music, run_train, tmp_path, capsys) -> Callable[[str, str], None]:
    """Checks that training refuses flags, separated by spaces, in one line that has those words, before any work."""

    def check(arguments: str, words: str) -> None:
        assert run_train(music, tmp_path / "run", *arguments.split()) == 2
        said = capsys.readouterr().err
        assert words in said and len(said.splitlines()) == 1
        assert not (tmp_path / "run").exists()

    return check
