"""Brings a selection of MTG-Jamendo into a folder: part by part, each verified, unpacked and remembered."""

import contextlib
import dataclasses
import errno
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence

from kerastag import errors, progress
from kerastag.datasets import folder as dataset_folder
from kerastag.datasets import lists, mtg_jamendo, unpacking
from kerastag.downloads import fetching

MAX_FAILURES_IN_A_ROW = 5  # then the server is not asked for the parts that are left
Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Options:
    """How a selection is brought.

    Attributes:
      parts: numbers of the parts; None: all.
      remove_archives: whether an archive goes when its tracks are here.
      recheck: whether tracks are read again that were verified before.
      dry_run: whether only the plan is told.
      proxy: address of an HTTP proxy; None: the environment's.
    """

    parts: Sequence[str] | None = None
    remove_archives: bool = False
    recheck: bool = False
    dry_run: bool = False
    proxy: str | None = None


def download(path: pathlib.Path, selection: mtg_jamendo.Selection, options: Options, say: Say, warn: Say) -> int:
    """Brings the parts that are not here yet, and places the split files.

    Args:
      path: the folder.
      selection: what is wanted.
      options: how.
      say: called with a line about what is done.
      warn: called with a line about what went wrong.

    Returns:
      the number of parts that failed.

    Raises:
      KerastagError: the folder holds something else or is in use, the lists cannot be fetched, or there is no room.
      UsageError: there is no such part.
    """
    place = dataset_folder.Folder(path, selection)
    place.check()  # before anything is made in it
    with contextlib.nullcontext() if options.dry_run else place.held(), _lists(place, options) as fetched:
        parts = lists.read(fetched, selection)
        chosen = lists.chosen(parts, options.parts)
        todo = _incomplete(place, chosen, options)
        say(_plan(place, chosen, todo))
        say(f"{mtg_jamendo.NAME}: {mtg_jamendo.TERMS}")
        _check_room(place, todo, options)
        if options.dry_run:
            return 0
        if not place.is_begun:
            place.begin(fetched)
        failed = _Work(place, options, say, warn).bring(chosen, todo)
        for line in place.place_splits(parts):
            warn(line)
        return failed


def _incomplete(place: dataset_folder.Folder, chosen: Sequence[lists.Part], options: Options) -> list[lists.Part]:
    """The parts of which tracks are missing."""
    todo = []
    with progress.Lines(len(chosen), f"{place.path}: looking at what is here", "parts") as bar:
        for part in chosen:
            if place.missing(part, options.recheck, remember=not options.dry_run):
                todo.append(part)
            bar.advance()
    return todo


class _Work:
    """One run over the parts."""

    def __init__(self, place: dataset_folder.Folder, options: Options, say: Say, warn: Say):
        self._place, self._options, self._say, self._warn = place, options, say, warn

    def bring(self, chosen: Sequence[lists.Part], todo: Sequence[lists.Part]) -> int:
        """Brings those parts that are to do; returns how many failed or were not tried."""
        for part in chosen:
            if part not in todo:
                self._remove_archive(part)
        failed = in_a_row = 0
        for count, part in enumerate(todo, 1):
            try:
                self._bring_part(part)
                self._say(
                    f"[{count} of {len(todo)}] part {part.number}: {len(part.tracks)} tracks are here and verified"
                )
                in_a_row = 0
            except errors.KerastagError as error:
                self._warn(f"[{count} of {len(todo)}] part {part.number}: {error}")
                failed, in_a_row = failed + 1, in_a_row + 1
                if (_is_full(error) or in_a_row == MAX_FAILURES_IN_A_ROW) and count < len(todo):
                    why = "the disk is full" if _is_full(error) else f"{in_a_row} parts in a row failed"
                    self._warn(f"{why}; left for another time: {len(todo) - count}")
                    return failed + len(todo) - count
        return failed

    def _bring_part(self, part: lists.Part) -> None:
        self._place.sweep(part)
        archive = self._place.archive_path(part)
        url = self._place.selection.archive_url(part.number)
        fetching.fetch(url, archive, f"sha256:{part.sha256}", self._options.proxy)
        faults = unpacking.unpack(archive, self._place.path, self._place.missing(part))
        left = self._place.missing(part)  # reads what was written, and remembers it
        faults = faults or [f"{name}: does not stay as it was written" for name in left]
        if faults:
            more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
            raise errors.KerastagError(f"{faults[0]}{more}")
        self._remove_archive(part)

    def _remove_archive(self, part: lists.Part) -> None:
        if self._options.remove_archives:
            archive = self._place.archive_path(part)
            archive.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                archive.parent.rmdir()  # unless others are in it


@contextlib.contextmanager
def _lists(place: dataset_folder.Folder, options: Options) -> Iterator[pathlib.Path]:
    """The folder of the lists: those that a download here began with, else new ones."""
    if place.is_begun:
        yield place.state
        return
    with tempfile.TemporaryDirectory(prefix="kerastag-") as temporary:
        for name, path in place.selection.lists.items():
            fetching.fetch_anew(place.selection.list_url(path), pathlib.Path(temporary) / name, options.proxy)
        yield pathlib.Path(temporary)


def _plan(place: dataset_folder.Folder, chosen: Sequence[lists.Part], todo: Sequence[lists.Part]) -> str:
    """What there is to do, in a line."""
    selection = place.selection
    num_tracks = sum(len(part.tracks) for part in chosen)
    text = f"{mtg_jamendo.NAME} {selection.subset} {selection.kind}: {len(chosen)} parts, {num_tracks} tracks"
    if not todo:
        return f"{text}; all are here and verified"
    size = len(todo) * selection.bytes_per_part
    return f"{text}; to fetch: {len(todo)} parts, about {size / 1e9:.1f} GB, from {selection.mirror}"


def _check_room(place: dataset_folder.Folder, todo: Sequence[lists.Part], options: Options) -> None:
    """Checks that what is to come has room, by the published sizes.

    Raises:
      KerastagError: it has not.
    """
    if not todo:
        return
    size = place.selection.bytes_per_part
    archives = size if options.remove_archives else size * len(todo)
    archives -= sum(_size(place.archive_path(part)) for part in todo)
    unpacked = sum(size * part.wanted_share for part in todo)
    needed = unpacked + max(0, archives)
    there = place.path.absolute()
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    if needed > free:
        raise errors.KerastagError(
            f"{place.path}: no room: about {needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB free",
            "parts" if options.remove_archives else "remove_archives",
        )


def _size(path: pathlib.Path) -> int:
    """Bytes of an archive that are here already, whole or begun."""
    begun = path.with_name(f"{path.name}.partial")
    return sum(file.stat().st_size for file in (path, begun) if file.is_file())


def _is_full(error: errors.KerastagError) -> bool:
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
