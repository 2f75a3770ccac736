"""A LiteRT model whose convolutions have kernels of 8 bits; what they are multiplied with is quantised as it comes.

TensorFlow's own converter has one switch for all of a model. With it the mel bands become 8 bits too: their sums then
carry errors as large as quiet bands themselves, which the logarithm makes into tens of decibels, and scores are off by
up to 1. Dense layers stay in float as well: they are a hundredth of the weights, and older runtimes take one
scale for all of a dense kernel where there are several, and answer wrongly.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ai_edge_litert import schema_py_generated as schema

LEVELS = 127  # on either side of 0
MIN_VALUES = 1024  # in a kernel: below, nothing is won
_CONVOLUTION_VERSION = 5  # of the operator, since which its kernel may be int8 with a scale for each channel
_IDENTIFIER = b"TFL3"  # of LiteRT files


def quantised(content: bytes) -> bytes:
    """The same model with convolutions' kernels in int8, a scale for each output channel.

    Kernels are symmetric: value = scale * int8, the largest magnitude of a channel being 127. All that leads to a
    logarithm is the front end, and stays as it is.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    (graph,) = model.subgraphs
    for position in set(_kernels(model, graph)):
        _quantise(model, graph.tensors[position])
    for code in model.operatorCodes:
        if _kind(code) == schema.BuiltinOperator.CONV_2D:
            code.version = max(code.version, _CONVOLUTION_VERSION)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def _kernels(model: "schema.ModelT", graph: "schema.SubGraphT") -> Iterator[int]:
    """Positions of the tensors that are kernels of convolutions behind the front end."""
    from ai_edge_litert import schema_py_generated as schema

    kinds = [_kind(model.operatorCodes[operator.opcodeIndex]) for operator in graph.operators]
    logarithms = [number for number, kind in enumerate(kinds) if kind == schema.BuiltinOperator.LOG]
    front_end = _with_what_leads_to(graph, logarithms)
    for number, (operator, kind) in enumerate(zip(graph.operators, kinds, strict=True)):
        kernel = graph.tensors[operator.inputs[1]] if kind == schema.BuiltinOperator.CONV_2D else None
        if kernel is None or number in front_end or model.buffers[kernel.buffer].data is None:
            continue
        if kernel.type == schema.TensorType.FLOAT32 and np.prod(kernel.shape) >= MIN_VALUES:
            yield int(operator.inputs[1])


def _kind(code: "schema.OperatorCodeT") -> int:
    """The operator of a code: the field of before 2020 holds those up to 127."""
    return max(code.builtinCode, code.deprecatedBuiltinCode)


def _with_what_leads_to(graph: "schema.SubGraphT", numbers: list[int]) -> set[int]:
    """Operators of these numbers, and all whose results go into theirs."""
    makers = {output: number for number, operator in enumerate(graph.operators) for output in operator.outputs}
    front_end: set[int] = set()
    waiting = list(numbers)
    while waiting:
        number = waiting.pop()
        if number not in front_end:
            front_end.add(number)
            waiting += [makers[tensor] for tensor in graph.operators[number].inputs if tensor in makers]
    return front_end


def _quantise(model: "schema.ModelT", tensor: "schema.TensorT") -> None:
    from ai_edge_litert import schema_py_generated as schema

    buffer = model.buffers[tensor.buffer]
    rows = np.frombuffer(bytes(buffer.data), "<f4").reshape(tensor.shape[0], -1)  # (outputs, values)
    scale = np.maximum(np.abs(rows).max(axis=1), np.finfo(np.float32).tiny) / LEVELS  # (outputs,)
    buffer.data = np.rint(rows / scale[:, None]).astype(np.int8).view(np.uint8).ravel()
    how = schema.QuantizationParametersT()
    how.scale, how.zeroPoint, how.quantizedDimension = scale.astype(np.float32), np.zeros(len(scale), np.int64), 0
    tensor.type, tensor.quantization = schema.TensorType.INT8, how
