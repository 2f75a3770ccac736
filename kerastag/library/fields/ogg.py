"""Ogg files: the packet of comments of their first stream, and the pages around it (RFC 3533)."""

import dataclasses
import zlib
from collections.abc import Iterable, Iterator, Sequence

from kerastag.audio import spliced
from kerastag.library.fields import comments, edits
from kerastag.library.fields.container import TagError, read_exactly

_HEAD = 27
_CONTINUED, _FIRST, _LAST = 1, 2, 4  # flags of a page
_NO_END = (1 << 64) - 1  # granule position of a page on which no packet ends
_SEGMENTS = 255  # of a page at most, and bytes of a segment at most
_KINDS = {  # how the first packet of a stream begins: what it is, and how its comments begin
    b"\x01vorbis": ("Ogg Vorbis", b"\x03vorbis"),
    b"OpusHead": ("Opus", b"OpusTags"),
    b"Speex   ": ("Speex", b""),
    b"\x7fFLAC": ("FLAC in Ogg", None),
}
_FLAC_COMMENTS = (b"\x04", b"\x84")  # the type of FLAC's block of comments, that of the last block
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclasses.dataclass(frozen=True)
class Page:
    """A page of a stream.

    Attributes:
      start: where it stands in the file.
      flags, granule, serial, sequence: as in its header.
      lacing: the sizes of its segments.
    """

    start: int
    flags: int
    granule: int
    serial: int
    sequence: int
    lacing: bytes

    @property
    def body(self) -> int:
        """Where its segments begin."""
        return self.start + _HEAD + len(self.lacing)

    @property
    def stop(self) -> int:
        return self.body + sum(self.lacing)

    def rendered(self, content: bytes) -> bytes:
        """The page with its checksum."""
        head = b"OggS\0" + bytes([self.flags]) + self.granule.to_bytes(8, "little")
        head += self.serial.to_bytes(4, "little") + self.sequence.to_bytes(4, "little")
        tail = bytes([len(self.lacing)]) + self.lacing + content
        return head + checksum(head + bytes(4) + tail) + tail


def checksum(page: bytes) -> bytes:
    """The checksum of a page whose own is zero: CRC-32 with bits in the other order, without inversions."""
    value = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{value:032b}"[::-1], 2).to_bytes(4, "little")


def pages(blocks: spliced.Blocks, start: int = 0) -> Iterator[Page]:
    """The pages of a file from one on, as long as one follows upon the other."""
    while True:
        head = blocks.at(start, _HEAD + _SEGMENTS)
        if head[:5] != b"OggS\0" or len(head) < _HEAD or len(head) < _HEAD + head[26]:
            return
        fields = [int.from_bytes(head[first:last], "little") for first, last in ((6, 14), (14, 18), (18, 22))]
        page = Page(start, head[5], fields[0], fields[1], fields[2], head[_HEAD : _HEAD + head[26]])
        if page.stop > blocks.size:
            return
        yield page
        start = page.stop


class Ogg:
    """An Ogg file of Vorbis, Opus, Speex or FLAC; of several streams, the tags of the first."""

    def __init__(self, blocks: spliced.Blocks):
        self._blocks = blocks
        found = pages(blocks)
        first, self.kind, mark = self._first_stream(found)
        self._pages = self._comment_pages(first, mark)
        self._lacing = b"".join(page.lacing for page in self._pages)
        self._content = b"".join(read_exactly(blocks, page.body, sum(page.lacing)) for page in self._pages)
        self._count = next((at + 1 for at, size in enumerate(self._lacing) if size < 255), None) or len(self._lacing)
        self._packet = self._content[: sum(self._lacing[: self._count])]
        self._front = self._packet[:4] if mark is None else mark
        if not self._packet.startswith(self._front) or (mark is None and self._front[:1] not in _FLAC_COMMENTS):
            raise TagError("is damaged: its second packet holds no comments")
        self._comments = comments.parse(self._packet[len(self._front) :])

    def values(self, field: str) -> list[str]:
        return self._comments.values(field)

    def changes(self, field: str, values: Sequence[str]) -> list[edits.Edit]:
        packet = self._new_packet(self._comments.with_values(field, values))
        lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255]) + self._lacing[self._count :]
        content = packet + self._content[len(self._packet) :]
        new = self._paged(lacing, content)
        changed = [edit for old, page in zip(self._pages, new, strict=False) for edit in self._changes(old, page)]
        more = new[len(self._pages) :]
        if more:
            last = self._pages[-1]
            changed.append(edits.Edit(last.stop, last.stop, b"".join(more)))
            changed += self._renumbered(last, len(more))
        return changed

    def others(self, field: str) -> Iterable[bytes]:
        yield from self._comments.others(field)
        yield self._content[len(self._packet) :]

    def audio(self) -> list[tuple[int, int]]:
        own = {page.start for page in self._pages}
        stretches, end = [], 0
        for page in pages(self._blocks):
            end = page.stop
            if page.start not in own:
                stretches += [(page.start, page.start + 18), (page.start + 26, page.stop)]  # all but number, checksum
        return [*stretches, (end, self._blocks.size)]

    def _first_stream(self, found: Iterator[Page]) -> tuple[Page, str, bytes | None]:
        for page in found:
            if not page.flags & _FIRST:
                break
            begins = self._blocks.at(page.body, 8)
            for mark, (kind, comment_mark) in _KINDS.items():
                if begins.startswith(mark):
                    return page, kind, comment_mark
        raise TagError("holds no stream whose tags can be written: Vorbis, Opus, Speex or FLAC")

    def _comment_pages(self, first: Page, mark: bytes | None) -> list[Page]:
        """The pages on which the comments lie, and, as it may begin on their last, the setup of Vorbis."""
        num_ends = 2 if mark == b"\x03vorbis" else 1
        if len(first.lacing) - first.lacing.count(255) != 1:
            raise TagError("is damaged: its first page holds more than one packet")
        own: list[Page] = []
        for page in pages(self._blocks, first.stop):
            if page.serial == first.serial:
                own.append(page)
                num_ends -= sum(size < 255 for size in page.lacing)
                if num_ends <= 0:
                    return own
        raise TagError("is damaged: it ends within its tags")

    def _new_packet(self, new: comments.Comments) -> bytes:
        """The packet with its padding made smaller or larger, so that the pages need not change, where that goes."""
        is_foreign = self.kind == "FLAC in Ogg" or (
            self.kind == "Opus" and new.rest[:1] and new.rest[0] & 1
        )  # RFC 7845
        kept = new.rest if is_foreign else new.rest.rstrip(b"\0")
        packet = self._front + b"".join(dataclasses.replace(new, rest=kept).parts())
        if self.kind == "FLAC in Ogg":
            size = len(packet) - len(self._front)
            return self._front[:1] + size.to_bytes(3, "big") + packet[len(self._front) :]
        padding = len(new.rest) - len(kept)
        room = len(self._packet) - len(packet)
        return packet + bytes(room if padding and room >= 0 else padding)

    def _paged(self, lacing: bytes, content: bytes) -> list[bytes]:
        """Pages for the segments: as many as there were, or else as many as it takes."""
        count = max(len(self._pages), -(-len(lacing) // _SEGMENTS))
        if len(lacing) < count:
            raise TagError("its comments take more pages than they need, in a way that is not written")
        first, last = self._pages[0], self._pages[-1]
        rendered: list[bytes] = []
        begun, position, is_within = 0, 0, False
        for number in range(count):
            sizes = lacing[begun : begun + self._share(number, count - number - 1, len(lacing) - begun)]
            is_last = number == count - 1
            granule = (last.granule if is_last else 0) if any(size < 255 for size in sizes) else _NO_END
            flags = (_CONTINUED if is_within else 0) | (last.flags & _LAST if is_last else 0)
            page = Page(0, flags, granule, first.serial, (first.sequence + number) % (1 << 32), sizes)
            rendered.append(page.rendered(content[position : position + sum(sizes)]))
            begun, position, is_within = begun + len(sizes), position + sum(sizes), sizes[-1] == 255
        return rendered

    def _share(self, number: int, pages_after: int, num_left: int) -> int:
        """Segments of a page: as many as it had, as far as pages behind it can take the rest, and have one at least."""
        wanted = len(self._pages[number].lacing) if number < len(self._pages) else _SEGMENTS
        return min(max(wanted, num_left - _SEGMENTS * pages_after), num_left - pages_after, _SEGMENTS)

    def _changes(self, old: Page, new: bytes) -> list[edits.Edit]:
        return edits.between(old.start, [self._blocks.at(old.start, old.stop - old.start)], [new])

    def _renumbered(self, last: Page, added: int) -> Iterator[edits.Edit]:
        """Numbers and checksums of all pages of the stream behind those of its comments."""
        end = last.stop
        for page in pages(self._blocks, last.stop):
            end = page.stop
            if page.serial != last.serial:
                continue
            if page.flags & _FIRST:
                return  # another stream that took the number, in a file of several one after the other
            content = self._blocks.at(page.body, page.stop - page.body)
            sequence = (page.sequence + added) % (1 << 32)
            rendered = dataclasses.replace(page, sequence=sequence).rendered(content)
            yield edits.Edit(page.start + 18, page.start + 26, rendered[18:26])
            if page.flags & _LAST:
                return
        if self._blocks.find(b"OggS", end) >= 0:
            raise TagError(f"is damaged: no page at byte {end}, so that those behind it cannot be counted anew")
