"""Where published models stand once they are here, and a model's name to its folder."""

import os
import pathlib

from kerastag import errors, files
from kerastag.published import catalogue
from kerastag.runs import ensemble_folder

NOTICE = "NOTICE.txt"


def folder(name: str) -> pathlib.Path:
    """The folder of a model in the user's cache."""
    return files.user_cache() / "models" / name


def downloads() -> pathlib.Path:
    """The folder in the user's cache where files stand until they are models, whole or begun."""
    return files.user_cache() / "downloads"


def holds(place: pathlib.Path, entry: catalogue.Entry) -> bool:
    """Whether a folder holds the model of an entry, as `get` writes it."""
    try:
        with (place / NOTICE).open(encoding="utf-8") as file:
            return file.readline().rstrip("\n") == title_line(entry) and ensemble_folder.is_model(place)
    except (OSError, UnicodeDecodeError):
        return False


def title_line(entry: catalogue.Entry) -> str:
    """The first line of an entry's notice, by which its folder is known again."""
    return f"{entry.name}: {entry.title}"


def resolve(name_or_path: str | os.PathLike[str]) -> pathlib.Path:
    """The path of a model that is given as a path or by the name of a published one.

    Args:
      name_or_path: what exists is taken as it is, and so is what is no name of the catalogue.

    Raises:
      KerastagError: a published model that is not here yet.
    """
    path = pathlib.Path(name_or_path)
    entry = catalogue.ENTRIES.get(os.fspath(name_or_path))
    if entry is None or path.exists():
        return path
    if not holds(folder(entry.name), entry):
        raise errors.KerastagError(
            f"{entry.name}: not here yet; kerastag pretrained get {entry.name} brings it "
            f"({entry.size}, licence: {entry.licence_text})"
        )
    return folder(entry.name)
