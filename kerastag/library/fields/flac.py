"""FLAC files: their block of Vorbis comments, and the padding that lends its room (RFC 9639)."""

import dataclasses
from collections.abc import Iterable, Sequence

from kerastag.audio import spliced
from kerastag.library.fields import comments, edits, id3
from kerastag.library.fields.container import TagError, read_exactly

_HEAD = 4
_PADDING, _COMMENTS = 1, 4  # types of blocks
_LAST, _MOST = 0x80, 1 << 24


@dataclasses.dataclass(frozen=True)
class _Block:
    kind: int
    is_last: bool
    start: int  # of its content
    size: int

    def head(self, size: int | None = None) -> bytes:
        size = self.size if size is None else size
        if size >= _MOST:
            raise TagError("its Vorbis comments would become too large")
        return bytes([self.kind | (_LAST if self.is_last else 0)]) + size.to_bytes(3, "big")


class Flac:
    """A FLAC file, with an ID3v2 tag in front or without; that is left alone."""

    kind = "FLAC"

    def __init__(self, blocks: spliced.Blocks):
        self._blocks = blocks
        self._found = self._walk(id3.size_at(blocks, 0))
        self._place = next((block for block in self._found if block.kind == _COMMENTS), None)
        self._comments = comments.Comments()
        if self._place:
            self._comments = comments.parse(read_exactly(blocks, self._place.start, self._place.size))

    def values(self, field: str) -> list[str]:
        return self._comments.values(field)

    def changes(self, field: str, values: Sequence[str]) -> list[edits.Edit]:
        new = self._comments.with_values(field, values).parts()
        size = sum(map(len, new))
        if self._place is None:
            first = self._found[0]  # which tells of the stream, and must stay the first
            place = first.start + first.size
            made = _Block(_COMMENTS, first.is_last, 0, size)
            head = dataclasses.replace(first, is_last=False).head()
            changed = edits.between(first.start - _HEAD, [first.head()], [head])
            return [*changed, edits.Edit(place, place, made.head() + b"".join(new)), *self._lent(_HEAD + size)]
        old = [self._place.head(), *self._comments.parts()]
        changed = edits.between(self._place.start - _HEAD, old, [self._place.head(size), *new])
        return [*changed, *self._lent(size - self._place.size)]

    def others(self, field: str) -> Iterable[bytes]:
        yield from self._comments.others(field)
        for block in self._found:
            if block.kind not in (_PADDING, _COMMENTS):
                yield bytes([block.kind])
                yield self._blocks.at(block.start, block.size)

    def audio(self) -> list[tuple[int, int]]:
        first, last = self._found[0], self._found[-1]
        return [(0, first.start - _HEAD), (last.start + last.size, self._blocks.size)]

    def _walk(self, start: int) -> list[_Block]:
        if read_exactly(self._blocks, start, 4) != b"fLaC":
            raise TagError("is no FLAC file")
        found: list[_Block] = []
        position = start + 4
        while not (found and found[-1].is_last):
            head = read_exactly(self._blocks, position, _HEAD)
            size = int.from_bytes(head[1:], "big")
            found.append(_Block(head[0] & ~_LAST, bool(head[0] & _LAST), position + _HEAD, size))
            position += _HEAD + size
            if position > self._blocks.size:
                raise TagError("is damaged: it ends within its tags")
        return found

    def _lent(self, added: int) -> list[edits.Edit]:
        """What padding gives and takes, where there is enough of it, so that the music stays where it is."""
        padding = next((block for block in self._found if block.kind == _PADDING and block.size >= added), None)
        if padding is None or not added:
            return []
        head = padding.head(padding.size - added)
        stop = padding.start + padding.size
        changed = edits.between(padding.start - _HEAD, [padding.head()], [head])
        return [*changed, edits.Edit(stop - max(0, added), stop, bytes(max(0, -added)))]
