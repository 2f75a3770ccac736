"""A bundle behind the server: it takes a new version while it runs, and all that its README says works as pasted."""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import time
import types
import urllib.request

import numpy as np
import pytest
import soundfile
import tensorflow as tf

import kerastag
from kerastag import export
from kerastag.metrics import card, decisions
from kerastag.runs import run_folder
from kerastag.serving.bundle import saved_model, texts
from kerastag.serving.graph import warm_up

BESIDE = {"README.md", "models.config", "batching_parameters.txt", "monitoring_parameters.txt"}
BESIDE |= {"docker-compose.yml", "example.wav", "listen"}


@pytest.fixture(scope="module")
def source(run, tmp_path_factory):
    """A copy of a run with thresholds and a tag card."""
    made = run_folder.RunFolder(tmp_path_factory.mktemp("runs") / "tones")
    shutil.copytree(run, made.path)
    decisions.write_thresholds(made.thresholds_path, made.vocabulary().names, np.array([0.25, 0.5, np.inf]))
    names = made.vocabulary().names
    card.write(
        made.card_path, [card.Row(name, 0.5, 0.4, 0.6, 3.0, 2.5, 0.5, 0.5, 0.5, False, "weak") for name in names]
    )
    return made


@pytest.fixture(scope="module")
def exported(source, serving, tmp_path_factory):
    """A bundle of two versions: what was printed, and what a server that watched saw while the second was made.

    The second is a copy of the first, checked no more, which saves half a minute.
    """
    folder = tmp_path_factory.mktemp("served") / "tones"
    found = types.SimpleNamespace(folder=folder, printed=[], names=set(), devices=set())
    with pytest.MonkeyPatch.context() as patch:
        made, export_saved_model = [], saved_model.export
        patch.setattr(saved_model, "export", lambda *given: made.append(export_saved_model(*given)) or made[0])
        run_export(source, found, "--data_license=CC0")

        def watched(served, hidden):
            shutil.copytree(folder / "1", hidden)
            found.names.update(child.name for child in folder.iterdir())
            found.devices.update((hidden.stat().st_dev, folder.stat().st_dev))
            return made[0]

        found.server = serving(folder, "tones")
        patch.setattr(saved_model, "export", watched)
        run_export(source, found)
    found.states = states_until_loaded(found.server, "2")
    return found


@pytest.fixture(scope="module")
def server(exported, serving):
    """A server that was started with models.config where it can be: the stand-in needs the API's classes for it."""
    try:
        import tensorflow_serving  # noqa: F401  only whether it is there
    except ImportError:
        return exported.server
    config = exported.folder.parent / "models.config"
    config.write_text((exported.folder / "models.config").read_text().replace("/models/tones", str(exported.folder)))
    return serving(config_file=config)


def run_export(source, found, *arguments):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        where = [f"--run_dir={source.path}", f"--output_dir={found.folder}", "--num_chunks=2"]
        assert export.COMMAND.run([*where, *arguments]) == 0
    found.printed.append(printed.getvalue())


def states_until_loaded(server, version):
    """All that the server said of its versions until one was available, each (version, state, error code)."""
    said, deadline = set(), time.monotonic() + 30
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{server.rest}/v1/models/tones", timeout=30) as answer:
            states = json.load(answer)["model_version_status"]
        said.update((state["version"], state["state"], state["status"]["error_code"]) for state in states)
        if (version, "AVAILABLE", "OK") in said:
            return said
        time.sleep(0.1)
    raise AssertionError(f"version {version} was not loaded: {said}")


def test_a_version_has_all_that_the_run_knows(exported, source, music):
    assert {path.name for path in exported.folder.iterdir()} == BESIDE | {"1", "2"}
    for version in "12":
        assets = {path.name for path in (exported.folder / version / "assets.extra").iterdir()}
        assert assets == {
            *("tags.txt", "tag_card.tsv", "thresholds.tsv", "model.json", "model_card.md"),
            warm_up.REQUESTS,
        }
    assert "licence: CC0" in (exported.folder / "1" / "assets.extra" / "model_card.md").read_text()
    path = music / "test" / "1.wav"
    of_run = kerastag.load(source.path, precision="float32").score(path, num_chunks=2)
    assert kerastag.load(exported.folder).score(path, num_chunks=2) == pytest.approx(of_run, abs=1e-5)


def test_what_was_written_is_printed(exported):
    folder = exported.folder
    size = sum(path.stat().st_size for path in (folder / "1").rglob("*") if path.is_file()) / 1e6
    variables = sum(path.stat().st_size for path in (folder / "1" / "variables").iterdir()) / 1e6
    for words in (
        f"{folder / '1'}: version 1 of tones, float32, scores\n",
        "  serving_default: waveform float32 (?, ?) -> scores float32 (?, 3)\n",
        "  classify_wav: wav_bytes bytes (?,) -> scores float32 (?, 3)\n",
        f"\n{size:.1f} MB, {variables:.1f} of them variables; loaded in ",
        "answers differ by at most ",
        f"serve it: docker run --rm -p 8500:8500 -p 8501:8501 -v {folder}:/models/tones:ro tensorflow/serving:",
    ):
        assert words in exported.printed[0], words
    assert f"{folder / '2'}: version 2 of tones" in exported.printed[1]


def test_a_watching_server_sees_a_version_only_when_it_is_whole(exported):
    (hidden,) = exported.names - BESIDE - {"1"}
    assert not hidden.isdigit() and hidden.startswith(".") and len(exported.devices) == 1
    assert {code for _, _, code in exported.states} == {"OK"}
    with urllib.request.urlopen(f"{exported.server.rest}/v1/models/tones/versions/2/metadata", timeout=30) as answer:
        assert json.load(answer)["model_spec"]["version"] == "2"


def test_the_server_answers_every_request_of_the_warm_up(exported, server, needs_grpc):
    import grpc
    from tensorflow_serving.apis import prediction_log_pb2, prediction_service_pb2_grpc

    path = exported.folder / "2" / "assets.extra" / warm_up.REQUESTS
    logs = [
        prediction_log_pb2.PredictionLog.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(path))
    ]
    requests = {log.predict_log.request.model_spec.signature_name: log.predict_log.request for log in logs}
    assert set(requests) == set(saved_model.signatures_of(exported.folder / "2"))
    assert {"serving_default", "classify_wav", "taggram", "embed", "top_tags", "metadata"} <= set(requests)
    with grpc.insecure_channel(server.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for name, request in requests.items():
            outputs = {key: tf.make_ndarray(value) for key, value in stub.Predict(request, timeout=30).outputs.items()}
            assert outputs and all(len(array) == 1 for array in outputs.values()), name
    (waveform,) = tf.make_ndarray(requests["serving_default"].inputs["waveform"])
    samples, _ = soundfile.read(exported.folder / "example.wav", dtype="float32")
    assert (samples == waveform).all() and len(waveform) == 73_600


def test_settings_are_what_the_servers_own_classes_read(exported, needs_grpc):
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    text = (exported.folder / "models.config").read_text()
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path, model.model_platform) == ("tones", "/models/tones", "tensorflow")
    assert model.model_version_policy.latest.num_versions == 2
    assert dict(model.version_labels) == {"stable": 2, "previous": 1}


def test_paths_in_flags_are_files_of_the_bundle(exported):
    folder = exported.folder
    names = ("README.md", "docker-compose.yml", "batching_parameters.txt")
    files_of_bundle = [(folder / name).read_text() for name in names]
    for flag in texts.server_flags("tones"):
        assert flag in files_of_bundle[0] and flag in files_of_bundle[1]
    for text in files_of_bundle:
        paths = re.findall(r"--\w+=/models/tones/(\S+)", text)
        assert paths and all((folder / path).is_file() for path in paths)


def blocks(folder, language):
    return re.findall(rf"```{language}\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)


def here(text, server):
    """A text of the bundle with the ports of a server that runs."""
    text = text.replace("localhost:8501", server.rest.removeprefix("http://"))
    return text.replace("127.0.0.1/8501", server.rest.rpartition("//")[2].replace(":", "/")).replace(
        "localhost:8500", server.grpc or "localhost:8500"
    )


def stated_best(folder):
    tag, score = re.search(r"is that of `(.*)` with (\d\.\d{4})", (folder / "README.md").read_text()).groups()
    return tag, float(score)


def pasted(folder, server, command):
    """What a block of the README prints: JSON documents."""
    command = ["bash", "-c", here(command, server)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    documents, rest = [], done.stdout.strip()
    while rest:
        document, end = json.JSONDecoder().raw_decode(rest)
        documents.append(document)
        rest = rest[end:].strip()
    return documents


def predictions(folder, server, command):
    """Those of a block with one call about one row."""
    (answer,) = pasted(folder, server, command)
    (row,) = answer["predictions"]
    return row


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_calls_over_rest_work_as_pasted(exported, server):
    folder = exported.folder
    start, look, *calls, for_pages, page = blocks(folder, "bash")
    assert start.startswith("docker run ") and for_pages == f"{start.rstrip()} \\\n  {texts.CORS}\n"
    assert f"--directory {texts.PAGE} " in page and (folder / texts.PAGE / "index.html").is_file()
    status, described = pasted(folder, server, look)
    assert {row["state"] for row in status["model_version_status"]} == {"AVAILABLE"}
    assert "classify_wav" in described["metadata"]["signature_def"]["signature_def"]
    scores, facts, top, all_scores = (predictions(folder, server, call) for call in calls)
    tag, score = stated_best(folder)
    assert max(scores) == pytest.approx(score, abs=1e-4)
    assert facts["tags"][int(np.argmax(scores))] == tag
    assert top["scores"] == pytest.approx(sorted(all_scores, reverse=True), abs=1e-6)
    assert [facts["tags"][column] for column in np.argsort(all_scores)[::-1]] == top["tags"]


@pytest.mark.usefixtures("needs_grpc")
def test_the_call_over_grpc_works_as_pasted(exported, server, forks, tmp_path, monkeypatch):
    (example,) = blocks(exported.folder, "python")
    (tmp_path / "pasted.py").write_text(here(example, server))
    monkeypatch.chdir(exported.folder)
    done = forks.run([str(tmp_path / "pasted.py")], os.environ)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    tag, score = stated_best(exported.folder)
    assert len(lines) == 3 and lines[0][1].endswith(tag)
    assert float(lines[0][0]) == pytest.approx(score, abs=2e-4)


@pytest.mark.usefixtures("needs_grpc")
def test_labels_lead_to_their_versions(server):
    for label, version in (("stable", "2"), ("previous", "1")):
        with urllib.request.urlopen(f"{server.rest}/v1/models/tones/labels/{label}/metadata", timeout=30) as answer:
            assert json.load(answer)["model_spec"]["version"] == version


def test_the_health_check_knows_whether_the_model_is_there(exported, server):
    text = (exported.folder / "docker-compose.yml").read_text()
    written = json.loads(re.search(r"test: (\[.*\])", text)[1])
    assert written == texts.health_check("tones")
    for name, status in (("tones", 0), ("other", 1)):
        first, *command = texts.health_check(name)
        assert first == "CMD"
        command = [here(word, server) for word in command]
        assert subprocess.run(command, timeout=30, check=False).returncode == status
