"""Vorbis comments, as FLAC, Ogg Vorbis, Opus and Speex have them (https://xiph.org/vorbis/doc/v-comment.html)."""

import dataclasses
from collections.abc import Sequence

from kerastag.library.fields.container import TagError

NAMES = {"mood": "MOOD", "genre": "GENRE", "grouping": "GROUPING", "comment": "COMMENT"}
VENDOR = b"kerastag"  # of comments that are made


@dataclasses.dataclass(frozen=True)
class Comments:
    """A block of comments, every one of them as bytes.

    Attributes:
      vendor: who encoded the music.
      entries: NAME=value, UTF-8 as a rule.
      rest: what is behind: a framing bit, padding, or what the format leaves to others.
    """

    vendor: bytes = VENDOR
    entries: tuple[bytes, ...] = ()
    rest: bytes = b""

    def values(self, field: str) -> list[str]:
        """The values of a field; bytes that are no UTF-8 are surrogates."""
        return [_value(entry) for entry in self.entries if _holds(entry, field)]

    def with_values(self, field: str, values: Sequence[str]) -> "Comments":
        """The comments with a field where it stood, or else at the end; a value that was there keeps its bytes."""
        there = {_value(entry): entry for entry in self.entries if _holds(entry, field)}
        name = f"{NAMES[field]}=".encode()
        new = [there.get(value, name + value.encode("utf-8", "surrogateescape")) for value in values]
        entries: list[bytes] = []
        is_placed = False
        for entry in self.entries:
            if not _holds(entry, field):
                entries.append(entry)
            elif not is_placed:
                entries += new
                is_placed = True
        return dataclasses.replace(self, entries=(*entries, *(() if is_placed else new)))

    def others(self, field: str) -> list[bytes]:
        """All but a field; padding does not count."""
        return [self.vendor, *(entry for entry in self.entries if not _holds(entry, field)), self.rest.rstrip(b"\0")]

    def parts(self) -> list[bytes]:
        """The bytes, in parts that compare."""
        count = len(self.entries).to_bytes(4, "little")
        return [_sized(self.vendor), count, *map(_sized, self.entries), self.rest]


def parse(data: bytes) -> Comments:
    """Comments from bytes.

    Raises:
      TagError: they end too early.
    """
    vendor, position = _text(data, 0)
    count = int.from_bytes(data[position : position + 4], "little")
    position += 4
    entries = []
    for _ in range(count):
        entry, position = _text(data, position)
        entries.append(entry)
    if position > len(data):
        raise TagError("its Vorbis comments are damaged: they end too early")
    return Comments(vendor, tuple(entries), data[position:])


def _text(data: bytes, position: int) -> tuple[bytes, int]:
    size = int.from_bytes(data[position : position + 4], "little")
    text = data[position + 4 : position + 4 + size]
    if position + 4 > len(data) or len(text) < size:
        raise TagError("its Vorbis comments are damaged: they end too early")
    return text, position + 4 + size


def _sized(text: bytes) -> bytes:
    return len(text).to_bytes(4, "little") + text


def _holds(entry: bytes, field: str) -> bool:
    name, mark, _ = entry.partition(b"=")
    return bool(mark) and name.upper() == NAMES[field].encode()


def _value(entry: bytes) -> str:
    return entry.partition(b"=")[2].decode("utf-8", "surrogateescape")
