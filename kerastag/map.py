"""`python -m kerastag.map`: the map of a music collection, one page to look at and to listen with."""

import pathlib
import sys

from absl import flags

from kerastag import cli, errors, files, names
from kerastag.cli import choosing, collection, options
from kerastag.library import word_choice
from kerastag.library.mapping import layout, page

NUM_NEIGHBOURS = 5

FLAGS = flags.FlagValues()
collection.define_model(FLAGS)
flags.DEFINE_string("output", "map.html", "The page, .html.", flag_values=FLAGS)
flags.DEFINE_bool("overwrite", False, "Replace --output if it exists.", flag_values=FLAGS)
flags.DEFINE_string("title", None, "Heading of the page; default: the folders' names.", flag_values=FLAGS)
choosing.define_vocabulary(FLAGS)
flags.DEFINE_bool(
    "absolute", False, "Find the music by its whole path, instead of from where the page lies.", flag_values=FLAGS
)
flags.DEFINE_integer("seed", 0, "Another number gives another map.", 0, flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))

collection.define(FLAGS)
options.define_verbosity(FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Writes the page. Returns 3 if some files could not be heard."""
    output = pathlib.Path(values.output)
    if output.suffix.lower() not in (".html", ".htm"):
        raise errors.UsageError(f"{output}: the suffix must be .html", "output")
    files.check_output(output, values.overwrite)
    search = collection.find(values, arguments)
    ears = collection.Ears(values)
    chosen = choosing.words(values, ears.source.vocabulary)
    _ = ears.source.decider, ears.source.card  # an error in their files is told before the work
    result = ears.hear(search, embeddings=True)
    heard = result.heard
    if not heard.files:
        raise errors.KerastagError("; ".join(result.skipped))
    assert heard.embeddings is not None  # they were asked for
    if not values.quiet:
        cli.warn([f"placing {len(heard.files)} tracks"])
    choices = word_choice.choose(heard.scores, ears.source.decider, chosen, heard.vocabulary, ears.source.card)
    tracks = page.Tracks(
        heard.files,
        layout.places(heard.embeddings, values.seed),
        choices,
        chosen.merged(heard.scores[:, chosen.kept]),
        chosen.words,
        layout.neighbours(heard.embeddings, NUM_NEIGHBOURS),
    )
    title = names.shown(values.title or ", ".join(pathlib.Path(argument).resolve().name for argument in arguments))
    files.write_text(output, page.html(tracks, title, output.parent, values.absolute))
    cli.tell(f"{output}: {len(heard.files)} tracks")
    cli.warn(result.warnings())
    return result.status


COMMAND = cli.Command("kerastag map", cli.COMMANDS["map"], FLAGS, main, MAIN_FLAGS, arguments="PATH...")

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
