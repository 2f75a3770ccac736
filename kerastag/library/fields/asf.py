"""ASF files, such as WMA: attributes in the objects of their header (Advanced Systems Format, revision 01.20.03)."""

import dataclasses
import uuid
from collections.abc import Iterable, Sequence

from kerastag.audio import spliced
from kerastag.library.fields import edits
from kerastag.library.fields.container import TagError, read_exactly

NAMES = {"mood": "WM/Mood", "genre": "WM/Genre", "grouping": "WM/ContentGroupDescription", "comment": "Description"}


def _guid(text: str) -> bytes:
    return uuid.UUID(text).bytes_le


HEADER = _guid("75B22630-668E-11CF-A6D9-00AA0062CE6C")
_FILE = _guid("8CABDCA1-A947-11CF-8EE4-00C00C205365")
_DESCRIPTION = _guid("75B22633-668E-11CF-A6D9-00AA0062CE6C")
_EXTENDED = _guid("D2D0A440-E307-11D2-97F0-00A0C95EA850")
_EXTENSION = _guid("5FBF03B5-A92E-11CF-8EE3-00C00C205365")
_METADATA = _guid("C5F8CBEA-5BAF-4877-8467-AA8C44FA4CCA")
_LIBRARY = _guid("44231C94-9498-49D1-A141-1D134E457054")
_PADDING = _guid("1806D474-CADF-4509-A4BA-9AABCB96AAE8")
_HEAD, _HEADER_HEAD, _EXTENSION_HEAD = 24, 30, 46
_TEXT = 0  # the type of an attribute
_COMMENT = 3  # the place of Description among the five texts of its object
_MOST = 1 << 28  # bytes of a header that is read


@dataclasses.dataclass(frozen=True)
class _Attribute:
    """An attribute of the extended content description, or of metadata, whose is longer."""

    raw: bytes
    name: str
    kind: int
    value: bytes

    def holds(self, field: str) -> bool:
        return self.name == NAMES[field] and self.kind == _TEXT


class Asf:
    """An ASF file."""

    kind = "ASF"

    def __init__(self, blocks: spliced.Blocks):
        self._blocks = blocks
        head = read_exactly(blocks, 0, _HEADER_HEAD)
        self._size = int.from_bytes(head[16:24], "little")
        if not _HEADER_HEAD <= self._size <= min(blocks.size, _MOST):
            raise TagError("is damaged: its header has a size that cannot be")
        self._head = head
        self._objects = _objects(read_exactly(blocks, _HEADER_HEAD, self._size - _HEADER_HEAD))

    def values(self, field: str) -> list[str]:
        found = [_text(value) for value in self._stored(field)]
        return list(dict.fromkeys(value for value in found if value))

    def changes(self, field: str, values: Sequence[str]) -> list[edits.Edit]:
        objects = [_without(content, field) for content in self._objects]
        given = list(values)
        if field == "comment":
            objects = _described(objects, given[0] if given else "")
            del given[:1]
        objects = _extended(objects, NAMES[field], given)
        added = sum(map(len, objects)) - sum(map(len, self._objects))
        objects = _padded(objects, added)
        added = sum(map(len, objects)) - sum(map(len, self._objects))
        objects = [_grown(content, added) for content in objects]
        size, count = (self._size + added).to_bytes(8, "little"), len(objects).to_bytes(4, "little")
        head = self._head[:16] + size + count + self._head[28:]
        return edits.between(0, [self._head, *self._objects], [head, *objects])

    def others(self, field: str) -> Iterable[bytes]:
        for content in self._objects:
            plain = _without(content, field)
            if plain[:16] == _FILE:
                plain = plain[:40] + plain[48:]  # the size of the file
            if plain[:16] == _EXTENSION:
                yield from (raw for part in _inner(plain) for raw in _counted(part))
            elif plain[:16] == _EXTENDED:
                yield from _counted(plain)
            elif plain[:16] == _DESCRIPTION:
                texts = _texts(plain)
                places = [place for place, text in enumerate(texts) if text and (place, field) != (_COMMENT, "comment")]
                yield from (bytes([place]) + texts[place] for place in places)
            elif plain[:16] != _PADDING:
                yield plain

    def audio(self) -> list[tuple[int, int]]:
        return [(self._size, self._blocks.size)]

    def _stored(self, field: str) -> Iterable[bytes]:
        """The values of a field: of the description, then the extended one, then of metadata."""
        inner = [part for content in self._objects if content[:16] == _EXTENSION for part in _inner(content)]
        for content in (*self._objects, *inner):
            if content[:16] == _DESCRIPTION and field == "comment":
                yield _texts(content)[_COMMENT]
        for content in (*self._objects, *inner):
            if content[:16] in (_EXTENDED, _METADATA, _LIBRARY):
                yield from (attribute.value for attribute in _attributes(content) if attribute.holds(field))


def _objects(data: bytes) -> list[bytes]:
    found, position = [], 0
    while position < len(data):
        size = int.from_bytes(data[position + 16 : position + _HEAD], "little")
        if size < _HEAD or position + size > len(data):
            raise TagError("is damaged: its header holds an object of a size that cannot be")
        found.append(data[position : position + size])
        position += size
    return found


def _inner(extension: bytes) -> list[bytes]:
    return _objects(extension[_EXTENSION_HEAD:])


def _object(guid: bytes, content: bytes) -> bytes:
    return guid + (_HEAD + len(content)).to_bytes(8, "little") + content


def _attributes(content: bytes) -> list[_Attribute]:
    """The attributes of an extended content description, or of metadata."""
    is_metadata = content[:16] != _EXTENDED
    count, position, found = int.from_bytes(content[24:26], "little"), 26, []
    for _ in range(count):
        start = position
        if is_metadata:
            sizes = [int.from_bytes(content[at : at + 2], "little") for at in (start + 4, start + 6)]
            name_size, kind = sizes
            length = int.from_bytes(content[start + 8 : start + 12], "little")
            name_start, value_start = start + 12, start + 12 + name_size
        else:
            name_size = int.from_bytes(content[start : start + 2], "little")
            name_start, value_start = start + 2, start + 6 + name_size
            kind = int.from_bytes(content[value_start - 4 : value_start - 2], "little")
            length = int.from_bytes(content[value_start - 2 : value_start], "little")
        position = value_start + length
        if position > len(content):
            raise TagError("is damaged: an attribute is longer than what it is in")
        name = _text(content[name_start : name_start + name_size])
        found.append(_Attribute(content[start:position], name, kind, content[value_start:position]))
    return found


def _without(content: bytes, field: str) -> bytes:
    """An object without the attributes of a field."""
    if content[:16] == _EXTENSION:
        inner = b"".join(_without(part, field) for part in _inner(content))
        return _object(_EXTENSION, content[24:42] + len(inner).to_bytes(4, "little") + inner)
    if content[:16] not in (_EXTENDED, _METADATA, _LIBRARY):
        return content
    attributes = _attributes(content)
    kept = [attribute.raw for attribute in attributes if not attribute.holds(field)]
    if len(kept) == len(attributes):
        return content
    return _object(content[:16], len(kept).to_bytes(2, "little") + b"".join(kept))


def _counted(content: bytes) -> list[bytes]:
    """What is in an object, without sizes and counts, and without padding."""
    if content[:16] in (_EXTENDED, _METADATA, _LIBRARY):
        return [attribute.raw for attribute in _attributes(content)]
    return [] if content[:16] == _PADDING else [content]


def _texts(content: bytes) -> list[bytes]:
    """The five texts of a content description."""
    sizes = [int.from_bytes(content[at : at + 2], "little") for at in range(24, 34, 2)]
    found, position = [], 34
    for size in sizes:
        found.append(content[position : position + size])
        position += size
    if position > len(content):
        raise TagError("is damaged: a text is longer than what it is in")
    return found


def _described(objects: Sequence[bytes], comment: str) -> list[bytes]:
    """The objects with a comment in the content description, which is made where it is missing and wanted."""
    if comment and not any(content[:16] == _DESCRIPTION for content in objects):
        objects = [*objects, _object(_DESCRIPTION, bytes(10))]
    result = []
    for content in objects:
        if content[:16] == _DESCRIPTION:
            texts = _texts(content)
            texts[_COMMENT] = _encoded(comment) if comment else b""
            lengths = b"".join(_length(text) for text in texts)
            content = _object(_DESCRIPTION, lengths + b"".join(texts))
        result.append(content)
    return result


def _extended(objects: Sequence[bytes], name: str, values: Sequence[str]) -> list[bytes]:
    """The objects with attributes added to the extended content description, which is made where it is missing."""
    if not values:
        return list(objects)
    if not any(content[:16] == _EXTENDED for content in objects):
        objects = [*objects, _object(_EXTENDED, bytes(2))]
    added = b"".join(
        _length(_encoded(name)) + _encoded(name) + bytes(2) + _length(_encoded(value)) + _encoded(value)
        for value in values
    )
    result, is_done = [], False
    for content in objects:
        if content[:16] == _EXTENDED and not is_done:
            count = int.from_bytes(content[24:26], "little") + len(values)
            content, is_done = _object(_EXTENDED, count.to_bytes(2, "little") + content[26:] + added), True
        result.append(content)
    return result


def _padded(objects: Sequence[bytes], added: int) -> list[bytes]:
    """The objects with what was added taken from their padding, where there is enough."""
    result = list(objects)
    for place, content in enumerate(result):
        if content[:16] == _PADDING and len(content) - _HEAD >= added:
            result[place] = _object(_PADDING, bytes(len(content) - _HEAD - added))
            break
    return result


def _grown(content: bytes, added: int) -> bytes:
    """The object that tells the file's size, told of the new one."""
    if content[:16] != _FILE or not added:
        return content
    size = int.from_bytes(content[40:48], "little") + added
    return content[:40] + size.to_bytes(8, "little") + content[48:]


def _text(data: bytes) -> str:
    return data.decode("utf-16-le", "surrogatepass").rstrip("\0")


def _encoded(text: str) -> bytes:
    return f"{text}\0".encode("utf-16-le", "surrogatepass")


def _length(data: bytes) -> bytes:
    if len(data) > 0xFFFF:
        raise TagError("a value is too long for it")
    return len(data).to_bytes(2, "little")
