"""The folder of a data set: what it is, which of its tracks are verified, and one download at a time."""

import contextlib
import fcntl
import io
import os
import pathlib
from collections.abc import Iterator, Mapping

from kerastag import errors, files
from kerastag.data import splits
from kerastag.datasets import lists, mtg_jamendo

STATE = ".mtg_jamendo"  # folder in it: lists, record, what is verified, lock
ARCHIVES = "archives"


class Folder:
    """A folder that holds, or will hold, a selection of MTG-Jamendo.

    Attributes:
      path: the folder; it need not be there.
      state: what a download remembers.
      selection: what it holds.
    """

    def __init__(self, path: pathlib.Path, selection: mtg_jamendo.Selection):
        self.path, self.selection = path, selection
        self.state = path / STATE

    @property
    def is_begun(self) -> bool:
        """Whether a download has begun here, and has its lists."""
        return (self.state / "record.json").is_file()

    def check(self) -> None:
        """Checks that the folder is new or holds the same selection.

        Raises:
          KerastagError: it holds another data set, or is none.
        """
        if self.path.exists() and not self.path.is_dir():
            raise errors.KerastagError(f"{self.path}: is no folder")
        if self.is_begun:
            before = files.read_json(self.state / "record.json")
            if before != self._record():
                what = " ".join(map(str, before.values())) if isinstance(before, dict) else "something else"
                raise errors.KerastagError(f"{self.path}: holds {what}; take another folder", "data_dir")
            return
        for name in mtg_jamendo.SPLITS:
            if (self.path / f"{name}.tsv").exists():
                raise errors.KerastagError(
                    f"{self.path}: holds {name}.tsv of another data set; take another folder", "data_dir"
                )

    def begin(self, fetched: pathlib.Path) -> None:
        """Takes the lists from a folder, and says what is here from now on."""
        for name in self.selection.lists:
            _write(self.state / name, (fetched / name).read_bytes())
        files.write_json(self.state / "record.json", self._record())

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keeps other downloads out of the folder.

        Raises:
          KerastagError: another process downloads into it.
        """
        files.check_folder_writable(self.state, self.path)
        self.state.mkdir(parents=True, exist_ok=True)
        lock = self.state / "lock"
        with lock.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.stat(lock)  # it is still that file's name
            except (BlockingIOError, FileNotFoundError):
                raise errors.KerastagError(f"{self.path}: another process downloads into it just now") from None
            try:
                self.check()  # now that nobody else can make it another
                yield
            finally:
                self._leave()

    def archive_path(self, part: lists.Part) -> pathlib.Path:
        """Where the archive of a part stands, if it is kept."""
        return self.path / ARCHIVES / part.archive

    def sweep(self, part: lists.Part) -> None:
        """Removes what a killed process had begun to write of a part; while the folder is held, nobody else writes."""
        for begun in (self.path / part.number).glob(".*.partial.*"):
            begun.unlink()

    def missing(self, part: lists.Part, recheck: bool = False, remember: bool = True) -> dict[str, str]:
        """SHA-256 by name of the tracks of a part that are not here with the right bytes.

        Args:
          part: which.
          recheck: whether tracks are read again that were verified before and have size and time as they had then.
          remember: whether to note which are verified.
        """
        before = {} if recheck else self._verified(part)
        verified: dict[str, list[int] | None] = {}
        missing = {}
        for name, digest in part.tracks.items():
            facts = self._facts(name)
            known = facts is not None and before.get(name) == facts
            if known or (facts is not None and files.sha256(self.path / name) == digest):
                verified[name] = facts
            else:
                missing[name] = digest
        if remember and verified != self._verified(part):
            files.write_json(self._verified_path(part), verified)
        return missing

    def place_splits(self, parts: Mapping[str, lists.Part]) -> list[str]:
        """Writes the split files: as published where all tracks are here, else the lines of those that are.

        Returns a line about each that is not as published.
        """
        here = {
            name
            for part in parts.values()
            for name, facts in self._verified(part).items()
            if facts == self._facts(name)
        }
        told = []
        for name in mtg_jamendo.SPLITS:
            content = (self.state / f"{name}.tsv").read_bytes()
            header, *lines = io.BytesIO(content).readlines()
            tracks = [line for line in lines if line.strip()]
            kept = [line for line in tracks if self.selection.track_name(_path_of(line)) in here]
            target = self.path / f"{name}.tsv"
            if kept:
                _write(target, content if len(kept) == len(tracks) else b"".join([header, *kept]))
            else:
                target.unlink(missing_ok=True)
            if len(kept) < len(tracks):
                told.append(f"{target}: {len(kept)} of {len(tracks)} tracks, those that are here")
        _write(self.path / mtg_jamendo.LICENCES, (self.state / mtg_jamendo.LICENCES).read_bytes())
        return told

    def _leave(self) -> None:
        """Takes the lock and empty folders away where nothing was begun."""
        if self.is_begun:
            return
        (self.state / "lock").unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.state.rmdir()
            self.path.rmdir()

    def _record(self) -> dict[str, str]:
        return {"dataset": mtg_jamendo.NAME, "subset": self.selection.subset, "type": self.selection.kind}

    def _verified_path(self, part: lists.Part) -> pathlib.Path:
        return self.state / "verified" / f"{part.number}.json"

    def _verified(self, part: lists.Part) -> dict[str, list[int] | None]:
        """Size and time of each track of a part when it was verified."""
        path = self._verified_path(part)
        try:
            verified = files.read_json(path) if path.is_file() else {}
        except errors.KerastagError:
            return {}  # what is damaged is verified anew
        return verified if isinstance(verified, dict) else {}

    def _facts(self, name: str) -> list[int] | None:
        """Size and time of a file; None: it is not there."""
        path = self.path / name
        if not path.is_file():
            return None
        facts = path.stat()
        return [facts.st_size, facts.st_mtime_ns]


def _path_of(line: bytes) -> str:
    """PATH in a line of a split file of MTG-Jamendo's form."""
    return line.decode("utf-8").split("\t")[splits.FORMS[0].index("PATH")]


def _write(path: pathlib.Path, content: bytes) -> None:
    """Writes a file whole, unless it has these bytes already."""
    if not (path.is_file() and path.read_bytes() == content):
        with files.whole_file(path) as temporary:
            temporary.write_bytes(content)
