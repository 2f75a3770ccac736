"""WAV and AIFF files: an ID3v2 tag in a chunk of its own."""

import re
from collections.abc import Iterable, Sequence

from kerastag.audio import spliced
from kerastag.library.fields import edits, id3
from kerastag.library.fields.container import TagError, read_exactly

_HEAD = 8
_NAMES = (b"id3 ", b"ID3 ")


class Chunked:
    """A WAV or AIFF file; text of other chunks, such as LIST INFO, stays as it is."""

    def __init__(self, blocks: spliced.Blocks):
        self._blocks = blocks
        is_riff = blocks.at(0, 4) == b"RIFF"
        self.kind = "WAV" if is_riff else "AIFF"
        self._order = "<" if is_riff else ">"
        self._end = _HEAD + self._size_at(4)
        self._chunks = self._walk()
        self._place = next(((start, stop) for name, start, stop in self._chunks if name in _NAMES), None)
        start, stop = self._place or (0, 0)
        self._tag = id3.read(blocks, start) if self._place and stop > start else id3.Tag()
        if self._tag.size > stop - start:
            raise TagError("is damaged: its ID3 tag is longer than the chunk that it is in")

    def values(self, field: str) -> list[str]:
        return self._tag.values(field)

    def changes(self, field: str, values: Sequence[str]) -> list[edits.Edit]:
        new = self._tag.with_values(field, values)
        start, stop = self._place or (self._end + self._end % 2,) * 2
        tail = self._blocks.at(start + self._tag.size, stop - start - self._tag.size)
        size = len(b"".join(new.parts())) + len(tail)
        if self._place is None:
            gap = bytes(max(0, start - self._blocks.size))  # the byte that makes the last chunk even
            head = (_NAMES[0] if self.kind == "WAV" else _NAMES[1]) + self._packed(size)
            content = gap + head + b"".join(new.parts()) + bytes(size % 2)
            place = min(start, self._blocks.size)
            return [*self._resized(start + _HEAD + size + size % 2 - self._end), edits.Edit(place, place, content)]
        odd = self._blocks.at(stop, (stop - start) % 2)
        changed = id3.retagged(self._blocks, start, self._tag, new)
        changed += edits.between(start - 4, [self._blocks.at(start - 4, 4)], [self._packed(size)])
        changed += edits.between(stop, [odd], [bytes(size % 2) if len(odd) != size % 2 else odd])
        return [*changed, *self._resized(size + size % 2 - (stop - start) - len(odd))]

    def others(self, field: str) -> Iterable[bytes]:
        return self._tag.others(field)

    def audio(self) -> list[tuple[int, int]]:
        stretches = [(start - _HEAD, stop) for name, start, stop in self._chunks if name not in _NAMES]
        behind = min(self._blocks.size, self._end + self._end % 2)
        return [(8, 12), *stretches, (behind, self._blocks.size)]

    def _walk(self) -> list[tuple[bytes, int, int]]:
        """Name and content of each chunk.

        Raises:
          TagError: sizes are wrong, as of a file whose writer never came back to fill them in.
        """
        if not 12 <= self._end <= self._blocks.size:
            raise TagError("its header does not tell its size, so that no tag can be added")
        chunks, position = [], 12
        while position + _HEAD <= self._end:
            name, size = self._blocks.at(position, 4), self._size_at(position + 4)
            start, stop = position + _HEAD, position + _HEAD + size
            if not re.fullmatch(rb"[ -~]{4}", name) or stop > self._end:
                raise TagError(f"is damaged: no chunk at byte {position}")
            chunks.append((name, start, stop))
            position = stop + size % 2
        return chunks

    def _size_at(self, position: int) -> int:
        return int.from_bytes(read_exactly(self._blocks, position, 4), "little" if self._order == "<" else "big")

    def _packed(self, size: int) -> bytes:
        if size >= 1 << 32:
            raise TagError("would become larger than 4 GiB")
        return size.to_bytes(4, "little" if self._order == "<" else "big")

    def _resized(self, added: int) -> list[edits.Edit]:
        size = self._packed(self._end - _HEAD + added)
        return edits.between(4, [self._blocks.at(4, 4)], [size])
