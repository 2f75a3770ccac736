"""A folder that TensorFlow Serving runs as it is: numbered versions of a model, and beside them how to serve them."""

import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from kerastag import errors, files, run_folder, tagger
from kerastag.metrics import decisions
from kerastag.serving import bundle_texts, formats, listening, model_card, signatures, warm_up

if TYPE_CHECKING:
    from kerastag.serving import saved_model

MAX_VERSION = 2**63 - 1
EXAMPLE = "example.wav"
MODEL_CARD = "model_card.md"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to export, and where to.

    Attributes:
      folder: of the bundle; it may hold versions already.
      name: of the model on a server; "": that of the folder.
      version: its number; None: one above the highest there is.
      precision: of the networks.
      num_chunks: of a waveform whose scores are averaged.
      calibrated: whether probabilities are served.
      data_license: what is known of the terms of the training data; None: what lies beside it says.

    Raises:
      KerastagError: the version is there already, or the name cannot be part of a URL.
    """

    folder: pathlib.Path
    name: str = ""
    version: int | None = None
    precision: str = "float32"
    num_chunks: int = 16
    calibrated: bool = False
    data_license: str | None = None

    def __post_init__(self) -> None:
        name = self.name or pathlib.Path(os.path.abspath(self.folder)).name
        object.__setattr__(self, "name", name)
        if not _NAME.fullmatch(name):
            problem = "not a name for a model; --name takes letters, digits, '_', '-' and '.'"
            raise errors.KerastagError(f"{name}: {problem}")
        for folder in _numbered(self.folder):
            there = versions(folder)
            if self.version in there:
                raise errors.KerastagError(f"{folder / there[self.version]}: exists already")


@dataclasses.dataclass(frozen=True)
class Written:
    """What was exported.

    Attributes:
      path: of the version.
      exported: its SavedModel.
      num_bytes: of all files of the version, num_bytes_of_variables: of its variables.
    """

    path: pathlib.Path
    exported: "saved_model.Exported"
    num_bytes: int
    num_bytes_of_variables: int


def versions(folder: pathlib.Path) -> dict[int, str]:
    """The names in a folder that a server takes for versions, by number in rising order; "007" is version 7."""
    names = [child.name for child in folder.iterdir()] if folder.is_dir() else []
    numbered = {int(name): name for name in sorted(names) if name.isascii() and name.isdigit()}
    return {number: numbered[number] for number in sorted(numbered) if number <= MAX_VERSION}


def next_version(folder: pathlib.Path) -> int:
    """One above the highest number that a version of any form has: one number is one export."""
    return 1 + max(number for one in _numbered(folder) for number in (0, *versions(one)))


def _numbered(folder: pathlib.Path) -> list[pathlib.Path]:
    """The folders whose children are versions: the bundle, for the SavedModels, and one for each other form."""
    return [folder, *(child for name in formats.NAMES if (child := folder / name).is_dir())]


def write(
    source: run_folder.RunFolder,
    parts: tagger.Parts,
    wanted: Plan,
    inspect: Callable[[pathlib.Path], None] = lambda made: None,
) -> Written:
    """Writes a version of a run or an ensemble, then what lies beside the versions.

    The version is made in a folder of the bundle whose name is no number, so that a server that watches the bundle
    sees it when it is whole.

    Args:
      source: the run.
      parts: what it is made of.
      wanted: where to and how.
      inspect: called with the version's folder before it is given its number; it may raise a KerastagError.

    Raises:
      KerastagError: scores differ, or a bare process cannot load and ask it: then there is no new version.
    """
    with _staging(wanted.folder) as made:
        exported = _export(source, parts, wanted, made)
        _add_assets(made, source, parts, wanted)
        warm_up.write(made / tagger.ASSETS / warm_up.REQUESTS, wanted.name, exported.requests)
        inspect(made)
        size, size_of_variables = (_num_bytes(part) for part in (made, made / "variables"))
        path = _place(made, wanted)
    _write_beside(wanted, path, exported, parts)
    return Written(path, exported, size, size_of_variables)


@contextlib.contextmanager
def _staging(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a path that does not exist yet, below a hidden folder of the bundle; whatever is left there goes.

    Errors name the bundle, not that path; a bundle without a version is not left behind.
    """
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".export.", suffix=".partial", dir=folder) as scratch:
            yield pathlib.Path(scratch) / "version"
    except errors.KerastagError as error:
        raise errors.KerastagError(str(error).replace(str(pathlib.Path(scratch) / "version"), str(folder))) from None
    finally:
        if is_new and not any(folder.iterdir()):
            folder.rmdir()


def line(signature: signatures.Signature) -> str:
    """`waveform float32 (?, ?) -> scores float32 (?, 56)`; the first size is the batch."""
    sides = (
        ", ".join(f"{name} {tensor}" for name, tensor in sorted(side.items()))
        for side in (signature.inputs, signature.outputs)
    )
    return " -> ".join(sides)


def _export(
    source: run_folder.RunFolder, parts: tagger.Parts, wanted: Plan, made: pathlib.Path
) -> "saved_model.Exported":
    from kerastag.serving import saved_model

    models, thresholds = parts.models(wanted.precision), _thresholds(source, parts)
    return saved_model.export(models, parts.vocabulary, parts.combination, made, wanted.num_chunks, thresholds)


def _thresholds(source: run_folder.RunFolder, parts: tagger.Parts) -> np.ndarray | None:
    """From which score, not calibrated, each tag is decided, (num_tags,), if the run knows."""
    path = source.thresholds_path
    return decisions.read_thresholds(path, parts.vocabulary) if path.is_file() else None


def _add_assets(made: pathlib.Path, source: run_folder.RunFolder, parts: tagger.Parts, wanted: Plan) -> None:
    """What the run knows of its scores, and the card for people."""
    from kerastag.serving import score_ops

    assets = run_folder.RunFolder(made / tagger.ASSETS)
    for path, target in ((source.card_path, assets.card_path), (source.calibration_path, assets.calibration_path)):
        if path.is_file() and not target.exists():
            shutil.copyfile(path, target)
    thresholds = _thresholds(source, parts)
    if thresholds is not None:  # those of what is served: probabilities have others than scores
        served = score_ops.served_thresholds(thresholds, parts.combination.fitted)
        served = np.where(np.isinf(thresholds), np.inf, served)
        decisions.write_thresholds(assets.thresholds_path, parts.vocabulary.names, served)
    facts = files.read_json(assets.path / tagger.MODEL_FACTS)
    files.write_text(assets.path / MODEL_CARD, model_card.text(wanted.name, source, parts, facts, wanted.data_license))


def _place(made: pathlib.Path, wanted: Plan) -> pathlib.Path:
    """Gives the folder its number: from now on a server may load it."""
    while True:
        path = wanted.folder / str(wanted.version or next_version(wanted.folder))
        try:
            os.rename(made, path)
            return path
        except OSError:  # another export was faster
            if not path.exists():
                raise
            if wanted.version is not None:
                raise errors.KerastagError(f"{path}: exists already") from None


def _write_beside(wanted: Plan, path: pathlib.Path, exported: "saved_model.Exported", parts: tagger.Parts) -> None:
    """The server's settings, a README, an example and the listening page; each file whole, those of before replaced."""
    scores = exported.answers.outputs["serving_default"]["scores"][0]
    best = int(np.argmax(scores))
    known = bundle_texts.Known(
        name=wanted.name,
        versions=tuple(versions(wanted.folder)),
        version_folder=path.name,
        served={name: line(signature) for name, signature in exported.served.items()},
        best_tag=parts.vocabulary.short_names[best],
        best_score=float(scores[best]),
        num_tags=len(parts.vocabulary),
    )
    with files.whole_file(wanted.folder / EXAMPLE) as temporary:
        temporary.write_bytes(exported.example)
    there = versions(wanted.folder)
    listening.write(wanted.folder, wanted.name, wanted.folder / there[max(there)])
    for name, text in bundle_texts.texts(known).items():
        files.write_text(wanted.folder / name, text)


def _num_bytes(folder: pathlib.Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
