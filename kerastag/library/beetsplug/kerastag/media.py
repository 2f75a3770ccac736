"""The field of words: `mood` in files, as mediafile reads and writes it, and in beets' library."""

import re
from collections.abc import Sequence
from typing import Any

import beets
import mediafile
from beets import library, plugins
from beets.dbcore import types
from mutagen import id3

_NAME = re.compile(r"(?!kerastag_)[a-z][a-z0-9_]*")  # others are fields of scores
_USER_TEXT, _MOOD = "TXXX", "MOOD"


class Field:
    """A field that holds several words of a track, in the library and in files.

    Args:
      name: as beets calls it; one of beets' own lists, such as genres, stands where beets puts it in files.
      written: whether it is written whenever beets writes a file, and read whenever it reads one; else only where
        `beet kerastag --write` asks for it. Beets' own lists always are.
    """

    def __init__(self, name: str, written: bool):
        self.name = name
        self._is_own = name not in library.Item._fields
        self._written = written or not self._is_own

    def add(self, plugin: plugins.BeetsPlugin) -> None:
        """Makes it known to beets, unless it is a field of beets' own or of another plugin, or cannot be."""
        if self.problem() or self.name in mediafile.MediaFile.fields():
            return
        descriptor = mood(beets.config["id3v23"].get(bool))
        if self._written:
            plugin.add_media_field(self.name, descriptor)
        else:
            mediafile.MediaFile.add_field(self.name, descriptor)

    def types(self) -> dict[str, types.Type]:
        """Its type as beets asks plugins for it: none for a field of beets' own."""
        return {self.name: types.MULTI_VALUE_DSV} if self._is_own else {}

    def problem(self) -> str:
        """Why words cannot be kept in it; empty: they can."""
        of_file = vars(mediafile.MediaFile).get(self.name)
        of_library = library.Item._fields.get(self.name, types.MULTI_VALUE_DSV)
        if not _NAME.fullmatch(self.name):
            return "not lower-case letters, digits and underscores, or begins as the fields of scores do"
        if not isinstance(of_library, types.DelimitedString):
            return "in beets this is no list of words"
        if of_file is not None and not isinstance(of_file, mediafile.ListMediaField):
            return "in files this is no list of words"
        return ""

    def words(self, item: library.Item) -> list[str]:
        """The words of a track; those in its file if the library does not say whether there are any."""
        if self.name in item.keys(with_album=False):
            return list(item[self.name] or ())
        return self._in_file(item)

    def put(self, item: library.Item, words: Sequence[str]) -> bool:
        """Gives a track its words; returns whether these are others than the library had."""
        before, mtime = list(item.get(self.name, with_album=False) or ()), item.mtime
        item[self.name] = list(words)
        if not self._written:
            item.mtime = mtime  # beets takes the file for older than the library now, and would read it anew
        return before != list(words)

    def is_in_file(self, item: library.Item) -> bool:
        """Whether a track's file has its words already."""
        return self._in_file(item) == self.words(item)

    def _in_file(self, item: library.Item) -> list[str]:
        """As the library would hold it: a word with "; " in it is several there."""
        try:
            values = getattr(mediafile.MediaFile(item.path), self.name) or []
        except mediafile.UnreadableFileError:
            return []
        return list(library.Item._type(self.name).normalize(values))


def mood(id3v23: bool) -> mediafile.ListMediaField:
    """`mood` in files: several values as several values, nothing for none.

    Args:
      id3v23: whether beets writes ID3v2.3, which has no frame for a mood.
    """
    return _Words(
        *((_UserText(),) if id3v23 else (mediafile.MP3ListStorageStyle("TMOO"), _UserTextToo())),
        mediafile.MP4ListStorageStyle(f"----:com.apple.iTunes:{_MOOD}"),
        _Comment(_MOOD),
        _ApeItem("Mood"),
        mediafile.ASFStorageStyle("WM/Mood"),
    )


class _Words(mediafile.ListMediaField):
    """A list that is not there when it is empty; the class that it comes from writes an empty frame then."""

    def __set__(self, file: Any, values: Sequence[str] | None) -> None:
        if values:
            super().__set__(file, values)
        else:
            self.__delete__(file)


class _Comment(mediafile.ListStorageStyle):
    formats = ("FLAC", "OggOpus", "OggTheora", "OggSpeex", "OggVorbis", "OggFlac")


class _ApeItem(mediafile.ListStorageStyle):
    formats = ("APEv2File", "WavPack", "Musepack", "MonkeysAudio")


class _UserText(mediafile.MP3ListStorageStyle):
    """TXXX:MOOD, with a NUL between the values, where ID3v2.3 and mutagen would put a slash."""

    def __init__(self) -> None:
        super().__init__(f"{_USER_TEXT}:{_MOOD}")

    def fetch(self, file: Any) -> list[str]:
        return [text for frame in self._frames(file) for value in frame.text for text in value.split("\0")]

    def store(self, file: Any, values: Sequence[str]) -> None:
        self.delete(file)
        file.tags.add(id3.TXXX(encoding=id3.Encoding.UTF16, desc=_MOOD, text=["\0".join(values)]))

    def delete(self, file: Any) -> None:
        for frame in self._frames(file):
            del file.tags[frame.HashKey]

    def _frames(self, file: Any) -> list[Any]:
        return [frame for frame in file.tags.getall(_USER_TEXT) if frame.desc.upper() == _MOOD]


class _UserTextToo(_UserText):
    """TXXX:MOOD beside TMOO: it says the same where it is there, and is not made where it is not."""

    def store(self, file: Any, values: Sequence[str]) -> None:
        if self._frames(file):
            super().store(file, values)
