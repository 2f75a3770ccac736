"""`python -m kerastag.export`: writes a run as a SavedModel that plain TensorFlow serves."""

import pathlib
import sys

from absl import flags

from kerastag import cli, ensemble_folder, errors, options, precisions, runtime, tagger

FLAGS = flags.FlagValues()
flags.DEFINE_string("run_dir", None, "The run to export, or an ensemble of runs.", flag_values=FLAGS)
flags.DEFINE_string(
    "output_dir",
    None,
    "Folder of the served model, as saved_models/NAME; the export is its version 1.",
    flag_values=FLAGS,
)
options.positive(FLAGS, "num_chunks", 16, "Evenly spaced chunks of a waveform whose scores are averaged.")
flags.DEFINE_bool(
    "calibrated", False, "Serve probabilities, by the calibration.json that evaluate wrote.", flag_values=FLAGS
)
flags.DEFINE_enum("precision", "float32", precisions.NAMES, "Of the exported network.", flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))
options.define_verbosity(FLAGS)

VERSION = "1"


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Exports, checks, and says where and how exact."""
    options.require(values, "run_dir", "output_dir")
    run = ensemble_folder.existing(values.run_dir)
    target = pathlib.Path(values.output_dir) / VERSION
    if target.exists():
        raise errors.KerastagError(f"{target}: exists already")
    parts = tagger.Parts.of_folder(run, values.calibrated)
    runtime.start(values.verbosity)
    from kerastag.serving import saved_model

    models = parts.models(values.precision)
    difference = saved_model.export(models, parts.vocabulary, parts.combination, target, values.num_chunks)
    rate, num_tags = models[0].sample_rate, len(parts.vocabulary)
    scores = "calibrated scores" if values.calibrated else "scores"
    print(f"{target}: waveform (batch, samples) at {rate} Hz -> {scores} (batch, {num_tags})")
    print(f"checked in a process without Keras and kerastag: scores differ by at most {difference:.1e}")
    return 0


COMMAND = cli.Command("kerastag export", cli.COMMANDS["export"], FLAGS, main, MAIN_FLAGS)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
