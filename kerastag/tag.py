"""`python -m kerastag.tag`: the tags of files and folders of music, or the scores of every tag."""

import dataclasses
import pathlib
import sys
import time
from collections.abc import Set

import numpy as np
from absl import flags

from kerastag import cli, errors, files
from kerastag.cli import along, choosing, collection, options, sharding
from kerastag.inference import columns, score_table
from kerastag.library import tables as library_tables
from kerastag.metrics import card, tables

WRITTEN = ("output", "embeddings", "segments")  # flags that name a file

FLAGS = flags.FlagValues()
collection.define_model(FLAGS)
choosing.define(FLAGS)
flags.DEFINE_string(
    "embeddings",
    None,
    "File for what the model knows of each file before it names tags: .npy; the names stand in .paths.txt beside it.",
    flag_values=FLAGS,
)
along.define(FLAGS)
flags.DEFINE_bool("calibrated", False, "Scores as probabilities, by the run's calibration.json.", flag_values=FLAGS)
flags.DEFINE_bool("explain", False, "Print how far each tag can be trusted, by tag_card.tsv.", flag_values=FLAGS)
flags.DEFINE_bool("overwrite", False, "Replace --output and the other files if they exist.", flag_values=FLAGS)
flags.DEFINE_float(
    "watch",
    None,
    "Look again after so many seconds, until Ctrl-C: new and changed files are printed, and --output is written anew.",
    1.0,
    flag_values=FLAGS,
)
MAIN_FLAGS = len(list(FLAGS))

sharding.define(FLAGS)
collection.define(FLAGS)
options.define_verbosity(FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Tags every file. Returns 3 if some could not be read, 1 if none; of a table of tracks see sharding.run."""
    if sharding.asked(values):
        return sharding.run(values, arguments)
    output = _checked_output(values)
    choosing.check(values)
    along.check(values)
    search = collection.find(values, arguments)
    wished = along.wish(values, arguments, search.files)
    ears = collection.Ears(values, values.calibrated)
    if values.explain:
        ears.source.check_card()
    chosen = columns.of(ears.source.vocabulary, values.exclude or (), values.rename)
    if output is not None:
        score_table.check_columns(output, chosen.words)
    if wished or _decides(output) or (output is None and values.top is None):
        _ = ears.source.decider  # an error in its files is told before the work
    if wished:
        wished.hop(ears.listener.model)
    heard = ears.hear(search, values.embeddings is not None)
    _show(values, heard, chosen, output)
    if wished:
        failures = along.hear(values, wished, ears, heard, chosen)
        heard = dataclasses.replace(heard, skipped=[*heard.skipped, *failures])
    if values.explain:
        print("\n" + _explanation(heard, chosen))
    cli.warn(heard.warnings())
    return heard.status if values.watch is None else _watch(values, arguments, ears, chosen, output, heard)


def _watch(
    values: flags.FlagValues,
    arguments: list[str],
    ears: collection.Ears,
    chosen: columns.Columns,
    output: pathlib.Path | None,
    heard: collection.Collection,
) -> int:
    """Looks again and again; Ctrl-C is how it ends, with the status of the last look."""
    told = set(heard.warnings())
    try:
        while True:
            time.sleep(values.watch)
            before, heard = heard, ears.hear(collection.find(values, arguments), values.embeddings is not None)
            if heard.heard.new or heard.heard.files != before.heard.files:
                _show(values, heard, chosen, output, heard.heard.new)
            cli.warn(line for line in heard.warnings() if line not in told)
            told = set(heard.warnings())
    except KeyboardInterrupt:
        return heard.status


def _show(
    values: flags.FlagValues,
    heard: collection.Collection,
    chosen: columns.Columns,
    output: pathlib.Path | None,
    only: Set[pathlib.Path] | None = None,
) -> None:
    """Writes the table of all files, or prints the tags of those in `only`, None: of all."""
    scores = heard.heard.scores[:, chosen.kept]
    table = score_table.ScoreTable(heard.heard.files, chosen.merged(scores), chosen.words, heard.heard.heard_in_part)
    if heard.heard.embeddings is not None and heard.heard.files:
        library_tables.write_embeddings(pathlib.Path(values.embeddings), heard.heard.files, heard.heard.embeddings)
    if output is not None:
        if table.paths:
            given = chosen.merged(_given(heard, chosen, scores)) if _decides(output) else None
            dataclasses.replace(table, given=given, model=heard.source.name).write(output)
            cli.tell(f"{output}: {len(table.paths)} files, {len(table.tags)} tags")
        return
    rows = [row for row, path in enumerate(table.paths) if only is None or path in only]
    if rows or only is None:
        print(_text(values, table, heard, chosen, scores, rows), flush=True)


def _text(
    values: flags.FlagValues,
    table: score_table.ScoreTable,
    heard: collection.Collection,
    chosen: columns.Columns,
    scores: np.ndarray,
    rows: list[int],
) -> str:
    """The tags of the files of some rows, and on a terminal by which rule; scores are of the kept tags."""
    shown = table.only(rows)
    if values.top is not None:
        return shown.text(values.top, min_score=values.min_score)
    decider = heard.source.decider.only(chosen.kept)
    given = chosen.merged(_given(heard, chosen, scores))[rows]
    text = shown.text(values.max_tags, given, values.min_score)
    note = f"\n\n{decider.rule(len(scores))} The best ones, sure or not: --top={values.max_tags}"
    return text + note if sys.stdout.isatty() and table.paths and not values.quiet else text


def _explanation(heard: collection.Collection, chosen: columns.Columns) -> str:
    rows, vocabulary = heard.source.card, heard.source.vocabulary
    shown = [rows[vocabulary.names[column]] for column in chosen.kept]
    return tables.text([card.table(shown, "evaluated")])


def _given(heard: collection.Collection, chosen: columns.Columns, scores: np.ndarray) -> np.ndarray:
    """Which of the kept tags each file is given, bool (num_files, num_kept)."""
    return heard.source.decider.only(chosen.kept).decide(scores)


def _decides(output: pathlib.Path | None) -> bool:
    """Whether the table says which tags a file is given."""
    return output is not None and output.suffix.lower() == ".jsonl"


def _checked_output(values: flags.FlagValues) -> pathlib.Path | None:
    """The file of --output; it and that of --embeddings can be written, and no two flags name the same file."""
    named = {name: pathlib.Path(value) for name in WRITTEN if (value := values[name].value) is not None}
    if len(set(named.values())) < len(named):
        raise errors.UsageError(f"{' and '.join(f'--{name}' for name in named)}: two of them name the same file")
    if "embeddings" in named:
        library_tables.check_embeddings(named["embeddings"], values.overwrite)
    output = named.get("output")
    if output is not None:
        score_table.check_format(output)
        files.check_output(output, values.overwrite)
    return output


COMMAND = cli.Command("kerastag tag", cli.COMMANDS["tag"], FLAGS, main, MAIN_FLAGS, arguments="PATH...")

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
