"""Models and their versions: loaded from numbered folders, run in TensorFlow's C++ session, unloaded."""

import dataclasses
import gc
import pathlib
import threading
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2

DEFAULT_SIGNATURE = "serving_default"


class Failure(Exception):
    """What a client is told: a canonical code such as NOT_FOUND, and a message."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code
        self.message = message


@dataclasses.dataclass(frozen=True)
class State:
    """Of a version, as GetModelStatus gives it."""

    state: str
    error_code: str = "OK"
    error_message: str = ""


class Version:
    """One SavedModel in a session of its own."""

    def __init__(self, number: int, folder: pathlib.Path):
        self.number = number
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        with self._session.graph.as_default():
            loaded = tf.compat.v1.saved_model.load(self._session, ["serve"], str(folder))
        self.signatures = dict(loaded.signature_def)
        self._callables: dict[tuple[str, ...], Callable[..., list]] = {}
        self._lock = threading.Lock()

    def run(self, name: str, inputs: Mapping[str, np.ndarray], wanted: Sequence[str] = ()) -> dict[str, np.ndarray]:
        """The outputs of a signature, those of `wanted` or all."""
        signature = self.signatures.get(name)
        if signature is None:
            raise Failure("FAILED_PRECONDITION", f'Serving signature key "{name}" not found.')
        check_names(set(inputs), set(signature.inputs))
        for output in wanted:
            if output not in signature.outputs:
                known = ",".join(sorted(signature.outputs))
                message = f"output tensor alias not found in signature: {output}"
                raise Failure("INVALID_ARGUMENT", f"{message} Outputs expected to be in the set {{{known}}}.")
        fed, fetched = sorted(signature.inputs), list(wanted) or sorted(signature.outputs)
        call = self._callable((name, *fetched), [signature.inputs[one].name for one in fed], signature, fetched)
        try:
            return dict(zip(fetched, call(*(inputs[one] for one in fed)), strict=True))
        except tf.errors.OpError as error:
            raise Failure(canonical(error), error.message) from None

    def _callable(
        self, key: tuple[str, ...], feeds: list[str], signature: meta_graph_pb2.SignatureDef, fetched: list[str]
    ) -> Callable[..., list]:
        """A call straight into the C++ session: Session.run refuses shapes that a placeholder does not state, and
        tensorflow_model_server does not.
        """
        with self._lock:
            if key not in self._callables:
                fetches = [signature.outputs[one].name for one in fetched]
                options = config_pb2.CallableOptions(feed=feeds, fetch=fetches)
                self._callables[key] = self._session._make_callable_from_options(options)
            return self._callables[key]


@dataclasses.dataclass
class Model:
    """A model of the server's configuration.

    Attributes:
      name: by which clients ask for it.
      base_path: the folder with its numbered versions.
      num_latest: how many of the highest versions are served; None: all, or those of `specific`.
      specific: the versions to serve.
      labels: version by label.
    """

    name: str
    base_path: pathlib.Path
    num_latest: int | None = 1
    specific: Sequence[int] = ()
    labels: Mapping[str, int] = dataclasses.field(default_factory=dict)
    versions: dict[int, Version] = dataclasses.field(default_factory=dict)
    states: dict[int, State] = dataclasses.field(default_factory=dict)

    def poll(self) -> None:
        """Loads what is to be served and is not yet, then unloads what is not to be served any more."""
        folders = self._folders()
        failed = {number for number, state in self.states.items() if state.error_code != "OK"}
        for number in failed - set(folders):
            del self.states[number]
        aspired = [number for number in sorted(folders) if not self.specific or number in self.specific]
        aspired = aspired[-self.num_latest :] if self.num_latest else aspired
        for number in aspired:
            if number not in self.versions and number not in failed:
                self._load(number, folders[number])
        if aspired and not set(aspired) & set(self.versions):
            return  # a version that does not load takes no other's place
        for number in set(self.versions) - set(aspired):
            self.versions = {other: version for other, version in self.versions.items() if other != number}
            self.states[number] = State("END")
            gc.collect()  # a session is in cycles, and holds some 10 MB

    def find(self, number: int | None, label: str | None) -> Version:
        """The version of a number or a label, or the highest."""
        if label:
            if label not in self.labels:
                raise Failure("INVALID_ARGUMENT", f"Unrecognized servable version label: {label}")
            number = self.labels[label]
        versions = self.versions
        if number is None:
            if not versions:
                raise Failure("NOT_FOUND", f"Servable not found for request: Latest({self.name})")
            number = max(versions)
        if number not in versions:
            raise Failure("NOT_FOUND", f"Servable not found for request: Specific({self.name}, {number})")
        return versions[number]

    def _folders(self) -> dict[int, pathlib.Path]:
        try:
            children = list(self.base_path.iterdir())
        except OSError:
            return {}
        return {int(one.name): one for one in children if one.name.isascii() and one.name.isdigit()}

    def _load(self, number: int, folder: pathlib.Path) -> None:
        self.states[number] = State("LOADING")
        try:
            self.versions = {**self.versions, number: Version(number, folder)}
            self.states[number] = State("AVAILABLE")
        except (tf.errors.OpError, OSError, ValueError, RuntimeError) as error:
            code = canonical(error) if isinstance(error, tf.errors.OpError) else "NOT_FOUND"
            self.states[number] = State("END", code, str(error))


class Catalogue:
    """All models of a server."""

    def __init__(self, models: Sequence[Model]):
        self._models = {model.name: model for model in models}

    def poll(self) -> bool:
        """Looks at all folders. Returns whether every model has a version."""
        for model in self._models.values():
            model.poll()
        return all(model.versions for model in self._models.values())

    def find(self, name: str, number: int | None = None, label: str | None = None) -> Version:
        """The version that a request means."""
        return self._models.get(name, Model(name, pathlib.Path())).find(number, label)

    def states(self, name: str, number: int | None = None) -> dict[int, State]:
        """The state of one version of a model or of all, the newest first."""
        known = dict(self._models[name].states) if name in self._models else {}
        if number is not None:
            if number not in known:
                raise Failure("NOT_FOUND", f"Could not find version {number} of model {name}")
            return {number: known[number]}
        if not known:
            raise Failure("NOT_FOUND", f"Could not find any versions of model {name}")
        return dict(sorted(known.items(), reverse=True))


def check_names(given: set[str], taken: set[str]) -> None:
    """Checks that a request has the inputs of its signature and no others."""
    if len(given) != len(taken):
        sets = [f"{{{','.join(sorted(one))}}}" for one in (given, taken, given - taken, taken - given)]
        numbers = f"{len(given)}!={len(taken)} len({sets[0]}) != len({sets[1]})"
        message = f"input size does not match signature: {numbers}. Sent extra: {sets[2]}. "
        raise Failure("INVALID_ARGUMENT", f"{message}Missing but required: {sets[3]}.")
    for name in sorted(given - taken):
        message = f"input tensor alias not found in signature: {name}"
        raise Failure("INVALID_ARGUMENT", f"{message}. Inputs expected to be in the set {{{','.join(sorted(taken))}}}.")


def canonical(error: tf.errors.OpError) -> str:
    """The name of a TensorFlow error's code: INVALID_ARGUMENT."""
    names = {getattr(tf.errors, name): name for name in dir(tf.errors) if name.isupper()}
    return names.get(error.error_code, "UNKNOWN")
