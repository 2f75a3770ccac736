"""Writes what torch.save writes, in both its forms, without PyTorch: to attack the reader with, and to test it."""

import collections
import dataclasses
import io
import pickle
import sys
import types
import zipfile
from unittest import mock

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
KINDS = {"f8": "Double", "f4": "Float", "f2": "Half", "i8": "Long", "i4": "Int", "i2": "Short", "i1": "Char"}
KINDS |= {"u1": "Byte", "b1": "Bool"}
PARAMETERS = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def _rebuild_tensor_v2(*_):
    raise AssertionError("only its name is written")


def _rebuild_parameter(*_):
    raise AssertionError("only its name is written")


_TORCH, _UTILS = types.ModuleType("torch"), types.ModuleType("torch._utils")
_UTILS.__dict__.update(_rebuild_tensor_v2=_rebuild_tensor_v2, _rebuild_parameter=_rebuild_parameter)
for _name in (*KINDS.values(), "BFloat16"):
    setattr(_TORCH, f"{_name}Storage", type(f"{_name}Storage", (), {"__module__": "torch"}))
for _function in (_rebuild_tensor_v2, _rebuild_parameter):
    _function.__module__ = "torch._utils"


@dataclasses.dataclass(eq=False)
class Storage:
    """Memory under a key; `numel` may lie."""

    key: str
    kind: str
    data: bytes
    numel: int


@dataclasses.dataclass(eq=False)
class Tensor:
    """A view of a storage, in numbers."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    def __reduce__(self):
        arguments = (self.storage, self.offset, self.size, self.stride, False, collections.OrderedDict())
        return _rebuild_tensor_v2, arguments


@dataclasses.dataclass(eq=False)
class Parameter:
    """What torch.nn.Parameter is to torch.save."""

    data: Tensor

    def __reduce__(self):
        return _rebuild_parameter, (self.data, True, collections.OrderedDict())


def tensor(array, key, kind=None):
    """A contiguous tensor with a storage of its own."""
    array = np.asarray(array)
    kind = kind or KINDS[array.dtype.str[1:]]
    stride = tuple(step // array.itemsize for step in np.ascontiguousarray(array).reshape(array.shape).strides)
    return Tensor(Storage(key, kind, array.tobytes(), array.size), 0, array.shape, stride)


def state_of(model):
    """The model's weights under their PyTorch names and axis orders."""
    state = {}
    for weight in model.weights:
        layer, parameter = weight.path.split("/")[-2:]
        layer = layer.replace("_conv_", ".conv_").replace("_bn_", ".bn_")
        array = np.asarray(weight)
        array = array.transpose({4: (3, 2, 0, 1), 2: (1, 0)}.get(array.ndim, range(array.ndim)))
        state[f"{layer}.{PARAMETERS.get(parameter, parameter).replace('kernel', 'weight')}"] = array
    return state


def state_dict(arrays):
    """An OrderedDict of tensors, with the attribute that torch gives it."""
    state = collections.OrderedDict((name, tensor(array, str(i))) for i, (name, array) in enumerate(arrays.items()))
    state._metadata = collections.OrderedDict([("", {"version": 1})])
    return state


def write_zip(path, content, protocol=2, compression=zipfile.ZIP_STORED, device="cpu"):
    """The form of PyTorch 1.6 and newer."""
    data, storages = _pickle(content, protocol, (), device)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/byteorder", "little")
        for storage in storages:
            archive.writestr(f"archive/data/{storage.key}", storage.data)
        archive.writestr("archive/version", "3\n")


def write_sequence(path, content, protocol=2, device="cpu"):
    """The older form."""
    data, storages = _pickle(content, protocol, (None,), device)
    system = {
        "protocol_version": 1001,
        "little_endian": True,
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    with open(path, "wb") as file:
        for value in (MAGIC, 1001, system):
            pickle.dump(value, file, protocol)
        file.write(data)
        pickle.dump([storage.key for storage in storages], file, protocol)
        for storage in storages:
            file.write(storage.numel.to_bytes(8, "little") + storage.data)


def _pickle(content, protocol, view, device):
    """The pickle of `content`, and its storages by key."""
    storages = {}

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if not isinstance(value, Storage):
                return None
            storages[value.key] = value
            return ("storage", getattr(_TORCH, f"{value.kind}Storage"), value.key, device, value.numel, *view)

    buffer = io.BytesIO()
    with mock.patch.dict(sys.modules, {"torch": _TORCH, "torch._utils": _UTILS}):
        Pickler(buffer, protocol).dump(content)
    return buffer.getvalue(), [storages[key] for key in sorted(storages)]
