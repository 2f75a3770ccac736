"""Completion for bash, zsh and fish: one script that names every command, flag and choice, and asks no Python.

The script is made from the flags themselves, so it is to be made anew after an update.
"""

import dataclasses
import re
import shlex
from collections.abc import Mapping

from absl import flags

from kerastag import errors, templates
from kerastag.cli import presets

SHELLS = ("bash", "zsh", "fish")
_LONGEST_HELP = 100  # letters, what one line of a terminal has room for


@dataclasses.dataclass(frozen=True)
class Option:
    """A flag as a shell offers it.

    Attributes:
      name: without dashes.
      help: its first sentence.
      choices: its values, if these are all.
      takes_value: else it is given as it stands.
      takes_file: whether names of files are offered for its value.
    """

    name: str
    help: str
    choices: tuple[str, ...] = ()
    takes_value: bool = True
    takes_file: bool = False

    @property
    def word(self) -> str:
        """What is typed, but for the value."""
        return f"--{self.name}{'=' if self.takes_value else ''}"

    @property
    def zsh_value(self) -> str:
        """What zsh's _arguments offers for the value."""
        if not self.takes_value:
            return ""
        if self.choices:
            return f":{self.name}:({' '.join(self.choices)})"
        return f":{self.name}:{'_files' if self.takes_file else ''}"

    @property
    def fish_value(self) -> str:
        """What fish's `complete` offers for the value, with a space behind."""
        if self.choices:
            return f"-x -a {_fish_quoted(' '.join(self.choices))} "
        return "-r -F " if self.takes_file else "-x " if self.takes_value else ""


def script(shell: str, summaries: Mapping[str, str], flag_values: Mapping[str, flags.FlagValues]) -> str:
    """The script for a shell of SHELLS.

    Args:
      shell: its name.
      summaries: what each command does, by its name.
      flag_values: each command's flags.

    Raises:
      UsageError: there is none for that shell.
    """
    if shell not in SHELLS:
        raise errors.UsageError(f"no completion for '{shell}'; there is one for {', '.join(SHELLS)}")
    options = {name: offered(values) for name, values in flag_values.items()}
    values = {"summaries": summaries, "options": options, "shells": SHELLS}
    quotes = {"quoted": shlex.quote, "zsh_text": _zsh_text, "fish_quoted": _fish_quoted}
    return templates.render(__package__, f"completion.{shell}.j2", values, quotes)


def offered(values: flags.FlagValues) -> list[Option]:
    """A command's flags, and those that every command has, in the order of its help."""
    found: list[Option] = []
    for name in values:
        flag = values[name]
        text = _first_sentence(flag.help or "")
        if flag.boolean:
            found += [Option(name, text, takes_value=False), Option(f"no{name}", f"Not: {text}", takes_value=False)]
        else:
            choices = tuple(getattr(flag.parser, "enum_values", None) or ())
            found.append(
                Option(name, text, choices, takes_file=not choices and flag.flag_type() not in ("int", "float"))
            )
    return [
        *found,
        Option("preset", "Flags from a file that comes with kerastag.", tuple(presets.names())),
        Option("flagfile", "Flags from a file.", takes_file=True),
        Option("help", "All flags, and what they do.", takes_value=False),
    ]


def _first_sentence(text: str) -> str:
    words = " ".join(text.split())
    if words.startswith("<"):
        words = words.partition(">: ")[2]  # absl puts the choices there
    sentence = re.split(r"\. (?=[A-Z])", words)[0].rstrip(".")
    return sentence if len(sentence) <= _LONGEST_HELP else sentence[: _LONGEST_HELP - 3].rstrip() + "..."


def _zsh_text(text: str) -> str:
    """Text inside an argument of zsh's _arguments or _describe, where brackets and colons have a meaning."""
    return "".join("\\" + letter if letter in "[]:\\" else letter for letter in text)


def _fish_quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
