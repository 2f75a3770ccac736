"""Which version a client talks to, and what it knows of it: signatures, tags, sample rate."""

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import numpy as np

from kerastag import audio, errors, tags
from kerastag.serving import signatures
from kerastag.serving.client import failures
from kerastag.serving.client import inputs as client_inputs

VALID_SECONDS = 10.0  # for so long it is not asked again which version is the latest, or has the label
_SAMPLE_RATES = range(1_000, 192_001)  # in Hz, that a file may be resampled to
Result = TypeVar("Result")


class Transport(Protocol):
    """How requests travel.

    Attributes:
      place: the server's address, for messages.
      sends_wav: whether a file should go as WAV rather than as a waveform.
    """

    place: str
    sends_wav: bool

    def predict(
        self, target: signatures.Target, name: str, signature: signatures.Signature, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """The outputs of a signature, by name; strings as bytes."""

    def metadata(self, target: signatures.Target) -> signatures.Served:
        """The version that is meant, and its signatures."""

    def status(self, target: signatures.Target) -> list[signatures.VersionStatus]:
        """The versions of the model, or the one that is meant."""

    def close(self) -> None:
        """Lets go of connections."""


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a version says of itself.

    Attributes:
      vocabulary: its tags.
      sample_rate: sample rate of its waveforms, in Hz.
    """

    vocabulary: tags.Vocabulary
    sample_rate: int


def target(model: str, version: int | None, label: str | None) -> signatures.Target:
    """The model that a user means.

    Raises:
      KerastagError: both a version and a label are given.
    """
    if version is not None and label:
        raise errors.KerastagError(f"version {version} and label '{label}' of '{model}': give one of them")
    return signatures.Target(model, version, label)


class Session:
    """One model of one server.

    Args:
      transport: how requests travel.
      wanted: the model.
      max_retries: see failures.retried.
    """

    def __init__(self, transport: Transport, wanted: signatures.Target, max_retries: int):
        self._transport = transport
        self._wanted = wanted
        self._max_retries = max_retries
        self._lock = threading.Lock()
        self._served: signatures.Served | None = None
        self._asked = 0.0
        self._facts: dict[int, Facts] = {}

    def with_version(self, work: Callable[[signatures.Served], Result]) -> Result:
        """What `work` makes with the version that is meant; done again if that was unloaded meanwhile.

        Raises:
          ServingError: also NotServed, with what the server has instead.
        """
        try:
            try:
                return work(self._current())
            except failures.NotServed:
                if self._wanted.version is not None:
                    raise
            return work(self._current(afresh=True))
        except failures.NotServed as error:
            raise self._explained(error) from None

    def run(self, served: signatures.Served, name: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The outputs of a signature of that version; see Client.predict."""
        place = f"{self._transport.place}: {self._wanted.model}"
        signature = client_inputs.find_signature(served, place, name)
        arrays = client_inputs.checked(signature, f"{place}: {name}", inputs)
        exact = signatures.Target(self._wanted.model, served.version)
        try:
            outputs = self._sent(lambda: self._transport.predict(exact, name, signature, arrays))
        except failures.Refused as error:
            raise failures.Refused(f"{place}: {name}", error.problem, error.advice) from None
        _check_outputs(f"{place}: {name}", signature, outputs)
        return outputs

    def facts(self, served: signatures.Served) -> Facts:
        """What that version's signature `metadata` says; asked for once.

        Raises:
          Refused: it has no such signature.
        """
        if served.version not in self._facts:
            outputs = self.run(served, "metadata", {"request": np.zeros(1, np.int32)})
            with failures.understood(self._transport.place):
                rate = int(outputs.get("sample_rate", np.array([audio.SAMPLE_RATE])).ravel()[0])
                if rate not in _SAMPLE_RATES:
                    raise ValueError(f"sample_rate is {rate} Hz")
                vocabulary = tags.Vocabulary([name.decode() for name in outputs["tags"][0]])
                self._facts[served.version] = Facts(vocabulary, rate)
        return self._facts[served.version]

    def status(self) -> list[signatures.VersionStatus]:
        """The versions of the model that the server knows, or the one that was asked for."""
        try:
            return self._sent(lambda: self._transport.status(self._wanted))
        except failures.NotServed as error:
            raise self._explained(error) from None

    def _current(self, afresh: bool = False) -> signatures.Served:
        with self._lock:
            fixed = self._wanted.version is not None or time.monotonic() - self._asked < VALID_SECONDS
            if self._served is None or afresh or not fixed:
                self._served = self._sent(lambda: self._transport.metadata(self._wanted))
                self._asked = time.monotonic()
            return self._served

    def _sent(self, attempt: Callable[[], Result]) -> Result:
        return failures.retried(attempt, self._max_retries)

    def _explained(self, error: failures.NotServed) -> failures.NotServed:
        """The same with what the server has instead."""
        place, model = self._transport.place, self._wanted.model
        try:
            known = self._sent(lambda: self._transport.status(signatures.Target(model)))
        except failures.NotServed:
            return failures.NotServed(place, f"serves no model '{model}'", "see --model_name of the server")
        except failures.OtherProtocol:
            if self._served is None:
                raise  # it never told any signatures, and serves in another way
            return error
        except failures.ServingError:
            return error
        if self._wanted.label and "label" in error.problem:
            advice = "see version_labels in --model_config_file of the server"
            return failures.NotServed(place, f"model '{model}' has no label '{self._wanted.label}'", advice)
        versions = ", ".join(
            f"{status.version} {status.state}{status.error and f' ({status.error})'}" for status in known
        )
        return failures.NotServed(place, f"{self._wanted} is not loaded", f"there is version {versions}")


def _check_outputs(place: str, signature: signatures.Signature, outputs: Mapping[str, np.ndarray]) -> None:
    """Raises OtherProtocol: an output is missing, or is none such as the signature gives."""
    for name, tensor in signature.outputs.items():
        array = outputs.get(name)
        if array is None or not tensor.takes(array.shape) or tensor.dtype not in ("object", array.dtype.name):
            given = "missing" if array is None else f"{array.dtype} {array.shape}"
            raise failures.OtherProtocol(place, f"{name} is {given}, not {tensor}", failures.ADVICE)
