"""What is tried again and what is not, timeouts, dead addresses, and versions that come and go under a client."""

import contextlib
import http.server
import json
import socket
import threading
import time

import numpy as np
import pytest

from kerastag.serving import signatures
from kerastag.serving.client import client, failures, session

METADATA = {
    "model_spec": {"name": "m", "signature_name": "", "version": "3"},
    "metadata": {
        "signature_def": {
            "signature_def": {
                "echo": {
                    "inputs": {"x": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}]}}},
                    "outputs": {"y": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}]}}},
                }
            }
        }
    },
}
ECHO = {"x": [1.0]}


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """The pauses between tries, which are not slept."""
    asked = []
    monkeypatch.setattr(failures.time, "sleep", asked.append)
    return asked


class Scripted(http.server.BaseHTTPRequestHandler):
    """Each predict takes the next answer of its server's `script`, the last one for ever."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200, METADATA)

    def do_POST(self):
        script, given = self.server.script, self.server.given
        given.append(script.pop(0) if len(script) > 1 else script[0])
        if given[-1] == 413:
            self.close_connection = True  # before the body was read
            self.answer(413, "<html>too large</html>")
            return
        self.rfile.read(int(self.headers["Content-Length"]))
        if given[-1] is None:
            self.close_connection = True
        else:
            self.answer(given[-1], {"outputs": [1.0]} if given[-1] == 200 else {"error": "not\nnow"})

    def answer(self, status, document):
        data = (json.dumps(document) if isinstance(document, dict) else document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


@pytest.fixture
def scripted():
    """A function that starts a REST server with a script; gives its address and the list of what it answered.

    An answer is a status, or None: the connection is closed.
    """
    with contextlib.ExitStack() as stack:

        def start(*script):
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
            server.script, server.given = list(script), []
            threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}", server.given

        yield start


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_busy_server_is_asked_again_after_growing_pauses(scripted, pauses, status):
    address, given = scripted(status, status, 200)
    with client.rest(address, "m") as one:
        assert one.predict("echo", ECHO)["y"] == [1.0]
    assert given == [status, status, 200]
    assert 0.05 <= pauses[0] <= 0.1 <= pauses[1] <= 0.2
    one = client.rest(scripted(status)[0], "m", max_retries=1)
    with pytest.raises(failures.ServingError, match=r"\(not now\), tried 2 times; ") as caught:
        one.predict("echo", ECHO)
    one.close()
    assert isinstance(caught.value, failures.Busy if status == 429 else failures.ServerDown)


def test_pauses_stop_growing(pauses):
    with pytest.raises(failures.Busy, match="tried 12 times"):
        failures.retried(lambda: (_ for _ in ()).throw(failures.Busy("here", "busy")), 11)
    assert len(pauses) == 11 and 2.5 <= pauses[-1] <= 5


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, failures.Refused), (404, failures.NotServed), (413, failures.TooLarge), (504, failures.TimedOut)],
)
def test_what_would_fail_again_is_not_sent_again(scripted, pauses, status, kind):
    address, given = scripted(status)
    with client.rest(address, "m", version=3) as one, pytest.raises(kind):
        one.predict("echo", {"x": np.full(600_000, 0.12345678) if status == 413 else [1.0]})
    assert given == [status] and pauses == []


def test_an_error_inside_the_server_is_told(scripted):
    with client.rest(scripted(500)[0], "m") as one, pytest.raises(failures.ServingError, match="HTTP 500: not now"):
        one.predict("echo", ECHO)


def test_a_kept_connection_that_was_closed_is_no_failure(scripted, pauses):
    address, given = scripted(200, None, 200)
    with client.rest(address, "m", max_retries=0) as one:
        for _ in range(2):
            assert one.predict("echo", ECHO)["y"] == [1.0]
    assert given == [200, None, 200] and pauses == []


def test_an_address_where_nobody_listens(pauses, free_port):
    with pytest.raises(failures.ServerDown) as caught:
        client.rest(f"http://127.0.0.1:{free_port}", "m").tags()
    assert str(caught.value) == (
        f"http://127.0.0.1:{free_port}: no model server answers (connection refused), tried 4 times; "
        "start it, or give its address"
    )
    assert len(pauses) == 3


def test_an_address_where_nobody_listens_over_grpc(pauses, free_port, needs_grpc):
    told = pytest.raises(failures.ServerDown, match=f"^127.0.0.1:{free_port}: .* tried 3 times; start it")
    with client.grpc(f"127.0.0.1:{free_port}", "m", max_retries=2) as one, told:
        one.tags()
    assert len(pauses) == 2


def test_a_host_that_nobody_knows_is_asked_for_once(pauses):
    with pytest.raises(failures.UnknownHost, match="http://nobody.invalid: unknown host"):
        client.rest("http://nobody.invalid", "m").tags()
    assert pauses == []


@pytest.mark.parametrize("kind", ["rest", "grpc"])
def test_a_server_that_does_not_answer_is_asked_once(pauses, kind, request):
    if kind == "grpc":
        request.getfixturevalue("needs_grpc")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        address = f"http://{address}" if kind == "rest" else address
        before = time.monotonic()
        told = pytest.raises(failures.TimedOut, match=f"^{address}: no answer within 0.3 s; allow more seconds")
        with getattr(client, kind)(address, "m", timeout_seconds=0.3) as one, told:
            one.tags()
    assert time.monotonic() - before < 5 and pauses == []


def test_something_else_listens_there(scripted):
    told = pytest.raises(failures.ServingError, match="no 'model_version_status' in the answer; give the address")
    with client.rest(scripted(200)[0], "m") as one, told:
        one.status()
    with pytest.raises(failures.Refused, match="no signature 'metadata'; it has echo; export"):
        client.rest(scripted(200)[0], "m").tags()


def test_a_server_that_knows_the_model_by_another_protocol_is_told(scripted, monkeypatch):
    def as_kserve_does(self):  # its V1 has no metadata
        known = self.path == "/v1/models/m"
        self.answer(*((200, {"name": "m", "ready": True}) if known else (404, {"detail": "Not Found"})))

    monkeypatch.setattr(Scripted, "do_GET", as_kserve_does)
    told = pytest.raises(failures.OtherProtocol, match="no 'model_version_status' in the answer; give the address of a")
    with client.rest(scripted(200)[0], "m") as one, told:
        one.tags()


@pytest.fixture
def free_port():
    """A port of this machine where nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # held, not listening: a connection is refused
        yield held.getsockname()[1]


class Moving:
    """A transport whose versions a test changes: `tags` by version; the highest is the latest."""

    place, sends_wav = "moving", False

    def __init__(self, tags):
        self.tags = tags
        self.asked = 0

    def metadata(self, target):
        self.asked += 1
        request, tags = (signatures.Tensor(dtype, None) for dtype in ("float32", "object"))
        signature = signatures.Signature({"request": request}, {"tags": tags})
        number = target.version or max(self.tags)
        return signatures.Served(number, {"metadata": signature})

    def predict(self, target, name, signature, inputs):
        if target.version not in self.tags:
            raise failures.NotServed(self.place, f"Specific(m, {target.version})")
        return {"tags": np.array([self.tags[target.version]], object)}

    def status(self, target):
        return [signatures.VersionStatus(number, "AVAILABLE") for number in self.tags]


def test_a_client_follows_the_latest_version_with_its_tags(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(session.time, "monotonic", lambda: now[0])
    server = Moving({1: [b"a", b"b"]})
    one = client.Client(server, signatures.Target("m"), max_retries=0)
    assert one.tags() == ["a", "b"] and one.tags() == ["a", "b"] and server.asked == 1
    server.tags[2] = [b"c", b"d"]
    now[0] += session.VALID_SECONDS - 1
    assert one.tags() == ["a", "b"] and server.asked == 1  # it was asked a moment ago
    now[0] += 1
    assert one.tags() == ["c", "d"] and server.asked == 2
    server.tags = {3: [b"e"]}  # the version that was the latest is gone
    assert one.predict("metadata", {"request": [0.0]})["tags"].tolist() == [[b"e"]] and one.tags() == ["e"]


def test_a_client_of_one_version_stays_with_it():
    server = Moving({1: [b"a"], 2: [b"b"]})
    one = client.Client(server, signatures.Target("m", 1), max_retries=0)
    assert one.tags() == ["a"]
    del server.tags[1]
    with pytest.raises(failures.NotServed, match="moving: model 'm' version 1 is not loaded; there is version 2"):
        one.predict("metadata", {"request": [0.0]})


def test_of_an_error_in_the_graph_only_the_sentence_is_told():
    message = "2 root error(s) found.\n  (0) INVALID_ARGUMENT: Header too short\n\t [[{{node a/b}}]]\n  (1) INVALID_"
    assert str(failures.of_code("here", "INVALID_ARGUMENT", message)).startswith("here: Header too short; ")
    assert len(str(failures.of_code("here", "INVALID_ARGUMENT", "x" * 10_000))) < 400
