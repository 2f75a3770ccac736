"""Servers that answer what no TensorFlow Serving does: an error in one line, within the time and the memory allowed."""

import contextlib
import gzip
import itertools
import json
import re
import socket
import threading

import numpy as np
import pytest

from kerastag import names
from kerastag.serving import client
from kerastag.serving.client import failures, grpc_transport, rest_transport

DIMENSIONS = {"wave": [-1, -1], "scores": [-1, 2], "tags": [-1, 2], "sample_rate": [-1], "request": [-1]}
DTYPES = {"tags": "DT_STRING", "sample_rate": "DT_INT32", "request": "DT_INT32"}


def tensors(*of):
    return {
        name: {"dtype": DTYPES.get(name, "DT_FLOAT"), "tensor_shape": {"dim": [{"size": n} for n in DIMENSIONS[name]]}}
        for name in of
    }


SIGNATURES = {
    "serving_default": {"inputs": tensors("wave"), "outputs": tensors("scores")},
    "metadata": {"inputs": tensors("request"), "outputs": tensors("tags", "sample_rate")},
}
ANSWERS = {
    "metadata": {
        "model_spec": {"version": "3"},
        "metadata": {"signature_def": {"signature_def": SIGNATURES}},
    },
    "facts": {"outputs": {"tags": [["calm", "dark"]], "sample_rate": [16000]}},
    "scores": {"outputs": [[0.25, 0.75]]},
}


def answered(document, headers=()):
    """An HTTP answer."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    head = ["HTTP/1.1 200 OK", "Connection: close", *headers]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body


@pytest.fixture
def hostile():
    """A function from answers, bytes or an iterator of them, by what is asked for, to the address of who gives them."""
    with contextlib.ExitStack() as stack:
        over = threading.Event()
        stack.callback(over.set)

        def serve(connection, given):
            with connection, contextlib.suppress(OSError):
                asked = b""
                while b"\r\n\r\n" not in asked:
                    asked += connection.recv(65536)
                length = re.search(rb"content-length: (\d+)", asked.lower())
                while length and len(asked.partition(b"\r\n\r\n")[2]) < int(length[1]):
                    asked += connection.recv(65536)
                which = "metadata" if b"/metadata " in asked else "facts" if b'"metadata"' in asked else "scores"
                answer = given.get(which, ANSWERS[which])
                for piece in [answered(answer)] if isinstance(answer, dict) else answer:
                    connection.sendall(piece)
                    if over.wait(0.005):
                        return

        def accept(server, given):
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(server.accept()[0], given), daemon=True).start()

        def start(**given):
            server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            threading.Thread(target=accept, args=(server, given), daemon=True).start()
            return f"http://127.0.0.1:{server.getsockname()[1]}"

        yield start


def asked(address, timeout_seconds=5.0):
    """The tags and the scores of a waveform."""
    with client.rest(address, "m", max_retries=0, timeout_seconds=timeout_seconds) as one:
        tags = one.tags()
        return tags, one.predict("serving_default", {"wave": np.zeros((1, 9), np.float32)})["scores"].tolist()


def test_a_server_that_means_well_is_understood(hostile):
    assert asked(hostile()) == (["calm", "dark"], [[0.25, 0.75]])


@pytest.mark.parametrize(
    ("which", "answer"),
    [
        ("metadata", {"model_spec": 5, "metadata": {}}),
        ("metadata", {"model_spec": {"version": "x"}, "metadata": {"signature_def": {}}}),
        ("metadata", {**ANSWERS["metadata"], "metadata": {"signature_def": {"signature_def": {"a": {"inputs": 3}}}}}),
        ("metadata", [answered(b"[" * 100_000)]),
        ("metadata", [answered(b'{"model_spec": {"version": ' + b"9" * 5_000 + b"}}")]),
        ("metadata", [answered(gzip.compress(bytes(10_000_000)), ["Content-Encoding: gzip"])]),
        ("metadata", [b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"]),
        ("metadata", [b"HTTP/1.1 500 \x1b[2J\r\nContent-Length: 0\r\n\r\n"]),
        ("facts", {"outputs": {"sample_rate": [16000]}}),
        ("facts", {"outputs": {"tags": [], "sample_rate": [16000]}}),
        ("facts", {"outputs": {"tags": [["\x1b[2Jcalm", "dark"]], "sample_rate": [16000]}}),
        ("facts", {"outputs": {"tags": [[{"b64": "/w=="}, "dark"]], "sample_rate": [16000]}}),
        ("facts", {"outputs": {"tags": [[{"b64": 7}, "dark"]], "sample_rate": [16000]}}),
        ("facts", {"outputs": {"tags": [["calm", "dark"]], "sample_rate": [2_000_000_000]}}),
        ("facts", {"outputs": {"tags": [["calm", "dark"]], "sample_rate": [0]}}),
        ("scores", {"outputs": "no"}),
        ("scores", {"outputs": [[0.1], [0.2, 0.3]]}),
        ("scores", {"outputs": [[0.1, 0.2, 0.3]]}),
        ("scores", {"outputs": [[0.1, {}]]}),
        ("scores", {"error": "\x1b]0;x\x07\n" * 100_000}),
        ("scores", [b"HTTP/1.1 400 Bad\r\nContent-Length: 24\r\n\r\n", b'{"error": "\x1b[2J\\u202e"}   ']),
    ],
)
def test_answers_that_make_no_sense_are_told_in_a_line(hostile, which, answer):
    with pytest.raises(failures.ServingError) as caught:
        asked(hostile(**{which: answer}))
    assert not caught.value.transient, "it had answered"
    assert names.hidden_letter(str(caught.value)) is None and len(str(caught.value)) < 1_500


def dripping(head, piece):
    yield head
    yield from itertools.repeat(piece)


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"H", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ],
)
def test_an_answer_that_drips_for_ever_is_given_up(hostile, head, piece):
    with pytest.raises(failures.ServingError):
        asked(hostile(metadata=dripping(head, piece)), timeout_seconds=0.2)  # which else would never end


def test_an_answer_without_end_is_not_kept(hostile, monkeypatch):
    monkeypatch.setattr(rest_transport, "MAX_ANSWER_BYTES", 1_000_000)
    with pytest.raises(failures.TooLarge, match="over 1 MB"):
        asked(hostile(metadata=dripping(b"HTTP/1.1 200 OK\r\n\r\n", bytes(1 << 18))))


def test_a_tensor_that_states_more_than_it_holds_is_refused():
    pytest.importorskip("tensorflow_serving.apis")
    import tensorflow as tf

    whole = tf.make_tensor_proto(np.eye(3, dtype=np.float32))
    assert (grpc_transport.array_of(whole) == np.eye(3)).all()
    bomb = tf.make_tensor_proto(1.0)
    bomb.tensor_shape.dim.add(size=10**11)
    with pytest.raises(ValueError, match="more than it holds"):
        grpc_transport.array_of(bomb)
