"""ID3v2 tags: frames replaced within them, every other byte left as it is."""

import dataclasses
import re
import zlib
from collections.abc import Iterable, Sequence

from kerastag.audio import spliced
from kerastag.library.fields import edits, id3_frames
from kerastag.library.fields.container import TagError, read_exactly
from kerastag.library.fields.id3_frames import Frame, from_syncsafe, syncsafe

NEW_PADDING = 1024  # bytes behind the frames of a tag that is made
_HEAD, _ID3V1 = 10, 128
_UNSYNCHRONISED, _EXTENDED, _FOOTER, _COMPRESSED = 0x80, 0x40, 0x10, 0x40  # flags; the last is ID3v2.2's
_NAME = {2: re.compile(rb"[A-Z][A-Z0-9]{2}"), 3: re.compile(rb"[A-Z][A-Z0-9]{3}"), 4: re.compile(rb"[A-Z][A-Z0-9]{3}")}


@dataclasses.dataclass(frozen=True)
class Tag:
    """An ID3v2 tag.

    Attributes:
      version: 2, 3 or 4; revision, flags: as in its header.
      extended: its extended header, or nothing.
      frames: as far as there are any.
      rest: what is behind them: zeros, or what is no frame.
      plain_sizes: whether frames of ID3v2.4 have sizes of 8 bits a byte, as iTunes wrote them.
      size: of all of it, with header and footer, in bytes; 0: there is no tag.
    """

    version: int = 4
    revision: int = 0
    flags: int = 0
    extended: bytes = b""
    frames: tuple[Frame, ...] = ()
    rest: bytes = bytes(NEW_PADDING)
    plain_sizes: bool = False
    size: int = 0

    @property
    def is_rewritten(self) -> bool:
        """Whether its unsynchronisation is that of the whole, so that its bytes are not those of its frames."""
        return self.version < 4 and bool(self.flags & _UNSYNCHRONISED)

    def places(self, field: str) -> list[Frame]:
        """The frames of a field: of a comment the first, since others are in other languages."""
        found = [frame for frame in self.frames if id3_frames.holds(frame, field)]
        return found[:1] if field == "comment" else found

    def values(self, field: str) -> list[str]:
        """See Container."""
        return list(dict.fromkeys(value for frame in self.places(field) for value in id3_frames.values(frame)))

    def others(self, field: str) -> list[bytes]:
        """See Container."""
        places = self.places(field)
        padding = b"" if _is_padding(self.rest) else self.rest
        return [*(frame.raw for frame in self.frames if not any(frame is place for place in places)), padding]

    def with_values(self, field: str, values: Sequence[str]) -> "Tag":
        """The tag with a field in the places that it had, or else in its first, or without it.

        Raises:
          TagError: the tag would become too large.
        """
        places = self.places(field)
        frames: list[Frame] = []
        done: set[str] = set()
        for frame in self.frames:
            if not any(frame is place for place in places):
                frames.append(frame)
            elif values and frame.name not in done:
                done.add(frame.name)
                frames.append(id3_frames.made(self.version, field, values, frame, self.plain_sizes))
        if values and not places:
            frames.append(id3_frames.made(self.version, field, values, None, self.plain_sizes))
        added = sum(len(frame.raw) for frame in frames) - sum(len(frame.raw) for frame in self.frames)
        rest = self.rest
        if _is_padding(rest) and not self.flags & _FOOTER and added <= len(rest):
            rest = bytes(len(rest) - added)
        return self._rebuilt(tuple(frames), rest)

    def parts(self) -> list[bytes]:
        """The tag's bytes, in parts that compare."""
        body = [self.extended, *(frame.raw for frame in self.frames), self.rest]
        if self.is_rewritten:
            body = [id3_frames.unsynchronised(b"".join(body))]
        sizes = syncsafe(sum(map(len, body)))
        tail = bytes([self.version, self.revision, self.flags]) + sizes
        return [b"ID3" + tail, *body, b"3DI" + tail if self.flags & _FOOTER else b""]

    def _rebuilt(self, frames: tuple[Frame, ...], rest: bytes) -> "Tag":
        content = b"".join(frame.raw for frame in frames)
        if len(content) + len(rest) >= 1 << 28:
            raise TagError("its ID3 tag would become too large")
        extended = _updated(self.version, self.extended, content, rest)
        return dataclasses.replace(self, frames=frames, rest=rest, extended=extended)


class Id3File:
    """A file with an ID3v2 tag in front, or none yet; one that is made says what an ID3v1 tag at the end says."""

    kind = "ID3"

    def __init__(self, blocks: spliced.Blocks):
        self._blocks = blocks
        self._tag = read(blocks, 0)
        last = blocks.at(max(0, blocks.size - _ID3V1), _ID3V1)
        if not self._tag.size and last.startswith(b"TAG") and len(last) == _ID3V1:  # which many read only by itself
            self._tag = dataclasses.replace(self._tag, frames=id3_frames.of_id3v1(last))

    def values(self, field: str) -> list[str]:
        return self._tag.values(field)

    def changes(self, field: str, values: Sequence[str]) -> list[edits.Edit]:
        return retagged(self._blocks, 0, self._tag, self._tag.with_values(field, values))

    def others(self, field: str) -> Iterable[bytes]:
        return self._tag.others(field)

    def audio(self) -> list[tuple[int, int]]:
        return [(self._tag.size, self._blocks.size)]


def retagged(blocks: spliced.Blocks, start: int, old: Tag, new: Tag) -> list[edits.Edit]:
    """The edits that make a tag at `start` of a file into another; of a whole that is rewritten the difference."""
    if old.size == 0:
        return [edits.Edit(start, start, b"".join(new.parts()))]
    if not old.is_rewritten:
        return edits.between(start, old.parts(), new.parts())
    parts = new.parts()
    return edits.between(start, [blocks.at(start, _HEAD), blocks.at(start + _HEAD, old.size - _HEAD)], parts[:2])


def size_at(blocks: spliced.Blocks, start: int) -> int:
    """Bytes of the ID3v2 tag at a place of a file; 0 if there is none."""
    head = blocks.at(start, _HEAD)
    if len(head) < _HEAD or head[:3] != b"ID3" or head[3] not in _NAME or max(head[6:]) > 0x7F:
        return 0
    has_footer = head[3] == 4 and head[5] & _FOOTER
    return _HEAD + from_syncsafe(head[6:]) + (_HEAD if has_footer else 0)


def read(blocks: spliced.Blocks, start: int) -> Tag:
    """The tag at a place of a file; one of size 0, which can be written, if there is none.

    Raises:
      TagError: it is damaged, or of a kind that nothing reads.
    """
    head = blocks.at(start, _HEAD)
    if head[:3] != b"ID3":
        return Tag()
    size = size_at(blocks, start)
    if not size:
        raise TagError("its ID3 tag is of an unknown version, or damaged")
    version, revision, flags = head[3:6]
    if version == 2 and flags & _COMPRESSED:
        raise TagError("its ID3v2.2 tag is compressed, in a way that was never defined")
    has_footer = version == 4 and flags & _FOOTER
    body = read_exactly(blocks, start + _HEAD, size - _HEAD - (_HEAD if has_footer else 0))
    if version < 4 and flags & _UNSYNCHRONISED:
        body = id3_frames.synchronised(body)
    extended = body[: _extended_size(version, flags, body)]
    data = body[len(extended) :]
    frames, position, plain_sizes = _frames(version, data)
    if version == 4 and flags & _UNSYNCHRONISED:
        frames = tuple(dataclasses.replace(frame, in_unsynchronised=True) for frame in frames)
    return Tag(version, revision, flags, extended, frames, data[position:], plain_sizes, size)


def _extended_size(version: int, flags: int, body: bytes) -> int:
    """Bytes of the extended header; some writers set its flag and write none."""
    if version == 2 or not flags & _EXTENDED or _NAME[version].fullmatch(body[:4]):
        return 0
    size = from_syncsafe(body[:4]) if version == 4 else 4 + int.from_bytes(body[:4], "big")
    if not 6 <= size <= len(body):
        raise TagError("its ID3 tag is damaged: an extended header of a size that cannot be")
    return size


def _updated(version: int, extended: bytes, content: bytes, rest: bytes) -> bytes:
    """An extended header with the checksum and the size of the padding as they are now."""
    if version == 3 and len(extended) >= 10:
        padding = len(rest).to_bytes(4, "big") if _is_padding(rest) else extended[6:10]
        checksum = zlib.crc32(content).to_bytes(4, "big") if len(extended) >= 14 else b""
        return extended[:6] + padding + checksum + extended[14:]
    if version == 4 and len(extended) > 6 and extended[5] & 0x20:
        place = 6 + (1 if extended[5] & 0x40 else 0)  # behind the length byte of an update flag
        number = zlib.crc32(content + rest)
        digits = bytes([number >> 28 & 0x7F]) + syncsafe(number & 0xFFFFFFF)
        return extended[: place + 1] + digits + extended[place + 6 :]
    return extended


def _frames(version: int, data: bytes) -> tuple[tuple[Frame, ...], int, bool]:
    """The frames, where they end, and whether their sizes are plain."""
    frames, position = _walk(version, data, plain_sizes=version < 4)
    if version == 4 and not _is_padding(data[position:]):
        plain, plain_position = _walk(version, data, plain_sizes=True)
        if plain_position > position:
            return plain, plain_position, True
    return frames, position, False


def _walk(version: int, data: bytes, plain_sizes: bool) -> tuple[tuple[Frame, ...], int]:
    letters, head_size = (3, 6) if version == 2 else (4, 10)
    frames, position = [], 0
    while _NAME[version].fullmatch(data[position : position + letters]) and position + head_size <= len(data):
        head = data[position : position + head_size]
        digits = head[letters : 2 * letters]
        if not plain_sizes and max(digits) > 0x7F:
            break
        size = int.from_bytes(digits, "big") if plain_sizes else from_syncsafe(digits)
        body = data[position + head_size : position + head_size + size]
        if len(body) < size:
            break
        frames.append(Frame(version, head[:letters].decode("ascii"), head, body))
        position += head_size + size
    return tuple(frames), position


def _is_padding(rest: bytes) -> bool:
    return not rest.strip(b"\0")
