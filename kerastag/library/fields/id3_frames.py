"""Frames of ID3v2.2, 2.3 and 2.4: bytes to values and back (https://id3.org, the three informal standards)."""

import dataclasses
import re
import zlib
from collections.abc import Sequence

from kerastag.library.fields.container import TagError

TEXT_FRAMES = {  # of each field, the frame that is made first; v2.2 has names of three letters
    "mood": ("TMOO",),
    "genre": ("TCON", "TCO"),
    "grouping": ("TIT1", "TT1", "GRP1", "GP1"),
    "comment": (),
}
_USER_FRAMES, _USER_NAME = ("TXXX", "TXX"), "MOOD"
_COMMENT_FRAMES, _LANGUAGE = ("COMM", "COM"), b"eng"
_ENCODINGS = ("latin-1", "utf-16", "utf-16-be", "utf-8")


@dataclasses.dataclass(frozen=True)
class Frame:
    """A frame as it is stored, a tag's own unsynchronisation undone.

    Attributes:
      version: of the tag: 2, 3 or 4.
      name: four letters, three in ID3v2.2.
      head: name, size and flags, 10 bytes, 6 in ID3v2.2; body: the rest.
      in_unsynchronised: whether the tag, of ID3v2.4, says so of all of its frames.
    """

    version: int
    name: str
    head: bytes
    body: bytes
    in_unsynchronised: bool = False

    @property
    def raw(self) -> bytes:
        return self.head + self.body

    def content(self) -> bytes:
        """What is in it, decompressed.

        Raises:
          TagError: it is encrypted or damaged.
        """
        flags, body = (self.head[9] if self.version > 2 else 0), self.body
        compressed, encrypted, grouped = (0x80, 0x40, 0x20) if self.version == 3 else (0x08, 0x04, 0x40)
        if flags & encrypted:
            raise TagError(f"its ID3 frame {self.name} is encrypted")
        body = body[4:] if self.version == 3 and flags & compressed else body
        body = body[1:] if flags & grouped else body
        if self.version == 4:
            body = body[4:] if flags & 0x01 else body
            body = synchronised(body) if flags & 0x02 or self.in_unsynchronised else body
        try:
            return zlib.decompress(body) if flags & compressed else body
        except zlib.error:
            raise TagError(f"its ID3 frame {self.name} is damaged") from None


def holds(frame: Frame, field: str) -> bool:
    """Whether a frame is one of a field's."""
    if frame.name in TEXT_FRAMES[field]:
        return True
    if field == "mood" and frame.name in _USER_FRAMES:
        return _described(frame)[1].upper() == _USER_NAME
    return field == "comment" and frame.name in _COMMENT_FRAMES and not _described(frame)[1]


def values(frame: Frame) -> list[str]:
    """The values of a frame that `holds` a field.

    Raises:
      TagError: they cannot be read.
    """
    if frame.name in (*_USER_FRAMES, *_COMMENT_FRAMES):
        encoding, _, data = _described(frame)
    else:
        content = frame.content()
        encoding, data = content[0] if content else 0, content[1:]
    found = _texts(data, encoding)
    if frame.name in TEXT_FRAMES["genre"]:
        from mutagen import id3

        return list(id3.TCON(encoding=3, text=found).genres)  # knows (17) and 17 by name
    return found


def made(version: int, field: str, given: Sequence[str], like: Frame | None, plain_sizes: bool) -> Frame:
    """A frame with these values: with the name, and what is before the values, of `like`, or the field's first."""
    if field == "genre" and version < 4:
        given = [f"({value}" if value.startswith("(") else value for value in given]
    encoding = 3 if version == 4 else 0 if _fits_latin(given) else 1
    text = "\0".join(given).encode(_ENCODINGS[encoding])
    name = _name(version, field) if like is None else like.name
    front = bytes([encoding])
    if name in _COMMENT_FRAMES:
        front += _LANGUAGE if like is None else like.content()[1:4]
        front += "\0".encode(_ENCODINGS[encoding])
    elif name in _USER_FRAMES:
        description = _USER_NAME if like is None else _described(like)[1]
        front += f"{description}\0".encode(_ENCODINGS[encoding])
    return _framed(version, name, front + text, plain_sizes)


def of_id3v1(data: bytes) -> tuple[Frame, ...]:
    """The frames of ID3v2.4 that say what 128 bytes of ID3v1 say; texts keep their bytes, in whatever encoding."""
    from mutagen import id3

    comment, track = (data[97:125], data[126]) if data[125] == 0 else (data[97:127], 0)
    texts = {"TIT2": data[3:33], "TPE1": data[33:63], "TALB": data[63:93], "TDRC": data[93:97]}
    plain = {name: text.partition(b"\0")[0].strip() for name, text in {**texts, "COMM": comment}.items()}
    plain["TRCK"] = str(track).encode() if track else b""
    plain["TCON"] = id3.TCON.GENRES[data[127]].encode() if data[127] < len(id3.TCON.GENRES) else b""
    fronts = {"COMM": _LANGUAGE + b"ID3v1 Comment\0"}
    return tuple(_framed(4, name, b"\0" + fronts.get(name, b"") + text, False) for name, text in plain.items() if text)


def unsynchronised(data: bytes) -> bytes:
    """Bytes in which nothing looks like the beginning of an MPEG frame."""
    data = re.sub(rb"\xff(?=[\xe0-\xff\x00])", b"\xff\x00", data)
    return data + b"\x00" if data.endswith(b"\xff") else data


def synchronised(data: bytes) -> bytes:
    """What `unsynchronised` made its argument of."""
    return data.replace(b"\xff\x00", b"\xff")


def syncsafe(number: int) -> bytes:
    """A number in four bytes of 7 bits."""
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def from_syncsafe(data: bytes) -> int:
    """The number in bytes of 7 bits."""
    number = 0
    for byte in data:
        number = number << 7 | byte & 0x7F
    return number


def _name(version: int, field: str) -> str:
    """The frame that a field is written to first."""
    is_short = version == 2
    if field == "mood" and version < 4:
        return _USER_FRAMES[is_short]
    return _COMMENT_FRAMES[is_short] if field == "comment" else TEXT_FRAMES[field][is_short]


def _framed(version: int, name: str, body: bytes, plain_sizes: bool) -> Frame:
    if version == 2:
        head = name.encode() + len(body).to_bytes(3, "big")
    else:
        is_plain = version == 3 or plain_sizes
        head = name.encode() + (len(body).to_bytes(4, "big") if is_plain else syncsafe(len(body))) + b"\0\0"
    return Frame(version, name, head, body)


def _described(frame: Frame) -> tuple[int, str, bytes]:
    """Encoding, description and values of a TXXX or COMM frame."""
    content = frame.content()
    start = 4 if frame.name in _COMMENT_FRAMES else 1
    encoding = content[0] if content else 0
    description, _, data = _cut(content[start:], encoding)
    return encoding, _decoded(description, encoding), data


def _texts(data: bytes, encoding: int) -> list[str]:
    """Texts with a NUL between them, one at the end or none."""
    found = []
    more = True
    while more:
        text, more, data = _cut(data, encoding)
        found.append(_decoded(text, encoding))
    while found and not found[-1]:
        del found[-1]
    return found


def _cut(data: bytes, encoding: int) -> tuple[bytes, bool, bytes]:
    """What is before the first NUL of an encoding, whether there is one, and what is behind it."""
    if encoding in (1, 2):
        places = (place for place in range(0, len(data) - 1, 2) if data[place : place + 2] == b"\0\0")
        place = next(places, None)
        return (data, False, b"") if place is None else (data[:place], True, data[place + 2 :])
    text, mark, rest = data.partition(b"\0")
    return text, bool(mark), rest


def _decoded(text: bytes, encoding: int) -> str:
    if encoding >= len(_ENCODINGS):
        raise TagError(f"its ID3 tag is damaged: text in an unknown encoding, {encoding}")
    name = _ENCODINGS[encoding]
    if encoding == 1 and text[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        name = "utf-16-le"  # a text behind the first often has no mark of its own
    try:
        return text.decode(name)
    except UnicodeDecodeError:
        raise TagError(f"its ID3 tag is damaged: text that is no {name.upper()}") from None


def _fits_latin(given: Sequence[str]) -> bool:
    return all(letter <= "\xff" for value in given for letter in value)
