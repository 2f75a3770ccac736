"""`python -m kerastag.prepare`: a dataset as 16 kHz mono 16-bit files, with the same tree and rewritten splits."""

import pathlib
import sys

from absl import flags

from kerastag import audio, cli, errors, files
from kerastag.cli import engines, options
from kerastag.data import dataset, preparing, ray_preparing, splits

FLAGS = flags.FlagValues()
flags.DEFINE_string("data_dir", None, "The dataset to prepare.", flag_values=FLAGS)
flags.DEFINE_string(
    "output_dir", None, "The prepared dataset; what is there already is not made again.", flag_values=FLAGS
)
flags.DEFINE_enum(
    "format",
    "wav",
    tuple(preparing.FORMATS),
    "wav reads fastest, flac takes about two thirds of the space.",
    flag_values=FLAGS,
)
MAIN_FLAGS = len(list(FLAGS))

options.define_splits(FLAGS)
flags.DEFINE_integer(
    "sample_rate",
    audio.SAMPLE_RATE,
    "In Hz: 16000 for the short-chunk CNN, 12000 for VGG-ish.",
    1_000,
    192_000,
    flag_values=FLAGS,
)
options.positive(
    FLAGS,
    "num_workers",
    None,
    "Threads; default: one per core. On Ray, of each actor; default: one for each of its CPUs.",
)
engines.define(FLAGS)
options.define_verbosity(FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prepares. Returns 1 if files could not be read."""
    options.require(values, "data_dir", "output_dir")
    cluster = engines.cluster_of(values)
    folder, output = dataset.folder(values.data_dir), pathlib.Path(values.output_dir)
    if output.resolve() == folder.resolve():
        raise errors.UsageError("--output_dir is --data_dir")
    files.check_folder_writable(output)
    tables = _split_files(values, folder)
    tracks = [track for path in tables.values() for track in splits.read(path, untagged="drop").tracks]
    conversions = preparing.plan(folder, output, tracks, values.format)
    done = sum(conversion.target.is_file() for conversion in conversions)
    size = preparing.expected_bytes([conversion.track for conversion in conversions], values.format, values.sample_rate)
    about = "" if size is None else f", about {size / 1e9:.2f} GB in all"
    cli.warn([f"{output}: {len(conversions)} files, {done} there already{about}"])
    how = (conversions, values.format, values.sample_rate, values.num_workers)
    converted = preparing.convert_all(*how) if cluster is None else ray_preparing.convert_all(*how, cluster)
    unreadable = converted.unreadable
    if len(unreadable) == len(conversions):
        raise errors.KerastagError(f"no file can be read: {next(iter(unreadable.values()))}")
    for name, path in tables.items():
        preparing.rewrite_split(path, output / f"{name}.tsv", values.format, set(unreadable))
    cli.warn(f"heard in part: {path}: {heard.text()}" for path, heard in converted.heard_in_part.items())
    cli.warn(f"left out: {reason}" for reason in unreadable.values())
    cli.tell(f"{output}: {len(conversions) - len(unreadable)} files, {', '.join(f'{name}.tsv' for name in tables)}")
    return 1 if unreadable else 0


def _split_files(values: flags.FlagValues, folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """The split files that are given or there, by the name they get.

    Raises:
      KerastagError: there are none.
    """
    split_files: dict[str, pathlib.Path] = {}
    for name in options.SPLITS:
        given = getattr(values, f"{name}_split")
        given = [given] if isinstance(given, str) else given
        for number, path in enumerate(given or [folder / f"{name}.tsv"]):
            if given or pathlib.Path(path).is_file():
                split_files[name if number == 0 else f"{name}_{number + 1}"] = pathlib.Path(path)
    if not split_files:
        raise errors.KerastagError(f"{folder}: no train.tsv, validation.tsv or test.tsv")
    return split_files


COMMAND = cli.Command("kerastag prepare", cli.COMMANDS["prepare"], FLAGS, main, MAIN_FLAGS)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
