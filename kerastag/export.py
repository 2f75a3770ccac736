"""`python -m kerastag.export`: writes a run as a bundle that TensorFlow Serving runs as it is, and in other forms."""

import os
import pathlib
import sys
from typing import TYPE_CHECKING

from absl import flags

from kerastag import cli, ensemble_folder, errors, files, options, precisions, run_folder, run_scoring, runtime, tagger
from kerastag.serving import bundle, bundle_texts, formats

if TYPE_CHECKING:
    from kerastag.serving.formats import writing

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
    [formats.SAVED_MODEL],
    f"What to write, some of {', '.join(formats.NAMES)}; all but the first run without TensorFlow, and are compared "
    "with the run on real chunks.",
    flag_values=FLAGS,
)
flags.DEFINE_string("name", None, "The model's name on the server; default: that of its folder.", flag_values=FLAGS)
flags.DEFINE_integer(
    "version",
    None,
    "Number of the version, which must not be there yet; default: one above the highest.",
    lower_bound=1,
    upper_bound=bundle.MAX_VERSION,
    flag_values=FLAGS,
)
options.positive(FLAGS, "num_chunks", 16, "Evenly spaced chunks of a waveform whose scores are averaged.")
flags.DEFINE_bool(
    "calibrated", False, "Serve probabilities, by the calibration.json that evaluate wrote.", flag_values=FLAGS
)
flags.DEFINE_enum("precision", "float32", precisions.NAMES, "Of the SavedModel's network.", flag_values=FLAGS)
options.positive(FLAGS, "check_chunks", 512, "Chunks of the validation split that forms are compared on, at most.")
flags.DEFINE_string(
    "data_license",
    None,
    "Terms of the training data, for the model card; default: what a licences.tsv in its folder says.",
    flag_values=FLAGS,
)
flags.register_validator(
    "formats",
    lambda names: bool(names) and set(names) <= set(formats.NAMES),
    f"there are {', '.join(formats.NAMES)}",
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
    formats.require(values.formats)
    source = ensemble_folder.existing(values.run_dir)
    how = {name: getattr(values, name) for name in ("precision", "num_chunks", "calibrated", "data_license")}
    plan = bundle.Plan(pathlib.Path(values.output_dir), values.name or "", values.version, **how)
    files.check_folder_writable(values.output_dir)
    parts = tagger.Parts.of_folder(source, values.calibrated)
    runtime.start(values.verbosity)
    if set(values.formats) == {formats.SAVED_MODEL}:
        report(bundle.write(source, parts, plan), plan)
        return 0
    from kerastag.serving.formats import writing

    split = validation_split(source)
    written = writing.write(source, parts, plan, values.formats, split, values.check_chunks)
    report_forms(written, plan)
    if written.refused:
        raise errors.KerastagError("; ".join(written.refused))
    return 0


def validation_split(source: run_folder.RunFolder) -> tuple[pathlib.Path, pathlib.Path] | None:
    """The folder and the split file of a run's validation tracks; None if they are not there."""
    try:
        folder, path = run_scoring.locate(source, "validation")
    except (errors.KerastagError, KeyError):  # moved since, or a run that was not trained here
        return None
    return (folder, path) if path.is_file() else None


def report_forms(written: "writing.Written", plan: bundle.Plan) -> None:
    """Prints what was written, and how each form compares."""
    if written.served is not None:
        report(written.served, plan)
        print()
    if written.parities:
        print(written.table(), end="")
    for form, folder in written.folders.items():
        print(f"{form}: python {folder / written.script(form)} SOUND_FILE")


def report(written: bundle.Written, plan: bundle.Plan) -> None:
    """Prints what was written."""
    exported, answers = written.exported, written.exported.answers
    scores = "calibrated scores" if plan.calibrated else "scores"
    print(f"{written.path}: version {written.path.name} of {plan.name}, {plan.precision}, {scores}")
    for name, signature in exported.served.items():
        print(f"  {name}: {bundle.line(signature)}")
    megabytes, variables = (size / 1e6 for size in (written.num_bytes, written.num_bytes_of_variables))
    print(f"{megabytes:.1f} MB, {variables:.1f} of them variables; loaded in {answers.load_seconds:.1f} s")
    print(f"first requests to all signatures, which a server makes while it loads: {answers.answer_seconds:.1f} s")
    print(f"checked in a process without Keras and kerastag: answers differ by at most {exported.difference:.1e}")
    highest = max(bundle.versions(plan.folder))
    if int(written.path.name) < highest:
        print(f"a server goes on answering with version {highest}, the highest, unless it is asked for this one")
    folder = os.path.abspath(plan.folder)
    print(f"a page to listen with: {os.path.join(folder, bundle_texts.PAGE)}; README.md beside it says how to open it")
    print(f"serve it: {bundle_texts.docker_command(plan.name, bundle_texts.quoted(folder))}")


COMMAND = cli.Command("kerastag export", cli.COMMANDS["export"], FLAGS, main, MAIN_FLAGS)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
