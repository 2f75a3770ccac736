"""What a second reader, mutagen, sees of a file's tags: the edited file must show it what was meant, and no more."""

import hashlib
import importlib
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kerastag import errors
from kerastag.library.fields import ape, asf, comments
from kerastag.library.fields.container import TagError

REMEDY = "pip install 'kerastag[library]'"
_CLASSES = {  # mutagen's class for each kind
    "ID3": "mutagen.mp3.MP3",
    "WAV": "mutagen.wave.WAVE",
    "AIFF": "mutagen.aiff.AIFF",
    "FLAC": "mutagen.flac.FLAC",
    "Ogg Vorbis": "mutagen.oggvorbis.OggVorbis",
    "Opus": "mutagen.oggopus.OggOpus",
    "Speex": "mutagen.oggspeex.OggSpeex",
    "FLAC in Ogg": "mutagen.oggflac.OggFLAC",
    "MP4": "mutagen.mp4.MP4",
    "ASF": "mutagen.asf.ASF",
    "WavPack": "mutagen.wavpack.WavPack",
    "Musepack": "mutagen.musepack.Musepack",
    "Monkey's Audio": "mutagen.monkeysaudio.MonkeysAudio",
}
_EXACT = ("ID3", "WAV", "AIFF", "MP4", "ASF")  # kinds whose keys are other keys in other capitals
_ID3_KEYS = {"mood": ("TMOO", "TXXX:MOOD"), "genre": ("TCON",), "grouping": ("TIT1", "GRP1"), "comment": ("COMM::",)}
_MP4_KEYS = {"mood": "----:COM.APPLE.ITUNES:MOOD", "genre": "\xa9GEN", "grouping": "\xa9GRP", "comment": "\xa9CMT"}


def require() -> None:
    """Checks that mutagen is there.

    Raises:
      KerastagError: it is not installed.
    """
    try:
        importlib.import_module("mutagen")
    except ImportError:
        raise errors.KerastagError(f"tags in files need mutagen: {REMEDY}") from None


def seen(path: str | os.PathLike[str], kind: str) -> dict[str, list[str]]:
    """All tags of a file by mutagen's keys, as texts; what is no text, such as a picture, by its hash.

    Raises:
      TagError: mutagen cannot read it.
    """
    import mutagen

    home, _, name = _CLASSES[kind].rpartition(".")
    try:
        module = importlib.import_module(home)
        tags = _id3_seen(path, module) if kind == "ID3" else getattr(module, name)(os.fspath(path)).tags
    except (mutagen.MutagenError, ValueError, IndexError, KeyError, EOFError) as error:
        raise TagError(f"its tags cannot be read ({type(error).__name__}: {error})") from None
    found: dict[str, list[str]] = {}
    for key, value in _items(tags):
        found.setdefault(key if kind in _EXACT else key.upper(), []).extend(_shown(value))
    return found


def check(
    before: Mapping[str, list[str]], after: Mapping[str, list[str]], kind: str, field: str, values: Sequence[str]
) -> None:
    """Checks what mutagen sees after an edit.

    Args:
      before, after: what it `seen`.
      kind, field, values: what was to be written.

    Raises:
      TagError: the field is another than was meant, or another tag has changed.
    """
    changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    foreign = [key for key in changed if not is_key(key, kind, field)]
    if foreign:
        raise TagError(f"another tag, {foreign[0]}, would change")
    expected = [value.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for value in values]
    found = [after[key] for key in after if is_key(key, kind, field) and (field != "comment" or key in changed)]
    if (not expected and found) or any(texts != expected for texts in found) or (expected and changed and not found):
        raise TagError(f"the {field} that was written reads as {', '.join(map(repr, found[0] if found else []))}")


def is_key(key: str, kind: str, field: str) -> bool:
    """Whether one of mutagen's keys is a field's."""
    key = key.upper()
    if kind in ("ID3", "WAV", "AIFF"):
        return key.startswith(_ID3_KEYS["comment"]) if field == "comment" else key in _ID3_KEYS[field]
    if kind == "MP4":
        return key == _MP4_KEYS[field]
    names = asf.NAMES if kind == "ASF" else ape.NAMES if kind in ape.KINDS.values() else comments.NAMES
    return key == names[field].upper()


def _id3_seen(path: str | os.PathLike[str], mp3: Any) -> Any:
    """The ID3v2 tag as it is stored, else what ID3v1 says, or None; the file must hold MPEG audio."""
    from mutagen import id3

    mp3.MP3(os.fspath(path))
    for what in ({"translate": False, "load_v1": False}, {}):
        try:
            return id3.ID3(os.fspath(path), **what)
        except id3.ID3NoHeaderError:
            continue
    return None


def _items(tags: Any) -> Iterable[tuple[str, Any]]:
    """Keys and values; Vorbis comments and ASF attributes are lists of pairs."""
    if tags is None:
        return []
    return list(tags) if isinstance(tags, list) else list(tags.items())


def _shown(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for part in value for text in _shown(part)]
    if isinstance(value, bytes) and type(value).__name__ == "MP4FreeForm":
        return [value.decode("utf-8", "replace")]
    genres = getattr(value, "genres", None)
    texts = genres if genres is not None else getattr(value, "text", None)
    if isinstance(texts, list) and not isinstance(value, bytes):
        return [str(text) for text in texts]
    if type(value).__name__ == "APETextValue":
        return list(value)
    if isinstance(value, str) or type(value).__name__ == "ASFUnicodeAttribute":
        return [str(value)]
    return [hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()]
