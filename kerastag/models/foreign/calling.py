"""A SavedModel or ONNX file as a function of tensors, and the names and shapes that it states."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from kerastag import errors, runtime
from kerastag.tensors import Tensor

SAVED_MODEL, ONNX = "saved_model", "onnx"
SIGNATURE = "serving_default"

Shape = tuple[int | None, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Opened:
    """A network of another maker that can be called.

    Attributes:
      path: where it was read.
      kind: SAVED_MODEL or ONNX.
      input, output: names of what it takes and gives.
      input_shape: what it states; None in it: any; None: it states nothing.
      call: float32 waveforms, of that shape, to what it gives.
      loaded: the object whose variables `call` uses, for a SavedModel that is to be saved again.
    """

    path: pathlib.Path
    kind: str
    input: str
    output: str
    input_shape: Shape | None
    call: Callable[[Tensor], Tensor]
    loaded: Any = None

    @property
    def takes_rows(self) -> bool:
        """Whether it takes one waveform at a time, (samples,) or (1, samples)."""
        shape = self.input_shape
        return shape is not None and (len(shape) == 1 or shape[0] == 1)

    def embed(self, waveform: Tensor, width: int) -> Tensor:
        """float32 (batch, samples) to (batch, width): the mean over frames where it gives frames."""
        if not self.takes_rows:
            frames = tf.reshape(self.call(waveform), [tf.shape(waveform)[0], -1, width])
            return tf.reduce_mean(frames, axis=1)
        return tf.map_fn(lambda row: tf.reduce_mean(tf.reshape(self.of_row(row), [-1, width]), axis=0), waveform)

    def of_row(self, row: Tensor) -> Tensor:
        """What it gives of one waveform, (samples,), where it takes one at a time."""
        assert self.input_shape is not None  # else it does not say that it does
        return self.call(row if len(self.input_shape) == 1 else row[tf.newaxis])


def kind_of(path: pathlib.Path) -> str:
    """SAVED_MODEL or ONNX.

    Raises:
      KerastagError: it is neither, or not there.
    """
    if not path.exists():
        raise errors.KerastagError(f"{path}: no such file or folder")
    if path.is_file() and path.suffix == ".onnx":
        return ONNX
    if (path / "saved_model.pb").is_file():
        return SAVED_MODEL
    raise errors.KerastagError(f"{path}: neither the folder of a SavedModel nor an .onnx file")


def open_base(path: pathlib.Path, kind: str, named_input: str | None = None, named_output: str | None = None) -> Opened:
    """Reads a network.

    Args:
      path: a folder with a SavedModel, of which the signature serving_default is taken, or an ONNX file.
      kind: SAVED_MODEL or ONNX.
      named_input, named_output: names of what it takes and gives; None: there is only one.

    Raises:
      KerastagError: it cannot be read, has no such signature, input or output, does not take float32, or a package is
        missing.
    """
    return (_open_onnx if kind == ONNX else _open_saved_model)(path, named_input, named_output)


def _open_saved_model(path: pathlib.Path, named_input: str | None, named_output: str | None) -> Opened:
    runtime.check_loadable(path)
    try:
        loaded = tf.saved_model.load(str(path))
    except Exception as error:  # whatever TensorFlow makes of a file
        raise errors.KerastagError(f"{path}: cannot be read as a SavedModel ({_first_line(error)})") from error
    if SIGNATURE not in loaded.signatures:
        there = ", ".join(loaded.signatures) or "none"
        raise errors.KerastagError(f"{path}: no signature {SIGNATURE}; there is {there}")
    signature = loaded.signatures[SIGNATURE]
    inputs, outputs = signature.structured_input_signature[1], signature.structured_outputs
    name, output = _chosen(path, "input", inputs, named_input), _chosen(path, "output", outputs, named_output)
    spec = inputs[name]
    if spec.dtype != tf.float32:
        raise errors.KerastagError(f"{path}: the input {name} is {spec.dtype.name}, not float32")
    shape = None if spec.shape.rank is None else tuple(spec.shape.as_list())

    def call(waveform: Tensor) -> Tensor:
        return tf.cast(signature(**{name: waveform})[output], tf.float32)

    return Opened(path, SAVED_MODEL, name, output, shape, call, loaded)


def _open_onnx(path: pathlib.Path, named_input: str | None, named_output: str | None) -> Opened:
    try:
        import onnxruntime
    except ImportError:
        problem = "an ONNX file needs onnxruntime: pip install 'kerastag[onnx]'"
        raise errors.KerastagError(f"{path}: {problem}") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    # weights in files beside it, which would not be kept, are missed here and now
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    try:
        session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # whatever ONNX Runtime makes of a file
        raise errors.KerastagError(f"{path}: cannot be read as an ONNX file ({_first_line(error)})") from error
    inputs = {node.name: node for node in session.get_inputs()}
    name = _chosen(path, "input", inputs, named_input)
    output = _chosen(path, "output", {node.name: node for node in session.get_outputs()}, named_output)
    if inputs[name].type != "tensor(float)":
        raise errors.KerastagError(f"{path}: the input {name} is {inputs[name].type}, not tensor(float)")

    def call(waveform: Tensor) -> Tensor:
        def run(values: Any) -> Any:
            return session.run([output], {name: values})[0].astype("float32")

        return tf.numpy_function(run, [waveform], tf.float32, stateful=False)

    shape = tuple(size if isinstance(size, int) else None for size in inputs[name].shape)  # or the name of a size
    return Opened(path, ONNX, name, output, shape or None, call)


def _chosen(path: pathlib.Path, what: str, there: Mapping[str, Any], named: str | None) -> str:
    """The only one of what is there, or the one that is named."""
    names = ", ".join(sorted(there)) or "none"  # a SavedModel has them in no order
    if named is None and len(there) == 1:
        return next(iter(there))
    if named is None:
        raise errors.KerastagError(f"{path}: which {what} is meant? There are {names}", f"base_{what}")
    if named not in there:
        raise errors.KerastagError(f"{path}: no {what} {named}; there are {names}", f"base_{what}")
    return named


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
