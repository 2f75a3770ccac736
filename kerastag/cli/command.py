"""One wrapper around every command: presets, ordered help, usage errors, one-line errors.

absl parses the flags; this adds what it lacks: help in the order in which flags were defined, with exit status 0,
usage errors with exit status 2, `--preset=NAME`, and one line instead of a traceback for what a user can mend.
"""

import contextlib
import dataclasses
import importlib
import math
import os
import sys
import textwrap
import traceback
from collections.abc import Callable, Sequence

from absl import flags

from kerastag import errors, names, version
from kerastag.cli import completion, presets, streams

COMMANDS = {
    "train": "train a tagger on a folder of tagged music",
    "evaluate": "measure a run, or files of predictions, on a split",
    "ensemble": "combine several models' scores, or several runs into one model",
    "report": "make one HTML file from runs, to read and to send",
    "tag": "print the tags of files and folders, or write the scores of every tag",
    "write": "write moods into the tags of music files, and take them back",
    "playlist": "write playlists by tags, by a wish in moods, or of tracks that sound like one",
    "similar": "rank the tracks of a collection by how much they sound like one",
    "map": "draw a collection as a page on which tracks that sound alike lie close to each other",
    "pretrained": "list models that others published, and fetch one to tag with or to start from",
    "download": "bring MTG-Jamendo here, verified, as a folder to train on",
    "prepare": "turn a dataset into 16 kHz mono files that cost almost nothing to read",
    "export": "write a run as a SavedModel that plain TensorFlow serves, as LiteRT, as ONNX",
}
_PLACEHOLDERS = {"int": "NUMBER", "float": "NUMBER", "comma separated list of strings": "A,B,..."}
_LONGEST_NAME = 100  # letters of a flag
_MOST_LINES = 10_000  # of flag files
Main = Callable[[flags.FlagValues, list[str]], int | None]


@dataclasses.dataclass(frozen=True)
class Command:
    """A command: its flags in, an exit status out.

    Attributes:
      name: what the user types, `kerastag train` or `python -m tools.datasets.debian_music`.
      summary: one line for the help.
      flag_values: the command's own flags, defined in the order in which the help shows them.
      main: called with the parsed flags and the remaining arguments; returns None or an exit status.
      main_flags: how many of the flags stand in the help's first section.
      arguments: what the positional arguments are, as the usage line shows them; empty: none are taken.
      defaults: called with the parsed flags; returns flags for all that the user left out.
    """

    name: str
    summary: str
    flag_values: flags.FlagValues
    main: Main
    main_flags: int = 6
    arguments: str = ""
    defaults: Callable[[flags.FlagValues], list[str]] = lambda values: []

    def run(self, argv: Sequence[str]) -> int:
        """Runs the command with `argv`, without the program's name. Returns the exit status."""
        streams.lose_no_letter()
        try:
            if any(argument in ("--help", "-h", "-help", "--helpfull") for argument in _before_dashes(argv)):
                print(self.help(), flush=True)
                return 0
            arguments = self.parse(argv)
            with contextlib.nullcontext() if _verbose(self.flag_values) else streams.quiet_libraries():
                streams.log_to_standard_error(_verbose(self.flag_values))
                status = self.main(self.flag_values, arguments) or 0
                streams.flush_standard_output()
                return status
        except (flags.Error, errors.UsageError) as error:
            print(f"{self.name}: {_one_line(error)} ({self._where_to_look(error) or 'see --help'})", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print(f"{self.name}: interrupted", file=sys.stderr)
            return 130
        except BrokenPipeError:  # the reader of a pipe went away, as `head` does
            streams.close_standard_output()
            return 0
        except (errors.KerastagError, OSError) as error:
            if _verbose(self.flag_values):
                raise
            advice = self._where_to_look(error)
            print(_one_line(error) + (f" ({advice})" if advice else ""), file=sys.stderr)
            return 1
        except Exception as error:
            if _is_out_of_memory(error) and not _verbose(self.flag_values):
                lower = "batch_size" in self.flag_values
                advice = f"; try a lower --batch_size than {self.flag_values.batch_size}" if lower else ""
                _write(f"{self.name}: out of memory ({_first_line(error)}){advice}")
                _let_go(error)
            else:
                _tell_unexpected(self.name, error, _verbose(self.flag_values))
            return 1

    def parse(self, argv: Sequence[str]) -> list[str]:
        """Parses `argv` into the flags; returns the positional arguments.

        Raises:
          flags.Error, UsageError: unknown flags, values out of bounds, arguments where none are taken.
        """
        argv = presets.expand(argv)
        rest = self._parse_afresh(argv)
        defaults = self.defaults(self.flag_values)
        if defaults:
            rest = self._parse_afresh([*defaults, *argv])
        for name in self.flag_values:
            value = self.flag_values[name].value
            if isinstance(value, float) and math.isnan(value):  # which no bound keeps out
                raise errors.UsageError(f"--{name}: nan is no number")
        if rest and not self.arguments:
            raise errors.UsageError(f"unexpected argument '{rest[0]}'")
        return rest

    def _parse_afresh(self, argv: Sequence[str]) -> list[str]:
        self.flag_values.unparse_flags()
        try:
            expanded = self.flag_values.read_flags_from_files(argv, force_gnu=False)
        except UnicodeDecodeError:
            raise errors.UsageError("--flagfile: not UTF-8") from None
        if len(expanded) > len(argv) + _MOST_LINES:  # absl copies all that follow for each of them
            raise errors.UsageError(f"--flagfile: more than {_MOST_LINES} lines")
        for name in (argument.partition("=")[0] for argument in _before_dashes(expanded) if argument.startswith("-")):
            if len(name) > _LONGEST_NAME:  # absl would look for similar ones, letter by letter
                raise errors.UsageError(f"Unknown command line flag '{name.lstrip('-')[:40]}...'")
        return self.flag_values([self.name, *expanded])[1:]

    def _where_to_look(self, error: BaseException) -> str:
        """The flag that would help against an error, as libraries know it by the name of their parameter."""
        option = error.option if isinstance(error, errors.KerastagError) else ""
        return f"see --{option}" if option in self.flag_values else ""

    def help(self) -> str:
        """The help text: usage, summary, and every flag in the order of its definition."""
        usage = " ".join(part for part in ("usage:", self.name, self.arguments, "[--flag=value ...]") if part)
        lines = [usage, "", self.summary[0].upper() + self.summary[1:] + "."]
        for count, name in enumerate(self.flag_values):
            if count in (0, self.main_flags):
                lines += ["", "The flags that matter first:" if count == 0 else "All others:"]
            lines.append(_flag_help(self.flag_values[name]))
        lines += [
            "",
            "--flagfile=FILE reads flags from a file, --preset=NAME from one that comes with kerastag:",
        ]
        lines.append(textwrap.fill(", ".join(presets.names()) or "(none)", initial_indent="  ", subsequent_indent="  "))
        lines.append("The last value of a flag wins, so write your own after these.")
        return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """`kerastag` and `python -m kerastag`: lists the commands, runs one, or tells of itself."""
    argv = sys.argv[1:] if argv is None else list(argv)
    if argv and argv[0] in COMMANDS:
        return _command(argv[0]).run(argv[1:])
    if argv == ["--version"]:
        print(f"kerastag {version.__version__}")
        return 0
    if argv[:1] == ["help"] and len(argv) == 2 and argv[1] in COMMANDS:
        return _command(argv[1]).run(["--help"])
    if argv[:1] == ["completion"]:
        return _print_completion(argv[1:])
    if argv in ([], ["help"]) or argv[0] in ("--help", "-h"):
        print("usage: kerastag COMMAND [--flag=value ...]\n\nTrains, measures, runs and serves music taggers.\n")
        print("\n".join(f"  {name:<10} {summary}" for name, summary in COMMANDS.items()))
        print("\n`kerastag COMMAND --help` lists a command's flags, as `kerastag help COMMAND` does; `python -m")
        print("kerastag.COMMAND` is the same command. `kerastag completion bash` (zsh, fish) prints a script that lets")
        print("that shell complete commands and flags; `kerastag --version` prints the version.")
        return 0
    unknown = argv[1] if argv[0] == "help" else argv[0]
    print(f"kerastag: no command '{names.printable(unknown)}'; there are {', '.join(COMMANDS)}", file=sys.stderr)
    return 2


def _command(name: str) -> Command:
    command: Command = importlib.import_module(f"kerastag.{name}").COMMAND
    return command


def _print_completion(argv: Sequence[str]) -> int:
    flag_values = {name: _command(name).flag_values for name in COMMANDS}
    try:
        print(completion.script(" ".join(argv), COMMANDS, flag_values), end="", flush=True)
    except errors.UsageError as error:
        print(f"kerastag completion: {names.printable(str(error))}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        streams.close_standard_output()
    return 0


def _before_dashes(argv: Sequence[str]) -> list[str]:
    argv = list(argv)
    return argv[: argv.index("--")] if "--" in argv else argv


def _flag_help(flag: flags.Flag) -> str:
    choices = getattr(flag.parser, "enum_values", None)
    text = " ".join((flag.help or "").split())
    notes = []
    if choices:
        text = text.removeprefix(f"<{'|'.join(choices)}>: ")  # absl puts it there; it stands in the heading
        heading = f"--{flag.name}={'|'.join(choices)}"
    elif flag.boolean:
        heading = f"--[no]{flag.name}"
    else:
        heading = f"--{flag.name}={_PLACEHOLDERS.get(flag.flag_type(), 'VALUE')}"
        if "range" in flag.parser.syntactic_help or (
            flag.parser.syntactic_help.startswith("a ") and flag.flag_type() in ("int", "float")
        ):
            notes.append(flag.parser.syntactic_help)
    if flag.default not in (None, []):
        default = ",".join(flag.default) if isinstance(flag.default, list) else flag.default
        notes.append(f"default: {str(default).lower() if flag.boolean else default}")
    text += f" ({'; '.join(notes)})" if notes else ""
    return f"  {heading}\n" + textwrap.fill(text, width=100, initial_indent=" " * 6, subsequent_indent=" " * 6)


def _one_line(error: BaseException) -> str:
    text = str(error)
    if isinstance(error, OSError):
        text = f"{_file_of(error)}: {(error.strerror or text).lower()}"
    return names.line(text)


def _tell_unexpected(name: str, error: Exception, verbose: bool) -> None:
    """Says what nobody foresaw."""
    if verbose:
        traceback.print_exception(error)
    else:
        _write(f"{name}: unexpected {type(error).__name__}: {_first_line(error)} (--verbosity=1 shows where)")
    _let_go(error)


def _is_out_of_memory(error: Exception) -> bool:
    """Whether Python or TensorFlow, which must not be imported for it, could not have more memory."""
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"


def _first_line(error: Exception) -> str:
    return names.printable(str(error).strip().partition("\n")[0])


def _write(line: str) -> None:
    """To standard error, in one piece: threads of TensorFlow may be writing there too."""
    sys.stderr.write(f"{line}\n")


def _let_go(error: Exception) -> None:
    """Lets go of the frames an error came through.

    They hold TensorFlow's input pipelines, and Python does not end while one of those still calls into it.
    """
    traceback.clear_frames(error.__traceback__)
    error.__traceback__ = None


def _file_of(error: OSError) -> str:
    """What an error of the system is about, in words where it does not name it."""
    if error.filename is not None:
        return os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else str(error.filename)
    frames = traceback.extract_tb(error.__traceback__)
    if frames and "print(" in (frames[-1].line or ""):
        streams.close_standard_output()
        return "standard output"
    return "a file (--verbosity=1 shows which)"


def _verbose(flag_values: flags.FlagValues) -> bool:
    return "verbosity" in flag_values and flag_values.verbosity > 0
