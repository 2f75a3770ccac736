"""`python -m kerastag.report`: makes one HTML file from runs."""

import pathlib
import sys

from absl import flags

from kerastag import cli, errors, files, published
from kerastag.cli import options

FLAGS = flags.FlagValues()
flags.DEFINE_string(
    "output", None, "The HTML file; default: report.html in the run, or here for several runs.", flag_values=FLAGS
)
flags.DEFINE_enum(
    "split",
    None,
    options.SPLITS,
    "Whose predictions are measured; default: test if all runs have them, else validation.",
    flag_values=FLAGS,
)
flags.DEFINE_string("title", None, "The page's title; default: the names of the runs.", flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))
options.positive(FLAGS, "num_resamples", 1000, "Resamples of artists behind the intervals.")
flags.DEFINE_integer("seed", 0, "Random seed; decides the resamples.", 0, flag_values=FLAGS)
options.define_verbosity(FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Writes the report and says where."""
    if not arguments:
        raise errors.UsageError("no run given")
    from kerastag import reporting

    folders = [published.resolve(argument) for argument in arguments]
    default = pathlib.Path("report.html") if len(folders) > 1 else folders[0] / "report.html"
    path = pathlib.Path(values.output) if values.output else default
    for folder in folders:
        if not folder.is_dir():
            raise errors.KerastagError(f"{folder}: no such folder")
    files.check_writable(path)
    reporting.write(folders, path, values.split, values.num_resamples, values.seed, values.title)
    cli.tell(f"{path}: {path.stat().st_size / 1e6:.1f} MB; open it in a browser")
    return 0


COMMAND = cli.Command("kerastag report", cli.COMMANDS["report"], FLAGS, main, MAIN_FLAGS, arguments="RUN...")

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
