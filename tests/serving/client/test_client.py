"""Clients over REST and gRPC: the same answers from one server, versions and labels, what wrong requests are told."""

import concurrent.futures
import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from kerastag import audio, errors
from kerastag.serving.client import client, failures

TAGS = ["loud", "peaky", "long"]
INT16 = 1 / 32768  # REST sends samples rounded to that


@pytest.fixture(params=["rest", "grpc"])
def connect(request, tiny_server):
    """A function that gives a client of a model on the server, in both ways."""
    clients = []
    if request.param == "grpc":
        request.getfixturevalue("needs_grpc")

    def make(model: str = "tiny", **options) -> client.Client:
        kind, address = getattr(client, request.param), getattr(tiny_server, request.param)
        clients.append(kind(address, model, **options))
        return clients[-1]

    yield make
    for one in clients:
        one.close()


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    """2.5 s of stereo at 44.1 kHz."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("song") / "song.flac"
    soundfile.write(path, rng.uniform(-0.5, 0.5, (110_250, 2)), 44_100)
    return path


def test_a_file_has_the_scores_of_its_whole_waveform(connect, song, tiny_scores):
    expected = dict(zip(TAGS, tiny_scores(audio.read(song)), strict=True))
    assert expected["long"] == 2.5 / 60
    assert connect().score(song) == pytest.approx(expected, abs=INT16)
    assert connect().top_tags(song, 2) == [
        ("peaky", pytest.approx(expected["peaky"], abs=INT16)),
        ("loud", pytest.approx(expected["loud"], abs=INT16)),
    ]
    assert [name for name, _ in connect().top_tags(song, 9)] == ["peaky", "loud", "long"]


def test_a_taggram_has_a_row_for_each_chunk(connect, song, tiny_scores):
    waveform = audio.read(song)
    found = connect().taggram(song)
    assert list(found.tags) == TAGS
    np.testing.assert_array_equal(found.start_seconds, [0, 1])
    expected = [tiny_scores(waveform[:16_000]), tiny_scores(waveform[16_000:32_000])]
    np.testing.assert_allclose(found.scores, expected, rtol=1e-6)
    assert found.scores.dtype == found.start_seconds.dtype == np.float32


def test_a_wav_is_read_by_the_server(connect, tmp_path, tiny_scores):
    waveform = np.array([0.5, -0.25] * 100)
    soundfile.write(tmp_path / "a.wav", waveform, 16_000, "PCM_16")
    found = connect().score_wav((tmp_path / "a.wav").read_bytes())
    assert list(found.values()) == pytest.approx(tiny_scores(waveform), rel=1e-6)


def test_any_signature_takes_a_batch_and_converts_what_fits(connect):
    one = connect()
    found = one.predict("serving_default", {"waveform": [[1, -3], [2, 2]]})  # int64
    np.testing.assert_allclose(found["scores"][:, :2], [[2, 3], [2, 2]])
    assert found["scores"].dtype == np.float32
    assert one.predict("embed", {"waveform": np.full((3, 5), 0.1)})["embedding"].shape == (3, 256)
    best = one.predict("top_tags", {"waveform": np.array([[0.5, 1.0]]), "k": np.array([2])})
    assert best["tags"].tolist() == [[b"mood/theme---peaky", b"mood/theme---loud"]]


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-30, 123456.79, float("nan"), float("inf"), -float("inf"), 0.0])
def test_numbers_travel_both_ways_unchanged(connect, value):
    sent = np.array([[value, -value]], np.float32)
    np.testing.assert_array_equal(connect().predict("echo", {"x": sent})["y"], sent)


def test_tags_are_those_of_the_version_or_the_label(connect, needs_grpc):
    assert connect().tags() == TAGS
    assert connect("labelled").tags() == ["a", "b", "c"]
    assert connect("labelled", version=1).tags() == connect("labelled", label="stable").tags() == TAGS
    assert connect("labelled", label="canary").tags() == ["a", "b", "c"]


def test_status_names_versions_and_states(connect, needs_grpc):
    assert [(one.version, one.state, one.error) for one in connect().status()] == [(7, "AVAILABLE", "")]
    assert sorted(one.version for one in connect("labelled").status()) == [1, 2]
    assert [one.version for one in connect("labelled", version=1).status()] == [1]


def test_threads_share_a_client(connect, tmp_path):
    one = connect()
    for number in range(12):
        soundfile.write(tmp_path / f"{number}.wav", np.full(400, number / 100), 16_000)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda number: one.score(tmp_path / f"{number}.wav")["loud"], range(12)))
    assert found == pytest.approx([number / 100 for number in range(12)], abs=INT16)


def refusal(call) -> str:
    """The one line of an error, and that it is one."""
    with pytest.raises(failures.ServingError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return f"{type(caught.value).__name__} {caught.value}"


def test_inputs_that_do_not_fit_are_refused_before_they_are_sent(connect, tiny_server):
    call = connect().predict
    message = refusal(lambda: call("serving_default", {"waveform": np.zeros(8)}))
    assert message.startswith("Refused ") and "127.0.0.1" in message
    assert "serving_default: waveform must be float32 (?, ?), not of shape (8,); the first dimension is" in message
    assert "takes waveform, not wave; name" in refusal(lambda: call("serving_default", {"wave": [[0.0]]}))
    assert "must be int32 (?,), not float64" in refusal(lambda: call("metadata", {"request": [0.5]}))
    message = refusal(lambda: call("sing", {}))
    assert "version 7 has no signature 'sing'; it has classify_wav, echo, embed" in message


def test_what_the_server_refuses_says_why(connect):
    one = connect()
    said = refusal(lambda: one.score_wav(b"not a WAV, however long"))
    assert "[[" not in said and "node" not in said  # where in the graph it was helps nobody
    assert (
        said.startswith("Refused ")
        and said.endswith("; send WAV of 16-bit PCM, best mono at 16000 Hz")
        and "RIFF" in said
    )


def test_what_is_not_served_is_told_with_what_is(connect, needs_grpc):
    assert refusal(connect("nobody").tags).startswith("NotServed ")
    assert "serves no model 'nobody'; see --model_name" in refusal(connect("nobody").tags)
    assert "serves no model 'nobody'" in refusal(connect("nobody").status)
    assert "model 'tiny' version 9 is not loaded; there is version 7 AVAILABLE" in refusal(
        connect("tiny", version=9).tags
    )
    assert "model 'labelled' has no label 'new'; see version_labels" in refusal(connect("labelled", label="new").tags)
    with pytest.raises(errors.KerastagError, match="version 1 and label 'new' of 'labelled': give one of them"):
        connect("labelled", version=1, label="new")


def test_a_bad_file_is_an_audio_error(connect, tmp_path):
    (tmp_path / "bad.mp3").write_bytes(b"not audio")
    with pytest.raises(audio.AudioError, match="bad.mp3"):
        connect().score(tmp_path / "bad.mp3")
    with pytest.raises(errors.KerastagError, match="k is 0"):
        connect().top_tags(tmp_path / "bad.mp3", 0)


def test_messages_over_a_limit_say_whose_it_is(tiny_server, needs_grpc):
    waveform = np.zeros((1, 300_000), np.float32)  # 1.2 MB, the server takes 1 MB
    with client.grpc(tiny_server.grpc, "tiny") as one:
        said = refusal(lambda: one.predict("serving_default", {"waveform": waveform}))
        assert said.startswith("TooLarge ") and "a request of 1.1 MB is over the server's limit" in said
        assert "raise grpc.max_receive_message_length in its --grpc_channel_arguments" in said
    with client.grpc(tiny_server.grpc, "tiny", max_message_megabytes=1) as one:
        said = refusal(lambda: one.predict("serving_default", {"waveform": waveform}))
        assert said.startswith("TooLarge ") and "a request of 1.1 MB is over max_message_megabytes=1; raise it" in said
        small = np.zeros((1100, 1), np.float32)  # its embeddings take 1.1 MB
        said = refusal(lambda: one.predict("embed", {"waveform": small}))
        assert said.startswith("TooLarge ") and "the answer is over max_message_megabytes=1 (" in said


def test_addresses_of_another_form(tiny_server):
    for address in ("localhost:8501", "ftp://localhost", "http://", "http://a/?b", "http://a:b"):
        with pytest.raises(errors.KerastagError, match="give http://HOST:PORT"):
            client.rest(address, "tiny")
    for address in ("http://localhost:8500", "localhost"):
        with pytest.raises(errors.KerastagError, match="give HOST:PORT"):
            client.grpc(address, "tiny")
    with pytest.raises(errors.KerastagError, match="grpc://HOST:PORT"):
        client.connect("localhost:8501", "tiny")
    with client.connect(f"{tiny_server.rest}/", "tiny") as one:
        assert one.tags() == TAGS


def loaded_after(statements: str) -> list[str]:
    code = f"""
import sys, json
{statements}
heavy = ("tensorflow", "tensorflow_serving", "grpc", "keras", "sklearn", "librosa", "soundfile", "soxr")
print(json.dumps([name for name in heavy if name in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_rest_needs_numpy_alone_until_it_reads_a_file(tiny_server):
    ask = f"""
from kerastag.serving import client
one = client.rest({tiny_server.rest!r}, "tiny")
assert one.tags() == {TAGS!r}
assert one.predict("echo", {{"x": [[1.5]]}})["y"] == 1.5
"""
    assert loaded_after(ask) == []


def test_grpc_without_its_package_says_what_to_install():
    ask = """
sys.modules["tensorflow_serving"] = None
from kerastag import errors
from kerastag.serving import client
try:
    client.grpc("localhost:8500", "tiny")
except errors.KerastagError as error:
    assert "pip install 'kerastag[serving]'" in str(error) and chr(10) not in str(error)
else:
    raise AssertionError
"""
    assert "tensorflow_serving" in loaded_after(ask)  # as None
