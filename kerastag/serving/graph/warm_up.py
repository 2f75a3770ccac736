"""Real requests of every signature: what a server sends itself before it serves a version, and what checks send.

TensorFlow Serving replays `assets.extra/tf_serving_warmup_requests`, a TFRecord file of PredictionLog messages, while
it loads a version, so that the first client does not wait for graphs to be optimised. The four messages around the
tensors are written here field by field (prediction_log.proto, predict.proto, model.proto): an export needs no
tensorflow-serving-api.
"""

import pathlib
from collections.abc import Mapping

import numpy as np

from kerastag import audio, errors
from kerastag.serving import signatures

REQUESTS = "tf_serving_warmup_requests"
TOP = 3  # tags that the request to top_tags wants
Requests = Mapping[str, Mapping[str, np.ndarray]]  # arrays by signature and input


def example_waveform(num_samples: int, sample_rate: int = audio.SAMPLE_RATE) -> np.ndarray:
    """A piece of music that is the same everywhere: a chord, note by note, twice a second, over a soft hiss.

    Returns:
      float32 (num_samples,), every value that of an int16.
    """
    time = np.arange(num_samples) / sample_rate  # (num_samples,)
    pitch = np.array([220.0, 277.2, 329.6, 440.0])[(2 * time).astype(int) % 4]
    decay = np.exp(-4 * (time % 0.5))
    notes = decay * sum(np.sin(2 * np.pi * pitch * overtone * time) / overtone**2 for overtone in (1, 2, 3))
    hiss = np.random.default_rng(0).normal(0, 0.01, num_samples)
    return audio.from_int16(audio.to_int16(0.3 * notes + hiss))


def requests(
    served: Mapping[str, signatures.Signature], waveform: np.ndarray, sample_rate: int, num_tags: int
) -> dict[str, dict[str, np.ndarray]]:
    """A request to each signature, of one row.

    Args:
      served: signatures by name.
      waveform: float32 (samples,), what the request is about.
      sample_rate: sample rate of the waveform, in Hz.
      num_tags: number of the model's tags.

    Raises:
      KerastagError: a signature has an input that nothing is known of.
    """
    values = {
        "waveform": waveform[None],
        "wav_bytes": np.array([audio.wav_bytes(waveform, sample_rate)], object),
        "k": np.array([min(TOP, num_tags)]),
        "request": np.zeros(1),
    }
    by_signature: dict[str, dict[str, np.ndarray]] = {}
    for name, signature in served.items():
        unknown = sorted(set(signature.inputs) - set(values))
        if unknown:
            raise errors.KerastagError(f"signature {name}: no request can be made for its input {unknown[0]}")
        by_signature[name] = {key: values[key].astype(tensor.dtype) for key, tensor in signature.inputs.items()}
    return by_signature


def write(path: pathlib.Path, model: str, requests_by_signature: Requests) -> None:
    """Writes requests as TensorFlow Serving replays them; `model`: its name on the server."""
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests_by_signature.items():
            tensors = {name: tf.make_tensor_proto(array).SerializeToString() for name, array in inputs.items()}
            writer.write(prediction_log(model, signature, tensors))


def prediction_log(model: str, signature: str, tensors: Mapping[str, bytes]) -> bytes:
    """PredictionLog.predict_log.request: a PredictRequest with serialised TensorProtos as inputs."""
    spec = _field(1, model.encode()) + _field(3, signature.encode())  # ModelSpec.name, .signature_name
    request = _field(1, spec)  # PredictRequest.model_spec, then .inputs: a map is a message of key and value each
    for name, tensor in tensors.items():
        request += _field(2, _field(1, name.encode()) + _field(2, tensor))
    return _field(6, _field(1, request))  # PredictionLog.predict_log, PredictLog.request


def _field(number: int, payload: bytes) -> bytes:
    """A field of bytes, text or a message: its key (number and wire type 2), its length, its content."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    low = bytes([value & 0x7F | (0x80 if value >> 7 else 0)])
    return low + (_varint(value >> 7) if value >> 7 else b"")
