"""The container of a music file, found by its first bytes."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence

from kerastag import errors, files, names
from kerastag.audio import spliced
from kerastag.library.fields import ape, asf, checking, edits, flac, id3, mp4, ogg, riff
from kerastag.library.fields.container import Container, TagError

NO_TAGS = "files of this kind have no tags that are written here"
_MPEG = (".mp3", ".mp2")
_BLOCK = 1 << 20
_KINDS: dict[bytes, Callable[[spliced.Blocks], Container]] = {
    b"OggS": ogg.Ogg,
    b"fLaC": flac.Flac,
    b"RIFF": riff.Chunked,
    b"FORM": riff.Chunked,
}


class TagFile:
    """A file whose tags can be read and edited; to be used within `open_tags`.

    Attributes:
      path: the file.
      kind: what it is, "FLAC".
    """

    def __init__(self, path: str | os.PathLike[str], named: str | os.PathLike[str], blocks: spliced.Blocks):
        is_mpeg = os.fsdecode(named).lower().endswith(_MPEG)
        self.path, self._named, self._blocks = path, named, blocks
        self._container = _container(blocks, is_mpeg)
        self.kind = self._container.kind

    def values(self, field: str) -> list[str]:
        """The values of one of FIELDS.

        Raises:
          KerastagError: they cannot be read.
        """
        with told_of(self._named):
            return self._container.values(field)

    def changes(self, field: str, values: Sequence[str]) -> list[edits.Edit]:
        """The edits, in order, that make these the values of a field.

        Raises:
          KerastagError: the container cannot hold them.
        """
        with told_of(self._named):
            return edits.ordered(self._container.changes(field, values), self._blocks.size)

    def inverse(self, changes: Sequence[edits.Edit]) -> list[edits.Edit]:
        """The edits of the edited file that give this one back."""
        return edits.inverse(changes, self._blocks)

    def others(self, field: str) -> str:
        """A hash of all that is in the tags but one field."""
        digest = hashlib.sha256()
        with told_of(self._named):
            for part in self._container.others(field):
                digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()

    def audio(self) -> str:
        """A hash of what is outside of the tags: the music, as the container holds it."""
        digest = hashlib.sha256()
        with told_of(self._named):
            for start, stop in self._container.audio():
                for position in range(start, stop, _BLOCK):
                    digest.update(self._blocks.at(position, min(_BLOCK, stop - position)))
        return digest.hexdigest()

    def seen(self) -> dict[str, list[str]]:
        """What mutagen sees; see checking.seen."""
        with told_of(self._named):
            return checking.seen(self.path, self.kind)

    def check_copy(self, copy: str | os.PathLike[str], field: str, values: Sequence[str]) -> None:
        """Checks an edited copy of the file: by our own reading, and by mutagen's.

        Raises:
          KerastagError: the field is another than was meant, or something else has changed.
        """
        with open_tags(copy, self._named) as new, told_of(self._named):
            if new.kind != self.kind or new.values(field) != list(values):
                raise TagError(f"its {field} would read as something else")
            if new.others(field) != self.others(field):
                raise TagError("other tags would change")
            if new.audio() != self.audio():
                raise TagError("the music would change")
            checking.check(self.seen(), new.seen(), self.kind, field, values)


@contextlib.contextmanager
def open_tags(path: str | os.PathLike[str], named: str | os.PathLike[str] | None = None) -> Iterator[TagFile]:
    """Opens a file to read its tags, and to find out how they would be edited; nothing is written.

    Args:
      path: the file.
      named: what errors name, and whose suffix counts; None: the file itself.

    Raises:
      KerastagError: it cannot be read, its tags are damaged, or it is of a kind that has none; one line that names it.
    """
    named = path if named is None else named
    with contextlib.ExitStack() as opened:
        with told_of(named):
            blocks = opened.enter_context(spliced.Blocks(os.fspath(path)))
            tags = TagFile(path, named, blocks)
        yield tags


@contextlib.contextmanager
def told_of(path: str | os.PathLike[str]) -> Iterator[None]:
    """Puts a file's name in front of what is wrong with it."""
    try:
        yield
    except TagError as error:
        raise errors.KerastagError(f"{names.shown(path)}: {error}") from None
    except OSError as error:
        raise errors.KerastagError(f"{names.shown(path)}: {files.reason(error)}") from None


def _container(blocks: spliced.Blocks, is_mpeg: bool) -> Container:
    """The container by the first bytes; `is_mpeg`: whether the name says so, which counts where these say nothing."""
    head = blocks.at(0, 16)
    if head[:4] in (b"RIFF", b"FORM") and head[8:12] not in (b"WAVE", b"AIFF", b"AIFC"):
        raise TagError(NO_TAGS)
    if head[:4] in _KINDS:
        return _KINDS[head[:4]](blocks)
    if head[4:8] == b"ftyp":
        return mp4.Mp4(blocks)
    if head == asf.HEADER:
        return asf.Asf(blocks)
    if any(head.startswith(mark) for mark in ape.KINDS):
        return ape.Ape(blocks)
    begin = blocks.at(id3.size_at(blocks, 0), 4)
    if begin == b"fLaC":
        return flac.Flac(blocks)
    if any(begin.startswith(mark) for mark in (*ape.KINDS, b"TTA", b"OggS")) or _is_adts(begin):
        raise TagError(NO_TAGS)
    if is_mpeg or head[:3] == b"ID3" or (begin[:1] == b"\xff" and begin[1:2] >= b"\xe0"):
        return id3.Id3File(blocks)
    raise TagError(NO_TAGS)


def _is_adts(begin: bytes) -> bool:
    """Whether a file is AAC by itself, whose frames begin almost like those of MP3."""
    return begin[:1] == b"\xff" and begin[1:2] != b"" and begin[1] & 0xF6 == 0xF0
