"""APEv2 tags, at the end of WavPack, Musepack and Monkey's Audio files (https://wiki.hydrogenaud.io, APEv2)."""

import dataclasses
from collections.abc import Iterable, Sequence

from kerastag.audio import spliced
from kerastag.library.fields import edits
from kerastag.library.fields.container import TagError, read_exactly

NAMES = {"mood": "Mood", "genre": "Genre", "grouping": "Grouping", "comment": "Comment"}
KINDS = {b"wvpk": "WavPack", b"MPCK": "Musepack", b"MP+": "Musepack", b"MAC ": "Monkey's Audio"}  # by their first bytes
_MARK, _VERSION, _HEAD = b"APETAGEX", 2000, 32
_HAS_HEADER, _IS_HEADER = 1 << 31, 1 << 29
_KIND, _TEXT = 0b110, 0  # bits of an item's flags: what its value is
_ID3V1 = 128


@dataclasses.dataclass(frozen=True)
class _Item:
    name: str
    flags: int
    value: bytes

    @property
    def raw(self) -> bytes:
        front = len(self.value).to_bytes(4, "little") + self.flags.to_bytes(4, "little")
        return front + self.name.encode("latin-1") + b"\0" + self.value

    def holds(self, field: str) -> bool:
        return self.name.upper() == NAMES[field].upper() and self.flags & _KIND == _TEXT


class Ape:
    """A file with an APEv2 tag at its end, in front of an ID3v1 tag if it has one, or none yet."""

    def __init__(self, blocks: spliced.Blocks):
        self._blocks = blocks
        self.kind = next((kind for mark, kind in KINDS.items() if blocks.at(0, len(mark)) == mark), "")
        self._stop = blocks.size - (_ID3V1 if blocks.at(max(0, blocks.size - _ID3V1), 3) == b"TAG" else 0)
        if blocks.at(max(0, self._stop - 9), 9) in (b"LYRICS200", b"LYRICSEND"):
            raise TagError("has Lyrics3 at its end, behind which no tag can stand")
        self._start, self._flags = self._stop, _HAS_HEADER
        self._items: tuple[_Item, ...] = ()
        footer = blocks.at(max(0, self._stop - _HEAD), _HEAD)
        if footer.startswith(_MARK):
            self._read(footer)

    def values(self, field: str) -> list[str]:
        texts = [text for item in self._items if item.holds(field) for text in item.value.split(b"\0")]
        return list(dict.fromkeys(text.decode("utf-8", "surrogateescape") for text in texts))

    def changes(self, field: str, values: Sequence[str]) -> list[edits.Edit]:
        value = "\0".join(values).encode("utf-8", "surrogateescape")
        items: list[_Item] = []
        is_placed = not values
        for item in self._items:
            if not item.holds(field):
                items.append(item)
            elif not is_placed:
                items.append(dataclasses.replace(item, value=value))
                is_placed = True
        if not is_placed:
            items.append(_Item(NAMES[field], _TEXT, value))
        return edits.between(self._start, self._parts() if self._start < self._stop else [], self._parts(items))

    def others(self, field: str) -> Iterable[bytes]:
        return [item.raw for item in self._items if not item.holds(field)]

    def audio(self) -> list[tuple[int, int]]:
        return [(0, self._start), (self._stop, self._blocks.size)]

    def _read(self, footer: bytes) -> None:
        version, size, count, self._flags = (int.from_bytes(footer[at : at + 4], "little") for at in (8, 12, 16, 20))
        if version != _VERSION:
            raise TagError(f"its APE tag is of version {version / 1000:g}, whose text may be in any encoding")
        first = self._stop - size
        self._start = first - (_HEAD if self._flags & _HAS_HEADER else 0)
        if size < _HEAD or self._start < 0:
            raise TagError("its APE tag is damaged")
        data = read_exactly(self._blocks, first, size - _HEAD)
        items, position = [], 0
        for _ in range(count):
            name_end = data.find(b"\0", position + 8)
            length = int.from_bytes(data[position : position + 4], "little")
            if name_end < 0 or name_end + 1 + length > len(data):
                raise TagError("its APE tag is damaged")
            flags = int.from_bytes(data[position + 4 : position + 8], "little")
            name = data[position + 8 : name_end].decode("latin-1")
            items.append(_Item(name, flags, data[name_end + 1 : name_end + 1 + length]))
            position = name_end + 1 + length
        self._items = tuple(items)
        if b"".join(self._parts()) != self._blocks.at(self._start, self._stop - self._start):
            raise TagError("its APE tag is damaged: header and footer differ, or there is more than it counts")

    def _parts(self, items: Sequence[_Item] | None = None) -> list[bytes]:
        items = self._items if items is None else items
        raw = [item.raw for item in items]
        size = sum(map(len, raw)) + _HEAD
        front = _MARK + b"".join(number.to_bytes(4, "little") for number in (_VERSION, size, len(items)))
        header = front + (self._flags | _IS_HEADER).to_bytes(4, "little") + bytes(8)
        footer = front + (self._flags & ~_IS_HEADER).to_bytes(4, "little") + bytes(8)
        return [header if self._flags & _HAS_HEADER else b"", *raw, footer]
