"""The published lists of a data set: the SHA-256 of every archive and of every track in it."""

import collections
import dataclasses
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence

from kerastag import errors, files
from kerastag.data import splits
from kerastag.datasets import mtg_jamendo

_LINE = re.compile(r"([0-9a-f]{64}) [ *]?(\S+)")
_PART = re.compile(r"-(\d\d)\.tar")
_TRACK = re.compile(r"\d\d/[0-9A-Za-z_-]+(?:\.[0-9A-Za-z]+)+")  # in one folder, no way out of it


@dataclasses.dataclass(frozen=True)
class Part:
    """An archive and what is wanted of it.

    Attributes:
      number: "00" to "99".
      archive: its file name.
      sha256: of the archive.
      tracks: SHA-256 by name, FOLDER/FILE; those that a split names.
      num_listed: how many tracks the archive holds.
    """

    number: str
    archive: str
    sha256: str
    tracks: Mapping[str, str]
    num_listed: int

    @property
    def wanted_share(self) -> float:
        """Which share of the archive's tracks is wanted."""
        return len(self.tracks) / max(1, self.num_listed)


def read(folder: pathlib.Path, selection: mtg_jamendo.Selection) -> dict[str, Part]:
    """The parts by number, from the lists in a folder.

    Raises:
      KerastagError: a list is not what it should be; the message names the line.
    """
    wanted = {selection.track_name(path) for name in mtg_jamendo.SPLITS for path in _paths(folder / f"{name}.tsv")}
    tracks: dict[str, dict[str, str]] = {}
    num_listed: collections.Counter[str] = collections.Counter()
    for place, digest, name in _digests(folder / "tracks.txt"):
        if not _TRACK.fullmatch(name):
            raise errors.KerastagError(f"{place}: '{name[:80]}' is no FOLDER/FILE")
        num_listed[name[:2]] += 1
        if name in wanted:
            tracks.setdefault(name[:2], {})[name] = digest
    parts = {}
    for place, digest, name in _digests(folder / "archives.txt"):
        number = _PART.search(name)
        if number is None or name != selection.archive_name(number[1]):
            raise errors.KerastagError(f"{place}: '{name[:80]}' is no archive of {selection.archives} {selection.kind}")
        parts[number[1]] = Part(number[1], name, digest, tracks.get(number[1], {}), num_listed[number[1]])
    if not any(part.tracks for part in parts.values()):
        raise errors.KerastagError(f"{folder}: no track of the splits is in the lists")
    return parts


def chosen(parts: Mapping[str, Part], numbers: Sequence[str] | None) -> list[Part]:
    """The parts of some numbers, in order; None: all.

    Raises:
      UsageError: there is no such part.
    """
    for number in numbers or ():
        if number not in parts:
            raise errors.UsageError(f"--parts: no part '{number}'; there are {min(parts)} to {max(parts)}")
    return [parts[number] for number in sorted(set(numbers or parts))]


def _paths(path: pathlib.Path) -> list[str]:
    return [track.path for track in splits.read(path, untagged="drop").tracks]


def _digests(path: pathlib.Path) -> Iterator[tuple[str, str, str]]:
    """Place, SHA-256 and name of each line."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise errors.KerastagError(f"{path}: {files.reason(error)}") from None
    for number, line in enumerate(lines, 1):
        found = _LINE.fullmatch(line.strip())
        if found is None:
            raise errors.KerastagError(f"{path}:{number}: not a SHA-256 and a name")
        yield f"{path}:{number}", found[1], found[2]
