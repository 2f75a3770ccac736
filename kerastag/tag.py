"""`python -m kerastag.tag`: the scores of every tag for files and folders of music."""

import pathlib
import sys

import numpy as np
from absl import flags

from kerastag import audio, cli, errors, files, options, progress, run_folder, tagger
from kerastag.audio import tfio_decoder
from kerastag.library import score_table
from kerastag.metrics import card, tables

FLAGS = flags.FlagValues()
flags.DEFINE_string("model", None, "A run, an ensemble of runs, or a folder that export wrote.", flag_values=FLAGS)
flags.DEFINE_string(
    "output",
    None,
    "File for all scores: .tsv, .csv or .json; without it the top tags are printed.",
    flag_values=FLAGS,
)
options.positive(FLAGS, "top", 5, "Tags to print for each file.")
options.positive(FLAGS, "num_chunks", 16, "Evenly spaced chunks of each file whose scores are averaged.")
flags.DEFINE_bool("calibrated", False, "Scores as probabilities, by the run's calibration.json.", flag_values=FLAGS)
flags.DEFINE_bool("explain", False, "Print how far each tag can be trusted, by tag_card.tsv.", flag_values=FLAGS)
flags.DEFINE_bool("overwrite", False, "Replace --output if it exists.", flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))

options.define_reading(FLAGS)
options.define_devices(FLAGS)
options.define_verbosity(FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Tags every file. Returns 1 if some could not be read."""
    output = _checked_output(values)
    options.require(values, "model")
    if not arguments:
        raise errors.UsageError("no files or folders to tag")
    found = audio.find_audio(arguments)
    paths = found.files
    if not paths:
        raise errors.KerastagError("; ".join(found.warnings()) or f"{' '.join(arguments)}: no audio files")
    model = tagger.load(values.model, values.precision, values.verbosity, values.calibrated)
    if values.decoder == "tfio":
        tfio_decoder.require()
    bar = progress.Bar(len(paths) * model.num_chunks(values.num_chunks), f"tagging {len(paths)} files")
    reading = {"decoder": values.decoder, "dtype": values.input_dtype}
    scores, unreadable = model.score_files(
        paths, values.num_chunks, values.batch_size, **reading, on_chunks=bar.advance
    )
    bar.clear()
    kept = [row for row in range(len(paths)) if row not in unreadable]
    read, heard = [paths[row] for row in kept], audio.heard_in_part()
    _show(values, output, read, scores[kept], model.vocabulary.short_names, heard)
    if values.explain:
        rows = [_card(values.model, model)[name] for name in model.vocabulary.names]
        print("\n" + tables.text([card.table(rows, "evaluated")]))
    cli.warn(f"heard in part: {path}: {heard[str(path)].text()}" for path in read if str(path) in heard)
    skipped = [*found.warnings(), *unreadable.values()]
    cli.warn(f"skipped: {reason}" for reason in skipped)
    return 1 if skipped else 0


def _card(path: str, model: tagger.Tagger) -> dict[str, card.Row]:
    """The reliability card of a run.

    Raises:
      KerastagError: there is none.
    """
    run = run_folder.RunFolder(pathlib.Path(path))
    if not run.card_path.is_file():
        raise errors.KerastagError(f"{path}: no {run.card_path.name} to explain by; kerastag evaluate writes it")
    return card.read(run.card_path, model.vocabulary)


def _checked_output(values: flags.FlagValues) -> pathlib.Path | None:
    if values.output is None:
        return None
    output = pathlib.Path(values.output)
    score_table.check_format(output)
    files.check_output(output, values.overwrite)
    return output


def _show(
    values: flags.FlagValues,
    output: pathlib.Path | None,
    paths: list[pathlib.Path],
    scores: np.ndarray,
    tags: tuple[str, ...],
    heard: dict[str, audio.Account],
) -> None:
    if output is None:
        print(score_table.text(paths, scores, tags, values.top))
    elif paths:
        score_table.write(output, paths, scores, tags, heard)
        print(f"{output}: {len(paths)} files, {len(tags)} tags")


COMMAND = cli.Command("kerastag tag", cli.COMMANDS["tag"], FLAGS, main, MAIN_FLAGS, arguments="PATH...")

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
