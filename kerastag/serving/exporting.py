"""One export: a model as a SavedModel, as LiteRT, as ONNX, each compared with Keras before it appears."""

import dataclasses
import pathlib
from collections.abc import Sequence

from kerastag import errors, precisions
from kerastag.runs.model import Model
from kerastag.serving import formats
from kerastag.serving import plan as serving_plan
from kerastag.serving.bundle import bundle_folder
from kerastag.serving.formats import comparison_chunks, form_folder, parity, portable


@dataclasses.dataclass
class Export:
    """What became of an export.

    Attributes:
      saved_model: the version that was written; None: it was not asked for, or refused.
      folders: the other forms' folders, by form.
      parities: each form beside the network in Keras; empty where the SavedModel alone was asked for.
      chunks: what they were compared on, for people.
      refused: one line for each form that was not written.
    """

    saved_model: bundle_folder.WrittenVersion | None = None
    folders: dict[str, pathlib.Path] = dataclasses.field(default_factory=dict)
    parities: list[parity.Parity] = dataclasses.field(default_factory=list)
    chunks: str = ""
    refused: list[str] = dataclasses.field(default_factory=list)

    def table(self) -> str:
        """Size, speed and differences of all forms that were written."""
        return parity.table(self.parities, self.chunks)


def export(
    model: Model,
    plan: serving_plan.Plan,
    forms: Sequence[str] = (serving_plan.SAVED_MODEL,),
    split: tuple[pathlib.Path, pathlib.Path] | None = None,
    max_chunks: int = 512,
) -> Export:
    """Writes forms of a model as one version of a bundle.

    The SavedModel alone is checked signature by signature. With other forms all are compared with the network in Keras
    on real chunks as well; one that is beyond its bound is left out, and the others are written.

    Args:
      model: a run or an ensemble.
      plan: where to and how the SavedModel is written; the other forms compute in float32 whatever its precision.
      forms: some of plan.FORMS.
      split: folder and split file of validation tracks to compare on, if they are there.
      max_chunks: chunks to compare on, at most.

    Raises:
      KerastagError: a package is missing, the model cannot have one of the forms, or the SavedModel alone was asked for
        and refused: then nothing is written.
    """
    formats.require(forms)
    serving_plan.check_bases(model.runs, forms)
    if set(forms) == {serving_plan.SAVED_MODEL}:
        return Export(bundle_folder.write(model, plan))
    networks = model.networks("float32")
    portable.check(networks, model.combination)
    chunks = comparison_chunks.find(model, split, networks[0], plan.num_chunks, max_chunks)
    judge = parity.Judge(networks, model.combination, model.vocabulary, chunks)
    result = Export(chunks=chunks.source)
    plan = dataclasses.replace(plan, version=plan.version or serving_plan.next_version(plan.folder))
    for form in (name for name in serving_plan.FORMS if name in forms):
        try:
            if form == serving_plan.SAVED_MODEL:
                result.saved_model = _write_saved_model(model, plan, judge, result)
            else:
                folder, form_parity = form_folder.write(form, networks, model, plan, judge)
                result.folders[form] = folder
                result.parities.append(form_parity)
        except errors.KerastagError as error:
            result.refused.append(str(error))
    return result


def _write_saved_model(
    model: Model, plan: serving_plan.Plan, judge: parity.Judge, result: Export
) -> bundle_folder.WrittenVersion:
    is_float = precisions.choose(plan.precision) == "float32"
    bound = formats.BOUNDS[serving_plan.SAVED_MODEL] if is_float else formats.HALF_PRECISION

    def inspect(version: pathlib.Path) -> None:
        result.parities.append(judge.compare(serving_plan.SAVED_MODEL, version, bound))

    return bundle_folder.write(model, plan, inspect)
