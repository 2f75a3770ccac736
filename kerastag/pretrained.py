"""`python -m kerastag.pretrained`: lists models that others published, and fetches one as a run folder."""

import sys
import textwrap

from absl import flags

from kerastag import cli, errors, names, published
from kerastag.cli import options
from kerastag.metrics import tables

FLAGS = flags.FlagValues()
flags.DEFINE_string(
    "output", None, "With get: folder for the model; default: one in the user's cache.", flag_values=FLAGS
)
flags.DEFINE_string(
    "proxy",
    None,
    "With get: HTTP proxy as http://HOST:PORT; default: the one that the environment or pip's settings name.",
    flag_values=FLAGS,
)
MAIN_FLAGS = len(list(FLAGS))
options.define_verbosity(FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints the table, or brings a model and says how to use it."""
    if arguments in ([], ["list"]):
        print(tables.text([published.table()]), end="")
        lines = [*published.notes(), "kerastag pretrained get MODEL brings one; its name then stands for its folder."]
        print("\n" + "\n".join(textwrap.fill(line, width=120, subsequent_indent="  ") for line in lines))
        return 0
    if arguments[0] != "get" or len(arguments) != 2:
        raise errors.UsageError(f"{' '.join(arguments)}: give list, or get and the name of one model")
    name, fetched = arguments[1], []

    def say(line: str) -> None:
        fetched.append(line)
        cli.warn([line])

    folder = published.get(name, values.output, values.proxy, say, values.verbosity)
    model = name if values.output is None else folder
    here = "is here" if fetched else "is here already"
    cli.tell(f"{folder}: {name} {here}; kerastag tag MUSIC --model={names.shell_word(model)}")
    return 0


COMMAND = cli.Command(
    "kerastag pretrained", cli.COMMANDS["pretrained"], FLAGS, main, MAIN_FLAGS, arguments="[list | get MODEL]"
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
