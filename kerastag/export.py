"""`python -m kerastag.export`: writes a run as a SavedModel that plain TensorFlow serves."""

import pathlib
import sys

from absl import flags

from kerastag import cli, errors, options, precisions, run_folder, runtime

FLAGS = flags.FlagValues()
flags.DEFINE_string("run_dir", None, "The run to export, a folder that train wrote.", flag_values=FLAGS)
flags.DEFINE_string(
    "output_dir",
    None,
    "Folder of the served model, as saved_models/NAME; the export is its version 1.",
    flag_values=FLAGS,
)
options.positive(FLAGS, "num_chunks", 16, "Evenly spaced chunks of a waveform whose scores are averaged.")
flags.DEFINE_enum("precision", "float32", precisions.NAMES, "Of the exported network.", flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))
options.define_verbosity(FLAGS)

VERSION = "1"


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Exports, checks, and says where and how exact."""
    options.require(values, "run_dir", "output_dir")
    run = run_folder.RunFolder.existing(values.run_dir)
    target = pathlib.Path(values.output_dir) / VERSION
    if target.exists():
        raise errors.KerastagError(f"{target}: exists already")
    model_path = run.trained_model_path()
    runtime.start(values.verbosity)
    from kerastag.models import loading
    from kerastag.serving import saved_model

    model = loading.load(model_path, precisions.choose(values.precision))
    difference = saved_model.export(model, run.vocabulary(), target, values.num_chunks)
    print(f"{target}: waveform (batch, samples) at {model.sample_rate} Hz -> scores (batch, {model.num_tags})")
    print(f"checked in a process without Keras and kerastag: scores differ by at most {difference:.1e}")
    return 0


COMMAND = cli.Command("kerastag export", cli.COMMANDS["export"], FLAGS, main, MAIN_FLAGS)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
