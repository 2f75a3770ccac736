"""The gRPC services: PredictionService and ModelService, of tensorflow-serving-api."""

import concurrent.futures
import pathlib

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from stand_in import catalogue
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

_FIELDS = {tf.float32: "float_val", tf.float64: "double_val", tf.int32: "int_val", tf.int64: "int64_val"}
_FIELDS |= {tf.string: "string_val", tf.bool: "bool_val"}
_STATES = get_model_status_pb2.ModelVersionStatus.State


def start(models: catalogue.Catalogue, port: int, channel_arguments: str) -> int:
    """Starts the services. Returns their port."""
    options: dict[str, int | str] = {"grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1}
    for argument in filter(None, channel_arguments.split(",")):
        name, _, value = argument.partition("=")
        options[name] = int(value) if value.lstrip("-").isdigit() else value
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(16), options=list(options.items()))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Prediction(models), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Models(models), server)
    port = server.add_insecure_port(f"0.0.0.0:{port}")
    server.start()
    _STARTED.append(server)
    return port


_STARTED: list[grpc.Server] = []  # a server that nobody holds is shut down


def models_of_config(path: pathlib.Path) -> list[catalogue.Model]:
    """The models of a ModelServerConfig in text form."""
    config = text_format.Parse(path.read_text(), model_server_config_pb2.ModelServerConfig())
    return [_model(one) for one in config.model_config_list.config]


def _model(config: model_server_config_pb2.ModelConfig) -> catalogue.Model:
    policy = config.model_version_policy
    kind = policy.WhichOneof("policy_choice")
    latest = (policy.latest.num_versions or 1) if kind in (None, "latest") else None
    labels = dict(config.version_labels)
    return catalogue.Model(config.name, pathlib.Path(config.base_path), latest, policy.specific.versions, labels)


def _version(models: catalogue.Catalogue, spec: model_pb2.ModelSpec) -> catalogue.Version:
    return models.find(spec.name, spec.version.value if spec.HasField("version") else None, spec.version_label)


def _fail(context: grpc.ServicerContext, failure: catalogue.Failure) -> None:
    context.abort(grpc.StatusCode[failure.code], failure.message)


class _Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, models: catalogue.Catalogue):
        self._models = models

    def Predict(self, request, context):
        response = predict_pb2.PredictResponse()
        try:
            version = _version(self._models, request.model_spec)
            name = request.model_spec.signature_name or catalogue.DEFAULT_SIGNATURE
            inputs = {one: tf.make_ndarray(tensor) for one, tensor in request.inputs.items()}
            outputs = version.run(name, inputs, list(request.output_filter))
        except catalogue.Failure as failure:
            _fail(context, failure)
        response.model_spec.name, response.model_spec.signature_name = request.model_spec.name, name
        response.model_spec.version.value = version.number
        for one, array in outputs.items():
            response.outputs[one].CopyFrom(_as_field(array))
        return response

    def GetModelMetadata(self, request, context):
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        try:
            if list(request.metadata_field) != ["signature_def"]:
                raise catalogue.Failure("INVALID_ARGUMENT", "Metadata field %s is not supported")
            version = _version(self._models, request.model_spec)
        except catalogue.Failure as failure:
            _fail(context, failure)
        response.model_spec.name = request.model_spec.name
        response.model_spec.version.value = version.number
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for name, signature in version.signatures.items():
            signatures.signature_def[name].CopyFrom(signature)
        response.metadata["signature_def"].Pack(signatures)
        return response


class _Models(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, models: catalogue.Catalogue):
        self._models = models

    def GetModelStatus(self, request, context):
        response = get_model_status_pb2.GetModelStatusResponse()
        spec = request.model_spec
        try:
            number = spec.version.value if spec.HasField("version") else None
            number = _version(self._models, spec).number if spec.version_label else number
            states = self._models.states(spec.name, number)
        except catalogue.Failure as failure:
            _fail(context, failure)
        for version, state in states.items():
            row = response.model_version_status.add(version=version, state=_STATES.Value(state.state))
            row.status.error_code = grpc.StatusCode[state.error_code].value[0]
            row.status.error_message = state.error_message
        return response


def _as_field(array: np.ndarray) -> tensor_pb2.TensorProto:
    """Values in the field of their type, as the server sends them unless it is told otherwise."""
    dtype = tf.string if array.dtype == object else tf.dtypes.as_dtype(array.dtype)
    shape = tf.TensorShape(array.shape).as_proto()
    return tensor_pb2.TensorProto(
        dtype=dtype.as_datatype_enum, tensor_shape=shape, **{_FIELDS[dtype]: array.ravel().tolist()}
    )
