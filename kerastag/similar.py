"""`python -m kerastag.similar`: the tracks of a collection that sound most like one."""

import csv
import io
import json
import pathlib
import sys

import numpy as np
from absl import flags

from kerastag import cli, errors, files, names
from kerastag.cli import collection, options
from kerastag.library import similar

FORMATS = (".tsv", ".csv", ".json")

FLAGS = flags.FlagValues()
collection.define_model(FLAGS)
options.positive(FLAGS, "length", 25, "So many tracks at most.")
flags.DEFINE_string(
    "output", None, "File for the list: .tsv, .csv or .json; without it, it is printed.", flag_values=FLAGS
)
flags.DEFINE_bool("overwrite", False, "Replace --output if it exists.", flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))

collection.define(FLAGS)
options.define_verbosity(FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Ranks the files of the collection. Returns 3 if some could not be heard."""
    if len(arguments) < 2:
        raise errors.UsageError("give the track first, then the files and folders to look in")
    seed, *places = arguments
    output = None if values.output is None else pathlib.Path(values.output)
    if output is not None and output.suffix.lower() not in FORMATS:
        raise errors.UsageError(f"{output}: the suffix must be one of {', '.join(FORMATS)}", "output")
    files.check_output(output, values.overwrite)
    heard = collection.hear_beside(values, seed, places)
    rows, cosines = similar.distinct(heard.others, heard.embedding, values.length)
    paths = [heard.paths[row] for row in rows]
    if output is None:
        print(_text(paths, cosines))
    else:
        files.write_text(output, _table(paths, cosines, output.suffix.lower()))
        cli.tell(f"{output}: {len(paths)} files")
    cli.warn(heard.collection.warnings())
    return heard.collection.status


def _text(paths: list[pathlib.Path], cosines: np.ndarray) -> str:
    lines = (f"{rank:>3}  {cosine:.3f}  {names.shown(path)}" for rank, (path, cosine) in _ranked(paths, cosines))
    return "\n".join(lines)


def _table(paths: list[pathlib.Path], cosines: np.ndarray, suffix: str) -> str:
    """The list with the columns rank, similarity and path; JSON is a list of objects with these."""
    if suffix == ".json":
        rows = [
            {"rank": rank, "similarity": round(cosine, 6), "path": names.shown(path)}
            for rank, (path, cosine) in _ranked(paths, cosines)
        ]
        return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
    stream, in_csv = io.StringIO(), suffix == ".csv"
    writer = csv.writer(stream, delimiter="," if in_csv else "\t", lineterminator="\n")
    writer.writerow(["rank", "similarity", "path"])
    for rank, (path, cosine) in _ranked(paths, cosines):
        writer.writerow([rank, f"{cosine:.6f}", names.path_cell(path) if in_csv else names.shown(path)])
    return stream.getvalue()


def _ranked(paths: list[pathlib.Path], cosines: np.ndarray) -> list[tuple[int, tuple[pathlib.Path, float]]]:
    return list(enumerate(zip(paths, map(float, cosines), strict=True), 1))


COMMAND = cli.Command("kerastag similar", cli.COMMANDS["similar"], FLAGS, main, MAIN_FLAGS, arguments="FILE PATH...")

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
