"""The listening page of a bundle, sent by `python -m http.server` and opened in Chromium, and files to give it."""

import contextlib
import csv
import functools
import re
import socket
import subprocess
import sys
import types

import numpy as np
import pytest
import soundfile

TIMEOUT_MS = 20_000
CORS = "--rest_api_enable_cors_support=true"


@contextlib.contextmanager
def sent(folder):
    """The address of a folder that `python -m http.server` sends."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            port = re.search(r"port (\d+)", server.stdout.readline())[1]
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def free_port():
    """A port that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="session")
def listening(chromium, served_export, serving):
    """The page's address, the model's folder, and servers: one that lets pages ask, one that does not, and nobody."""
    folder, closed = served_export
    server = serving(folder, "model", CORS)
    with sent(folder / "listen") as address:
        servers = {"server": server.rest, "closed": closed.rest, "nobody": f"http://127.0.0.1:{free_port()}"}
        yield types.SimpleNamespace(address=address, folder=folder, **servers)


@pytest.fixture(scope="session")
def songs(tmp_path_factory):
    """Files by name: a tune of changing pitch over noise, unequal channels; short.flac is shorter than a chunk."""
    folder = tmp_path_factory.mktemp("songs")
    made = {}
    for name, rate, seconds in (
        *(("mp3_44.mp3", 44_100, 19), ("vorbis_48.ogg", 48_000, 12), ("flac_44.flac", 44_100, 10.5)),
        *(("wav_22.wav", 22_050, 13), ("short.flac", 48_000, 2)),
    ):
        time = np.arange(int(seconds * rate)) / rate
        pitch = np.array([200.0, 3000.0, 800.0, 1400.0])[(time / 5).astype(int) % 4]
        tune = 0.3 * np.sin(2 * np.pi * pitch * time) + np.random.default_rng(rate).normal(0, 0.03, len(time))
        made[name] = folder / name
        options = {"format": "OGG", "subtype": "VORBIS"} if name.endswith("ogg") else {}
        soundfile.write(made[name], np.stack([tune, 0.5 * tune], axis=1), rate, **options)
    return made


@pytest.fixture
def opened(page, listening):
    """The page, just opened; all that it asks for and all that its console complains of is kept."""
    page.set_default_timeout(TIMEOUT_MS)
    page.asked, page.complaints = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda said: said.type in ("error", "warning") and page.complaints.append(said.text))
    page.goto(listening.address)
    page.locator("#where").filter(has_text=".").wait_for()  # its modules have run
    page.fill("#server", listening.server)
    for helper in (drop, wait_until_done, table_of, alert, saved):
        setattr(page, helper.__name__, functools.partial(helper, page))
    yield page
    assert page.failures == []
    own = (f"{listening.address}/", f"blob:{listening.address}/", f"{listening.server}/", f"{listening.closed}/")
    assert [url for url in page.asked if not url.startswith((*own, f"{listening.nobody}/"))] == []


def drop(page, *paths):
    """Gives files to the page."""
    page.set_input_files("#files", [str(path) for path in paths])


def wait_until_done(page):
    """Waits until the page has gone through its files."""
    page.wait_for_function(
        "() => document.getElementById('progress').hidden && document.getElementById('status').textContent"
    )


def table_of(page, name):
    """The cells of a table below the result, line by line."""
    page.locator(f"#{name} > summary").click()
    rows = page.locator(f"#{name} tr")
    rows.first.wait_for()
    return [row.locator("th, td").all_inner_texts() for row in rows.all()]


def alert(page):
    """What the page says is wrong, once it says so."""
    page.locator("#alert-text").filter(has_text=".").wait_for()
    return page.inner_text("#alert-text")


def saved(page):
    """The rows of the CSV file that the page saves."""
    with page.expect_download() as download:
        page.click("#save")
    with open(download.value.path(), newline="", encoding="utf-8") as file:
        return list(csv.reader(file))
