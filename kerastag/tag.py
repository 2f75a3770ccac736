"""`python -m kerastag.tag`: the tags of files and folders of music, or the scores of every tag."""

import pathlib
import sys

import numpy as np
from absl import flags

from kerastag import audio, cli, errors, files, progress, published
from kerastag.audio import tfio_decoder
from kerastag.cli import choosing, options
from kerastag.inference import columns, score_table, tagger
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
choosing.define(FLAGS)
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
    choosing.check(values)
    if not arguments:
        raise errors.UsageError("no files or folders to tag")
    if values.explain and values.model:
        _card_path(values.model)
    search = _search(arguments)
    source = values.model or published.get(published.DEFAULT, say=lambda line: cli.warn([f"no --model given; {line}"]))
    if values.explain:
        _card_path(source)
    model = tagger.load(source, values.precision, values.verbosity, values.calibrated, values.xla, values.tf32)
    chosen = columns.of(model.vocabulary, values.exclude or (), values.rename)
    if output is None and values.top is None:
        _ = model.decider  # an error in its files is told before the work
    if values.decoder == "tfio":
        tfio_decoder.require()
    reading = options.reading_of(values)
    num_chunks = len(search.files) * model.num_chunks(reading.num_chunks)
    with progress.Bar(num_chunks, f"tagging {len(search.files)} files", "chunks") as bar:
        scores, unreadable = model.score_files(search.files, reading, bar.advance)
    kept = [row for row in range(len(search.files)) if row not in unreadable]
    scores = scores[kept][:, chosen.kept]
    paths = tuple(search.files[row] for row in kept)
    table = score_table.ScoreTable(paths, chosen.merged(scores), chosen.words, audio.heard_in_part())
    if output is None:
        print(_text(values, table, model, chosen, scores))
    elif table.paths:
        table.write(output)
        print(f"{output}: {len(table.paths)} files, {len(table.tags)} tags")
    if values.explain:
        print("\n" + _explanation(source, model, chosen))
    cli.warn(table.warnings())
    skipped = [*search.warnings(), *unreadable.values()]
    cli.warn(f"skipped: {reason}" for reason in skipped)
    return 1 if skipped else 0


def _search(arguments: list[str]) -> audio.Found:
    search = audio.find_audio(arguments)
    if not search.files:
        raise errors.KerastagError("; ".join(search.warnings()) or f"{' '.join(arguments)}: no audio files")
    return search


def _text(
    values: flags.FlagValues,
    table: score_table.ScoreTable,
    model: tagger.Tagger,
    chosen: columns.Columns,
    scores: np.ndarray,
) -> str:
    """The tags of each file, and on a terminal by which rule; scores are of the kept tags, (num_files, num_kept)."""
    if values.top is not None:
        return table.text(values.top, min_score=values.min_score)
    decider = model.decider.only(chosen.kept)
    text = table.text(values.max_tags, chosen.merged(decider.decide(scores)), values.min_score)
    note = f"\n\n{decider.rule(len(scores))} The best ones, sure or not: --top={values.max_tags}"
    return text + note if sys.stdout.isatty() and table.paths else text


def _explanation(source: str | pathlib.Path, model: tagger.Tagger, chosen: columns.Columns) -> str:
    rows = card.read(_card_path(source), model.vocabulary)
    shown = [rows[model.vocabulary.names[column]] for column in chosen.kept]
    return tables.text([card.table(shown, "evaluated")])


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
