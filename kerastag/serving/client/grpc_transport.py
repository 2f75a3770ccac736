"""TensorFlow Serving's gRPC services, by tensorflow-serving-api, which brings TensorFlow and loads with first use."""

import math
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from kerastag import errors
from kerastag.serving import signatures
from kerastag.serving.client import failures

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from tensorflow.core.framework import tensor_pb2
    from tensorflow_serving.apis import model_pb2

_MEGABYTE = 2**20
_NEEDED = "a gRPC client needs tensorflow-serving-api: pip install 'kerastag[serving]'"


class GrpcTransport:
    """Requests to one server, on one channel that all threads share.

    Args:
      address: HOST:PORT.
      timeout_seconds: that a request may take from sending to the whole answer.
      max_message_megabytes: the largest request and answer, in units of 2**20 bytes.

    Raises:
      KerastagError: tensorflow-serving-api is not installed, or the address is of another form.
    """

    sends_wav = False

    def __init__(self, address: str, timeout_seconds: float, max_message_megabytes: int):
        if "/" in address or not address.rpartition(":")[2].isdigit():
            raise errors.KerastagError(f"{address}: not an address of a gRPC server; give HOST:PORT")
        self.place = address
        self._timeout, self._limit = timeout_seconds, max_message_megabytes
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        try:
            import grpc
            from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
        except ImportError as error:
            raise errors.KerastagError(f"{_NEEDED} ({error})") from None
        self._channel = grpc.insecure_channel(address, _options(max_message_megabytes * _MEGABYTE))
        self._prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def predict(
        self, target: signatures.Target, name: str, signature: signatures.Signature, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """The outputs of a signature, by name; strings as bytes."""
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2

        request = predict_pb2.PredictRequest()
        _fill(request.model_spec, target)
        request.model_spec.signature_name = name
        for key, array in inputs.items():
            dtype = tf.string if array.dtype == object else array.dtype
            request.inputs[key].CopyFrom(tf.make_tensor_proto(array, dtype, array.shape))
        response = self._call(self._prediction.Predict, request)
        with failures.understood(self.place):
            return {key: array_of(tensor) for key, tensor in response.outputs.items()}

    def metadata(self, target: signatures.Target) -> signatures.Served:
        """The version that is meant, and its signatures."""
        from google.protobuf import json_format
        from tensorflow_serving.apis import get_model_metadata_pb2

        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        _fill(request.model_spec, target)
        response = self._call(self._prediction.GetModelMetadata, request)
        packed = get_model_metadata_pb2.SignatureDefMap()
        with failures.understood(self.place):
            response.metadata["signature_def"].Unpack(packed)
            definitions = json_format.MessageToDict(packed, preserving_proto_field_name=True)
            return signatures.Served.of_json(response.model_spec.version.value, definitions.get("signature_def", {}))

    def status(self, target: signatures.Target) -> list[signatures.VersionStatus]:
        """The versions of the model, or the one that is meant."""
        from tensorflow_serving.apis import get_model_status_pb2

        request = get_model_status_pb2.GetModelStatusRequest()
        _fill(request.model_spec, target)
        name_of = get_model_status_pb2.ModelVersionStatus.State.Name
        rows = self._call(self._models.GetModelStatus, request).model_version_status
        with failures.understood(self.place):
            return [signatures.VersionStatus(row.version, name_of(row.state), row.status.error_message) for row in rows]

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()

    def _call(self, method: Callable[..., Any], request: "Message") -> Any:
        """The response; raises ServingError."""
        import grpc

        try:
            return method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise self._error(error.code().name, error.details() or "", request.ByteSize()) from None

    def _error(self, code: str, said: str, size: int) -> failures.ServingError:
        if code == "DEADLINE_EXCEEDED":
            problem, advice = f"no answer within {self._timeout:g} s", "allow more seconds, or send shorter audio"
            return failures.TimedOut(self.place, problem, advice)
        if code == "RESOURCE_EXHAUSTED" and "larger than max" in said:
            return failures.TooLarge(self.place, *self._too_large(said, size))
        return failures.of_code(self.place, code, said)

    def _too_large(self, said: str, size: int) -> tuple[str, str]:
        """Which message is over whose limit, and what to do; `said` counts bytes."""
        ours = f"max_message_megabytes={self._limit}"
        if size > self._limit * _MEGABYTE:
            return f"a request of {size / _MEGABYTE:.1f} MB is over {ours}", "raise it, or send shorter audio"
        if "CLIENT" in said:
            return f"the answer is over {ours} ({said})", "raise it"
        advice = "raise grpc.max_receive_message_length in its --grpc_channel_arguments, or send shorter audio"
        return f"a request of {size / _MEGABYTE:.1f} MB is over the server's limit ({said})", advice


def array_of(tensor: "tensor_pb2.TensorProto") -> np.ndarray:
    """The array of a tensor that came; strings as bytes.

    Raises:
      ValueError, TypeError: it is damaged, or states more elements than it has bytes: TensorFlow would fill them up.
    """
    import tensorflow as tf

    sizes = [dimension.size for dimension in tensor.tensor_shape.dim]
    if min(sizes, default=0) < 0 or math.prod(sizes) > tensor.ByteSize():
        raise ValueError(f"a tensor of shape {tuple(sizes)} states more than it holds")
    return tf.make_ndarray(tensor)


def _options(max_bytes: int) -> list[tuple[str, int]]:
    """Sizes, and quick second tries: by default a channel waits for a second before it connects again."""
    sizes = [(f"grpc.max_{way}_message_length", max_bytes) for way in ("send", "receive")]
    pauses = [("initial", 100), ("max", 5000)]
    return sizes + [(f"grpc.{name}_reconnect_backoff_ms", pause) for name, pause in pauses]


def _fill(spec: "model_pb2.ModelSpec", target: signatures.Target) -> None:
    """Writes which model is meant into a ModelSpec."""
    spec.name = target.model
    if target.version is not None:
        spec.version.value = target.version
    elif target.label:
        spec.version_label = target.label
