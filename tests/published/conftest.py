"""A server of files, and a cache of its own for each test, with no proxy and no pause."""

import pytest

from kerastag.published import fetching
from tests.published import serving_files


@pytest.fixture
def server(monkeypatch, tmp_path):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(fetching, "PAUSE_SECONDS", 0.0)
    with serving_files.served() as state:
        monkeypatch.setattr(fetching, "RAW_FILES", state.url)
        yield state
