"""What lies beside the versions of a model: settings for TensorFlow Serving, and a README with calls to paste."""

import dataclasses
import json
import shlex
from collections.abc import Mapping

IMAGE = "tensorflow/serving:2.20.0"
CORS = "--rest_api_enable_cors_support=true"  # lets pages of other origins read answers
PAGE = "listen"
METRICS_PATH = "/monitoring/prometheus/metrics"
KEPT_VERSIONS = 2  # that are served at once, so that a client may stay with the one before


@dataclasses.dataclass(frozen=True)
class Known:
    """What the texts speak of.

    Attributes:
      name: of the model on the server.
      versions: numbers in the bundle, rising.
      version_folder: the version just written.
      served: what each signature takes and gives, by its name.
      num_tags: of the model.
      best_tag: with the highest score for example.wav by that version, and its score.
    """

    name: str
    versions: tuple[int, ...]
    version_folder: str
    served: Mapping[str, str]
    num_tags: int
    best_tag: str
    best_score: float


def texts(known: Known) -> dict[str, str]:
    """The files' contents by their names."""
    return {
        "models.config": _models_config(known),
        "batching_parameters.txt": _filled(_BATCHING, known),
        "monitoring_parameters.txt": _filled(_MONITORING, known),
        "docker-compose.yml": _compose(known),
        "README.md": _readme(known),
    }


def flags(name: str) -> list[str]:
    """Those of tensorflow_model_server in a container that has the bundle at /models/NAME."""
    return [
        f"--model_config_file=/models/{name}/models.config",
        "--model_config_file_poll_wait_seconds=60",
        "--allow_version_labels_for_unavailable_models=true",
        f"--monitoring_config_file=/models/{name}/monitoring_parameters.txt",
    ]


def docker_command(name: str, folder: str, separator: str = " ") -> str:
    """Starts a server on the ports 8500 (gRPC) and 8501 (REST); `folder`: the bundle, as a shell reads it."""
    first = f"docker run --rm -p 8500:8500 -p 8501:8501 -v {folder}:/models/{name}:ro {IMAGE}"
    return separator.join([first, *flags(name)])


def quoted(folder: str) -> str:
    """A path as a shell reads it."""
    return shlex.quote(folder)


def health_check(name: str) -> list[str]:
    """A command for inside the container: exit status 0 when a version answers."""
    ask = f"printf 'GET /v1/models/{name} HTTP/1.0\\r\\n\\r\\n' >&3"
    return ["CMD", "bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/8501 && {ask} && grep -q '\"AVAILABLE\"' <&3"]


def labels(versions: tuple[int, ...]) -> dict[str, int]:
    """`stable`: the highest version; `previous`: the one below, if there is one."""
    return dict(zip(("stable", "previous"), reversed(versions), strict=False))


def _models_config(known: Known) -> str:
    assigned = "".join(
        f'    version_labels {{ key: "{label}" value: {version} }}\n'
        for label, version in labels(known.versions).items()
    )
    return _filled(_MODELS, known).replace("@LABELS@", assigned)


def _compose(known: Known) -> str:
    arguments = "".join(f"      - {flag}\n" for flag in flags(known.name))
    check = json.dumps(health_check(known.name))
    return _filled(_COMPOSE, known).replace("@FLAGS@", arguments).replace("@CHECK@", check)


def _readme(known: Known) -> str:
    signatures = "\n".join(f"| `{name}` | {what} |" for name, what in known.served.items())
    docker = docker_command(known.name, '"$PWD"', " \\\n  ")
    text = _filled(_README, known).replace("@SIGNATURES@", signatures).replace("@DOCKER@", docker)
    text = text.replace("@DOCKER_FOR_PAGES@", f"{docker} \\\n  {CORS}")
    return text.replace("@BEST@", f"`{known.best_tag}` with {known.best_score:.4f}")


def _filled(text: str, known: Known) -> str:
    values = {
        "NAME": known.name,
        "VERSION": known.version_folder,
        "IMAGE": IMAGE,
        "METRICS": METRICS_PATH,
        "PAGE": PAGE,
        "KEPT": str(KEPT_VERSIONS),
        "NUM_TAGS": str(known.num_tags),
    }
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


_ANEW = "# Every export writes this file anew; to change it, copy it and name the copy in the server's flags.\n"

_MODELS = (
    _ANEW
    + """# Labels: the server refuses one for a version that is not loaded yet, unless it was started with
# --allow_version_labels_for_unavailable_models=true. A label that is in use moves once its new version is loaded.
model_config_list {
  config {
    name: "@NAME@"
    base_path: "/models/@NAME@"
    model_platform: "tensorflow"
    model_version_policy { latest { num_versions: @KEPT@ } }
@LABELS@  }
}
"""
)

_BATCHING = (
    _ANEW
    + """# Off unless the server is started with
#   --enable_batching=true --batching_parameters_file=/models/@NAME@/batching_parameters.txt
# Requests that arrive at once then run as one. The server refuses to join waveforms of unequal lengths, and padding
# them (pad_variable_length_inputs) would change scores: turn it on only if all clients send waveforms of one and the
# same length, or classify_wav alone, whose files may be of any length.
max_batch_size { value: 8 }
batch_timeout_micros { value: 5000 }
max_enqueued_batches { value: 100 }
num_batch_threads { value: 2 }
"""
)

_MONITORING = (
    _ANEW
    + """prometheus_config {
  enable: true
  path: "@METRICS@"
}
"""
)

_COMPOSE = (
    _ANEW
    + """# docker compose up --wait
services:
  serving:
    image: @IMAGE@
    ports:
      - "8500:8500" # gRPC
      - "8501:8501" # REST
    volumes:
      - .:/models/@NAME@:ro
    command:
@FLAGS@    healthcheck:
      # the image has no curl: bash asks the REST API whether a version is available
      test: @CHECK@
      interval: 10s
      timeout: 5s
      retries: 3
      start_period: 60s
    restart: unless-stopped
"""
)

_README = """# @NAME@

A music tagger for TensorFlow Serving: audio in, @NUM_TAGS@ scores out. What the scores mean, what the model was
trained on and how far it can be trusted stands in `@VERSION@/assets.extra/model_card.md`. All commands are to be run
in this folder. Every export writes this file and those beside it anew.

## Start

```bash
@DOCKER@
```

or `docker compose up --wait`, which waits until the model answers. A server without Docker:
`tensorflow_model_server --port=8500 --rest_api_port=8501` with the same four flags, and the paths in them and in
`models.config` changed to where this folder lies. While a version loads, the server replays
`assets.extra/tf_serving_warmup_requests`, a request to each signature, so that no client waits for that.

## Ask over REST, port 8501

Is it there, and what does it take?

```bash
curl http://localhost:8501/v1/models/@NAME@
curl http://localhost:8501/v1/models/@NAME@/metadata
```

A WAV file (16-bit PCM, mono or stereo, 4 to 192 kHz) is decoded and resampled by the server. `example.wav` is a
synthesised chord; its highest score by version @VERSION@ is that of @BEST@:

```bash
(printf '{"signature_name": "classify_wav", "instances": [{"b64": "'; base64 -w0 example.wav; printf '"}]}') |
  curl -d @- http://localhost:8501/v1/models/@NAME@:predict
```

Scores are in the order of the tags, which the server tells as well:

```bash
curl -d '{"signature_name": "metadata", "instances": [{"request": 0}]}' http://localhost:8501/v1/models/@NAME@:predict
```

The best tags of a waveform (mono, at the rate that `model.json` beside the card says, any length; here four samples):

```bash
curl -d '{"signature_name": "top_tags", "instances": [{"waveform": [0.0, 0.1, -0.1, 0.2], "k": 3}]}' \\
  http://localhost:8501/v1/models/@NAME@:predict
```

and all its scores:

```bash
curl -d '{"instances": [[0.0, 0.1, -0.1, 0.2]]}' http://localhost:8501/v1/models/@NAME@:predict
```

For whole pieces JSON numbers are long: send WAV, or use gRPC.

## Listen

`@PAGE@/` is a page to hear what the model hears: drop audio files on it, and it shows their tags, and over the
waveform when each of them is heard. It is static and asks nobody but the server. A browser lets it read the answers if
the server says that pages may (CORS), so start the server with one flag more,

```bash
@DOCKER_FOR_PAGES@
```

and, in another terminal, send the page from here, then open http://localhost:8000:

```bash
python3 -m http.server --bind 127.0.0.1 --directory @PAGE@ 8000
```

Any page that a browser has open may then ask the server too; leave the flag off where that matters.

## Ask over gRPC, port 8500

With `pip install tensorflow-serving-api`:

```python
import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel("localhost:8500"))
request = predict_pb2.PredictRequest()
request.model_spec.name = "@NAME@"
request.model_spec.signature_name = "classify_wav"
with open("example.wav", "rb") as file:
    request.inputs["wav_bytes"].CopyFrom(tf.make_tensor_proto([file.read()]))
scores = tf.make_ndarray(stub.Predict(request, timeout=30).outputs["scores"])[0]
with open("@VERSION@/assets.extra/tags.txt", encoding="utf-8") as file:
    tags = file.read().splitlines()
for score, tag in sorted(zip(scores, tags), reverse=True)[:5]:
    print(f"{score:.4f} {tag}")
```

A client takes answers of up to 4 MB unless its channel has the option `grpc.max_receive_message_length`.

## Signatures of version @VERSION@

The first size of every shape is the batch.

| signature | takes and gives |
| --- | --- |
@SIGNATURES@

## Versions and labels

The server looks for new numbered folders every second and serves the @KEPT@ highest. Without a version in the address
a request goes to the highest; `/v1/models/@NAME@/versions/@VERSION@:predict` asks one version, and
`/v1/models/@NAME@/labels/stable:predict` the one that `models.config` calls so. Labels are refused for versions that
are not loaded yet, which at start is all of them: hence `--allow_version_labels_for_unavailable_models=true`. The
server reads `models.config` again every 60 seconds, and a label moves when its new version is loaded.

## Measure

`http://localhost:8501@METRICS@` has request counts and latencies for Prometheus
(`monitoring_parameters.txt`). `batching_parameters.txt` says when joining requests helps; it is off.
"""
