"""Stretches of a file replaced by other bytes, and how that is undone: all that a change of tags comes to."""

import base64
import dataclasses
import difflib
import struct
import zlib
from collections.abc import Iterator, Sequence

import numpy as np

from kerastag import errors
from kerastag.audio import spliced

_HEAD = struct.Struct("<QQQ")  # start, stop, length of the content
_HEADS = 64 << 20  # bytes that the heads of all edits of a file may take: 2.8 million edits
_MANY = 2000  # parts beyond which only the first and the last difference are looked for


@dataclasses.dataclass(frozen=True)
class Edit:
    """Bytes in place of others.

    Attributes:
      start: of the stretch of the file that is replaced; stop: its end, excluded.
      content: what stands there instead, of any length.
    """

    start: int
    stop: int
    content: bytes


def between(start: int, old: Sequence[bytes], new: Sequence[bytes]) -> list[Edit]:
    """The edits that make parts of a file, which stand one after the other from `start` on, into others.

    Parts that are the same in both are left alone, wherever they come to stand.
    """
    offsets = [start]
    for part in old:
        offsets.append(offsets[-1] + len(part))
    edits = []
    for kind, first, last, new_first, new_last in _differences(old, new):
        if kind != "equal":
            before, after = b"".join(old[first:last]), b"".join(new[new_first:new_last])
            edits += _trimmed(offsets[first], before, after)
    return edits


def ordered(edits: Sequence[Edit], size: int) -> list[Edit]:
    """The edits in the order of the file.

    Raises:
      KerastagError: two overlap, or one is outside a file of `size` bytes.
    """
    ranked = sorted(edits, key=lambda edit: (edit.start, edit.stop))
    ends = [0, *(edit.stop for edit in ranked)]
    if any(not end <= edit.start <= edit.stop <= size for end, edit in zip(ends, ranked, strict=False)):
        raise errors.KerastagError("edits that overlap or lie outside of the file")
    return ranked


def pieces(edits: Sequence[Edit], size: int) -> Iterator[spliced.Piece]:
    """What the edited file consists of: bytes, and stretches of the old one. The edits are in order."""
    position = 0
    for edit in edits:
        if edit.start > position:
            yield position, edit.start
        if edit.content:
            yield edit.content
        position = edit.stop
    if size > position:
        yield position, size


def inverse(edits: Sequence[Edit], old: spliced.Blocks) -> list[Edit]:
    """The edits of the edited file that give the old one back; `edits` are in order."""
    undone, shift = [], 0
    for edit in edits:
        start = edit.start + shift
        undone.append(Edit(start, start + len(edit.content), old.at(edit.start, edit.stop - edit.start)))
        shift += len(edit.content) - (edit.stop - edit.start)
    return undone


def packed(edits: Sequence[Edit]) -> bytes:
    """Edits as bytes, for a journal."""
    parts = []
    for edit in edits:
        parts += [_HEAD.pack(edit.start, edit.stop, len(edit.content)), edit.content]
    return zlib.compress(b"".join(parts))


def unpacked(data: bytes, most: int) -> list[Edit]:
    """The edits of `packed`.

    Args:
      data: what `packed` gave.
      most: bytes that all of their content may come to.

    Raises:
      ValueError: they are damaged, or too long.
    """
    inflating = zlib.decompressobj()
    try:
        plain = inflating.decompress(data, most + _HEADS)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not inflating.eof:
        raise ValueError("cut short, or longer than the file was")
    edits, position = [], 0
    while position < len(plain):
        if position + _HEAD.size > len(plain):
            raise ValueError("cut short")
        start, stop, length = _HEAD.unpack_from(plain, position)
        position += _HEAD.size + length
        edits.append(Edit(start, stop, plain[position - length : position]))
        if len(edits[-1].content) < length:
            raise ValueError("cut short")
    return edits


def text_of(data: bytes) -> str:
    """Bytes as text for JSON."""
    return base64.b64encode(data).decode("ascii")


def bytes_of(text: str) -> bytes:
    """Raises ValueError: the text is not what `text_of` gives."""
    return base64.b64decode(text, validate=True)


def size_after(edits: Sequence[Edit], size: int) -> int:
    """The size of the edited file, in bytes."""
    return size + sum(len(edit.content) - (edit.stop - edit.start) for edit in edits)


def _differences(old: Sequence[bytes], new: Sequence[bytes]) -> Iterator[tuple[str, int, int, int, int]]:
    if len(old) + len(new) < _MANY:
        yield from difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        return
    shorter = min(len(old), len(new))
    first = next((place for place in range(shorter) if old[place] != new[place]), shorter)
    tails = range(1, shorter - first + 1)
    behind = next((place - 1 for place in tails if old[-place] != new[-place]), shorter - first)
    yield "replace", first, len(old) - behind, first, len(new) - behind


def _trimmed(start: int, old: bytes, new: bytes) -> list[Edit]:
    """One edit without the bytes that are the same at both ends; none if all are."""
    front = _num_same(old, new)
    old, new = old[front:], new[front:]
    behind = _num_same(old[::-1], new[::-1])
    old, new = old[: len(old) - behind], new[: len(new) - behind]
    return [Edit(start + front, start + front + len(old), new)] if old or new else []


def _num_same(some: bytes, others: bytes) -> int:
    """How many bytes are the same from the first on."""
    size = min(len(some), len(others))
    if not size:
        return 0
    different = np.frombuffer(some, np.uint8, size) != np.frombuffer(others, np.uint8, size)
    return int(different.argmax()) if different.any() else size
