"""Asks an exported model in bare processes of this TensorFlow and of others, and compares the answers.

    python -m tools.serving.check_bundle saved_models/NAME --python=/other/venv/bin/python

Every signature of the newest version gets one request about the same piece: example music of two and a half chunks
under seeded noise, as a waveform or as a WAV file. An interpreter needs TensorFlow and NumPy, nothing else.
"""

import pathlib
import sys

from absl import flags

from kerastag import cli, errors, runtime
from kerastag.cli import options
from kerastag.inference import export_facts
from tools.serving import comparing

FLAGS = flags.FlagValues()
flags.DEFINE_list("python", [], "Interpreters of other environments, to compare with this one.", flag_values=FLAGS)
comparing.define_tolerance(FLAGS)
options.define_verbosity(FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints versions, times and differences; a difference above the tolerance is an error."""
    if len(arguments) != 1:
        raise errors.UsageError("give one folder of an exported model")
    folder = comparing.newest(pathlib.Path(arguments[0]))
    facts = export_facts.ExportFacts.read(folder)
    runtime.start(values.verbosity)
    requests = comparing.example_requests(folder, facts)
    print(f"{folder}: {facts.precision}, {len(requests)} signatures")
    here, *others = [comparing.ask(folder, requests, python) for python in (sys.executable, *values.python)]
    if others:
        outputs = {f"{number}: {other.tensorflow}": other.outputs for number, other in enumerate(others, 1)}
        comparing.compare(folder, facts, here, outputs, values.tolerance)
    return 0


COMMAND = cli.Command(
    "python -m tools.serving.check_bundle",
    "compares an exported model's answers between versions of TensorFlow",
    FLAGS,
    main,
    arguments="FOLDER",
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
