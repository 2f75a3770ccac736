"""A server of files over HTTP that misbehaves when it is told to."""

import contextlib
import http.server
import re
import threading

from kerastag.downloads import fetching


class Server:
    """Files by path, and what goes wrong with them.

    Attributes:
      files: content of each path.
      asked: (path, Range header or None) of every request.
      drop_after: bytes of a body after which each of so many answers breaks off, first to last.
      ranges: whether Range requests are answered as such.
      status, page: what is answered in place of a file, if it is set.
    """

    def __init__(self):
        self.files, self.asked, self.drop_after = {}, [], []
        self.ranges, self.status, self.page = True, None, None
        self.url = ""

    def ranges_asked(self):
        return [asked for _, asked in self.asked]


@contextlib.contextmanager
def of_a_test(monkeypatch, cache):
    """The server in GitHub's place, with no proxy and no pause, and a user's cache in a folder."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setattr(fetching, "PAUSE_SECONDS", 0.0)
    with served() as state:
        monkeypatch.setattr(fetching, "RAW_FILES", state.url)
        yield state


@contextlib.contextmanager
def served():
    """A server on a free port of this machine."""
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            _answer(self, state)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(request, state):
    asked = request.headers.get("Range")
    state.asked.append((request.path, asked))
    path = re.sub(r"^http://[^/]+", "", request.path)  # a proxy is asked for the whole address
    if state.page is not None:
        _send(request, 200, state.page, {"Content-Type": "text/html; charset=utf-8"})
    elif state.status is not None or path not in state.files:
        _send(request, state.status or 404, b"no", {})
    else:
        content = state.files[path]
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and state.ranges else 0
        if start >= len(content) > 0:
            _send(request, 416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        part = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        stop = state.drop_after.pop(0) if state.drop_after else None
        _send(request, 206 if start else 200, content[start:], part, stop)


def _send(request, status, body, headers, stop=None):
    request.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body[:stop])
    request.close_connection = True
