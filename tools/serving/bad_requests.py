"""Requests that no server should accept, over REST and gRPC, to be sent past all checks of a client."""

import base64
import contextlib
import functools
import json
import urllib.error
import urllib.request
from collections.abc import Mapping

import numpy as np

from kerastag import audio
from kerastag.serving.client import failures
from kerastag.serving.graph import warm_up


def over_rest(number: int, generator: np.random.Generator) -> tuple[str, bytes]:
    """The name of a kind, all of which come in turn, and the body of a request to predict."""
    cut = _wav()[: int(generator.integers(1, 44))]
    kinds: dict[str, object] = {
        "random bytes": {"signature_name": "classify_wav", "instances": [_b64(generator.bytes(200))]},
        "empty WAV": {"signature_name": "classify_wav", "instances": [_b64(b"")]},
        "header cut off": {"signature_name": "classify_wav", "instances": [_b64(cut)]},
        "24-bit claimed": {"signature_name": "classify_wav", "instances": [_b64(_with_bits(24))]},
        "rate 0": {"signature_name": "classify_wav", "instances": [_b64(_with_rate(0))]},
        "rate 2^31-1": {"signature_name": "classify_wav", "instances": [_b64(_with_rate(2**31 - 1))]},
        "NaN": {"instances": [[0.1, float("nan")]]},
        "infinite": {"instances": [[0.1, 1e39]]},
        "empty": {"instances": []},
        "no samples": {"inputs": {"waveform": [[]]}},
        "wrong rank": {"inputs": {"waveform": [0.1, 0.2]}},
        "ragged": {"instances": [[0.1], [0.1, 0.2]]},
        "text": {"instances": [["one", "two"]]},
        "unknown signature": {"signature_name": "classify_mp3", "instances": [[0.1]]},
        "k of 0": {"signature_name": "top_tags", "instances": [{"waveform": [0.1], "k": 0}]},
        "k of a million": {"signature_name": "top_tags", "instances": [{"waveform": [0.1], "k": 1_000_000}]},
    }
    name = [*kinds, "not JSON"][number % (len(kinds) + 1)]
    return name, b"{nonsense" if name == "not JSON" else json.dumps(kinds[name]).encode()


def over_grpc(number: int, generator: np.random.Generator) -> tuple[str, str, Mapping[str, np.ndarray]]:
    """The name of a kind, all of which come in turn, the signature and the inputs of a request to Predict."""
    rows = np.array([[0.1, 0.2]], np.float32)
    kinds: dict[str, tuple[str, dict[str, np.ndarray]]] = {
        "random bytes": ("classify_wav", _one_wav(generator.bytes(200))),
        "empty WAV": ("classify_wav", _one_wav(b"")),
        "header cut off": ("classify_wav", _one_wav(_wav()[: int(generator.integers(1, 44))])),
        "24-bit claimed": ("classify_wav", _one_wav(_with_bits(24))),
        "rate 0": ("classify_wav", _one_wav(_with_rate(0))),
        "NaN": ("serving_default", {"waveform": rows * np.float32("nan")}),
        "infinite": ("serving_default", {"waveform": rows * np.float32("inf")}),
        "no samples": ("serving_default", {"waveform": rows[:, :0]}),
        "wrong rank": ("serving_default", {"waveform": rows[0]}),
        "float64": ("serving_default", {"waveform": rows.astype(np.float64)}),
        "text": ("serving_default", {"waveform": np.array([["one", "two"]], object)}),
        "unknown signature": ("classify_mp3", {"waveform": rows}),
        "unknown input": ("serving_default", {"wave": rows}),
        "no input": ("serving_default", {}),
        "k of 0": ("top_tags", {"waveform": rows, "k": np.array([0], np.int32)}),
        "k of a million": ("top_tags", {"waveform": rows, "k": np.array([1_000_000], np.int32)}),
        "two k": ("top_tags", {"waveform": rows, "k": np.array([1, 1], np.int32)}),
    }
    name = list(kinds)[number % len(kinds)]
    return name, *kinds[name]


def post(url: str, body: bytes) -> tuple[int, str]:
    """Status and text of an answer.

    Raises:
      ServerDown: nobody answers, which is what a server that died does.
    """
    with contextlib.suppress(ConnectionError):
        try:
            request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except urllib.error.URLError as error:
            raise failures.ServerDown(url, str(error.reason)) from error
    raise failures.ServerDown(url, "the connection broke off")


@functools.cache
def _wav() -> bytes:
    """A tenth of a second as a file of 16-bit PCM."""
    return audio.wav_bytes(warm_up.example_waveform(audio.SAMPLE_RATE // 10), audio.SAMPLE_RATE)


def _with_bits(bits: int) -> bytes:
    """A WAV whose header claims so many bits."""
    wav = _wav()
    return wav[:34] + bits.to_bytes(2, "little") + wav[36:]


def _with_rate(rate: int) -> bytes:
    """A WAV whose header claims such a rate."""
    wav = _wav()
    return wav[:24] + rate.to_bytes(4, "little") + wav[28:]


def _b64(data: bytes) -> dict[str, str]:
    """What TensorFlow Serving takes for bytes in JSON."""
    return {"b64": base64.b64encode(data).decode()}


def _one_wav(wav: bytes) -> dict[str, np.ndarray]:
    return {"wav_bytes": np.array([wav, None], object)[:1]}  # None keeps NumPy from making it a string of fixed size
