"""`python -m kerastag.tag`: the scores of every tag for files and folders of music."""

import pathlib
import sys

from absl import flags

from kerastag import audio, cli, errors, files, progress, published
from kerastag.audio import tfio_decoder
from kerastag.cli import options
from kerastag.inference import score_table, tagger
from kerastag.metrics import card, tables
from kerastag.runs import run_folder

FLAGS = flags.FlagValues()
flags.DEFINE_string(
    "model",
    None,
    "A run, an ensemble of runs, a folder that export wrote, or a published model (kerastag pretrained); default: "
    f"{published.DEFAULT}, fetched the first time.",
    flag_values=FLAGS,
)
options.define_score_output(FLAGS)
options.num_chunks(FLAGS, 16)
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
    if not arguments:
        raise errors.UsageError("no files or folders to tag")
    if values.explain and values.model:
        _card_path(values.model)
    search = audio.find_audio(arguments)
    if not search.files:
        raise errors.KerastagError("; ".join(search.warnings()) or f"{' '.join(arguments)}: no audio files")
    source = values.model or published.get(published.DEFAULT, say=lambda line: cli.warn([f"no --model given; {line}"]))
    if values.explain:
        _card_path(source)
    model = tagger.load(source, values.precision, values.verbosity, values.calibrated, values.xla, values.tf32)
    if values.decoder == "tfio":
        tfio_decoder.require()
    reading = options.reading_of(values)
    num_chunks = len(search.files) * model.num_chunks(reading.num_chunks)
    with progress.Bar(num_chunks, f"tagging {len(search.files)} files", "chunks") as bar:
        scores, unreadable = model.score_files(search.files, reading, bar.advance)
    kept = [row for row in range(len(search.files)) if row not in unreadable]
    table = score_table.ScoreTable(
        tuple(search.files[row] for row in kept), scores[kept], model.vocabulary.short_names, audio.heard_in_part()
    )
    if output is None:
        print(table.text(values.top))
    elif table.paths:
        table.write(output)
        print(f"{output}: {len(table.paths)} files, {len(table.tags)} tags")
    if values.explain:
        rows = card.read(_card_path(source), model.vocabulary)
        print("\n" + tables.text([card.table([rows[name] for name in model.vocabulary.names], "evaluated")]))
    cli.warn(table.warnings())
    skipped = [*search.warnings(), *unreadable.values()]
    cli.warn(f"skipped: {reason}" for reason in skipped)
    return 1 if skipped else 0


def _card_path(model: str | pathlib.Path) -> pathlib.Path:
    """Raises KerastagError: a run has no card."""
    path = run_folder.RunFolder(published.resolve(model)).card_path
    if not path.is_file():
        raise errors.KerastagError(f"{model}: no {path.name} to explain by; kerastag evaluate writes it")
    return path


def _checked_output(values: flags.FlagValues) -> pathlib.Path | None:
    if values.output is None:
        return None
    output = pathlib.Path(values.output)
    score_table.check_format(output)
    files.check_output(output, values.overwrite)
    return output


COMMAND = cli.Command("kerastag tag", cli.COMMANDS["tag"], FLAGS, main, MAIN_FLAGS, arguments="PATH...")

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
