"""URLs are told from paths, joined, shown without secrets; and fsspec is not needed before the first."""

import importlib
import subprocess
import sys

import pytest

from kerastag import remote, retrying


@pytest.mark.parametrize("url", ["s3://a/b.mp3", "https://a.org/b?c=d", "zip://a.mp3::file://b.zip", "a::https://b/c"])
def test_urls(url):
    assert remote.is_url(url.replace("a::", "simplecache::"))


@pytest.mark.parametrize(
    "path", ["a/b.mp3", "/a:b/c.mp3", "Artist::Title.mp3", "c:/a.mp3", "c://a.mp3", "", "a://"[:2]]
)
def test_paths(path):
    assert not remote.is_url(path)


def test_what_lets_others_in_is_not_shown():
    assert remote.shown("https://me:secret@a.org/b.mp3?signature=secret#c") == "https://a.org/b.mp3"
    assert remote.shown("zip://a.mp3::https://me@a.org/b.zip?s=1") == "zip://a.mp3::https://a.org/b.zip"
    assert "secret" not in retrying.plain("could not read https://a.org/b?key=secret, twice")


def test_relative_paths_begin_at_a_folder():
    folder = remote.folder_of("https://a.org/b/tracks.tsv?signature=s")
    assert folder == "https://a.org/b" and remote.join(folder, "c d/e?.mp3") == "https://a.org/b/c%20d/e%3F.mp3"
    assert remote.join(remote.folder_of("s3://bucket/x/tracks.tsv"), "../a.mp3") == "s3://bucket/a.mp3"
    archive = remote.folder_of("zip://tracks.tsv::file:///b.zip")
    assert remote.join(archive, "a.mp3") == "zip://a.mp3::file:///b.zip"


def test_packages_that_are_missing_are_named(monkeypatch):
    load = importlib.import_module

    def without(name):
        def missing(module, *rest):
            if module.partition(".")[0] == name:
                raise ImportError(module)
            return load(module, *rest)

        return missing

    monkeypatch.setattr(remote.importlib, "import_module", without("fsspec"))
    with pytest.raises(remote.MissingPackage, match=r"s3://a/b: fsspec is missing: pip install 'kerastag\[remote\]'"):
        remote.facts("s3://a/b?c")
    monkeypatch.undo()
    pytest.importorskip("fsspec", reason="the extra remote is not installed")
    monkeypatch.setattr(remote.importlib, "import_module", without("aiohttp"))
    with pytest.raises(remote.MissingPackage, match="aiohttp is missing: pip install aiohttp"):
        remote.facts("https://a.org/b")


def test_reading_local_files_loads_no_fsspec():
    code = "import sys, kerastag.audio.reading, kerastag.catalogue.worker; print('fsspec' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
