"""Fixtures of music files with tags, and of what is done to them."""

import os
import pathlib
from collections.abc import Callable, Sequence

import pytest

from kerastag.library import journal, undoing, writing
from tests import tagged_files
from tools.datasets import damaged_music


@pytest.fixture(scope="session")
def encoded() -> dict[str, bytes]:
    """A second of sound in each format, with no tags but the encoders' own."""
    return damaged_music.encoded(damaged_music.sound(1, 0))


@pytest.fixture(scope="session")
def tagged(encoded: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, bytes]]:
    """Suffix and bytes of the files of tagged_files.made."""
    return tagged_files.made(encoded, tmp_path_factory.mktemp("tagged"))


@pytest.fixture
def place(tmp_path: pathlib.Path, tagged: dict[str, tuple[str, bytes]]) -> Callable[[str], pathlib.Path]:
    """A function that puts one of `tagged` into a folder; its modification time lies in the past."""

    def put(name: str) -> pathlib.Path:
        suffix, content = tagged[name]
        path = tmp_path / f"{name}.{suffix}"
        path.write_bytes(content)
        os.utime(path, ns=(tagged_files.DATE, tagged_files.DATE))
        return path

    return put


@pytest.fixture
def write(tmp_path: pathlib.Path) -> Callable[..., pathlib.Path]:
    """A function that writes words into a file, and returns the journal."""
    count = iter(range(1000))

    def run(
        path: pathlib.Path, words: Sequence[str], field: str = "mood", mode: str = "merge", **more: bool
    ) -> pathlib.Path:
        with journal.Journal(tmp_path / f"journal{next(count)}.jsonl") as written:
            writing.apply(writing.plan(path, field, words, mode), written, **more)
        return written.path

    return run


@pytest.fixture
def undo() -> Callable[[pathlib.Path], list[str]]:
    """A function that undoes a journal, and returns the outcomes."""
    return lambda path: [undone.outcome for undone in undoing.undo(path)]
