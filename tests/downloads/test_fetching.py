"""Downloads: verified, whole or not at all, resumed, and a line for all that goes wrong."""

import errno
import fcntl
import hashlib
import socket
import subprocess

import numpy as np
import pytest

from kerastag import errors
from kerastag.downloads import fetching

CONTENT = np.random.default_rng(3).bytes(100_000)
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
GIT = f"git:{hashlib.sha1(b'blob 100000' + bytes(1) + CONTENT).hexdigest()}"
NAME = "weights.pth"


@pytest.fixture
def url(server):
    server.files[f"/{NAME}"] = CONTENT
    return f"{server.url}/{NAME}"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "downloads" / NAME


def failure(url, path, digest=SHA256, **options):
    """The line of a download that fails."""
    with pytest.raises(errors.KerastagError) as caught:
        fetching.fetch(url, path, digest, **options)
    return str(caught.value)


def left(path):
    return sorted(file.name for file in path.parent.iterdir())


@pytest.mark.parametrize("digest", [SHA256, GIT])
def test_a_file_comes_once(url, path, server, digest):
    for _ in range(2):
        fetching.fetch(url, path, digest)
    assert path.read_bytes() == CONTENT and left(path) == [NAME]
    assert server.ranges_asked() == [None]


def test_a_blob_has_the_id_that_git_gives_it(tmp_path):
    (tmp_path / "a").write_bytes(b"what is up, doc?")
    # the example of Git's own book
    assert fetching.blob_id(tmp_path / "a") == "bd9dbf5aae1a3862dd1526723246b20206e5fc37"
    try:
        (tmp_path / "b").write_bytes(CONTENT)
        asked = subprocess.run(["git", "hash-object", tmp_path / "b"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no git here")
    assert fetching.blob_id(tmp_path / "b") == asked.stdout.strip()


def test_a_connection_that_breaks_off_is_made_again_from_there(url, path, server):
    server.drop_after = [40_960, 16_384]
    fetching.fetch(url, path, SHA256)
    assert path.read_bytes() == CONTENT
    first, second, third = server.ranges_asked()
    assert first is None
    # what has come, in pieces of 8192 bytes
    assert (second, third) == ("bytes=40960-", "bytes=57344-")


def test_a_download_that_was_given_up_goes_on_another_time(url, path, server):
    server.drop_after = [40_960, 0]
    assert "the connection broke off; 0.0 MB are kept" in failure(url, path)
    assert left(path) == [f"{NAME}.partial"] and not path.exists()
    fetching.fetch(url, path, SHA256)
    assert path.read_bytes() == CONTENT and left(path) == [NAME]
    assert server.ranges_asked()[-1] == "bytes=40960-"


@pytest.mark.parametrize("digest", [SHA256, GIT])
def test_what_came_before_the_process_ended_is_not_asked_for_again(url, path, server, digest):
    path.parent.mkdir()
    path.with_name(f"{NAME}.partial").write_bytes(CONTENT)
    fetching.fetch(url, path, digest)
    assert path.read_bytes() == CONTENT and left(path) == [NAME] and server.asked == []


def test_a_server_without_ranges_sends_all_again(url, path, server):
    server.ranges, server.drop_after = False, [40_960]
    fetching.fetch(url, path, GIT)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("digest", [SHA256, GIT])
@pytest.mark.parametrize("size", [10, 100_000, 200_000])
def test_a_partial_file_of_other_bytes_costs_no_more_than_a_new_download(url, path, digest, size):
    path.parent.mkdir()
    path.with_name(f"{NAME}.partial").write_bytes(bytes(size))
    fetching.fetch(url, path, digest)
    assert path.read_bytes() == CONTENT and left(path) == [NAME]


@pytest.mark.parametrize("digest", [SHA256, GIT])
def test_a_file_there_that_is_another_is_replaced(url, path, digest):
    path.parent.mkdir()
    path.write_bytes(b"old")
    fetching.fetch(url, path, digest)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("digest", [SHA256, GIT])
def test_other_bytes_are_refused_and_not_kept(url, path, server, digest):
    server.files[f"/{NAME}"] = CONTENT[:-1] + b"!"
    assert (
        failure(url, path, digest) == f"{url}: gave other bytes than those that were published; nothing of it is kept"
    )
    assert left(path) == [] and server.ranges_asked() == [None]


def test_what_has_no_digest_is_fetched_anew_and_whole(url, path, server):
    path.parent.mkdir()
    path.write_bytes(b"old")
    path.with_name(f"{NAME}.partial").write_bytes(bytes(5000))  # of what it was another time
    server.drop_after = [40_960]
    fetching.fetch_anew(url, path)
    assert path.read_bytes() == CONTENT and left(path) == [NAME]
    assert server.ranges_asked() == [None, "bytes=40960-"]
    server.status = 404
    with pytest.raises(errors.KerastagError, match="is not there"):
        fetching.fetch_anew(url, path)
    assert path.read_bytes() == CONTENT


def test_a_web_page_is_no_file(url, path, server):
    server.page = b"<!DOCTYPE html><html>Log in</html>"
    assert "gave a web page instead of the file" in failure(url, path)
    server.page = None
    server.files[f"/{NAME}"] = b"\n<html>Log in</html>"  # under the name of a file's type
    assert "gave a web page instead of the file" in failure(url, path)
    assert left(path) == []


def test_a_web_page_does_not_cost_what_has_come(url, path, server):
    path.parent.mkdir()
    path.with_name(f"{NAME}.partial").write_bytes(CONTENT[:5000])
    server.page = b"<html>Log in</html>"
    failure(url, path)
    server.page = None
    fetching.fetch(url, path, SHA256)
    assert server.ranges_asked()[-1] == "bytes=5000-"


@pytest.mark.parametrize(("status", "told"), [(404, "is not there (404)"), (503, "the server answers 503")])
def test_what_a_server_answers_is_told(url, path, server, status, told):
    server.status = status
    assert failure(url, path) == f"{url}: {told}"
    assert left(path) == []


def free_port():
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return opened.getsockname()[1]


def test_no_server(path, server):
    assert failure(f"http://127.0.0.1:{free_port()}/a", path) == "127.0.0.1: cannot be reached; is there a network?"


def test_a_proxy_is_asked_by_flag_and_by_environment(path, server, monkeypatch):
    server.files["/a"] = CONTENT
    fetching.fetch("http://nowhere.invalid/a", path, SHA256, proxy=server.url)
    path.unlink()
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "")
    fetching.fetch("http://nowhere.invalid/a", path, SHA256)
    assert [asked for asked, _ in server.asked] == ["http://nowhere.invalid/a"] * 2


def test_a_proxy_that_is_not_there_or_none(path, server):
    port = free_port()
    told = failure("http://nowhere.invalid/a", path, proxy=f"http://user:secret@127.0.0.1:{port}")
    assert told == f"nowhere.invalid: the proxy 127.0.0.1:{port} gives no connection"
    assert "not an HTTP proxy" in failure("http://nowhere.invalid/a", path, proxy="gopher://127.0.0.1:1")


def test_a_full_disk(url, path, monkeypatch):
    class FullFile:
        def __init__(self, file):
            self._file = file

        def __getattr__(self, name):
            return getattr(self._file, name)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self._file.close()

        def write(self, piece):
            raise OSError(errno.ENOSPC, "No space left on device")

    opened = type(path).open
    monkeypatch.setattr(
        type(path),
        "open",
        lambda self, mode="r", *more, **options: (
            FullFile(opened(self, mode, *more, **options)) if mode == "wb" else opened(self, mode, *more, **options)
        ),
    )
    assert failure(url, path) == f"{path}: cannot be written (no space left on device)"
    assert left(path) == []


def test_two_processes_do_not_write_the_same_file(url, path):
    path.parent.mkdir()
    with path.with_name(f"{NAME}.partial").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "another process is fetching it" in failure(url, path)
