"""JSON requests to tensors and tensors to JSON responses, with the rules and the messages of TensorFlow Serving."""

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from stand_in import catalogue

ROW, COLUMN = "predictions", "outputs"  # the key of a response, by the form of its request
_MAX_INTEGER = {"float32": 2**24 - 1, "float64": 2**53 - 1}  # the largest that a decimal type surely holds
_RANGES = {"int32": 31, "int16": 31, "int8": 31, "uint8": 31, "int64": 63}
_KINDS = {
    type(None): "Null",
    bool: "Bool",
    dict: "Object",
    list: "Array",
    str: "String",
    int: "Number",
    float: "Number",
}
Infos = Mapping[str, Any]  # TensorInfo of each input


def invalid(message: str) -> catalogue.Failure:
    """What a malformed request is told."""
    return catalogue.Failure("INVALID_ARGUMENT", message)


def parse(body: bytes) -> dict[str, Any]:
    """The document of a request."""
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid(f"JSON Parse error: {error}") from None
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {json.dumps(document)} Is not object")
    return document


def signature_of(document: Mapping[str, Any]) -> str:
    """The signature that a request names, or the default."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(f"JSON Value: {name} not formatted correctly. 'signature_name' key must be a string value.")
    return name or catalogue.DEFAULT_SIGNATURE


def inputs_of(document: Mapping[str, Any], infos: Infos) -> tuple[dict[str, np.ndarray], str]:
    """The inputs of a request, and the key of its response."""
    if "instances" in document and "inputs" in document:
        raise invalid("Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ")
    if "instances" in document:
        instances = document["instances"]
        if not isinstance(instances, list):
            raise invalid("Excepting 'instances' to be an list/array")
        if not instances:
            raise invalid("No values in 'instances' array")
        return _rows(instances, infos), ROW
    if "inputs" in document:
        return _columns(document["inputs"], infos), COLUMN
    raise invalid("Missing 'inputs' or 'instances' key")


def response(outputs: Mapping[str, np.ndarray], form: str) -> str:
    """The text of a response: a plain list if there is one output, else an object."""
    if form == COLUMN:
        values = {name: text(array.tolist(), array.dtype, name) for name, array in outputs.items()}
        return f'{{"{COLUMN}": {_object(values)}}}'
    sizes = {name: len(array) if array.ndim else 0 for name, array in outputs.items()}
    for name, size in sizes.items():
        if size < 1 or size != max(sizes.values()):
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {size} expecting: {max(sizes.values())}")
    rows = [
        _object({name: text(array[number].tolist(), array.dtype, name) for name, array in outputs.items()})
        for number in range(max(sizes.values()))
    ]
    return f'{{"{ROW}": [{", ".join(rows)}]}}'


def text(value: Any, dtype: np.dtype, name: str) -> str:
    """JSON of a nested list; decimals so short that the dtype gives them back, NaN and Infinity as such."""
    if isinstance(value, list):
        return f"[{', '.join(text(one, dtype, name) for one in value)}]"
    if isinstance(value, bytes):
        if name.endswith("_bytes"):
            return json.dumps({"b64": base64.b64encode(value).decode()})
        return json.dumps(value.decode("utf-8", "replace"), ensure_ascii=False)
    if isinstance(value, float) and np.isfinite(value):
        short = f"{value:.6g}"
        if dtype.type(short) != value:
            short = f"{value:.{9 if dtype == np.float32 else 17}g}"
        return short if "." in short or "e" in short else f"{short}.0"
    return json.dumps(value)


def _object(values: Mapping[str, str]) -> str:
    if len(values) == 1:
        return next(iter(values.values()))
    return "{" + ", ".join(f"{json.dumps(name)}: {value}" for name, value in values.items()) + "}"


def _rows(instances: list[Any], infos: Infos) -> dict[str, np.ndarray]:
    plain = not isinstance(instances[0], dict) or _is_base64(instances[0])
    if plain and len(infos) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    columns: dict[str, list[np.ndarray]] = {}
    for number, instance in enumerate(instances):
        if (isinstance(instance, dict) and not _is_base64(instance)) == plain:
            kinds = "value/list but got object" if plain else "object but got list"
            raise invalid(f"Expecting {kinds} at item {number} of input list")
        for name, value in ({next(iter(infos)): instance} if plain else instance).items():
            try:
                _add(columns.setdefault(name, []), value, name, infos)
            except catalogue.Failure as failure:
                key = "" if plain else f" key: {name}"
                place = f"Failed to process element: {number}{key} of 'instances' list. "
                raise invalid(f"{place}Error: INVALID_ARGUMENT: {failure.message}") from None
        if not plain and set(instance) != set(infos):
            keys = ",".join(sorted(infos))
            place = f"Failed to process element: {number} of 'instances' list. "
            raise invalid(f"{place}JSON object: {json.dumps(instance)} must only have keys: {keys}")
    return {name: np.stack(rows) for name, rows in columns.items()}


def _add(rows: list[np.ndarray], value: Any, name: str, infos: Infos) -> None:
    if name not in infos:
        raise invalid(f"JSON object: does not have named input: {name}")
    row = _tensor(value, infos[name].dtype)
    if rows and rows[0].size != row.size:
        raise invalid(f"Expecting tensor size: {rows[0].size} but got: {row.size}")
    if rows and rows[0].shape != row.shape:
        shapes = [f"[{','.join(map(str, one.shape))}]" for one in (rows[0], row)]
        raise invalid(f"Expecting shape {shapes[0]} but got: {shapes[1]}")
    rows.append(row)


def _columns(value: Any, infos: Infos) -> dict[str, np.ndarray]:
    if not isinstance(value, dict) or _is_base64(value):
        if len(infos) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        value = {next(iter(infos)): value}
    for name in infos:
        if name not in value:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: _tensor(value[name], info.dtype) for name, info in infos.items()}


def _tensor(value: Any, dtype_enum: int) -> np.ndarray:
    dtype = tf.dtypes.as_dtype(dtype_enum)
    shape, first = [], value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    leaves = _leaves(value, shape, 0, _converter(dtype.name))
    if dtype == tf.string:
        return np.array([*leaves, None], object)[:-1].reshape(shape)  # None keeps NumPy from looking inside
    return np.fromiter(leaves, dtype.as_numpy_dtype).reshape(shape)


def _leaves(value: Any, shape: list[int], level: int, convert: Callable[[Any], Any]) -> Iterator[Any]:
    if not isinstance(value, list):
        if level != len(shape):
            place = f"found at incorrect level: {level + 1} in the JSON DOM. Expected at level: {len(shape)}"
            raise invalid(f"JSON Value: {json.dumps(value)} {place}")
        yield convert(value)
        return
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        place = f"at level: {level} expected size: {shape[level]}"
        raise invalid(f"Encountered list at unexpected size: {len(value)} {place}")
    if level == len(shape) - 1 and not any(isinstance(one, list) for one in value):
        yield from map(convert, value)
        return
    for one in value:
        yield from _leaves(one, shape, level + 1, convert)


def _converter(dtype: str) -> Callable[[Any], Any]:
    def mistyped(value: Any) -> catalogue.Failure:
        kind = f"Type: {_KINDS[type(value)]} is not of expected type: {dtype.removesuffix('32')}"
        return invalid(f"JSON Value: {json.dumps(value)} {kind}")

    def string(value: Any) -> bytes:
        if isinstance(value, dict):
            if not _is_base64(value):
                raise invalid(f"JSON Value: {json.dumps(value)} not formatted correctly for base64 data")
            try:
                return base64.b64decode(value["b64"], validate=True)
            except binascii.Error:
                raise invalid("Unable to base64 decode") from None
        if not isinstance(value, str):
            raise mistyped(value)
        return value.encode()

    def decimal(value: Any) -> float:
        if type(value) is int and abs(value) > _MAX_INTEGER[dtype]:
            raise invalid(f"Cannot convert JSON value: {value} to {dtype} without loss of precision.")
        if type(value) not in (int, float):
            raise mistyped(value)
        return value

    def integer(value: Any) -> int:
        if type(value) is not int or not -(2 ** _RANGES[dtype]) <= value < 2 ** _RANGES[dtype]:
            raise mistyped(value)
        return value

    def boolean(value: Any) -> bool:
        if type(value) is not bool:
            raise mistyped(value)
        return value

    known: dict[str, Callable[[Any], Any]] = {"string": string, "bool": boolean}
    known |= {name: decimal for name in _MAX_INTEGER} | {name: integer for name in _RANGES}
    if dtype not in known:
        raise catalogue.Failure("UNIMPLEMENTED", f"Conversion of JSON Value to type: {dtype}")
    return known[dtype]


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and list(value) == ["b64"] and isinstance(value["b64"], str)
