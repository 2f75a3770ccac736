"""A web server that gives files in ranges, counts what it sends, and fails when it is told to."""

import collections
import contextlib
import dataclasses
import http.server
import re
import threading
import time
import urllib.parse


@dataclasses.dataclass
class Web:
    """What the server gives, and what it was asked.

    Attributes:
      files: content by path: "/a.mp3".
      ranges: whether it knows them.
      faults: for a path, or for all ("*"), what goes wrong with the next requests in turn: a status, "drop" (half of
        the answer, then nothing), "slow"; one that stays: ("always", fault).
      headers: of answers that are no success.
      asked: requests (method, path, status).
      sent: bytes of bodies, by path.
      most_at_once: bodies that were sent at the same time.
    """

    files: dict = dataclasses.field(default_factory=dict)
    ranges: bool = True
    faults: dict = dataclasses.field(default_factory=lambda: collections.defaultdict(list))
    headers: dict = dataclasses.field(default_factory=dict)
    asked: list = dataclasses.field(default_factory=list)
    sent: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    address: str = ""
    most_at_once: int = 0

    def put(self, name, content):
        """A file; its URL."""
        self.files[f"/{name}"] = content
        return f"{self.address}/{name}"

    def fault(self, path):
        """What goes wrong now; None: nothing."""
        for key in (path, "*"):
            waiting = self.faults[key]
            if waiting and isinstance(waiting[0], tuple):
                return waiting[0][1]
            if waiting:
                return waiting.pop(0)
        return None


class _Server(http.server.ThreadingHTTPServer):
    """A server of a `Web` on this machine."""

    daemon_threads = True

    def __init__(self, web):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.web = web
        self.running = []  # handlers that give a body now


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        self._give(with_body=False)

    def do_GET(self):
        web, running = self.server.web, self.server.running
        running.append(self)
        web.most_at_once = max(web.most_at_once, len(running))
        try:
            self._give(with_body=True)
        finally:
            running.remove(self)

    def _give(self, with_body):
        web = self.server.web
        path = urllib.parse.unquote(self.path.partition("?")[0])
        fault = web.fault(path) if with_body or web.faults[path] or web.faults["*"] else None
        content = web.files.get(path)
        if isinstance(fault, int) or content is None:
            self._refuse(path, fault if isinstance(fault, int) else 404)
            return
        if fault == "slow":
            time.sleep(0.2)
        start, stop = self._send_head(path, len(content))
        if not with_body:
            return
        if fault == "drop":
            stop = (start + stop) // 2
            self.close_connection = True
        with contextlib.suppress(OSError):  # whoever asked went away
            self.wfile.write(content[start:stop])
            web.sent[path] += stop - start

    def _send_head(self, path, size):
        """Sends status and headers of an answer; begin and end of the range that it gives."""
        web = self.server.web
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")) if web.ranges else None
        status, start, stop = 200, 0, size
        if asked:
            status, start = 206, int(asked[1])
            stop = min(size, int(asked[2] or size) + 1)
        web.asked.append((self.command, path, status))
        self.send_response(status)
        self.send_header("Content-Length", str(stop - start))
        if web.ranges:
            self.send_header("Accept-Ranges", "bytes")
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.end_headers()
        return start, stop

    def _refuse(self, path, status):
        web = self.server.web
        web.asked.append((self.command, path, status))
        self.send_response(status)
        for name, value in web.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextlib.contextmanager
def served():
    """A server on this machine, while the body runs."""
    web = Web()
    server = _Server(web)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    web.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
