"""What lies beside the versions of a model: settings for TensorFlow Serving, and a README with calls to paste."""

import dataclasses
import json
from collections.abc import Mapping

from kerastag import templates

IMAGE = "tensorflow/serving:2.20.0"
CORS = "--rest_api_enable_cors_support=true"  # lets pages of other origins read answers
PAGE = "listen"
METRICS_PATH = "/monitoring/prometheus/metrics"
KEPT_VERSIONS = 2  # that are served at once, so that a client may stay with the one before
FILES = (
    *("models.config", "batching_parameters.txt", "monitoring_parameters.txt"),
    *("docker-compose.yml", "README.md"),
)


@dataclasses.dataclass(frozen=True)
class Subject:
    """What the texts speak of.

    Attributes:
      name: the model's name on the server.
      versions: numbers in the bundle, rising.
      version_folder: the version just written.
      signatures: what each signature takes and gives, by its name.
      num_tags: how many tags the model has.
      best_tag: the tag with the highest score for example.wav by that version, and best_score: its score.
    """

    name: str
    versions: tuple[int, ...]
    version_folder: str
    signatures: Mapping[str, str]
    num_tags: int
    best_tag: str
    best_score: float


def rendered(subject: Subject) -> dict[str, str]:
    """The files' contents by their names."""
    values = {
        **dataclasses.asdict(subject),
        "image": IMAGE,
        "cors": CORS,
        "page": PAGE,
        "metrics_path": METRICS_PATH,
        "kept_versions": KEPT_VERSIONS,
        "labels": labels(subject.versions),
        "server_flags": server_flags(subject.name),
        "health_check": json.dumps(health_check(subject.name)),
        "docker": docker_command(subject.name, '"$PWD"', " \\\n  "),
    }
    return {name: templates.render(__package__, f"{name}.j2", values) for name in FILES}


def server_flags(name: str) -> list[str]:
    """Flags of tensorflow_model_server in a container that has the bundle at /models/NAME."""
    return [
        f"--model_config_file=/models/{name}/models.config",
        "--model_config_file_poll_wait_seconds=60",
        "--allow_version_labels_for_unavailable_models=true",
        f"--monitoring_config_file=/models/{name}/monitoring_parameters.txt",
    ]


def docker_command(name: str, folder: str, separator: str = " ") -> str:
    """Starts a server on the ports 8500 (gRPC) and 8501 (REST); `folder`: the bundle, as a shell reads it."""
    first = f"docker run --rm -p 8500:8500 -p 8501:8501 -v {folder}:/models/{name}:ro {IMAGE}"
    return separator.join([first, *server_flags(name)])


def health_check(name: str) -> list[str]:
    """A command for inside the container: exit status 0 when a version answers."""
    ask = f"printf 'GET /v1/models/{name} HTTP/1.0\\r\\n\\r\\n' >&3"
    return ["CMD", "bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/8501 && {ask} && grep -q '\"AVAILABLE\"' <&3"]


def labels(versions: tuple[int, ...]) -> dict[str, int]:
    """`stable`: the highest version; `previous`: the one below, if there is one."""
    return dict(zip(("stable", "previous"), reversed(versions), strict=False))
