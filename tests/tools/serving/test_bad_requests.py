"""Bad requests: all kinds come in turn, servers refuse each, and one that is gone is told."""

import socket

import numpy as np
import pytest

from kerastag.serving import signatures
from kerastag.serving.client import failures, grpc_transport
from tools.serving import bad_requests

NUM_KINDS = 17


@pytest.mark.parametrize("make", [bad_requests.over_rest, bad_requests.over_grpc])
def test_every_kind_comes_in_turn(make, rng):
    names = [make(number, rng)[0] for number in range(2 * NUM_KINDS)]
    assert len(set(names[:NUM_KINDS])) == NUM_KINDS and names[:NUM_KINDS] == names[NUM_KINDS:]


def test_over_grpc_each_is_refused(served_export, needs_grpc, rng):
    transport = grpc_transport.GrpcTransport(served_export[1].grpc, 60.0, 16)
    accepted = []
    for number in range(NUM_KINDS):
        kind, signature, inputs = bad_requests.over_grpc(number, rng)
        try:
            transport.predict(signatures.Target("model"), signature, signatures.Signature({}, {}), inputs)
            accepted.append(kind)
        except failures.Refused:
            continue
    transport.close()
    assert accepted == []


def test_over_rest_each_is_refused(served_export, rng):
    url = f"{served_export[1].rest}/v1/models/model:predict"
    answers = {}
    for number in range(NUM_KINDS):
        kind, body = bad_requests.over_rest(number, rng)
        answers[kind] = bad_requests.post(url, body)[0]
    assert set(answers.values()) == {400}, answers


def test_a_server_that_is_gone_is_told():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1/models/model:predict"
    with pytest.raises(failures.ServerDown, match=url):
        bad_requests.post(url, b"{}")


def test_headers_claim_what_they_should():
    wav = bad_requests._wav()
    assert np.frombuffer(bad_requests._with_bits(24)[34:36], "<u2") == 24
    assert np.frombuffer(bad_requests._with_rate(0)[24:28], "<u4") == 0
    assert len(bad_requests._with_rate(0)) == len(bad_requests._with_bits(24)) == len(wav)
