"""The folder of one form beside the SavedModels: BUNDLE/litert/1, BUNDLE/onnx/1 and so on, whole or not at all."""

import contextlib
import dataclasses
import json
import pathlib
import shutil
from collections.abc import Iterator, Mapping, Sequence

import keras

from kerastag import files
from kerastag.runs import record
from kerastag.runs.model import Model
from kerastag.serving import formats
from kerastag.serving import plan as serving_plan
from kerastag.serving.formats import litert, onnx_file, parity, portable

FACTS = "model.json"
PARITY = "parity.json"
SCRIPTS = {  # that run a form, by form
    serving_plan.LITERT: "run_litert.py",
    serving_plan.LITERT_INT8: "run_litert.py",
    serving_plan.ONNX: "run_onnx.py",
}
_HERE = pathlib.Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class FormFacts:
    """model.json of a form, inside its file and beside it: what a program has to know to use it.

    Attributes:
      name: the model's name.
      version: version of the export.
      form: one of plan.FORMS.
      input, output: for people.
      sample_rate: sample rate of chunks, in Hz.
      chunk_samples: samples in one chunk.
      num_chunks: chunks of a track whose scores are averaged.
      centred: whether the one chunk is from the track's middle.
      tags: short names in column order; full_names: full names.
      versions: versions of kerastag and the packages that wrote it.
    """

    name: str
    version: int | None
    form: str
    input: str
    output: str
    sample_rate: int
    chunk_samples: int
    num_chunks: int
    centred: bool
    tags: Sequence[str]
    full_names: Sequence[str]
    versions: Mapping[str, str]

    def text(self) -> str:
        """The file's content."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n"


def write(
    form: str, networks: Sequence[keras.Model], model: Model, plan: serving_plan.Plan, judge: parity.Judge
) -> tuple[pathlib.Path, parity.Parity]:
    """Writes a form with all that it needs to be used, if it is within its bound.

    Args:
      form: one of plan.FORMS but the SavedModel.
      networks: the model's, float32.
      model: a run or an ensemble.
      plan: with a version.
      judge: compares the form with the networks.

    Returns:
      its folder, and how it compares.

    Raises:
      KerastagError: it does not run, or is beyond its bound: then nothing is written.
    """
    target = plan.folder / form / str(plan.version)
    facts = facts_of(form, networks[0], model, plan)
    texts = {FACTS: facts.text(), "tags.txt": "".join(f"{name}\n" for name in model.vocabulary.names)}
    with _nothing_left(plan.folder, target.parent), files.whole_folder(target) as folder:
        if form == serving_plan.ONNX:
            onnx_file.write(folder / onnx_file.FILE, onnx_file.convert(networks, model.combination), texts)
        else:
            content = litert.convert(networks, model.combination, as_int8=form == serving_plan.LITERT_INT8)
            litert.write(folder / litert.FILE, content, texts)
        for name, text in texts.items():
            files.write_text(folder / name, text)
        shutil.copyfile(_HERE / SCRIPTS[form], folder / SCRIPTS[form])
        bound = formats.BOUNDS[form]
        form_parity = judge.compare(form, folder, bound)
        record_of_parity = {"chunks": judge.chunks.source, **dataclasses.asdict(form_parity)}
        files.write_json(folder / PARITY, {**record_of_parity, "bound": dataclasses.asdict(bound)})
    return target, form_parity


def facts_of(form: str, network: keras.Model, model: Model, plan: serving_plan.Plan) -> FormFacts:
    """What a program has to know; `network`: any of the model's, which take the same chunks."""
    return FormFacts(
        name=plan.name,
        version=plan.version,
        form=form,
        input=f"{portable.INPUT}: float32 (batch, chunk_samples), mono",
        output=f"{portable.OUTPUT}: float32 (batch, num_tags); a track's are the mean over its chunks",
        sample_rate=network.sample_rate,
        chunk_samples=network.chunk_samples,
        num_chunks=1 if network.centred else plan.num_chunks,
        centred=network.centred,
        tags=model.vocabulary.short_names,
        full_names=model.vocabulary.names,
        versions=record.versions(),
    )


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
