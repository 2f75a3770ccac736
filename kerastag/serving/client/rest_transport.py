"""TensorFlow Serving's REST API, over urllib3's pool of connections."""

import base64
import json
import socket
import urllib.parse
from collections.abc import Mapping
from typing import Any

import numpy as np
import urllib3

from kerastag import errors, parallel
from kerastag.serving import signatures
from kerastag.serving.client import failures

MAX_ANSWER_BYTES = 64_000_000  # the scores of a chunk take under a kilobyte of JSON for each 50 tags
_PIECE = 1 << 16  # bytes of an answer that are looked at together
_KEPT_CONNECTIONS = 64  # more threads than that connect anew for each request
_CODES = {  # of HTTP, as canonical ones
    **{400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 408: "DEADLINE_EXCEEDED", 429: "RESOURCE_EXHAUSTED"},
    **{501: "UNIMPLEMENTED", 502: "UNAVAILABLE", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"},
}


class RestTransport:
    """Requests to one server, over connections that threads share.

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
        self._prefix, self._timeout = parts.path.rstrip("/"), timeout_seconds
        kind = urllib3.HTTPSConnectionPool if parts.scheme == "https" else urllib3.HTTPConnectionPool
        # urllib3's own retries know HTTP alone; failures.retried serves both transports
        self._pool = kind(
            parts.hostname or "", parts.port, timeout=timeout_seconds, maxsize=_KEPT_CONNECTIONS, retries=False
        )

    def predict(
        self, target: signatures.Target, name: str, signature: signatures.Signature, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """The outputs of a signature, by name; strings as bytes."""
        document = {"signature_name": name, "inputs": {key: _nested(array) for key, array in inputs.items()}}
        body = json.dumps(document, separators=(",", ":")).encode()
        answer = self._ask("POST", f"{_path(target)}:predict", body)
        with failures.understood(self.place):
            outputs = self._part(answer, "outputs")
            if len(signature.outputs) == 1:
                outputs = {next(iter(signature.outputs)): outputs}
            return {key: _array(outputs[key], tensor.dtype) for key, tensor in signature.outputs.items()}

    def metadata(self, target: signatures.Target) -> signatures.Served:
        """The version that is meant, and its signatures."""
        answer = self._ask("GET", f"{_path(target)}/metadata")
        with failures.understood(self.place):
            definitions = self._part(self._part(answer, "metadata"), "signature_def").get("signature_def", {})
            return signatures.Served.of_json(self._part(answer, "model_spec")["version"], definitions)

    def status(self, target: signatures.Target) -> list[signatures.VersionStatus]:
        """The versions of the model, or the one that is meant."""
        rows = self._part(self._ask("GET", _path(target)), "model_version_status")
        with failures.understood(self.place):
            return [
                signatures.VersionStatus(
                    int(row["version"]), str(row["state"]), str(row.get("status", {}).get("error_message", ""))
                )
                for row in rows
            ]

    def close(self) -> None:
        """Closes the connections."""
        self._pool.close()

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        """The answer as JSON; raises ServingError."""
        status, reason, data = self._exchange(method, self._prefix + path, body)
        try:
            answer = json.loads(data)
        except (ValueError, RecursionError):
            answer = None
        if status == 200 and isinstance(answer, dict):
            return answer
        if status == 413:
            problem = f"message of {len(body or b'') / 1e6:.1f} MB too large"
            raise failures.TooLarge(self.place, problem, "raise the limit of the proxy before the server, or use gRPC")
        if status == 200:
            raise failures.OtherProtocol(self.place, "no JSON in the answer", failures.ADVICE)
        said = answer.get("error", reason) if isinstance(answer, dict) else reason
        raise failures.of_code(self.place, _CODES.get(status, f"HTTP {status}"), str(said))

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, str, bytes]:
        """Status, its name and body of the answer; raises ServingError."""
        try:
            had_requests = self._pool.num_requests > 0
            try:
                return self._within_time(method, path, body)
            except urllib3.exceptions.ProtocolError:
                if not had_requests:
                    raise
                return self._within_time(method, path, body)  # a server may close a connection that was idle
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.NameResolutionError) as error:
            raise self._not_reached(error) from None
        except (urllib3.exceptions.TimeoutError, TimeoutError):
            problem, advice = f"no answer within {self._timeout:g} s", "allow more seconds, or send shorter audio"
            raise failures.TimedOut(self.place, problem, advice) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._down(error) from None

    def _within_time(self, method: str, path: str, body: bytes | None) -> tuple[int, str, bytes]:
        """`_request`, however slowly what is sent or answered drips, of which the limits of a connection know nothing.

        Raises:
          TimeoutError: connecting, sending and answering took longer than all three may.
        """
        return parallel.within(3 * self._timeout, self._request, method, path, body)

    def _request(self, method: str, path: str, body: bytes | None) -> tuple[int, str, bytes]:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        response = self._pool.request(method, path, body=body, headers=headers, preload_content=False)
        data = bytearray()
        for piece in response.stream(_PIECE, decode_content=False):  # packed is what nobody asked for
            data += piece
            if len(data) > MAX_ANSWER_BYTES:
                response.close()
                problem = f"the answer is over {MAX_ANSWER_BYTES / 1e6:g} MB"
                raise failures.TooLarge(self.place, problem, "send shorter audio, or use gRPC")
        response.release_conn()
        return response.status, response.reason or "", bytes(data)

    def _not_reached(self, error: urllib3.exceptions.HTTPError) -> failures.ServingError:
        cause = error.__cause__ or error.__context__
        if isinstance(cause, socket.gaierror):
            problem = f"unknown host ({cause.strerror})"
            return failures.UnknownHost(self.place, problem, "give the address of the model server")
        return self._down(cause if isinstance(cause, OSError) else error)

    def _down(self, error: BaseException) -> failures.ServingError:
        problem = f"no model server answers ({_reason(error)})"
        return failures.ServerDown(self.place, problem, "start it, or give its address")

    def _part(self, answer: Any, key: str) -> Any:
        if not isinstance(answer, dict) or key not in answer:
            raise failures.OtherProtocol(self.place, f"no '{key}' in the answer", failures.ADVICE)
        return answer[key]


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
        flat: list[Any] = [{"b64": base64.b64encode(_bytes(value)).decode()} for value in array.ravel()]
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
    flat = [base64.b64decode(item["b64"]) if isinstance(item, dict) else _bytes(item) for item in array.ravel()]
    return np.array([*flat, None], object)[:-1].reshape(array.shape)


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return " ".join(str(error).split()).lower() or type(error).__name__
