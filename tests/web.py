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


def _handler(web):
    running = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments):
            pass

        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def answer(self, body):
            if not body:
                self.give(body)
                return
            running.append(self)
            web.most_at_once = max(web.most_at_once, len(running))
            try:
                self.give(body)
            finally:
                running.remove(self)

        def give(self, body):
            path = urllib.parse.unquote(self.path.partition("?")[0])
            fault = web.fault(path) if body or web.faults[path] or web.faults["*"] else None
            content = web.files.get(path)
            if isinstance(fault, int) or content is None:
                self.refuse(path, fault if isinstance(fault, int) else 404)
                return
            if fault == "slow":
                time.sleep(0.2)
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            status, start, stop = 200, 0, len(content)
            if asked and web.ranges:
                status, start = 206, int(asked[1])
                stop = min(len(content), int(asked[2] or len(content)) + 1)
            web.asked.append((self.command, path, status))
            self.send_response(status)
            self.send_header("Content-Length", str(stop - start))
            if web.ranges:
                self.send_header("Accept-Ranges", "bytes")
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
            self.end_headers()
            if not body:
                return
            if fault == "drop":
                stop = (start + stop) // 2
                self.close_connection = True
            with contextlib.suppress(OSError):  # whoever asked went away
                self.wfile.write(content[start:stop])
                web.sent[path] += stop - start

        def refuse(self, path, status):
            web.asked.append((self.command, path, status))
            self.send_response(status)
            for name, value in web.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler


@contextlib.contextmanager
def served():
    """A server on this machine, while the body runs."""
    web = Web()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(web))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    web.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
