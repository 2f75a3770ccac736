"""PyTorch checkpoints read without PyTorch: tensors, and nothing else.

Both forms of torch.save are read: the zip archive (PyTorch 1.6 and newer), and the older one, pickles with the raw
storages after them. What a pickle may do is in torch_pickle.
"""

import dataclasses
import io
import math
import os
import pathlib
import zipfile
import zlib
from collections.abc import Callable
from typing import BinaryIO, TypeAlias

import numpy as np

from kerastag import errors
from kerastag.models.torch import unpickler
from kerastag.models.torch.unpickler import Value

_ZIP_START = b"PK\x03\x04"
_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_WRAPPERS = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "model.", "_orig_mod.")  # of DataParallel, of Lightning, of torch.compile
_DTYPES = {
    "Double": "<f8",
    "Float": "<f4",
    "Half": "<f2",
    "BFloat16": "<u2",  # the upper half of a float32
    "Long": "<i8",
    "Int": "<i4",
    "Short": "<i2",
    "Char": "<i1",
    "Byte": "<u1",
    "Bool": "<u1",
}
_STORAGES = {f"{module}.{name}Storage": name for module in ("torch", "torch.cuda") for name in _DTYPES}
_DAMAGED = (
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, OverflowError, MemoryError),
    *(RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error),
)
ReadBytes: TypeAlias = Callable[[str], bytes]


@dataclasses.dataclass(frozen=True)
class _Storage:
    """The memory of tensors: its name in the file, "Float" and the like, and how many numbers it has."""

    key: str
    kind: str
    numel: int

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(_DTYPES[self.kind])


@dataclasses.dataclass(frozen=True)
class _Tensor:
    """A view of a storage; offset and strides count numbers, not bytes."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The state dict in a checkpoint.

    Args:
      path: written by torch.save, of a state dict or of a dict with one under "state_dict", "model_state_dict" or
        "model".

    Returns:
      arrays by name, float16 and bfloat16 as float32; a prefix that all names have, as "module.", is taken off.

    Raises:
      OSError: it cannot be opened.
      KerastagError: it is no checkpoint, damaged, or holds anything but tensors in plain containers.
    """
    try:
        with pathlib.Path(path).open("rb") as file:
            content, read_bytes = _open_form(file)(file)
            tensors = _tensors(content)
            if sum(math.prod(tensor.size) for tensor in tensors.values()) > _size(file):
                raise ValueError("tensors that share storages are more than the file")
            return {name: _array(tensor, read_bytes) for name, tensor in tensors.items()}
    except unpickler.Forbidden as error:
        raise errors.KerastagError(
            f"{path}: refused: {error}, and a checkpoint may hold nothing but tensors, as "
            "torch.save(model.state_dict(), PATH) writes them"
        ) from None
    except (OSError, *_DAMAGED) as error:
        if isinstance(error, OSError) and error.filename:  # it could not be opened
            raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise errors.KerastagError(f"{path}: no PyTorch checkpoint, or a damaged one ({reason})") from None


def _open_form(file: BinaryIO) -> Callable[[BinaryIO], tuple[Value, ReadBytes]]:
    start = file.read(len(_ZIP_START))
    file.seek(0)
    return _read_zip if start == _ZIP_START else _read_sequence


def _read_zip(file: BinaryIO) -> tuple[Value, ReadBytes]:
    """The zip form: data.pkl and one member for each storage, none of them compressed."""
    archive = zipfile.ZipFile(file)
    if sum(member.file_size for member in archive.infolist()) > _size(file):
        raise ValueError("a zip archive that unpacks to more than it is")
    roots = [name.removesuffix("data.pkl") for name in archive.namelist() if f"/{name}".endswith("/data.pkl")]
    if len(roots) != 1:
        raise ValueError("a zip archive without data.pkl")
    byte_order = f"{roots[0]}byteorder"
    if byte_order in archive.namelist() and archive.read(byte_order) != b"little":
        raise ValueError("its numbers are big-endian")
    machine = unpickler.Machine(_names(), _storage)
    content = machine.run(io.BytesIO(archive.read(f"{roots[0]}data.pkl")))
    kept: dict[str, bytes] = {}

    def read_bytes(key: str) -> bytes:
        if key not in kept:
            kept[key] = archive.read(f"{roots[0]}data/{key}")
        return kept[key]

    return content, read_bytes


def _read_sequence(file: BinaryIO) -> tuple[Value, ReadBytes]:
    """The older form: magic number, protocol, system, content and the storages' names as pickles, then the storages."""
    storages: dict[str, _Storage] = {}

    def remember(identifier: Value) -> _Storage:
        storage = _storage(identifier)
        return storages.setdefault(storage.key, storage)

    machine = unpickler.Machine(_names(), remember)
    if machine.run(file) != _MAGIC or machine.run(file) != _PROTOCOL:
        raise ValueError("no magic number")
    if machine.run(file).get("little_endian") is not True:
        raise ValueError("its numbers are big-endian")
    content, keys = machine.run(file), machine.run(file)
    kept = {}
    for key in keys:
        storage = storages[key]
        if int.from_bytes(_read_exactly(file, 8), "little") != storage.numel:
            raise ValueError(f"storage {key} has another size than stated")
        kept[key] = _read_exactly(file, storage.numel * storage.dtype.itemsize)
    return content, kept.__getitem__


def _read_exactly(file: BinaryIO, count: int) -> bytes:
    if count > _size(file) - file.tell():
        raise ValueError("truncated")
    return file.read(count)


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _names() -> dict[str, Callable[..., Value] | None]:
    """All that a checkpoint may name."""
    return {
        **dict.fromkeys(_STORAGES),
        "collections.OrderedDict": unpickler.table,
        "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
        "torch._utils._rebuild_parameter": _rebuild_parameter,
    }


def _storage(identifier: Value) -> _Storage:
    """The storage of a persistent id: ("storage", type, key, device, numel), with None at the end in the older form."""
    mark, kind, key, _, numel, *view = identifier
    if mark != "storage" or type(kind) is not unpickler.Name or kind.text not in _STORAGES:
        raise ValueError("a persistent id that is no storage")
    if type(key) is not str or type(numel) is not int or numel < 0:
        raise ValueError("a storage without name or size")
    if view not in ([], [None]):
        raise unpickler.Forbidden("it has a view of a storage, as PyTorch before 0.4 wrote them")
    return _Storage(key, _STORAGES[kind.text], numel)


def _rebuild_tensor(storage: Value, offset: Value, size: Value, stride: Value, *_: Value) -> _Tensor:
    if type(storage) is not _Storage or type(size) is not tuple or type(stride) is not tuple:
        raise ValueError("a tensor without storage or size")
    if not all(type(number) is int and number >= 0 for number in (offset, *size, *stride)):
        raise ValueError("a tensor with negative sizes or strides")
    if len(size) != len(stride):
        raise ValueError("a tensor with more sizes than strides")
    last = offset + sum((number - 1) * step for number, step in zip(size, stride, strict=True))
    if math.prod(size) and (last >= storage.numel or math.prod(size) > storage.numel):
        raise ValueError(f"a tensor larger than its storage {storage.key[:40]}")
    return _Tensor(storage, offset, size, stride)


def _rebuild_parameter(data: Value, *_: Value) -> _Tensor:
    if type(data) is not _Tensor:
        raise ValueError("a parameter without a tensor")
    return data


def _tensors(content: Value) -> dict[str, _Tensor]:
    """The state dict's tensors, out of whatever is around them, without a prefix that all names have."""
    if type(content) is not dict:
        raise ValueError("it holds no state dict")
    state = next((content[key] for key in _WRAPPERS if type(content.get(key)) is dict), content)
    tensors = {name: tensor for name, tensor in state.items() if type(name) is str and type(tensor) is _Tensor}
    if not tensors:
        raise ValueError("it holds no tensors")
    while prefix := next((mark for mark in _PREFIXES if all(name.startswith(mark) for name in tensors)), ""):
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


def _array(tensor: _Tensor, read_bytes: ReadBytes) -> np.ndarray:
    """A tensor's numbers in NumPy's own byte order, float32 for both half precisions."""
    if not math.prod(tensor.size):
        return np.zeros(tensor.size, np.float32)
    dtype, data = tensor.storage.dtype, read_bytes(tensor.storage.key)
    if len(data) < tensor.storage.numel * dtype.itemsize:
        raise ValueError(f"storage {tensor.storage.key[:40]} is truncated")
    strides = [step * dtype.itemsize for step in tensor.stride]
    array = np.ndarray(tensor.size, dtype, data, tensor.offset * dtype.itemsize, strides)
    if tensor.storage.kind == "BFloat16":
        return np.asarray(array.astype(np.uint32) << 16).astype(np.uint32).view(np.float32)
    if tensor.storage.kind == "Bool":
        return np.asarray(array != 0)
    return array.astype(np.float32 if tensor.storage.kind == "Half" else dtype.newbyteorder("="), copy=False)
