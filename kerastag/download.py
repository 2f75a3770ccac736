"""`python -m kerastag.download`: brings a published data set as a folder that train takes as it is."""

import pathlib
import sys

from absl import flags

from kerastag import cli, errors, names
from kerastag.cli import options
from kerastag.datasets import mtg_jamendo

FLAGS = flags.FlagValues()
flags.DEFINE_string("data_dir", None, "Folder for the data set; train takes it under the same flag.", flag_values=FLAGS)
flags.DEFINE_enum(
    "subset",
    "autotagging_moodtheme",
    list(mtg_jamendo.SUBSETS),
    "Which tags, and the tracks that have them. Only the first has archives of its own; the others come out of those "
    "of all tracks.",
    flag_values=FLAGS,
)
flags.DEFINE_enum(
    "type",
    "audio",
    list(mtg_jamendo.ENDINGS),
    "audio: MP3 of 320 kbit/s. audio-low: mono MP3, a third as large. melspecs: mel spectrograms of the data set's "
    "authors, for other programs.",
    flag_values=FLAGS,
)
flags.DEFINE_list(
    "parts", None, "Which of the 100 archives, as 00,01; default: all. A few are enough to try.", flag_values=FLAGS
)
flags.DEFINE_bool(
    "remove_archives", False, "Remove an archive when its tracks are unpacked and verified.", flag_values=FLAGS
)
flags.DEFINE_bool("dry_run", False, "Say what would be fetched and how large it is, and stop.", flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))
flags.DEFINE_string(
    "mirror",
    next(iter(mtg_jamendo.MIRRORS)),
    f"Server of the archives: {', '.join(mtg_jamendo.MIRRORS)}, or the address of one of your own.",
    flag_values=FLAGS,
)
flags.DEFINE_bool(
    "recheck", False, "Read all tracks again that are here, and fetch what has been damaged.", flag_values=FLAGS
)
flags.DEFINE_string(
    "proxy", None, "HTTP proxy as http://HOST:PORT; default: the one that the environment names.", flag_values=FLAGS
)
options.define_verbosity(FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Brings the data set. Exit status 3 if some parts failed."""
    if arguments != [mtg_jamendo.NAME]:
        given = " ".join(arguments) or "no data set"
        raise errors.UsageError(f"{given}: give the name of one data set; there is {mtg_jamendo.NAME}")
    if not values.data_dir:
        raise errors.UsageError("--data_dir: name the folder for the data set")
    if values.parts == []:  # as of a variable of the shell that is empty: not all of them
        raise errors.UsageError("--parts: name one at least, as 00, or leave the flag out for all")
    from kerastag.datasets import downloading

    selection = mtg_jamendo.Selection(values.subset, values.type, mtg_jamendo.mirror_of(values.mirror))
    how = downloading.Options(values.parts, values.remove_archives, values.recheck, values.dry_run, values.proxy)
    folder = pathlib.Path(values.data_dir)
    failed = downloading.download(folder, selection, how, _say, lambda line: cli.warn([line]))
    if failed:
        cli.warn([f"{folder}: parts that are not whole here: {failed}; the same command goes on from what is"])
        return 3
    if not values.dry_run and values.type != "melspecs":
        cli.tell(f"{folder}: ready; kerastag train --preset=paper_bce --data_dir={names.shell_word(folder)}")
    return 0


def _say(line: str) -> None:
    cli.tell(line)


COMMAND = cli.Command(
    "kerastag download", cli.COMMANDS["download"], FLAGS, main, MAIN_FLAGS, arguments=mtg_jamendo.NAME
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
