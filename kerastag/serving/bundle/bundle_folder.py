"""A folder that TensorFlow Serving runs as it is: numbered versions of a model, and beside them how to serve them."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from kerastag import errors, files
from kerastag.inference import deciding, export_facts
from kerastag.metrics import decisions
from kerastag.metrics.documents import Figures
from kerastag.runs import run_folder
from kerastag.runs.model import Model
from kerastag.serving import plan as serving_plan
from kerastag.serving import signatures
from kerastag.serving.bundle import listening_page, model_card, saved_model, texts
from kerastag.serving.graph import score_ops, warm_up
from kerastag.serving.graph.served_model import ServedModel

EXAMPLE = "example.wav"
MODEL_CARD = "model_card.md"


@dataclasses.dataclass(frozen=True)
class WrittenVersion:
    """A version of a bundle.

    Attributes:
      path: its folder.
      exported: its SavedModel.
      num_bytes: the size of all its files; num_bytes_of_variables: that of its variables.
    """

    path: pathlib.Path
    exported: saved_model.Exported
    num_bytes: int
    num_bytes_of_variables: int


def write(
    model: Model,
    plan: serving_plan.Plan,
    inspect: Callable[[pathlib.Path], None] = lambda version: None,
) -> WrittenVersion:
    """Writes a version of a model, then what lies beside the versions.

    The version is written in a folder of the bundle whose name is no number, so that a server that watches the bundle
    sees it when it is whole.

    Args:
      model: a run or an ensemble.
      plan: where to and how.
      inspect: called with the version's folder before it is given its number; it may raise a KerastagError.

    Raises:
      KerastagError: a file of the model is damaged, scores differ, or a bare process cannot load and ask it: then
        there is no new version.
    """
    figures = model_card.figures_of(model)  # a damaged file is told before the work
    with _staging(plan.folder) as version:
        networks = model.networks(plan.precision)
        served = ServedModel(networks, model.vocabulary, model.combination, plan.num_chunks, model.thresholds)
        exported = saved_model.export(served, version)
        _add_assets(version, model, plan, figures)
        warm_up.write(version / export_facts.ASSETS / warm_up.REQUESTS, plan.name, exported.requests)
        inspect(version)
        size, size_of_variables = (_num_bytes(folder) for folder in (version, version / "variables"))
        path = _give_number(version, plan)
    _write_beside(plan, path, exported, model)
    return WrittenVersion(path, exported, size, size_of_variables)


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
        text = str(error).replace(str(pathlib.Path(scratch) / "version"), str(folder))
        raise errors.KerastagError(text, error.option) from None
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


def _add_assets(version: pathlib.Path, model: Model, plan: serving_plan.Plan, figures: Mapping[str, Figures]) -> None:
    """What the run knows of its scores, and the card for people."""
    source, assets = model.folder, run_folder.RunFolder(version / export_facts.ASSETS)
    for path, target in ((source.card_path, assets.card_path), (source.calibration_path, assets.calibration_path)):
        if path.is_file() and not target.exists():
            shutil.copyfile(path, target)
    if model.thresholds is not None:  # those of what is served: probabilities have others than scores
        served = score_ops.served_thresholds(model.thresholds, model.combination.fitted)
        served = np.where(np.isinf(model.thresholds), np.inf, served)
        decisions.write_thresholds(assets.thresholds_path, model.vocabulary.names, served)
    elif (usual := deciding.of_model(model).usual) is not None:
        names = model.vocabulary.names
        decisions.write_thresholds(assets.usual_scores_path, names, usual, deciding.USUAL_COLUMN)
    card = model_card.text(plan.name, model, export_facts.ExportFacts.read(version), plan.data_license, figures)
    files.write_text(assets.path / MODEL_CARD, card)


def _give_number(version: pathlib.Path, plan: serving_plan.Plan) -> pathlib.Path:
    """Renames the folder to its number: from now on a server may load it."""
    while True:
        path = plan.folder / str(plan.version or serving_plan.next_version(plan.folder))
        try:
            os.rename(version, path)
            return path
        except OSError:  # another export was faster
            if not path.exists():
                raise
            if plan.version is not None:
                raise errors.KerastagError(f"{path}: exists already") from None


def _write_beside(plan: serving_plan.Plan, path: pathlib.Path, exported: saved_model.Exported, model: Model) -> None:
    """The server's settings, a README, an example and the listening page; each file whole, those of before replaced."""
    scores = exported.answers.outputs["serving_default"]["scores"][0]
    best, there = int(np.argmax(scores)), serving_plan.versions(plan.folder)
    subject = texts.Subject(
        name=plan.name,
        versions=tuple(there),
        version_folder=path.name,
        signatures={name: line(signature) for name, signature in exported.signatures.items()},
        best_tag=model.vocabulary.short_names[best],
        best_score=float(scores[best]),
        num_tags=len(model.vocabulary),
    )
    with files.whole_file(plan.folder / EXAMPLE) as temporary:
        temporary.write_bytes(exported.example)
    listening_page.write(plan.folder, plan.name, plan.folder / there[max(there)])
    for name, text in texts.rendered(subject).items():
        files.write_text(plan.folder / name, text)


def _num_bytes(folder: pathlib.Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
