"""TensorFlow Serving's REST API, by the standard library alone."""

import base64
import contextlib
import http.client
import json
import socket
import threading
import urllib.parse
import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerastag import errors
from kerastag.serving import signatures
from kerastag.serving.client import failures

_CODES = {  # of HTTP, as canonical ones
    **{400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 408: "DEADLINE_EXCEEDED", 429: "RESOURCE_EXHAUSTED"},
    **{501: "UNIMPLEMENTED", 502: "UNAVAILABLE", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"},
}


class RestTransport:
    """Requests to one server; each thread keeps a connection of its own.

    Args:
      address: http://HOST:PORT or https://HOST, with a path where the server stands behind a proxy.
      timeout_seconds: that connecting, sending and waiting for an answer may take each.

    Raises:
      KerastagError: the address is of another form.
    """

    sends_wav = True  # a number in JSON takes 12 bytes, a sample of 16 bits in base64 fewer than 3

    def __init__(self, address: str, timeout_seconds: float):
        parts = urllib.parse.urlsplit(address)
        if parts.scheme not in ("http", "https") or not _has_host(parts) or parts.query or parts.fragment:
            raise errors.KerastagError(f"{address}: not an address of a REST server; give http://HOST:PORT")
        self.place = address.rstrip("/")
        self._secure, self._host = parts.scheme == "https", parts.netloc.rpartition("@")[2]
        self._prefix, self._timeout = parts.path.rstrip("/"), timeout_seconds
        self._own = threading.local()
        self._all: weakref.WeakSet[http.client.HTTPConnection] = weakref.WeakSet()

    def predict(
        self, target: signatures.Target, name: str, signature: signatures.Signature, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """The outputs of a signature, by name; strings as bytes."""
        document = {"signature_name": name, "inputs": {key: _nested(array) for key, array in inputs.items()}}
        body = json.dumps(document, separators=(",", ":")).encode()
        answer = self._ask("POST", f"{_path(target)}:predict", body)
        outputs = self._part(answer, "outputs")
        if len(signature.outputs) == 1:
            outputs = {next(iter(signature.outputs)): outputs}
        return {key: _array(outputs[key], tensor.dtype) for key, tensor in signature.outputs.items()}

    def metadata(self, target: signatures.Target) -> signatures.Served:
        """The version that is meant, and its signatures."""
        answer = self._ask("GET", f"{_path(target)}/metadata")
        definitions = self._part(self._part(answer, "metadata"), "signature_def").get("signature_def", {})
        return signatures.Served.of_json(self._part(answer, "model_spec")["version"], definitions)

    def status(self, target: signatures.Target) -> list[signatures.VersionStatus]:
        """The versions of the model, or the one that is meant."""
        rows = self._part(self._ask("GET", _path(target)), "model_version_status")
        return [
            signatures.VersionStatus(int(row["version"]), row["state"], row.get("status", {}).get("error_message", ""))
            for row in rows
        ]

    def close(self) -> None:
        """Closes the connections of all threads."""
        for connection in list(self._all):
            connection.close()

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        """The answer as JSON; raises ServingError."""
        status, reason, data = self._exchange(method, self._prefix + path, body)
        try:
            answer = json.loads(data)
        except ValueError:
            answer = None
        if status == 200 and isinstance(answer, dict):
            return answer
        if status == 413:
            problem = f"message of {len(body or b'') / 1e6:.1f} MB too large"
            raise failures.TooLarge(self.place, problem, "raise the limit of the proxy before the server, or use gRPC")
        if status == 200:
            raise failures.ServingError(self.place, "no JSON in the answer", "give the address of a model server")
        said = answer.get("error", reason) if isinstance(answer, dict) else reason
        raise failures.of_code(self.place, _CODES.get(status, f"HTTP {status}"), str(said))

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, str, bytes]:
        connection = self._connection()
        kept = connection.sock is not None
        try:
            try:
                return _request(connection, method, path, body)
            except ConnectionError:
                if not kept:
                    raise
                connection.close()  # a server may close a connection that was idle: that is no failure of its own
                return _request(connection, method, path, body)
        except TimeoutError:
            problem, advice = f"no answer within {self._timeout:g} s", "allow more seconds, or send shorter audio"
            raise self._broken(connection, failures.TimedOut(self.place, problem, advice)) from None
        except socket.gaierror as error:
            problem = f"unknown host ({error.strerror})"
            unknown = failures.UnknownHost(self.place, problem, "give the address of the model server")
            raise self._broken(connection, unknown) from None
        except (OSError, http.client.HTTPException) as error:
            problem = f"no model server answers ({_reason(error)})"
            down = failures.ServerDown(self.place, problem, "start it, or give its address")
            raise self._broken(connection, down) from None

    def _connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._own, "connection"):
            kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
            self._own.connection = kind(self._host, timeout=self._timeout)
            self._all.add(self._own.connection)
        return self._own.connection

    def _broken(self, connection: http.client.HTTPConnection, error: failures.ServingError) -> failures.ServingError:
        connection.close()
        return error

    def _part(self, answer: Any, key: str) -> Any:
        if not isinstance(answer, dict) or key not in answer:
            raise failures.ServingError(self.place, f"no '{key}' in the answer", "give the address of a model server")
        return answer[key]


def _request(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None
) -> tuple[int, str, bytes]:
    headers = {"Content-Type": "application/json"} if body is not None else {}
    # whoever refuses a long body may answer, and close, before all of it was sent
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.request(method, path, body, headers)
    response = connection.getresponse()
    return response.status, response.reason, response.read()


def _has_host(parts: urllib.parse.SplitResult) -> bool:
    try:
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        return False


def _path(target: signatures.Target) -> str:
    which = f"/labels/{urllib.parse.quote(target.label, safe='')}" if target.label else ""
    which = f"/versions/{target.version}" if target.version is not None else which
    return f"/v1/models/{urllib.parse.quote(target.model, safe='')}{which}"


def _nested(array: np.ndarray) -> Any:
    """A nested list for JSON; nine digits give back a float32 exactly, and are half of what its float64 would be."""
    if array.dtype == object:
        flat: list[Any] = [{"b64": base64.b64encode(_bytes(one)).decode()} for one in array.ravel()]
        return np.array([*flat, None], object)[:-1].reshape(array.shape).tolist()  # None: no look inside
    if array.dtype == np.float32:
        short = [float(f"{value:.9g}") for value in array.ravel().tolist()]
        return np.array(short).reshape(array.shape).tolist()
    return array.tolist()


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _array(value: Any, dtype: str) -> np.ndarray:
    if dtype != "object":
        return np.asarray(value, dtype)
    array = np.asarray(value, object)
    flat = [base64.b64decode(one["b64"]) if isinstance(one, dict) else _bytes(one) for one in array.ravel()]
    return np.array([*flat, None], object)[:-1].reshape(array.shape)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return " ".join(str(error).split()).lower() or type(error).__name__
