"""A server with a tiny MTG-Jamendo."""

import pytest

from tests import serving_files
from tests.datasets import tiny_jamendo


@pytest.fixture
def server(monkeypatch, tmp_path):
    with serving_files.of_a_test(monkeypatch, tmp_path / "cache") as state:
        yield state


@pytest.fixture
def jamendo(server, monkeypatch):
    """Three parts of three tracks each, of bytes that are no audio."""
    return tiny_jamendo.Jamendo(server, monkeypatch)
