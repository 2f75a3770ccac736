"""Files that appear whole or not at all: a temporary name beside the target, then a rename.

Whatever goes wrong is told of the target, by the name that the user gave.
"""

import contextlib
import hashlib
import json
import math
import os
import pathlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

from kerastag import errors

Path = str | os.PathLike[str]
_LONGEST = 200  # bytes of a name; file systems take 255, and a file that is being written has a longer name
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[pathlib.Path]:
    """Yields a temporary path beside `path`; renames it into place if the body succeeds.

    The temporary name keeps the suffix, since many writers choose the format by it.

    Raises:
      KerastagError: the file cannot be written.
    """
    path = pathlib.Path(path)
    temporary = path.with_name(f".{shortened(path.stem)}.{os.getpid()}.partial{path.suffix}")
    with _told_of(path, temporary):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            os.replace(temporary, path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: Path, overwrite: bool = False) -> Iterator[pathlib.Path]:
    """Yields a temporary folder beside `path`; renames it into place if the body succeeds.

    Raises:
      KerastagError: `path` exists and `overwrite` is not set, or it cannot be written.
    """
    path = pathlib.Path(path)
    if path.exists() and not overwrite:
        raise errors.KerastagError(f"{path}: exists already")
    with _told_of(path, path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{shortened(path.name)}.{os.getpid()}."
        temporary = pathlib.Path(tempfile.mkdtemp(prefix=prefix, suffix=".partial", dir=path.parent))
    with _told_of(path, temporary):
        try:
            os.chmod(temporary, 0o777 & ~umask())  # mkdtemp makes folders that only their owner can read
            yield temporary
            replace_folder(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def shortened(name: str) -> str:
    """A name of 200 bytes at most: a longer one is cut, and ends in a digest of all of it."""
    content = os.fsencode(name)
    if len(content) <= _LONGEST:
        return name
    digest = hashlib.sha256(content).hexdigest()[:12]
    kept = content[: _LONGEST - len(digest) - 1]
    while kept and content[len(kept)] & 0xC0 == 0x80:  # not within a letter of UTF-8
        kept = kept[:-1]
    return f"{os.fsdecode(kept)}~{digest}"


def replace_folder(source: pathlib.Path, target: pathlib.Path) -> None:
    """Renames `source` to `target`; what stood there is moved aside first and removed last.

    A failure in between puts it back. A kill cannot: `put_back` does, when the folder is asked for again.
    """
    if target.exists():
        _remove(aside(target))
        os.rename(target, aside(target))
    try:
        os.rename(source, target)
    finally:
        put_back(target)
    with contextlib.suppress(OSError):
        _remove(aside(target))


def put_back(path: pathlib.Path) -> None:
    """Gives a folder its name again if its replacement was killed before the new one had it."""
    if not path.exists() and aside(path).exists():
        os.rename(aside(path), path)


def aside(path: pathlib.Path) -> pathlib.Path:
    """Where a folder is moved while another takes its place."""
    return path.with_name(f".{path.name}.kerastag.old")


def remove_unfinished(folder: pathlib.Path, pid: int) -> None:
    """Removes the files and folders in a folder that a process, which was killed, was writing."""
    for path in list(folder.rglob(f".*.{pid}.*partial*")):
        with contextlib.suppress(OSError):
            _remove(path)


def is_unfinished(path: pathlib.Path) -> bool:
    """Whether the name is one of those that a file or folder has while it is written."""
    return re.fullmatch(r"\..*\.\d+\.(.*\.)?partial(\..*)?", path.name) is not None


def _remove(path: pathlib.Path) -> None:
    """Removes a file, link or folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Checks that a file can be written at `path`, before the work that it is to hold; nothing is left behind.

    Access bits do not tell, for root or over a network: a file is made beside it and removed.

    Raises:
      KerastagError: it is a folder, or cannot be written.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        raise errors.KerastagError(f"{path}: is a folder")
    check_folder_writable(path.parent, path)


def check_folder_writable(folder: Path, told_of: Path | None = None) -> None:
    """Checks that files can be made in a folder, which need not be there yet.

    Args:
      folder: the folder.
      told_of: what the error names; None: the folder.

    Raises:
      KerastagError: they cannot.
    """
    there = pathlib.Path(folder)
    while not there.exists() and there != there.parent:
        there = there.parent
    with _told_of(pathlib.Path(told_of or folder), there), tempfile.TemporaryFile(prefix=".kerastag.", dir=there):
        pass


def check_output(path: Path | None, overwrite: bool) -> None:
    """Checks that a file that a command is to write, if any, is not there yet or may be replaced, and can be written.

    Raises:
      KerastagError: it is there, or cannot be written.
    """
    if path is None:
        return
    if pathlib.Path(path).is_file() and not overwrite:
        raise errors.KerastagError(f"{path}: exists already", "overwrite")
    check_writable(path)


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text, whole or not at all.

    Raises:
      KerastagError: it cannot be written, or a name that is no UTF-8 stands in the text.
    """
    try:
        content = text.encode("utf-8")
    except UnicodeEncodeError as error:
        place = text[max(0, error.start - 40) : error.end + 40]
        raise errors.KerastagError(f"{path}: cannot be written, it would hold what is no UTF-8: {place}") from None
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Writes JSON for people and machines: indented, keys in the given order, no NaN."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Reads a JSON file; its numbers are finite, and its texts can be written again.

    Raises:
      KerastagError: the file is missing, cannot be read or is not JSON.
    """
    try:
        return parsed_json(pathlib.Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise errors.KerastagError(f"{path}: no such file") from None
    except OSError as error:
        raise errors.KerastagError(f"{path}: cannot be read ({reason(error)})") from None
    except (ValueError, RecursionError) as error:
        raise errors.KerastagError(f"{path}: not a JSON file ({error})") from None


def parsed_json(text: str | bytes) -> Any:
    """What JSON text says.

    Raises:
      ValueError, RecursionError: it is no JSON, or holds NaN, infinity, an endless integer or half a surrogate pair.
    """
    text = text if isinstance(text, str) else text.decode("utf-8")
    value = json.loads(text, parse_constant=_finite, parse_float=_finite)
    if _SURROGATE.search(text):
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def way(path: Path, folder: Path) -> str:
    """The relative path that leads from a folder to a file.

    Where the folder is reached through a link that the file's path goes through as well, the way stays behind the link,
    so that it still leads there when all of it is moved or mounted elsewhere.
    """
    real, whole = os.path.realpath(folder), os.path.abspath(path)
    by_names = os.path.relpath(whole, os.path.abspath(folder))
    with contextlib.suppress(OSError):
        if os.path.samefile(os.path.normpath(os.path.join(real, by_names)), whole):
            return by_names
    return os.path.relpath(whole, real)


def user_cache() -> pathlib.Path:
    """The folder of kerastag in the user's cache; it need not be there yet."""
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "kerastag"


def reason(error: OSError) -> str:
    """What the system said, in lower case: "no space left on device"."""
    return (error.strerror or str(error)).lower()


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is no finite number")
    return number


@contextlib.contextmanager
def _told_of(target: pathlib.Path, temporary: pathlib.Path | None = None) -> Iterator[None]:
    """Turns an error about `target` or what is written in its place into one that names `target`.

    An error about another file, such as one that is being read meanwhile, goes on as it is.
    """
    try:
        yield
    except OSError as error:
        names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
        if names and not any(_belongs(name, target, temporary) for name in names):
            raise
        raise errors.KerastagError(f"{target}: cannot be written ({reason(error)})") from error


def _belongs(name: str, target: pathlib.Path, temporary: pathlib.Path | None) -> bool:
    """Whether a file that an error is about is what is written, or a folder on the way there."""
    place, target = _absolute(name), _absolute(target)
    if place == target or place in target.parents:
        return True
    return temporary is not None and _absolute(temporary) in (place, *place.parents)


def _absolute(path: Path) -> pathlib.Path:
    """A path from the root, links in it left as they are: what the system names need not be as it was given."""
    return pathlib.Path(os.path.abspath(path))


def umask() -> int:
    """The bits that new files of this process do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
