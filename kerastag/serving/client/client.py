"""Clients of an exported model behind TensorFlow Serving, over REST or gRPC: `rest(address, model).score(path)`.

Both do the same. What travels differs: over REST a file goes as 16 kHz mono WAV of 16 bits in base64 (5.8 MB of WAV,
7.7 MB sent, for 3 minutes), to the signature `classify_wav`, since the same samples as JSON numbers would be 36 MB;
over gRPC as a waveform of float32 (11.5 MB). REST needs the standard library and NumPy alone, and libsndfile where it
reads a file; gRPC needs tensorflow-serving-api, which brings TensorFlow.

Requests that meet a closed door (nobody there, connection lost, 429, 502, 503, UNAVAILABLE, RESOURCE_EXHAUSTED) are
sent again after a pause, since to predict changes nothing; timeouts and refusals are not. Errors are ServingErrors.
"""

import dataclasses
import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import numpy as np

from kerastag import audio, errors
from kerastag.serving import signatures
from kerastag.serving.client import failures, grpc_transport, rest_transport, session

TIMEOUT_SECONDS = 30.0
MAX_RETRIES = 3
MAX_MESSAGE_MEGABYTES = 256  # an hour of 16 kHz float32 is 220; gRPC's own limit for answers is 4
Path = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True)
class Taggram:
    """Scores over time.

    Attributes:
      tags: short names, (num_tags,).
      start_seconds: where each chunk begins, in seconds, float32 (chunks,).
      scores: float32 (chunks, num_tags).
    """

    tags: tuple[str, ...]
    start_seconds: np.ndarray
    scores: np.ndarray


def rest(
    address: str,
    model: str,
    version: int | None = None,
    label: str | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
    max_retries: int = MAX_RETRIES,
) -> "Client":
    """A client over REST.

    Args:
      address: http://HOST:PORT, by default port 8501 in TensorFlow Serving's images.
      model: its name, --model_name of the server.
      version: its number; None: the label's, or the latest.
      label: label of a version in the server's --model_config_file.
      timeout_seconds: for connecting, for sending and for the answer each, and for any pause within; all of a request
        takes three times as long at most.
      max_retries: how often a request that found nobody is sent again.
    """
    transport = rest_transport.RestTransport(address, timeout_seconds)
    return Client(transport, session.target(model, version, label), max_retries)


def grpc(
    address: str,
    model: str,
    version: int | None = None,
    label: str | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
    max_retries: int = MAX_RETRIES,
    max_message_megabytes: int = MAX_MESSAGE_MEGABYTES,
) -> "Client":
    """A client over gRPC, without encryption; see `rest`.

    Args:
      address: HOST:PORT, by default port 8500.
      model: its name.
      version: its number.
      label: label of a version.
      timeout_seconds: for a request as a whole.
      max_retries: how often a request that found nobody is sent again.
      max_message_megabytes: the largest request and answer.

    Raises:
      KerastagError: tensorflow-serving-api is not installed.
    """
    transport = grpc_transport.GrpcTransport(address, timeout_seconds, max_message_megabytes)
    return Client(transport, session.target(model, version, label), max_retries)


def connect(server: str, model: str, **options: Any) -> "Client":
    """A client for http://HOST:PORT, https://HOST or grpc://HOST:PORT; `options` are those of `rest` and `grpc`.

    Raises:
      KerastagError: the address is of another form.
    """
    if server.startswith("grpc://"):
        return grpc(server.removeprefix("grpc://").rstrip("/"), model, **options)
    if server.startswith(("http://", "https://")):
        return rest(server, model, **options)
    raise errors.KerastagError(f"{server}: give the server as http://HOST:PORT or grpc://HOST:PORT")


class Client:
    """Asks one model of one server; threads may share it.

    It names a version in every request, so that scores are never read by another version's tags: the latest, or that
    of the label, as the server said within the last ten seconds.

    Args:
      transport: how requests travel.
      target: the model.
      max_retries: how often a request that found nobody is sent again.
    """

    def __init__(self, transport: session.Transport, target: signatures.Target, max_retries: int = MAX_RETRIES):
        self._transport = transport
        self._session = session.Session(transport, target, max_retries)

    def predict(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Calls a signature.

        Args:
          signature: its name, such as serving_default.
          inputs: arrays by name; every first dimension is the batch. They are converted to the signature's dtypes.

        Returns:
          arrays by name; strings as bytes.

        Raises:
          ServingError: Refused: inputs do not fit; NotServed, ServerDown, TimedOut, TooLarge, Busy.
        """
        return self._session.with_version(lambda served: self._session.run(served, signature, inputs))

    def served(self) -> signatures.Served:
        """The version that is meant, and what it can be asked; raises ServingError."""
        return self._session.with_version(lambda served: served)

    def tags(self) -> list[str]:
        """The tags in column order, by the short names that `score` has as keys, (num_tags,)."""
        return self._session.with_version(lambda served: list(self._session.facts(served).vocabulary.short_names))

    def score(self, path: Path) -> dict[str, float]:
        """The score of every tag for one audio file, in [0, 1], by short name; the whole waveform is sent.

        Raises:
          AudioError: the file cannot be read.
          ServingError: see `predict`.
        """
        return self._session.with_version(lambda served: self._score(served, path))

    def score_wav(self, wav: bytes) -> dict[str, float]:
        """The same for the bytes of a WAV file, which the server reads: 16-bit PCM, best mono at the model's rate.

        Raises:
          ServingError: Refused: the server cannot read it; else see `predict`.
        """
        return self._session.with_version(lambda served: self._score_wav(served, wav))

    def taggram(self, path: Path) -> Taggram:
        """The scores of every chunk of one audio file, see `score`; over REST this sends JSON numbers."""

        def work(served: signatures.Served) -> Taggram:
            outputs = self._session.run(served, "taggram", self._waveform(served, path))
            names = self._session.facts(served).vocabulary.short_names
            with failures.understood(self._transport.place):
                taggram = Taggram(names, outputs["start_seconds"][0], outputs["chunk_scores"][0])
                if taggram.scores.shape != (len(taggram.start_seconds), len(names)):
                    raise ValueError(f"chunk_scores of shape {taggram.scores.shape} for {len(names)} tags")
                return taggram

        return self._session.with_version(work)

    def top_tags(self, path: Path, k: int = 5) -> list[tuple[str, float]]:
        """The `k` tags of one audio file with the highest scores, highest first; all if there are fewer."""
        if k < 1:
            raise errors.KerastagError(f"top_tags: k is {k}, it must be at least 1")

        def work(served: signatures.Served) -> list[tuple[str, float]]:
            if self._transport.sends_wav:  # all scores give the same, for a fraction of what JSON numbers take
                return sorted(self._score(served, path).items(), key=lambda item: -item[1])[:k]
            vocabulary = self._session.facts(served).vocabulary
            inputs = {**self._waveform(served, path), "k": np.array([min(k, len(vocabulary))])}
            outputs = self._session.run(served, "top_tags", inputs)
            with failures.understood(self._transport.place):
                columns = [vocabulary.index(name.decode()) for name in outputs["tags"][0]]
                names = [vocabulary.short_names[column] for column in columns]
                return list(zip(names, outputs["scores"][0].tolist(), strict=True))

        return self._session.with_version(work)

    def status(self) -> list[signatures.VersionStatus]:
        """The versions of the model that the server knows, or the one that was asked for."""
        return self._session.status()

    def close(self) -> None:
        """Lets go of the connections."""
        self._transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _score(self, served: signatures.Served, path: Path) -> dict[str, float]:
        waveform = self._waveform(served, path)
        if self._transport.sends_wav and "classify_wav" in served.signatures:
            return self._score_wav(
                served, audio.wav_bytes(waveform["waveform"][0], self._session.facts(served).sample_rate)
            )
        return self._by_tag(served, self._session.run(served, "serving_default", waveform))

    def _score_wav(self, served: signatures.Served, wav: bytes) -> dict[str, float]:
        try:
            outputs = self._session.run(served, "classify_wav", {"wav_bytes": np.array([wav, None], object)[:1]})
        except failures.Refused as error:
            if "classify_wav" not in served.signatures:
                raise
            rate = self._session.facts(served).sample_rate
            raise failures.Refused(
                error.place, error.problem, f"send WAV of 16-bit PCM, best mono at {rate} Hz"
            ) from None
        return self._by_tag(served, outputs)

    def _waveform(self, served: signatures.Served, path: Path) -> dict[str, np.ndarray]:
        """The input of most signatures: float32 (1, samples)."""
        return {"waveform": audio.read(path, self._session.facts(served).sample_rate)[None]}

    def _by_tag(self, served: signatures.Served, outputs: Mapping[str, np.ndarray]) -> dict[str, float]:
        names = self._session.facts(served).vocabulary.short_names
        with failures.understood(self._transport.place):
            return dict(zip(names, outputs["scores"][0].tolist(), strict=True))
