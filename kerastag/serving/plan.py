"""What to export and where to: forms, names and numbers of versions."""

import dataclasses
import os
import pathlib
import re
from collections.abc import Iterable, Sequence

from kerastag import errors
from kerastag.models import saved
from kerastag.runs import run_folder

SAVED_MODEL, LITERT, LITERT_INT8, ONNX = "saved_model", "litert", "litert_int8", "onnx"
FORMS = (SAVED_MODEL, LITERT, LITERT_INT8, ONNX)
MAX_VERSION = 2**63 - 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclasses.dataclass(frozen=True)
class Plan:
    """One export.

    Attributes:
      folder: the bundle; it may hold versions already.
      name: the model's name on a server; "": that of the folder.
      version: its number; None: one above the highest there is.
      precision: policy of the SavedModel's networks.
      num_chunks: evenly spaced chunks of a waveform whose scores are averaged.
      data_license: what is known of the terms of the training data; None: what lies beside it says.

    Raises:
      KerastagError: the version is there already, or the name cannot be part of a URL.
    """

    folder: pathlib.Path
    name: str = ""
    version: int | None = None
    precision: str = "float32"
    num_chunks: int = 16
    data_license: str | None = None

    def __post_init__(self) -> None:
        name = self.name or pathlib.Path(os.path.abspath(self.folder)).name
        object.__setattr__(self, "name", name)
        if not _NAME.fullmatch(name):
            problem = "not a name for a model, which has letters, digits, '_', '-' and '.'"
            raise errors.KerastagError(f"{name}: {problem}", "name")
        for folder in _numbered(self.folder):
            there = versions(folder)
            if self.version in there:
                raise errors.KerastagError(f"{folder / there[self.version]}: exists already")


def check_bases(runs: Iterable[run_folder.RunFolder], forms: Sequence[str]) -> None:
    """Checks that bases of other makers, which probes may stand on, can be part of what is exported.

    Raises:
      KerastagError: one is an ONNX file, or a SavedModel that is to become something else.
    """
    for run in runs:
        kind = saved.base_of(run.model_path)
        if kind is not None and kind != SAVED_MODEL:
            raise errors.KerastagError(f"{run.path}: stands on an {kind.upper()} file, which no export can hold")
        others = [form for form in forms if form != SAVED_MODEL]
        if kind is not None and others:
            problem = f"stands on a SavedModel of another maker, which cannot become {others[0]}"
            raise errors.KerastagError(f"{run.path}: {problem}", "formats")


def versions(folder: pathlib.Path) -> dict[int, str]:
    """The names in a folder that a server takes for versions, by number in rising order; "007" is version 7."""
    names = [child.name for child in folder.iterdir()] if folder.is_dir() else []
    numbered = {int(name): name for name in sorted(names) if name.isascii() and name.isdigit()}
    return {number: numbered[number] for number in sorted(numbered) if number <= MAX_VERSION}


def next_version(folder: pathlib.Path) -> int:
    """One above the highest number that a version of any form has: one number is one export."""
    return 1 + max(number for place in _numbered(folder) for number in (0, *versions(place)))


def _numbered(folder: pathlib.Path) -> list[pathlib.Path]:
    """The folders whose children are versions: the bundle, for the SavedModels, and one for each other form."""
    return [folder, *(child for form in FORMS if (child := folder / form).is_dir())]
