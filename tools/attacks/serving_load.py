"""Clients that ask a model server without a pause, well and badly, and count what they get."""

import collections
import dataclasses
import random
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import numpy as np

from kerastag.serving import client, signatures
from kerastag.serving.client import failures, grpc_transport
from tools.serving import bad_requests, comparing

GOOD, BAD = ("right", "wrong", "failed"), ("refused", "accepted", "not answered")
FINE = ("right", "refused")
MAX_JSON_SAMPLES = 100_000  # over REST longer waveforms go as WAV alone, or clients would be busy writing numbers
TOLD = 5  # faults that are kept in words, of each kind


@dataclasses.dataclass(frozen=True)
class Request:
    """What must be answered, and the answer.

    Attributes:
      signature: its name.
      inputs: arrays by name.
      expected: outputs by name; strings as text.
    """

    signature: str
    inputs: Mapping[str, np.ndarray]
    expected: Mapping[str, np.ndarray]

    def fits_json(self) -> bool:
        """Whether it is short enough for numbers in JSON."""
        return all(array.size <= MAX_JSON_SAMPLES for array in self.inputs.values())

    def difference(self, answer: Mapping[str, np.ndarray]) -> float:
        """The largest of any output; infinite where one is missing."""
        if answer.keys() != self.expected.keys():
            return np.inf
        pairs = ((self.expected[name], comparing.as_text(array)) for name, array in answer.items())
        return max(comparing.difference(*pair) for pair in pairs)


class Tally:
    """What became of requests, by server; threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: collections.Counter[tuple[str, str]] = collections.Counter()
        self._told: collections.Counter[str] = collections.Counter()
        self.faults: list[str] = []

    def add(self, server: str, kind: str, words: str = "") -> None:
        """Counts a request; a fault is kept in words too, if there are not enough of its kind."""
        with self._lock:
            self._counts[server, kind] += 1
            if kind not in FINE and self._told[kind] < TOLD:
                self._told[kind] += 1
                self.faults.append(f"{server}: {kind}: {words}")

    def count(self, server: str, kind: str) -> int:
        """How many requests to a server became that."""
        with self._lock:
            return self._counts[server, kind]

    def total(self, *kinds: str) -> int:
        """How many became one of those, of all servers."""
        with self._lock:
            return sum(number for (_, kind), number in self._counts.items() if kind in kinds)


class Clients:
    """Clients of one model of one server.

    Args:
      address: http://HOST:PORT or grpc://HOST:PORT.
      model: the model's name there.
      requests: what is asked, in any order.
      tolerance: the largest difference of an answer.
      bad_share: share of requests that are bad.
      timeout_seconds: see client.rest.
      tally: where answers are counted.

    Attributes:
      address: see above.
      connection: the client that threads share; nothing is sent again that failed.
    """

    def __init__(
        self,
        address: str,
        model: str,
        requests: Sequence[Request],
        tolerance: float,
        bad_share: float,
        timeout_seconds: float,
        tally: Tally,
    ):
        self.address, self._model, self._tally = address, model, tally
        self._tolerance, self._bad_share = tolerance, bad_share
        self.connection = client.connect(address, model, timeout_seconds=timeout_seconds, max_retries=0)
        self._grpc: grpc_transport.GrpcTransport | None = None
        self._requests = list(requests)
        if address.startswith("grpc://"):
            place = address.removeprefix("grpc://").rstrip("/")
            self._grpc = grpc_transport.GrpcTransport(place, timeout_seconds, client.MAX_MESSAGE_MEGABYTES)
        else:
            self._requests = [request for request in requests if request.fits_json() or "wav_bytes" in request.inputs]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()
        if self._grpc is not None:
            self._grpc.close()

    def ask(self, seed: int, enough: threading.Event) -> None:
        """Sends one request after the other until it is told that it is enough."""
        dice, generator, num_bad = random.Random(seed), np.random.default_rng(seed), seed
        while not enough.is_set():
            if dice.random() < self._bad_share:
                self._ask_badly(num_bad, generator)
                num_bad += 1
            else:
                self._ask_well(dice.choice(self._requests))

    def _ask_well(self, request: Request) -> None:
        try:
            difference = request.difference(self.connection.predict(request.signature, request.inputs))
        except failures.ServingError as error:
            self._tally.add(self.address, "failed", f"{request.signature}: {error}")
            return
        if difference <= self._tolerance:
            self._tally.add(self.address, "right")
        else:
            self._tally.add(self.address, "wrong", f"{request.signature} differs by {difference:.2g}")

    def _ask_badly(self, number: int, generator: np.random.Generator) -> None:
        """Past all checks of a client."""
        try:
            kind, refused = (
                self._bad_rest(number, generator) if self._grpc is None else self._bad_grpc(number, generator)
            )
        except failures.ServingError as error:
            self._tally.add(self.address, "not answered", str(error))
            return
        self._tally.add(self.address, "refused" if refused else "accepted", kind)

    def _bad_rest(self, number: int, generator: np.random.Generator) -> tuple[str, bool]:
        """The kind of a bad request, and whether it was refused; raises ServingError."""
        kind, body = bad_requests.over_rest(number, generator)
        status, said = bad_requests.post(f"{self.address.rstrip('/')}/v1/models/{self._model}:predict", body)
        if status != 200 and not 400 <= status < 500:
            raise failures.ServingError(self.address, f"{kind}: HTTP {status}: {said[:200]}")
        return kind, status != 200

    def _bad_grpc(self, number: int, generator: np.random.Generator) -> tuple[str, bool]:
        assert self._grpc is not None
        kind, signature, inputs = bad_requests.over_grpc(number, generator)
        try:
            self._grpc.predict(signatures.Target(self._model), signature, signatures.Signature({}, {}), inputs)
        except failures.Refused:
            return kind, True
        return kind, False
