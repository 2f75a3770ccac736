"""The server of these tests speaks as TensorFlow Serving's REST and gRPC documentation says; versions come and go."""

import base64
import concurrent.futures
import itertools
import json
import os
import shutil
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from kerastag.serving.client import client

TAGS = ["mood/theme---loud", "mood/theme---peaky", "mood/theme---long"]


def ask(address: str, document=None, **headers: str) -> tuple[int, object]:
    """Status and document of a GET, or of a POST of `document`."""
    data = None if document is None else document if isinstance(document, bytes) else json.dumps(document).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(address, data, headers)) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.fixture
def predict(tiny_server):
    """A function that posts to the predict method of `tiny`."""
    return lambda document, which="": ask(f"{tiny_server.rest}/v1/models/tiny{which}:predict", document)


def test_rows_of_one_input_and_one_output_are_plain_lists(predict):
    status, answer = predict({"instances": [[1, -3, 2], [0.5, 0.25, 0]]})
    assert status == 200 and list(answer) == ["predictions"]
    np.testing.assert_allclose(np.array(answer["predictions"])[:, :2], [[2, 3], [0.25, 0.5]])
    assert predict({"instances": [{"waveform": [1, -3, 2]}, {"waveform": [0.5, 0.25, 0]}]}) == (200, answer)


def test_rows_of_several_are_objects(predict):
    status, answer = predict(
        {"signature_name": "top_tags", "instances": [{"waveform": [0.5, 1.0], "k": 1}, {"waveform": [0, 0.25], "k": 1}]}
    )
    assert status == 200
    assert answer["predictions"] == [
        {"tags": ["mood/theme---peaky"], "scores": [1.0]},
        {"tags": ["mood/theme---peaky"], "scores": [0.25]},
    ]


def test_columns_are_whole_tensors(predict):
    for inputs in ([[1.0, -3.0]], {"waveform": [[1.0, -3.0]]}):
        status, answer = predict({"inputs": inputs})
        assert status == 200 and answer["outputs"][0][:2] == [2.0, 3.0]
    status, answer = predict({"signature_name": "metadata", "inputs": [0]})
    assert (status, answer) == (200, {"outputs": {"tags": [TAGS], "sample_rate": [16000]}})


def test_bytes_are_base64_in_either_form(predict, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.array([0.5, -0.25]), 16_000, "PCM_16")
    wav = {"b64": base64.b64encode((tmp_path / "a.wav").read_bytes()).decode()}
    documents = {"outputs": {"inputs": {"wav_bytes": [wav]}}, "predictions": {"instances": [wav]}}
    documents |= {"predictions ": {"instances": [{"wav_bytes": wav}]}}
    for key, document in documents.items():
        status, answer = predict({"signature_name": "classify_wav", **document})
        assert status == 200 and answer[key.strip()][0][:2] == [0.375, 0.5]


def test_numbers_are_written_short_whole_ones_with_a_point_and_nan_as_such(tiny_server):
    body = b'{"signature_name": "echo", "instances": [[0.2, 2, 9000000, 1e-5, 0.123456789, NaN, -Infinity]]}'
    with urllib.request.urlopen(urllib.request.Request(f"{tiny_server.rest}/v1/models/tiny:predict", body)) as response:
        text = "".join(response.read().decode().split())
        assert response.headers["Content-Type"] == "application/json"
    assert text == '{"predictions":[[0.2,2.0,9e+06,1e-05,0.123456791,NaN,-Infinity]]}'


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b"{", "JSON Parse error"),
        (b"[1]", "Is not object"),
        ({}, "Missing 'inputs' or 'instances' key"),
        ({"inputs": [], "instances": []}, "only one of 'inputs' or 'instances'"),
        ({"instances": []}, "No values in 'instances' array"),
        ({"signature_name": 1, "inputs": []}, "'signature_name' key must be a string value"),
        ({"signature_name": "sing", "inputs": []}, 'Serving signature name: "sing" not found in signature def'),
        ({"inputs": {"wave": [[1]]}}, "Missing named input: waveform in 'inputs' object."),
        ({"inputs": [[1], [1, 2]]}, "Encountered list at unexpected size: 2 at level: 1 expected size: 1"),
        ({"instances": [[1], [1, 2]]}, "Failed to process element: 1 of 'instances' list."),
        ({"instances": [{"wave": [1]}]}, "does not have named input: wave"),
        ({"inputs": [["1"]]}, 'JSON Value: "1" Type: String is not of expected type: float'),
        ({"inputs": [[True]]}, "is not of expected type: float"),
        ({"inputs": [[20000001]]}, "without loss of precision"),
        ({"signature_name": "metadata", "inputs": [0.5]}, "JSON Value: 0.5 Type: Number is not of expected type: int"),
        ({"signature_name": "classify_wav", "inputs": [{"b64": "%"}]}, "Unable to base64 decode"),
        ({"signature_name": "classify_wav", "inputs": ["not a WAV, however long"]}, "RIFF"),
        ({"inputs": [1.0]}, "nvalid reduction dimension"),  # the placeholder's rank is not looked at
    ],
)
def test_a_request_that_is_wrong_is_status_400(predict, document, message):
    status, answer = predict(document)
    assert status == 400 and list(answer) == ["error"] and message in answer["error"]


def test_what_is_not_there_is_status_404(tiny_server, predict):
    status, answer = predict({"inputs": [[1.0]]}, "/versions/9")
    assert (status, answer["error"]) == (404, "Servable not found for request: Specific(tiny, 9)")
    status, answer = ask(f"{tiny_server.rest}/v1/models/nobody:predict", {"inputs": [[1.0]]})
    assert (status, answer["error"]) == (404, "Servable not found for request: Latest(nobody)")
    assert ask(f"{tiny_server.rest}/v1/models/nobody")[0] == ask(f"{tiny_server.rest}/v1/models/tiny/versions/9")[0]
    assert ask(f"{tiny_server.rest}/v1/models/nobody")[0] == 404
    status, answer = ask(f"{tiny_server.rest}/v1/models/tiny", {"inputs": [[1.0]]})
    assert (status, answer["error"]) == (400, "Malformed request: POST /v1/models/tiny")


def test_status_and_metadata_are_their_protos_in_json(tiny_server):
    row = {"version": "7", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for which in ("", "/versions/7"):
        found = ask(f"{tiny_server.rest}/v1/models/tiny{which}")
        assert found == (200, {"model_version_status": [row]})
    status, answer = ask(f"{tiny_server.rest}/v1/models/tiny/metadata")
    assert status == 200 and answer["model_spec"] == {"name": "tiny", "signature_name": "", "version": "7"}
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    sizes = [{"size": "-1", "name": ""}, {"size": "-1", "name": ""}]
    shape = {"dim": sizes, "unknown_rank": False}
    tensor = {"dtype": "DT_FLOAT", "tensor_shape": shape, "name": "serving_default_waveform:0"}
    assert signature["inputs"] == {"waveform": tensor}
    assert signature["method_name"] == "tensorflow/serving/predict"


def test_labels_name_versions(tiny_server, needs_grpc):
    def tags(which: str) -> tuple[int, object]:
        document = {"signature_name": "metadata", "instances": [0]}
        return ask(f"{tiny_server.rest}/v1/models/labelled{which}:predict", document)

    assert tags("/labels/stable")[1]["predictions"][0]["tags"] == TAGS
    assert tags("/labels/canary") == tags("/versions/2") == tags("")
    assert tags("/labels/other") == (400, {"error": "Unrecognized servable version label: other"})
    assert {row["version"] for row in ask(f"{tiny_server.rest}/v1/models/labelled")[1]["model_version_status"]} == {
        "1",
        "2",
    }


def test_grpc_says_which_version_answered_and_fails_with_codes(tiny_server, needs_grpc):
    import grpc
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    def call(name: str = "tiny", signature: str = "", **inputs):
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = name, signature
        for key, value in inputs.items():
            request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
        return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=10)

    with grpc.insecure_channel(tiny_server.grpc) as channel:
        response = call(waveform=np.ones((1, 2), np.float32))
        assert (response.model_spec.version.value, response.model_spec.signature_name) == (7, "serving_default")
        for arguments, code in (
            ({"name": "nobody"}, "NOT_FOUND"),
            ({"signature": "sing"}, "FAILED_PRECONDITION"),
            ({}, "INVALID_ARGUMENT"),
            ({"wave": 1.0}, "INVALID_ARGUMENT"),
            ({"waveform": np.ones((1, 2))}, "INVALID_ARGUMENT"),  # float64
        ):
            with pytest.raises(grpc.RpcError) as caught:
                call(**arguments)
            assert caught.value.code().name == code


@pytest.fixture(scope="module")
def changing(serving, write_tiny, tmp_path_factory):
    """The folder of a model of its own, version 1 under the name 0001, and its server, REST alone, with CORS."""
    folder = tmp_path_factory.mktemp("changing")
    write_tiny(folder / "0001")
    (folder / "notes").mkdir()
    barred = tmp_path_factory.mktemp("barred")
    (barred / "tensorflow_serving.py").write_text("raise ImportError('as if it were not installed')\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.fspath(barred))
        return folder, serving(folder, "changing", "--rest_api_enable_cors_support=true")


def wait_for(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_versions_come_and_go_without_a_request_that_fails(changing, write_tiny, tmp_path):
    folder, server = changing
    assert server.kind == "tensorflow_model_server" or server.grpc is None
    soundfile.write(tmp_path / "a.wav", np.array([0.5, -0.25]), 16_000)
    seen, enough = [], threading.Event()

    def score_all_the_time():
        while not enough.is_set():
            seen.append(tuple(one.score(tmp_path / "a.wav")))

    with client.rest(server.rest, "changing") as one, concurrent.futures.ThreadPoolExecutor() as pool:
        busy = pool.submit(score_all_the_time)
        wait_for(lambda: seen)
        write_tiny(folder / "2", ("a", "b", "c"))
        wait_for(lambda: states(one) == {2: "AVAILABLE", 1: "END"})
        wait_for(lambda: seen[-1] == ("a", "b", "c"))
        if server.kind == "stand-in":  # the real server tries for minutes
            (folder / "3").mkdir()  # nothing in it
            wait_for(lambda: states(one).get(3) == "END")
            assert "saved_model.pb" in one.status()[0].error and one.tags() == ["a", "b", "c"]
            shutil.rmtree(folder / "3")
        shutil.rmtree(folder / "2")
        wait_for(lambda: seen[-1] == ("loud", "peaky", "long"))
        enough.set()
        busy.result()
    changes = [now for before, now in itertools.pairwise([None, *seen]) if now != before]
    assert changes == [("loud", "peaky", "long"), ("a", "b", "c"), ("loud", "peaky", "long")]


def states(one: client.Client) -> dict[int, str]:
    return {row.version: row.state for row in one.status()}


def test_a_browser_may_ask_where_cors_is_on(changing, tiny_server):
    for server, allowed in ((changing[1], "*"), (tiny_server, None)):
        request = urllib.request.Request(f"{server.rest}/v1/models/{'changing' if allowed else 'tiny'}")
        with urllib.request.urlopen(request) as response:
            assert response.headers["Access-Control-Allow-Origin"] == allowed
    preflight = urllib.request.Request(f"{changing[1].rest}/v1/models/changing:predict", method="OPTIONS")
    preflight.add_header("Origin", "https://example.org")
    with urllib.request.urlopen(preflight) as response:
        assert response.headers["Access-Control-Allow-Headers"] == "Content-Type"


def test_a_model_that_needs_python_does_not_run(changing, tmp_path):
    class Python(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="request")])
        def metadata(self, request):
            return {"tags": tf.numpy_function(lambda number: number, [request], tf.int32)}

    folder, server = changing
    if server.kind != "stand-in":
        pytest.skip("the real server does not even load it")
    module = Python()
    tf.saved_model.save(module, str(tmp_path / "9"), signatures={"serving_default": module.metadata})
    shutil.copytree(tmp_path / "9", folder / "9.partial")
    (folder / "9.partial").rename(folder / "9")
    address = f"{server.rest}/v1/models/changing"
    wait_for(lambda: ask(f"{address}/versions/9")[0] == 200)
    wait_for(lambda: ask(f"{address}/versions/9")[1]["model_version_status"][0]["state"] == "AVAILABLE")
    status, answer = ask(f"{address}:predict", {"instances": [1]})
    assert status >= 400 and "pyfunc" in answer["error"].lower()
