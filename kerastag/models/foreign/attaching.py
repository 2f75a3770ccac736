"""Where a network's file finds the base that it stands on: beside itself, or already open in this process."""

import contextlib
import contextvars
import dataclasses
import hashlib
import os
import pathlib
import shutil
import weakref
from collections.abc import Iterator

from kerastag import errors, files
from kerastag.models.foreign import calling

_FILES = {calling.SAVED_MODEL: "base", calling.ONNX: "base.onnx"}
# what a SavedModel is made of; anything else in its folder is not its own
_PARTS = ("saved_model.pb", "fingerprint.pb", "variables", "assets", "assets.extra")
_BLOCK = 2**20  # bytes that are read at a time


@dataclasses.dataclass(frozen=True)
class Description:
    """What a network's configuration says of its base.

    Attributes:
      kind, input, output: see calling.Opened.
      sample_rate: of its waveforms, in Hz.
      chunk_samples: samples in one chunk.
      width: numbers in an embedding.
      digest: SHA-256 of its files.
    """

    kind: str
    input: str
    output: str
    sample_rate: int
    chunk_samples: int
    width: int
    digest: str

    @property
    def file(self) -> str:
        """Name of the base beside the network's file."""
        return _FILES[self.kind]

    @property
    def _key(self) -> tuple[str, str, str]:
        return self.digest, self.input, self.output

    def remember(self, opened: calling.Opened) -> None:
        """Lets `opened` find it, as long as someone else holds it."""
        _open[self._key] = opened

    def opened(self) -> calling.Opened:
        """The base: the open one, or that in the folder of `files_in`.

        Raises:
          KerastagError: it is not there, cannot be read, or is another than the network was trained on.
        """
        if self._key in _open:
            return _open[self._key]
        path = _folder.get() / self.file
        if not path.exists():
            raise errors.KerastagError(f"{path}: missing; the network beside it stands on it")
        if digest(path) != self.digest:
            raise errors.KerastagError(f"{path}: damaged, or not the base that the network was trained on")
        opened = calling.open_base(path, self.kind, self.input, self.output)
        self.remember(opened)
        return opened


_open: "weakref.WeakValueDictionary[tuple[str, str, str], calling.Opened]" = weakref.WeakValueDictionary()
_folder: contextvars.ContextVar[pathlib.Path] = contextvars.ContextVar("folder", default=pathlib.Path())


@contextlib.contextmanager
def files_in(folder: str | os.PathLike[str]) -> Iterator[None]:
    """While a network is built from its configuration: the folder that its base lies in."""
    token = _folder.set(pathlib.Path(folder))
    try:
        yield
    finally:
        _folder.reset(token)


def digest(path: pathlib.Path) -> str:
    """SHA-256 over names and contents of a SavedModel's files, or over an ONNX file, in hexadecimal."""
    total = hashlib.sha256()
    for file in _files_of(path):
        name = "" if file == path else file.relative_to(path).as_posix()
        of_file = hashlib.sha256()
        with open(file, "rb") as opened:
            while block := opened.read(_BLOCK):
                of_file.update(block)
        total.update(f"{name}\0{of_file.hexdigest()}\n".encode())
    return total.hexdigest()


def keep(opened: calling.Opened, folder: pathlib.Path) -> None:
    """Copies a base into a folder, whole or not at all, under the name that `Description.file` gives it."""
    target = folder / _FILES[opened.kind]
    if opened.kind == calling.ONNX:
        with files.whole_file(target) as temporary:
            shutil.copyfile(opened.path, temporary)
        return
    with files.whole_folder(target, overwrite=True) as temporary:
        for file in _files_of(opened.path):
            copy = temporary / file.relative_to(opened.path)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)


def _files_of(path: pathlib.Path) -> list[pathlib.Path]:
    if path.is_file():
        return [path]
    parts = [path / part for part in _PARTS]
    inside = (file for part in parts if part.is_dir() for file in part.rglob("*"))
    return sorted(file for file in (*parts, *inside) if file.is_file())
