"""The REST client and a server that others wrote: KServe's, whose V1 protocol has TensorFlow Serving's predict.

kserve is in no extra: it pins a psutil that is too old for IPython, which the notebooks need. These tests run in an
environment where it was installed beside the rest.
"""

import contextlib
import dataclasses
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

import numpy as np
import pytest

import kerastag
from kerastag.inference import export_facts
from kerastag.serving import client, signatures
from kerastag.serving.bundle import saved_model
from kerastag.serving.client import failures, rest_transport
from tests import serving_fixture
from tools.serving import bad_requests, check_server, comparing

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("kserve") is None, reason="kserve is not installed (pip install kserve)"
)
SERVER = pathlib.Path(__file__).parents[2] / "kserve_server.py"
STARTING_SECONDS = 120


class V1(rest_transport.RestTransport):
    """TensorFlow Serving's REST with what V1 lacks: signatures are those of the folder, and versions have no paths."""

    def __init__(self, address, version):
        super().__init__(address, 60.0)
        self._signatures = saved_model.signatures_of(version)

    def metadata(self, target):
        return signatures.Served(1, self._signatures)

    def predict(self, target, name, signature, inputs):
        return super().predict(dataclasses.replace(target, version=None), name, signature, inputs)


@pytest.fixture(scope="module")
def address(served_export):
    """Where KServe serves the export as `model`."""
    port = serving_fixture.free_port()
    command = [sys.executable, str(SERVER), f"--folder={served_export[0] / '1'}", "--model_name=model"]
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([*command, f"--http_port={port}"], stdout=said, stderr=said)
        try:
            deadline = time.monotonic() + STARTING_SECONDS
            while not is_ready(address):
                said.seek(0)
                assert process.poll() is None and time.monotonic() < deadline, said.read().decode()[-2000:]
                time.sleep(0.2)
            yield address
        finally:
            process.kill()
            process.wait()


def is_ready(address):
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/v1/models/model") as answer:
        return json.load(answer) == {"name": "model", "ready": True}
    return False


@pytest.fixture
def one(address, served_export):
    with client.Client(V1(address, served_export[0] / "1"), signatures.Target("model")) as one:
        yield one


def test_every_signature_gives_what_a_bare_process_gives(one, address, served_export, capsys):
    version = served_export[0] / "1"
    facts = export_facts.ExportFacts.read(version)
    requests = comparing.example_requests(version, facts)
    answers = check_server.asked(one, address, requests)
    expected = comparing.ask(version, requests, sys.executable)
    comparing.compare(version, facts, expected, {address: answers}, None)
    assert "serving_default scores" in capsys.readouterr().out


def test_a_file_has_the_scores_of_the_python_door(one, served_export, music):
    path = music / "test" / "2.wav"
    expected = kerastag.load(served_export[0]).score(path, num_chunks=4)
    assert one.score(path) == pytest.approx(expected, abs=1e-5)
    best = sorted(expected, key=lambda name: -expected[name])[:2]
    assert [name for name, _ in one.top_tags(path, 2)] == best


def test_rows_have_the_form_that_v1_documents(address, one):
    waveform = np.linspace(-0.5, 0.5, 16_000, dtype=np.float32)[None]
    body = json.dumps({"instances": waveform.tolist()}).encode()
    status, said = bad_requests.post(f"{address}/v1/models/model:predict", body)
    assert status == 200
    expected = one.predict("serving_default", {"waveform": waveform})["scores"]
    np.testing.assert_allclose(json.loads(said)["predictions"], expected, atol=1e-6)


def test_what_is_wrong_is_refused_in_words(one, address):
    check_server.check_refusals(one, address)
    with pytest.raises(failures.Refused, match="16-bit PCM"):
        one.score_wav(b"RIFF")
    generator = np.random.default_rng(0)
    for number in range(17):
        kind, body = bad_requests.over_rest(number, generator)
        status, said = bad_requests.post(f"{address}/v1/models/model:predict", body)
        assert status == 400 and json.loads(said)["error"], (kind, status, said)
    assert len(one.tags()) == 3


def test_what_v1_lacks_is_told(address):
    with client.rest(address, "model") as plain, pytest.raises(failures.ServingError) as caught:
        plain.tags()
    assert "model_version_status" in str(caught.value)
    with client.rest(address, "other") as plain, pytest.raises(failures.NotServed, match="no model 'other'"):
        plain.tags()
