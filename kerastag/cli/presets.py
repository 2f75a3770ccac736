"""Presets: files of flags that come with kerastag, `--preset=NAME`."""

import pathlib
from collections.abc import Sequence

from kerastag import errors


def folder() -> pathlib.Path:
    """Where the presets are: inside the package when installed, `flags/` beside it in a checkout."""
    package = pathlib.Path(__file__).parent.parent
    installed = package / "presets"
    return installed if installed.is_dir() else package.parent / "flags"


def names() -> list[str]:
    """The names that `--preset` takes."""
    return sorted(path.stem for path in folder().glob("*.flags"))


def find(name: str) -> pathlib.Path:
    """The file of a preset.

    Raises:
      UsageError: there is no preset of that name.
    """
    if name not in names():
        raise errors.UsageError(f"no preset '{name}'; there are {', '.join(names())}")
    return folder() / f"{name}.flags"


def expand(argv: Sequence[str]) -> list[str]:
    """Replaces `--preset=NAME` and `--preset NAME` by the `--flagfile` of that preset."""
    expanded: list[str] = []
    arguments = iter(argv)
    for argument in arguments:
        if argument == "--":
            return [*expanded, argument, *arguments]
        name, equals, value = argument.partition("=")
        if name in ("--preset", "-preset"):
            value = value if equals else next(arguments, "")
            expanded.append(f"--flagfile={find(value)}")
        else:
            expanded.append(argument)
    return expanded
