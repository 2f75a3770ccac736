"""Written tags undone by their journal: byte for byte, or value for value where a file has changed since."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator, Sequence

from kerastag import errors
from kerastag.library import journal, replacing
from kerastag.library.fields import edits, opening
from kerastag.library.fields.container import TagError

RESTORED, BY_VALUE, AS_IT_WAS, FAILED = "restored", "by value", "as it was", "failed"


@dataclasses.dataclass(frozen=True)
class Undone:
    """What came of one entry of a journal.

    Attributes:
      outcome: RESTORED byte for byte; BY_VALUE: the file has changed since, and the field has its old values beside
        those that others added; AS_IT_WAS: there was nothing to undo; FAILED.
      line: for people, with the file's name.
      identities: what a file that was written was known by, and is now; see identity.py.
    """

    outcome: str
    line: str
    identities: tuple[tuple[str, str], ...] = ()


def undo(path: str | os.PathLike[str]) -> Iterator[Undone]:
    """Undoes what a journal holds, the last entry first; to do so twice does no harm.

    Raises:
      KerastagError: the journal cannot be read.
    """
    with journal.Reader(path) as reader:
        swept: set[pathlib.Path] = set()
        for entry in reader.entries():
            if isinstance(entry, str):
                yield Undone(FAILED, entry)
                continue
            if entry.file.parent not in swept:
                swept.add(entry.file.parent)
                replacing.sweep(entry.file.parent)
            try:
                with opening.told_of(entry.file):
                    yield _undo(reader, entry)
            except errors.KerastagError as error:
                yield Undone(FAILED, str(error))


def values_before(now: Sequence[str], before: Sequence[str], after: Sequence[str]) -> list[str]:
    """What a field held, as far as others did not change it: without the values that were added, with those that were
    taken, and with whatever somebody has added since."""
    stay = [value for value in now if value in before or value not in after]
    return [*stay, *(value for value in before if value not in after and value not in stay)]


def _undo(reader: journal.Reader, entry: journal.Entry) -> Undone:
    """Undoes one entry.

    Raises:
      TagError, KerastagError, OSError: it cannot be undone; the file is as it was.
    """
    if os.path.realpath(entry.file) != os.fspath(entry.file):
        raise TagError("is a link now, or lies behind one")
    now = replacing.sha256(entry.file)
    if now == entry.old_sha256:
        return Undone(AS_IT_WAS, entry.path)
    return _restored(reader, entry) if now == entry.new_sha256 else _restored_by_value(entry)


def _restored(reader: journal.Reader, entry: journal.Entry) -> Undone:
    with replacing.Replacement(entry.file) as replacement:
        try:
            changes = edits.ordered(reader.undo_of(entry), replacement.status.st_size)
        except (ValueError, errors.KerastagError) as error:
            raise TagError(f"its entry in the journal is damaged ({error})") from None
        written = replacement.write(changes)
        if written.old_sha256 != entry.new_sha256:
            raise TagError("has changed meanwhile; it is left as it is")
        if written.new_sha256 != entry.old_sha256:
            raise TagError("its entry in the journal is damaged: it gives another file than there was")
        replacement.prepare(entry.old_mtime_ns)
        return _committed(RESTORED, entry, replacement, written)


def _restored_by_value(entry: journal.Entry) -> Undone:
    with replacing.Replacement(entry.file) as replacement, opening.open_tags(entry.file) as tags:
        values = tags.values(entry.field)
        wanted = values_before(values, entry.before, entry.after)
        if wanted == values:
            return Undone(AS_IT_WAS, entry.path)
        written = replacement.write(tags.changes(entry.field, wanted))
        tags.check_copy(replacement.copy, entry.field, wanted)
        replacement.prepare()
        return _committed(BY_VALUE, entry, replacement, written)


def _committed(
    outcome: str, entry: journal.Entry, replacement: replacing.Replacement, written: replacing.Written
) -> Undone:
    status = replacement.commit()
    return Undone(outcome, entry.path, tuple(written.identities(replacement.status, status)))
