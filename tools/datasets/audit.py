"""Tells what is wrong with a dataset before it is trained on: files, lengths, copies, leaks, tags.

python -m tools.datasets.audit --data_dir=MUSIC [--hash=audio] [--output=findings.json]
"""

import functools
import pathlib
import sys
from collections.abc import Iterable
from typing import Any

from absl import flags

from kerastag import cli, errors, files, tags
from kerastag.cli import options
from kerastag.data import dataset, splits
from kerastag.metrics import groups
from tools.datasets import analysis, audit_report, inspection

FLAGS = flags.FlagValues()
options.define_data(FLAGS)
flags.DEFINE_enum(
    "hash",
    "bytes",
    inspection.HASHES,
    "What makes two files copies of each other: all their bytes; their audio, which also finds copies with "
    "other metadata and takes some milliseconds a file; or nothing.",
    flag_values=FLAGS,
)
flags.DEFINE_string("output", None, "JSON file for all findings.", flag_values=FLAGS)
flags.DEFINE_bool("overwrite", False, "Replace --output if it exists.", flag_values=FLAGS)
options.positive(FLAGS, "num_workers", None, "Files read at a time; left out: one per core.")
MAIN_FLAGS = len(list(FLAGS))
options.define_splits(FLAGS)
flags.DEFINE_string(
    "tags_file", None, "The tags to look at, one a line; left out: all in the splits.", flag_values=FLAGS
)
flags.DEFINE_integer(
    "head_over", groups.HEAD_OVER, "The head group: tags with more training tracks.", 0, flag_values=FLAGS
)
flags.DEFINE_integer(
    "tail_at_most", groups.TAIL_AT_MOST, "The tail group: tags with at most so many.", 0, flag_values=FLAGS
)
options.define_verbosity(FLAGS)


def split_files(values: flags.FlagValues, folder: pathlib.Path) -> tuple[list[tuple[str, pathlib.Path]], list[str]]:
    """Name and path of every split file, by flag or with the usual name, and the paths of usual names that are absent.

    Raises:
      KerastagError: there is none at all.
    """
    present, absent = [], []
    for name in options.SPLITS:
        given = values[f"{name}_split"].value
        if given:
            paths = given if isinstance(given, list) else [given]
            present += [(name, pathlib.Path(path)) for path in paths]
        elif (folder / f"{name}.tsv").is_file():
            present.append((name, folder / f"{name}.tsv"))
        else:
            absent.append(str(folder / f"{name}.tsv"))
    if not present:
        raise errors.KerastagError(f"{folder}: no train.tsv, validation.tsv or test.tsv; --train_split names another")
    return present, absent


def gather(values: flags.FlagValues, folder: pathlib.Path) -> dict[str, Any]:
    """Reads the splits, looks at the files, and returns all findings.

    Raises:
      KerastagError: a split file is missing or malformed.
    """
    vocabulary = tags.Vocabulary.read(values.tags_file) if values.tags_file else None
    paths, absent = split_files(values, folder)
    named = [(name, splits.read(path, vocabulary, unknown="drop", untagged="drop")) for name, path in paths]
    vocabulary = vocabulary or splits.collect_vocabulary(split for _, split in named)
    tracks = [(name, track) for name, split in named for track in split.tracks]
    inspected = inspection.inspect([(folder, track) for _, track in tracks], values.hash, values.num_workers)
    records = [analysis.Record(name, track, file) for (name, track), file in zip(tracks, inspected, strict=True)]
    members = functools.partial(groups.members, head_over=values.head_over, tail_at_most=values.tail_at_most)
    return {
        "data_dir": str(folder),
        "splits": {name: [str(path) for other, path in paths if other == name] for name, _ in paths},
        "absent_splits": absent,
        "hash": values.hash,
        "num_tracks": total((name, len(split)) for name, split in named),
        "num_untagged": total((name, split.num_untagged) for name, split in named),
        "dropped_tags": total(pair for _, split in named for pair in split.dropped_tags.items()),
        **analysis.analyse(records, vocabulary, members),
    }


def total(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    """The sum of the numbers of each name, in the order in which the names first come."""
    totals: dict[str, int] = {}
    for name, number in pairs:
        totals[name] = totals.get(name, 0) + number
    return totals


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Audits, prints the report, writes the findings. Exit status 1 if a file is missing or unreadable."""
    output = values.output
    files.check_output(output, values.overwrite)
    if values.tail_at_most > values.head_over:
        raise errors.UsageError("--tail_at_most is above --head_over")
    findings = gather(values, dataset.folder(values.data_dir))
    if output:
        files.write_json(output, findings)
    print(audit_report.text(findings))
    if output:
        print()
        cli.tell(f"{output}: written")
    return int(bool(findings["files"]["missing"] or findings["files"]["unreadable"]))


COMMAND = cli.Command(
    "python -m tools.datasets.audit", "tells what is wrong with a dataset before training", FLAGS, main, MAIN_FLAGS
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
