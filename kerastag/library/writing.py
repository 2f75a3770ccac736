"""Words written into a field of music files: what would change, and the change itself, one file at a time."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from kerastag import names
from kerastag.library import identity, journal, replacing
from kerastag.library.fields import checking, opening
from kerastag.library.fields.container import TagError

MODES = ("keep", "merge", "replace")


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be done to one file.

    Attributes:
      path: the file.
      field: which of fields.FIELDS.
      before, after: its values; the same: there is nothing to do.
      status: of the file, as it was when it was looked at.
    """

    path: pathlib.Path
    field: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    status: os.stat_result

    @property
    def changes(self) -> bool:
        """Whether the file would change."""
        return self.before != self.after

    @property
    def added(self) -> tuple[str, ...]:
        """Values that come."""
        return tuple(value for value in self.after if value not in self.before)

    @property
    def removed(self) -> tuple[str, ...]:
        """Values that go."""
        return tuple(value for value in self.before if value not in self.after)

    @property
    def kept(self) -> tuple[str, ...]:
        """Values that stay."""
        return tuple(value for value in self.before if value in self.after)


@dataclasses.dataclass(frozen=True)
class Done:
    """A file that was written: its status before and after, and what it was known by and is; see identity.py."""

    path: pathlib.Path
    old_status: os.stat_result
    new_status: os.stat_result
    identities: Sequence[tuple[str, str]]


OnWritten = Callable[[Done], None]


def plan(
    path: str | os.PathLike[str],
    field: str,
    words: Sequence[str],
    mode: str = "merge",
    heard: os.stat_result | None = None,
) -> Plan:
    """What would be done to a file; nothing is written.

    Args:
      path: the file.
      field: one of fields.FIELDS.
      words: what the file is given, none twice; of a file that is given nothing the field stays as it is.
      mode: one of MODES. keep: a field that has a value stays as it is. merge: words are added that are not there yet,
        in capitals or not. replace: the field becomes the words.
      heard: the file's status when it was heard; None: it does not matter.

    Raises:
      KerastagError: the file has changed since, its tags cannot be read, or it could not be written.
    """
    checking.require()
    with opening.told_of(path):
        status = os.stat(path)
        if heard is not None and identity.of_status(status) != identity.of_status(heard):
            raise TagError("has changed since it was heard; it is left as it is")
        if not all(word and names.hidden_letter(word) is None for word in words):
            raise TagError(f"cannot be given a word that is empty, or has a letter that is not seen: {words!r}")
    with opening.open_tags(path) as tags:
        before = tuple(tags.values(field))
        planned = Plan(pathlib.Path(path), field, before, _after(before, tuple(words), mode), status)
        if planned.changes:
            with opening.told_of(path):
                replacing.check(path)
            tags.changes(field, planned.after)
            tags.seen()
    return planned


def apply(
    planned: Plan,
    written: journal.Journal,
    preserve_mtime: bool = False,
    on_written: OnWritten = lambda done: None,
) -> None:
    """Does what was planned to a file.

    Args:
      planned: what `plan` gave.
      written: where it is written down first.
      preserve_mtime: let the file's modification time be what it was.
      on_written: called afterwards.

    Raises:
      KerastagError: it could not be done, and the file is as it was.
    """
    path, field = planned.path, planned.field
    with opening.told_of(path), replacing.Replacement(path) as replacement:
        replacement.check_unchanged(planned.status)
        with opening.open_tags(replacement.target, path) as tags:
            if tuple(tags.values(field)) != planned.before:
                raise TagError("has changed meanwhile; it is left as it is")
            changes = tags.changes(field, planned.after)
            undo = tags.inverse(changes)
            result = replacement.write(changes)
            tags.check_copy(replacement.copy, field, planned.after)
        replacement.prepare(replacement.status.st_mtime_ns if preserve_mtime else None)
        written.add(replacement.target, undo, **_facts(planned, replacement.status, result))
        status = replacement.commit()
    on_written(Done(path, replacement.status, status, result.identities(replacement.status, status)))


def _after(before: tuple[str, ...], words: tuple[str, ...], mode: str) -> tuple[str, ...]:
    if not words or (mode == "keep" and before) or set(words) == set(before):
        return before
    if mode == "replace":
        return words
    there = {value.strip().casefold() for value in before}
    return (*before, *(word for word in words if word.casefold() not in there))


def _facts(planned: Plan, status: os.stat_result, result: replacing.Written) -> dict[str, Any]:
    """What a journal's entry holds beside the file and the way back."""
    return {
        **{"field": planned.field, "before": planned.before, "after": planned.after},
        **{"old_sha256": result.old_sha256, "new_sha256": result.new_sha256},
        **{"old_size": status.st_size, "old_mtime_ns": status.st_mtime_ns},
    }
