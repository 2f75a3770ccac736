"""Playlists: M3U8, which every player reads, and Navidrome's smart playlists, which follow the tags in the files."""

import contextlib
import dataclasses
import os
import pathlib
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kerastag import errors, files, names

FORMATS = ("m3u8", "nsp")
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
_LONGEST = 200  # bytes of a playlist's file name without its suffix; file systems take 255


@dataclasses.dataclass(frozen=True)
class Entry:
    """A track of a playlist.

    Attributes:
      path: the file.
      title: what players show; empty: the file's name.
      seconds: how long it lasts; None: not known.
    """

    path: pathlib.Path
    title: str = ""
    seconds: float | None = None


def check_path(path: pathlib.Path, folder: pathlib.Path, absolute: bool = False) -> str:
    """Why a file cannot stand in an M3U8 playlist, which is text with a line for each file; empty: it can.

    The line may name folders that the path does not: those above the working folder.

    Args:
      path, folder, absolute: as of `m3u8`.
    """
    name = _location(path, folder, absolute)
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return f"{names.shown(path)}: its name or a folder's is no UTF-8, as an M3U8 playlist is"
    if "\n" in name or "\r" in name:
        return f"{names.shown(path)}: its name or a folder's has a line break, which an M3U8 playlist cannot hold"
    return ""


def m3u8(entries: Iterable[Entry], name: str, folder: pathlib.Path, absolute: bool = False) -> str:
    """The text of an M3U8 playlist.

    Args:
      entries: its tracks, whose names `check_path` lets pass.
      name: of the playlist.
      folder: that the playlist lies in, to which paths are relative.
      absolute: whether paths are absolute instead.
    """
    lines = ["#EXTM3U", f"#PLAYLIST:{_line(name)}"]
    for entry in entries:
        seconds = -1 if entry.seconds is None else round(entry.seconds)
        lines.append(f"#EXTINF:{seconds},{_line(entry.title or entry.path.stem)}")
        lines.append(_location(entry.path, folder, absolute))
    return "\n".join(lines) + "\n"


def nsp(name: str, rules: Sequence[dict[str, Any]], length: int | None, comment: str = "") -> dict[str, Any]:
    """A smart playlist of Navidrome: rules that all must hold, in random order, `length` tracks at most."""
    playlist: dict[str, Any] = {"name": name, "comment": comment, "all": list(rules), "sort": "random"}
    if length is not None:
        playlist["limit"] = length
    return playlist


def has_mood(word: str, wanted: bool = True) -> dict[str, Any]:
    """The rule of a smart playlist that one of a track's moods is, or none is, a word."""
    return {"is" if wanted else "isNot": {"mood": word}}


def file_names(titles: Sequence[str], suffix: str) -> list[str]:
    """A file name for each playlist: safe on every file system, no two alike in capitals or not."""
    given: set[str] = set()
    result = []
    for title in titles:
        safe = _UNSAFE.sub("_", names.printable(title)).strip(" .")
        stem = safe.encode()[:_LONGEST].decode(errors="ignore").rstrip(" .") or "playlist"
        name, number = stem, 1
        while name.casefold() in given:
            number += 1
            name = f"{stem} {number}"
        given.add(name.casefold())
        result.append(f"{name}.{suffix}")
    return result


def write_all(texts: Iterable[tuple[pathlib.Path, str | dict[str, Any]]]) -> Iterator[pathlib.Path]:
    """Writes playlists, each whole or not at all; yields each path when it is there."""
    for path, content in texts:
        if isinstance(content, str):
            files.write_text(path, content)
        else:
            files.write_json(path, content)
        yield path


def entry_of(path: pathlib.Path) -> Entry:
    """A file's entry, with artist and title by its tags and its length, as far as they can be read."""
    from kerastag import audio

    title, seconds = "", None
    with contextlib.suppress(errors.KerastagError):  # it was heard, and may be gone since
        seconds = audio.info(path).seconds
    tags = _tags(path)
    artist, name = (" / ".join(map(str, tags.get(key, ()))) for key in ("artist", "title"))
    if name:
        title = f"{artist} - {name}" if artist else name
    return Entry(path, title, seconds)


def _tags(path: pathlib.Path) -> dict[str, Any]:
    """What mutagen reads under names that all formats share; nothing without it, or of a file that it cannot read."""
    try:
        import mutagen
    except ImportError:
        return {}
    try:
        return dict(mutagen.File(os.fsencode(path), easy=True) or {})
    except Exception:  # whatever a damaged tag makes it raise: the file's name is enough
        return {}


def _line(text: str) -> str:
    return names.printable(" ".join(text.split()))


def _location(path: pathlib.Path, folder: pathlib.Path, absolute: bool) -> str:
    """A file as a line of a playlist; never a comment, nor taken for an address."""
    if absolute:
        return os.path.abspath(path)
    relative = files.way(path, folder)
    looks_odd = relative.startswith("#") or relative != relative.strip() or urllib.parse.urlparse(relative).scheme
    return os.path.join(".", relative) if looks_odd else relative
