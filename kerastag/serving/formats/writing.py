"""Forms of a run beside its SavedModel: BUNDLE/litert/1, BUNDLE/onnx/1 and so on, whole or not at all."""

import contextlib
import dataclasses
import json
import pathlib
import shutil
from collections.abc import Iterator, Sequence
from typing import Any

import keras

from kerastag import errors, files, precisions, run_folder, tagger
from kerastag.serving import bundle, formats
from kerastag.serving.formats import litert, material, onnx_file, parity, portable

FACTS = "model.json"
PARITY = "parity.json"
_SCRIPTS = {formats.LITERT: "run_litert.py", formats.LITERT_INT8: "run_litert.py", formats.ONNX: "run_onnx.py"}
_HERE = pathlib.Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Written:
    """What was exported.

    Attributes:
      folders: of each form, by name.
      served: what was written of the SavedModel; None: it was not asked for.
      parities: of each form.
      source: what they were compared on, for people.
      refused: one line for each form that was not written.
    """

    folders: dict[str, pathlib.Path]
    served: bundle.Written | None
    parities: list[parity.Parity]
    source: str
    refused: list[str]

    def table(self) -> str:
        """Size, speed and differences of all forms that were written."""
        return parity.table(self.parities, self.source)

    @staticmethod
    def script(form: str) -> str:
        """The name of the script in a form's folder that runs it."""
        return _SCRIPTS[form]


def write(
    source: run_folder.RunFolder,
    parts: tagger.Parts,
    plan: bundle.Plan,
    names: Sequence[str],
    split: tuple[pathlib.Path, pathlib.Path] | None,
    most_chunks: int,
) -> Written:
    """Writes forms of a run or an ensemble as one version of a bundle.

    Each is compared with the network in Keras before it appears; one that is beyond its bound is left out, and the
    others are written.

    Args:
      source: the run.
      parts: what it is made of.
      plan: of the SavedModel; the others compute in float32 whatever its precision.
      names: of the forms, some of formats.NAMES.
      split: folder and split file of validation tracks to compare on, if they are there.
      most_chunks: to compare on.

    Raises:
      KerastagError: a package is missing, or the model cannot have one of the forms: then nothing is written.
    """
    formats.require(names)
    models = parts.models("float32")
    if set(names) != {formats.SAVED_MODEL}:
        portable.check(models, parts.combination)
    found = material.find(source, split, parts.vocabulary, models[0], plan.num_chunks, most_chunks)
    judge = parity.Judge(models, parts.combination, parts.vocabulary, found)
    written = Written({}, None, [], found.source, [])
    plan = dataclasses.replace(plan, version=plan.version or bundle.next_version(plan.folder))
    for form in (name for name in formats.NAMES if name in names):
        try:
            if form == formats.SAVED_MODEL:
                written = dataclasses.replace(written, served=_write_saved_model(source, parts, plan, judge, written))
            else:
                _write_form(form, models, parts, plan, judge, written)
        except errors.KerastagError as error:
            written.refused.append(str(error))
    return written


def _write_saved_model(
    source: run_folder.RunFolder, parts: tagger.Parts, plan: bundle.Plan, judge: parity.Judge, written: Written
) -> bundle.Written:
    is_float = precisions.choose(plan.precision) == "float32"
    bound = formats.BOUNDS[formats.SAVED_MODEL] if is_float else formats.HALF_PRECISION

    def inspect(made: pathlib.Path) -> None:
        written.parities.append(judge.compare(formats.SAVED_MODEL, made, bound))

    return bundle.write(source, parts, plan, inspect)


def _write_form(
    form: str,
    models: Sequence[keras.Model],
    parts: tagger.Parts,
    plan: bundle.Plan,
    judge: parity.Judge,
    written: Written,
) -> None:
    """Makes, compares and places a form, with all that it needs to be used."""
    target = plan.folder / form / str(plan.version)
    facts = _facts(form, models, parts, plan)
    texts = {FACTS: json.dumps(facts, indent=2, ensure_ascii=False) + "\n"}
    texts["tags.txt"] = "".join(f"{name}\n" for name in parts.vocabulary.names)
    with _nothing_left(plan.folder, target.parent), files.whole_folder(target) as made:
        _make(form, models, parts.combination, made, texts)
        for name, text in texts.items():
            files.write_text(made / name, text)
        shutil.copyfile(_HERE / _SCRIPTS[form], made / _SCRIPTS[form])
        bound = formats.BOUNDS[form]
        found = judge.compare(form, made, bound)
        record = {"chunks": judge.material.source, **dataclasses.asdict(found), "bound": dataclasses.asdict(bound)}
        files.write_json(made / PARITY, record)
    written.parities.append(found)
    written.folders[form] = target


def _make(
    form: str,
    models: Sequence[keras.Model],
    combination: tagger.Combination,
    folder: pathlib.Path,
    texts: dict[str, str],
) -> None:
    """The form's file, with the texts inside."""
    if form == formats.ONNX:
        onnx_file.write(folder / onnx_file.FILE, onnx_file.convert(models, combination), texts)
    else:
        content = litert.convert(models, combination, as_int8=form == formats.LITERT_INT8)
        litert.write(folder / litert.FILE, content, texts)


def _facts(form: str, models: Sequence[keras.Model], parts: tagger.Parts, plan: bundle.Plan) -> dict[str, Any]:
    """What a program needs to know to use a form."""
    return {
        "name": plan.name,
        "version": plan.version,
        "form": form,
        "input": f"{portable.INPUT}: float32 (batch, chunk_samples), mono",
        "output": f"{portable.OUTPUT}: float32 (batch, num_tags); a track's are the mean over its chunks",
        "sample_rate": models[0].sample_rate,
        "chunk_samples": models[0].chunk_samples,
        "num_chunks": 1 if models[0].centred else plan.num_chunks,
        "centred": models[0].centred,
        "tags": list(parts.vocabulary.short_names),
        "full_names": list(parts.vocabulary.names),
        "versions": run_folder.versions(),
    }


@contextlib.contextmanager
def _nothing_left(*folders: pathlib.Path) -> Iterator[None]:
    """Takes away those folders that were not there before and are empty."""
    new = [folder for folder in folders if not folder.exists()]
    try:
        yield
    finally:
        for folder in reversed(new):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
