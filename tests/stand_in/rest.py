"""The REST API: predict, status and metadata under /v1/models/NAME[/versions/N|/labels/L]."""

import http.server
import json
import re
import urllib.parse
from typing import Any

from google.protobuf import json_format
from stand_in import catalogue, json_form
from tensorflow.core.protobuf import meta_graph_pb2

_WHICH = r"(?i)/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?"
_PREDICT = re.compile(_WHICH + r":(classify|regress|predict)")
_LOOK = re.compile(_WHICH + r"(/metadata)?")
_STATUSES = {
    **{"INVALID_ARGUMENT": 400, "FAILED_PRECONDITION": 400, "OUT_OF_RANGE": 400, "UNAUTHENTICATED": 401},
    **{"PERMISSION_DENIED": 403, "NOT_FOUND": 404, "ABORTED": 409, "RESOURCE_EXHAUSTED": 429, "CANCELLED": 499},
    **{"UNIMPLEMENTED": 501, "UNAVAILABLE": 503, "DEADLINE_EXCEEDED": 504},
}
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}


def listen(models: catalogue.Catalogue, port: int, cors: bool) -> tuple[http.server.ThreadingHTTPServer, int]:
    """A server, to be run, and its port."""
    handler = type("Handler", (_Handler,), {"models": models, "headers_of_all": _CORS if cors else {}})
    server = _Server(("0.0.0.0", port), handler)
    return server, server.server_port


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128  # connections that may wait to be accepted


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept
    disable_nagle_algorithm = True
    models: catalogue.Catalogue
    headers_of_all: dict[str, str]

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PUT = do_DELETE = do_OPTIONS = do_GET

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        if not re.match("(?i)/v1/", path):
            self._send(404, "<html><body><h1>Not Found</h1></body></html>", "text/html")
            return
        try:
            self._send(200, self._content(path, body))
        except catalogue.Failure as failure:
            self._send(_STATUSES.get(failure.code, 500), json.dumps({"error": failure.message}, ensure_ascii=False))

    def _content(self, path: str, body: bytes) -> str:
        if self.command == "OPTIONS" and self.headers_of_all:
            if not re.match("https?://", self.headers.get("Origin", "")):
                raise catalogue.Failure("FAILED_PRECONDITION", "Origin header is missing in CORS preflight")
            return ""
        found = {"POST": _PREDICT, "GET": _LOOK}.get(self.command, re.compile("(?!)")).fullmatch(path)
        if found is None:
            raise json_form.invalid(f"Malformed request: {self.command} {path}")
        name, number, label = urllib.parse.unquote(found[1]), found[2] and int(found[2]), found[3]
        which = name, number, label and urllib.parse.unquote(label)
        if self.command == "POST":
            return _predict(self.models.find(*which), body) if found[4].lower() == "predict" else _unsupported(found[4])
        return _metadata(name, self.models.find(*which)) if found[4] else self._status(*which)

    def _status(self, name: str, number: int | None, label: str | None) -> str:
        number = self.models.find(name, None, label).number if label else number
        rows = [
            {
                "version": str(version),
                "state": state.state,
                "status": {"error_code": state.error_code, "error_message": state.error_message},
            }
            for version, state in self.models.states(name, number).items()
        ]
        return json.dumps({"model_version_status": rows}, indent=1) + "\n"

    def _send(self, status: int, content: str, kind: str = "application/json") -> None:
        data = content.encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **self.headers_of_all}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def _predict(version: catalogue.Version, body: bytes) -> str:
    document = json_form.parse(body)
    name = json_form.signature_of(document)
    if name not in version.signatures:
        raise json_form.invalid(f'Serving signature name: "{name}" not found in signature def')
    inputs, form = json_form.inputs_of(document, version.signatures[name].inputs)
    return json_form.response(version.run(name, inputs), form)


def _unsupported(method: str) -> str:
    raise catalogue.Failure("UNIMPLEMENTED", f"{method} needs signatures of tf.Example; the stand-in has predict only")


def _metadata(name: str, version: catalogue.Version) -> str:
    signatures = {one: _as_json(signature) for one, signature in version.signatures.items()}
    document = {
        "model_spec": {"name": name, "signature_name": "", "version": str(version.number)},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }
    return json.dumps(document, indent=1) + "\n"


def _as_json(signature: meta_graph_pb2.SignatureDef) -> dict[str, Any]:
    try:  # the option's name in protobuf 5 and newer
        return json_format.MessageToDict(
            signature, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
    except TypeError:
        return json_format.MessageToDict(
            signature, preserving_proto_field_name=True, including_default_value_fields=True
        )
