"""A server of files, and a cache of its own for each test, with no proxy and no pause."""

import pytest

from tests import serving_files


@pytest.fixture
def server(monkeypatch, tmp_path):
    with serving_files.of_a_test(monkeypatch, tmp_path / "cache") as state:
        yield state
