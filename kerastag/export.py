"""`python -m kerastag.export`: writes a run as a bundle that TensorFlow Serving runs as it is, and in other forms."""

import os
import pathlib
import sys
from typing import TYPE_CHECKING

from absl import flags

from kerastag import cli, errors, files, names, precisions, published, runtime
from kerastag.cli import options
from kerastag.inference import split_scoring
from kerastag.runs.model import Model
from kerastag.serving import formats
from kerastag.serving import plan as serving_plan
from kerastag.serving.bundle import texts

if TYPE_CHECKING:
    from kerastag.serving import exporting
    from kerastag.serving.bundle import bundle_folder

FLAGS = flags.FlagValues()
flags.DEFINE_string("run_dir", None, "The run to export, or an ensemble of runs.", flag_values=FLAGS)
flags.DEFINE_string(
    "output_dir",
    None,
    "Folder of the served model, as saved_models/NAME; each export adds a version.",
    flag_values=FLAGS,
)
flags.DEFINE_list(
    "formats",
    [serving_plan.SAVED_MODEL],
    f"What to write, some of {', '.join(serving_plan.FORMS)}; all but the first run without TensorFlow, and are "
    "compared with the run on real chunks.",
    flag_values=FLAGS,
)
flags.DEFINE_string("name", None, "The model's name on the server; default: that of its folder.", flag_values=FLAGS)
flags.DEFINE_integer(
    "version",
    None,
    "Number of the version, which must not be there yet; default: one above the highest.",
    lower_bound=1,
    upper_bound=serving_plan.MAX_VERSION,
    flag_values=FLAGS,
)
options.positive(FLAGS, "num_chunks", 16, "Evenly spaced chunks of a waveform whose scores are averaged.")
flags.DEFINE_bool(
    "calibrated", False, "Serve probabilities, by the calibration.json that evaluate wrote.", flag_values=FLAGS
)
flags.DEFINE_enum("precision", "float32", precisions.NAMES, "Precision of the SavedModel's network.", flag_values=FLAGS)
options.positive(FLAGS, "check_chunks", 512, "Chunks of the validation split that forms are compared on, at most.")
flags.DEFINE_string(
    "data_license",
    None,
    "Terms of the training data, for the model card; default: what a licences.tsv in its folder says.",
    flag_values=FLAGS,
)
flags.register_validator(
    "formats",
    lambda names: bool(names) and set(names) <= set(serving_plan.FORMS),
    f"there are {', '.join(serving_plan.FORMS)}",
    flag_values=FLAGS,
)
MAIN_FLAGS = len(list(FLAGS))
options.define_verbosity(FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Exports, checks, and says what came of it and how to use it.

    Raises:
      KerastagError: nothing could be exported, or a form was refused; the others are written.
    """
    options.require(values, "run_dir", "output_dir")
    options.require_utf8(values)
    formats.require(values.formats)
    plan = serving_plan.Plan(
        pathlib.Path(values.output_dir),
        values.name or "",
        values.version,
        values.precision,
        values.num_chunks,
        values.data_license,
    )
    if serving_plan.SAVED_MODEL in values.formats:
        runtime.check_loadable(plan.folder)
    files.check_folder_writable(values.output_dir)
    model = Model.load(published.resolve(values.run_dir), values.calibrated)
    serving_plan.check_bases(model.runs, values.formats)
    runtime.start(values.verbosity)
    from kerastag.serving import exporting

    split = split_scoring.find_validation(model.folder)
    export = exporting.export(model, plan, values.formats, split, values.check_chunks)
    _report(export, plan, values.calibrated)
    if export.refused:
        raise errors.KerastagError("; ".join(export.refused))
    return 0


def _report(export: "exporting.Export", plan: serving_plan.Plan, calibrated: bool) -> None:
    """Prints what was written, and how each form compares."""
    from kerastag.serving.formats import form_folder

    if export.saved_model is not None:
        _report_saved_model(export.saved_model, plan, calibrated)
        if export.parities:
            print()
    if export.parities:
        print(export.table(), end="")
    for form, folder in export.folders.items():
        cli.tell(f"{form}: python {names.shell_word(folder / form_folder.SCRIPTS[form])} SOUND_FILE")


def _report_saved_model(version: "bundle_folder.WrittenVersion", plan: serving_plan.Plan, calibrated: bool) -> None:
    from kerastag.serving.bundle import bundle_folder

    exported, answers = version.exported, version.exported.answers
    scores = "calibrated scores" if calibrated else "scores"
    cli.tell(f"{version.path}: version {version.path.name} of {plan.name}, {plan.precision}, {scores}")
    for name, signature in exported.signatures.items():
        print(f"  {name}: {bundle_folder.line(signature)}")
    megabytes, variables = (size / 1e6 for size in (version.num_bytes, version.num_bytes_of_variables))
    print(f"{megabytes:.1f} MB, {variables:.1f} of them variables; loaded in {answers.load_seconds:.1f} s")
    print(f"first requests to all signatures, which a server makes while it loads: {answers.answer_seconds:.1f} s")
    print(f"checked in a process without Keras and kerastag: answers differ by at most {exported.difference:.1e}")
    highest = max(serving_plan.versions(plan.folder))
    if int(version.path.name) < highest:
        print(f"a server goes on answering with version {highest}, the highest, unless it is asked for this one")
    folder = os.path.abspath(plan.folder)
    cli.tell(f"a page to listen with: {os.path.join(folder, texts.PAGE)}; README.md beside it says how to open it")
    cli.tell(f"serve it: {texts.docker_command(plan.name, names.shell_word(folder))}")


COMMAND = cli.Command("kerastag export", cli.COMMANDS["export"], FLAGS, main, MAIN_FLAGS)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
