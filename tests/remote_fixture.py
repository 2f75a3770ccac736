"""Files at URLs: a web server, fsspec's memory, and pauses that last no time."""

import time
import types

import pytest

from tests import web as web_server


@pytest.fixture
def quick(monkeypatch):
    """Tries follow each other at once, and no store is down from before; the pauses that were wanted, in seconds."""
    from kerastag import audio, retrying

    pauses = []
    monkeypatch.setattr(retrying, "time", types.SimpleNamespace(sleep=pauses.append, monotonic=time.monotonic))
    monkeypatch.setattr(retrying, "_SILENT", {})
    audio.forget_files()
    yield pauses
    audio.forget_files()


@pytest.fixture
def web(quick):
    """A web server; see tests.web."""
    pytest.importorskip("fsspec", reason="the extra remote is not installed")
    pytest.importorskip("aiohttp", reason="the extra remote is not installed")
    with web_server.served() as web:
        yield web


@pytest.fixture
def memory(quick):
    """A function that puts a file into fsspec's memory, and returns its URL."""
    fsspec = pytest.importorskip("fsspec", reason="the extra remote is not installed")
    store = fsspec.filesystem("memory")
    store.store.clear()
    store.pseudo_dirs[:] = [""]

    def put(name, content):
        store.pipe_file(f"/{name}", content)
        return f"memory://{name}"

    yield put
    store.store.clear()
