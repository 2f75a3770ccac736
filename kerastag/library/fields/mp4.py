"""MP4 files: the list of iTunes' items, and every table that tells where the music is (ISO/IEC 14496-12)."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from kerastag.audio import spliced
from kerastag.library.fields import edits
from kerastag.library.fields.container import TagError, read_exactly

NAMES = {"genre": b"\xa9gen", "grouping": b"\xa9grp", "comment": b"\xa9cmt"}
_MEAN, _NAME = "com.apple.iTunes", "MOOD"
_NUMBERED = b"gnre"  # a genre by its number in ID3v1, from 1
_UTF8, _UTF16 = 1, 2  # types of data
_PATH = (b"moov", b"udta", b"meta", b"ilst")
_HOLDERS = (b"moov", b"udta", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf", b"mfra")
_HANDLER = bytes(8) + b"mdirappl" + bytes(9)
_MOST = 1 << 28  # bytes of an item list that is read


@dataclasses.dataclass(frozen=True)
class Atom:
    """A box of the file.

    Attributes:
      name: four bytes; start, stop: where it stands.
      body: where its content begins.
    """

    name: bytes
    start: int
    body: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start


def atoms(blocks: spliced.Blocks, start: int, stop: int) -> Iterator[Atom]:
    """The atoms between two places.

    Raises:
      TagError: one is longer than there is room.
    """
    while start + 8 <= stop:
        head = read_exactly(blocks, start, 8)
        size, name, body = int.from_bytes(head[:4], "big"), head[4:], start + 8
        if size == 1:
            size, body = int.from_bytes(read_exactly(blocks, start + 8, 8), "big"), start + 16
        end = stop if size == 0 else start + size
        if not body <= end <= stop:
            raise TagError(f"is damaged: an atom at byte {start} has a size that cannot be")
        yield Atom(name, start, body, end)
        start = end


def rendered(name: bytes, content: bytes) -> bytes:
    """An atom with a size of four bytes."""
    if len(content) + 8 >= 1 << 32:
        raise TagError("its tag would become too large")
    return (len(content) + 8).to_bytes(4, "big") + name + content


@dataclasses.dataclass(frozen=True)
class _Item:
    """An atom of the list, as bytes."""

    raw: bytes

    @property
    def name(self) -> bytes:
        return self.raw[4:8]

    def parts(self) -> list[tuple[bytes, bytes]]:
        """Name and content of the atoms in it."""
        found, position = [], 8
        while position + 8 <= len(self.raw):
            size = int.from_bytes(self.raw[position : position + 4], "big")
            if size < 8 or position + size > len(self.raw):
                raise TagError(f"is damaged: within its item {self.name!r}")
            found.append((self.raw[position + 4 : position + 8], self.raw[position + 8 : position + size]))
            position += size
        return found

    def holds(self, field: str) -> bool:
        if field != "mood":
            return self.name == NAMES[field] or (field == "genre" and self.name == _NUMBERED)
        if self.name != b"----":
            return False
        named = {name: content[4:].decode("utf-8", "replace") for name, content in self.parts() if name != b"data"}
        return named.get(b"mean") == _MEAN and named.get(b"name", "").upper() == _NAME

    def values(self) -> list[str]:
        data = [content for name, content in self.parts() if name == b"data" and len(content) >= 8]
        if self.name == _NUMBERED:
            return [name for content in data for name in _genre(content[8:])]
        kinds = {_UTF16: "utf-16-be"}
        return [content[8:].decode(kinds.get(content[3], "utf-8"), "surrogateescape") for content in data]

    def with_values(self, values: Sequence[str]) -> "_Item":
        """The item with these as its data; its names stay."""
        front = b"".join(rendered(name, content) for name, content in self.parts() if name != b"data")
        return _Item(rendered(self.name, front + b"".join(map(_data, values))))


class Mp4:
    """An MP4 file, in one piece or in fragments."""

    kind = "MP4"

    def __init__(self, blocks: spliced.Blocks):
        self._blocks = blocks
        self._top = list(atoms(blocks, 0, blocks.size))
        self._path = self._found_path()
        if not self._path:
            raise TagError("is damaged: it has no movie header")
        ilst = self._path[-1] if len(self._path) == len(_PATH) else None
        if ilst is not None and ilst.size > _MOST:
            raise TagError("its item list is too large")
        inner = atoms(blocks, ilst.body, ilst.stop) if ilst else ()
        self._items = [_Item(read_exactly(blocks, atom.start, atom.size)) for atom in inner]

    def values(self, field: str) -> list[str]:
        return list(dict.fromkeys(value for item in self._items if item.holds(field) for value in item.values()))

    def changes(self, field: str, values: Sequence[str]) -> list[edits.Edit]:
        items = self._with_values(field, values)
        if len(self._path) < len(_PATH):
            changed, start, added = self._made(items) if items else ([], 0, 0)
            return [*changed, *self._moved(start, added)]
        ilst = self._path[-1]
        parts = [item.raw for item in items]
        added = sum(map(len, parts)) - (ilst.stop - ilst.body)
        changed = edits.between(ilst.body, [item.raw for item in self._items], parts)
        free = self._padding(added)
        if free is not None:
            return [*changed, *self._resized([ilst], added), *self._lent(free, added)]
        return [*changed, *self._resized(self._path, added), *self._moved(ilst.stop, added)]

    def others(self, field: str) -> Iterable[bytes]:
        return [item.raw for item in self._items if not item.holds(field)]

    def audio(self) -> list[tuple[int, int]]:
        return [(atom.body, atom.stop) for atom in self._top if atom.name == b"mdat"]

    def _found_path(self) -> list[Atom]:
        """The atoms on the way to the list of items, as far as there are any."""
        found: list[Atom] = []
        inner = self._top
        for name in _PATH:
            atom = next((atom for atom in inner if atom.name == name), None)
            if atom is None:
                break
            found.append(atom)
            inner = list(self._inner(atom)) if name != _PATH[-1] else []
        return found

    def _inner(self, atom: Atom) -> Iterator[Atom]:
        body = atom.body
        if atom.name == b"meta" and self._blocks.at(body + 4, 4) != b"hdlr":  # QuickTime's has no version in front
            body += 4
        return atoms(self._blocks, body, self._end(atom))

    def _end(self, atom: Atom) -> int:
        """Where the atoms in an atom end: user data may end with a zero of 32 bits."""
        last = self._blocks.at(atom.stop - 4, 4) == bytes(4)
        return atom.stop - 4 if atom.name == b"udta" and last and self._ends_in_zero(atom) else atom.stop

    def _ends_in_zero(self, atom: Atom) -> bool:
        position = atom.body
        while position + 8 <= atom.stop:
            position += max(8, int.from_bytes(self._blocks.at(position, 4), "big"))
        return position + 4 == atom.stop

    def _with_values(self, field: str, values: Sequence[str]) -> list[_Item]:
        items: list[_Item] = []
        is_placed = not values
        for item in self._items:
            if not item.holds(field):
                items.append(item)
            elif not is_placed and item.name != _NUMBERED:
                items.append(item.with_values(values))
                is_placed = True
        return items if is_placed else [*items, _made(field, values)]

    def _made(self, items: Sequence[_Item]) -> tuple[list[edits.Edit], int, int]:
        """The atoms that are missing on the way to the list, with the list: edits, where they are, and their size."""
        content = rendered(b"ilst", b"".join(item.raw for item in items))
        for name in reversed(_PATH[len(self._path) : -1]):
            front = bytes(4) + rendered(b"hdlr", _HANDLER) if name == b"meta" else b""
            content = rendered(name, front + content)
        place = self._end(self._path[-1])
        return [edits.Edit(place, place, content), *self._resized(self._path, len(content))], place, len(content)

    def _padding(self, added: int) -> Atom | None:
        """A free atom beside the list that can give or take so much."""
        free = [atom for atom in self._inner(self._path[-2]) if atom.name == b"free"]
        return next((atom for atom in free if atom.stop - atom.body >= added), None)

    def _lent(self, free: Atom, added: int) -> list[edits.Edit]:
        first, last = (free.stop - added, b"") if added > 0 else (free.stop, bytes(-added))
        return [*self._resized([free], -added), *([edits.Edit(first, free.stop, last)] if added else [])]

    def _resized(self, path: Sequence[Atom], added: int) -> list[edits.Edit]:
        changed = []
        for atom in path:
            head = self._blocks.at(atom.start, 16)
            width, start = (8, atom.start + 8) if head[:4] == b"\0\0\0\1" else (4, atom.start)
            size = int.from_bytes(self._blocks.at(start, width), "big")
            if size:  # else it goes on to the end
                new = _packed(size + added, width)
                changed += edits.between(start, [_packed(size, width)], [new])
        return changed

    def _moved(self, place: int, added: int) -> Iterator[edits.Edit]:
        """The offsets of what is behind a place, in all tables of the file."""
        for atom in self._all(self._top) if added else ():
            if atom.name in (b"stco", b"co64"):
                width = 4 if atom.name == b"stco" else 8
                yield from self._table(atom.body + 8, atom.stop, width, width, place, added)
            elif atom.name == b"tfhd" and self._blocks.at(atom.body + 3, 1)[0] & 1:
                yield from self._table(atom.body + 8, atom.body + 16, 8, 8, place, added)
            elif atom.name == b"tfra":
                yield from self._fragments(atom, place, added)
            elif atom.start < place and atom.name in (b"saio", b"sidx"):  # encrypted, or an index before the header
                raise TagError(f"has a table that cannot be moved, {atom.name.decode()}")

    def _fragments(self, atom: Atom, place: int, added: int) -> Iterator[edits.Edit]:
        is_long = self._blocks.at(atom.body, 1) == b"\1"
        sizes = int.from_bytes(self._blocks.at(atom.body + 8, 4), "big")
        width = 8 if is_long else 4
        step = 2 * width + sum((sizes >> shift & 3) + 1 for shift in (0, 2, 4))
        yield from self._table(atom.body + 16 + width, atom.stop, width, step, place, added)

    def _table(self, start: int, stop: int, width: int, step: int, place: int, added: int) -> Iterator[edits.Edit]:
        """Offsets of `width` bytes, one every `step` bytes; those that are behind `place` are moved."""
        old = read_exactly(self._blocks, start, max(0, stop - start))
        new = bytearray(old)
        for position in range(0, len(old) - width + 1, step):
            offset = int.from_bytes(old[position : position + width], "big")
            if offset >= place:
                new[position : position + width] = _packed(offset + added, width)
        yield from edits.between(start, [old], [bytes(new)])

    def _all(self, inner: Iterable[Atom]) -> Iterator[Atom]:
        for atom in inner:
            yield atom
            if atom.name in _HOLDERS:
                yield from self._all(atoms(self._blocks, atom.body, self._end(atom)))


def _made(field: str, values: Sequence[str]) -> _Item:
    if field != "mood":
        return _Item(rendered(NAMES[field], b"".join(map(_data, values))))
    names = rendered(b"mean", bytes(4) + _MEAN.encode()) + rendered(b"name", bytes(4) + _NAME.encode())
    return _Item(rendered(b"----", names + b"".join(map(_data, values))))


def _data(value: str) -> bytes:
    return rendered(b"data", _UTF8.to_bytes(4, "big") + bytes(4) + value.encode("utf-8", "surrogateescape"))


def _genre(number: bytes) -> list[str]:
    from mutagen import id3

    index = int.from_bytes(number[-2:], "big") - 1
    return [id3.TCON.GENRES[index]] if 0 <= index < len(id3.TCON.GENRES) else []


def _packed(number: int, width: int) -> bytes:
    if number >= 1 << 8 * width:
        raise TagError("would become larger than its tables can tell")
    return number.to_bytes(width, "big")
