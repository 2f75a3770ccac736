"""Split files: the tracks of a training, validation or test set and their tags.

Two published forms are read, tab-separated, with a header: MTG-Jamendo's (Bogdanov et al. 2019) and that of
the Music4All tracks which the winner of MediaEval 2020 added; see FORMS.
"""

import contextlib
import dataclasses
import gc
import itertools
import math
import os
import pathlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np

from kerastag import errors, tags

FORMS = (
    ("TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION", "TAGS"),
    ("TRACK_ID", "PATH", "TAGS"),
)  # the last column and all that follow it hold one tag each, or nothing

Policy = Literal["error", "drop"]


@dataclasses.dataclass(frozen=True, slots=True)
class Track:
    """One line of a split file; where it does not say, the last two ids are empty and `seconds` is None."""

    track_id: str
    path: str  # as in the file: relative to the dataset's folder, with or without an extension
    artist_id: str
    album_id: str
    seconds: float | None
    tags: tuple[str, ...]  # full names, if the split was read with a vocabulary

    @property
    def identity(self) -> tuple[str, str, str]:
        """Its id, its artist's and its path."""
        return self.track_id, self.artist_id, self.path


@dataclasses.dataclass(frozen=True)
class Split:
    """The tracks of one split file, in its order, and what was dropped on the way."""

    path: pathlib.Path
    tracks: tuple[Track, ...]
    dropped_tags: dict[str, int] = dataclasses.field(default_factory=dict)  # unknown tag -> number of tracks
    num_untagged: int = 0  # tracks that had no tag, or none that is known

    def __len__(self) -> int:
        return len(self.tracks)

    def labels(self, vocabulary: tags.Vocabulary) -> np.ndarray:
        """Labels, float32 (num_tracks, num_tags): 1 where the track has the tag, else 0.

        Raises:
          KerastagError: a track has a tag outside `vocabulary`.
        """
        labels = np.zeros((len(self.tracks), len(vocabulary)), np.float32)
        rows = np.repeat(np.arange(len(self.tracks)), [len(track.tags) for track in self.tracks])
        lists = dict.fromkeys(track.tags for track in self.tracks)  # far fewer than tracks
        try:
            columns = {names: [vocabulary.index(name) for name in names] for names in lists}
        except errors.KerastagError as error:
            raise errors.KerastagError(f"{self.path}: {error}") from None
        labels[rows, list(itertools.chain.from_iterable(columns[track.tags] for track in self.tracks))] = 1
        return labels


def read(
    path: str | os.PathLike[str],
    vocabulary: tags.Vocabulary | None = None,
    unknown: Policy = "error",
    untagged: Policy = "error",
) -> Split:
    """Reads a split file line by line.

    Args:
      path: a UTF-8 file in one of FORMS; lines end in LF or CRLF, lines without text are skipped.
      vocabulary: the tags to keep, by full or short name; without it every tag is kept as it stands.
      unknown: what to do about a tag outside `vocabulary`: "error", or "drop" and count it.
      untagged: what to do about a track without tags, or with none left: "error", or "drop" and count it.

    Raises:
      KerastagError: the file is missing or has no tracks, or a line is at fault; the message has its number.
    """
    reader = _Reader(pathlib.Path(path), vocabulary, unknown)
    tracks = []
    num_untagged = 0
    with _without_collector():
        for track in reader.tracks():
            if track.tags:
                tracks.append(track)
            elif untagged == "drop":
                num_untagged += 1
            else:
                which = "tags" if vocabulary is None else "known tags"
                raise reader.fault(f"track {track.track_id!r} has no {which}")
    if not tracks:
        raise errors.KerastagError(f"{path}: no tracks" + (f", {num_untagged} without tags" if num_untagged else ""))
    return Split(reader.path, tuple(tracks), dict(reader.dropped_tags), num_untagged)


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Pauses the search for garbage: a million tracks that stay would be gone through again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def split_path(data_dir: str | os.PathLike[str], override: str | os.PathLike[str] | None, name: str) -> pathlib.Path:
    """The split file: `override` if there is one, else `data_dir`/`name`.tsv."""
    return pathlib.Path(override) if override else pathlib.Path(data_dir) / f"{name}.tsv"


def collect_vocabulary(splits: Iterable[Split]) -> tags.Vocabulary:
    """All tags of the splits in alphabetical order, as in MTG-Jamendo's tag lists.

    A short name is the same tag as the one full name it can stand for: `happy` beside `mood/theme---happy` is
    left out.
    """
    lists = {track.tags for split in splits for track in split.tracks}
    names = {tag for names in lists for tag in names}
    longer = Counter(tags.short_name(name) for name in names if tags.short_name(name) != name)
    return tags.Vocabulary(sorted(name for name in names if longer[name] != 1))


def class_counts(splits: Split | Iterable[Split], vocabulary: tags.Vocabulary) -> np.ndarray:
    """The number of tracks with each tag, int64 (num_tags,), over all splits; other tags are not counted."""
    counts = np.zeros(len(vocabulary), np.int64)
    for split in [splits] if isinstance(splits, Split) else splits:
        lists = Counter(track.tags for track in split.tracks)
        for names, num_tracks in lists.items():
            columns = {vocabulary.find(name) for name in names}
            counts[[column for column in columns if column is not None]] += num_tracks
    return counts


class _Reader:
    """Reads the lines of one file; knows where it stands, for the messages."""

    def __init__(self, path: pathlib.Path, vocabulary: tags.Vocabulary | None, unknown: Policy) -> None:
        self.path = path
        self.dropped_tags: Counter[str] = Counter()
        self._vocabulary = vocabulary
        self._unknown = unknown
        self._line_number = 1
        self._tag_lists: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self._ids: dict[str, str] = {}  # one string for all tracks of an artist or album

    def fault(self, message: str) -> errors.KerastagError:
        """The error to raise about the line read last."""
        return errors.KerastagError(f"{self.path}:{self._line_number}: {message}")

    def tracks(self) -> Iterator[Track]:
        """Yields every track, those without tags included.

        Raises:
          KerastagError: see `read`.
        """
        lines = self._lines()
        form = self._form(next(lines, ""))
        first_lines: dict[str, int] = {}
        for line in lines:
            if not line or line.isspace():
                continue
            if "\r" in line:
                raise self.fault("a carriage return stands within the line")
            track = self._track(form, line)
            first = first_lines.setdefault(track.track_id, self._line_number)
            if first != self._line_number:
                raise self.fault(f"TRACK_ID {track.track_id!r} is in line {first} already")
            yield track

    def _lines(self) -> Iterator[str]:
        try:
            with self.path.open("rb") as file:
                for self._line_number, line in enumerate(file, 1):
                    yield line.decode("utf-8-sig" if self._line_number == 1 else "utf-8").rstrip("\r\n")
        except OSError as error:
            reason = (error.strerror or "cannot be read").lower()
            raise errors.KerastagError(f"{self.path}: {reason}") from None
        except UnicodeDecodeError:
            raise self.fault("not UTF-8") from None

    def _form(self, header: str) -> tuple[str, ...]:
        columns = tuple(name.strip() for name in header.split("\t"))
        for form in FORMS:
            if columns[: len(form)] == form:
                return form
        expected = " or ".join(" ".join(form) for form in FORMS)
        raise self.fault(f"the header is {header[:80]!r}, not {expected}, separated by tabs")

    def _track(self, form: tuple[str, ...], line: str) -> Track:
        num_fixed = len(form) - 1
        columns = line.split("\t", num_fixed)
        if len(columns) < num_fixed:
            raise self.fault(f"{len(columns)} columns, not {' '.join(form)}")
        tag_text = columns[num_fixed] if len(columns) > num_fixed else ""
        if form is FORMS[0]:
            track_id, artist_id, album_id, path, duration = columns[:num_fixed]
        else:
            (track_id, path), artist_id, album_id, duration = columns[:num_fixed], "", "", ""
        if not track_id.strip():
            raise self.fault("empty TRACK_ID")
        return Track(
            track_id,
            self._checked_path(path),
            self._ids.setdefault(artist_id, artist_id),
            self._ids.setdefault(album_id, album_id),
            self._seconds(duration),
            self._tags(tag_text),
        )

    def _checked_path(self, path: str) -> str:
        if not path.strip():
            raise self.fault("empty PATH")
        if path[0] in "/\\" or path[1:3] in (":/", ":\\"):
            raise self.fault(f"PATH {path!r} is absolute")
        if ".." in path and ".." in path.replace("\\", "/").split("/"):
            raise self.fault(f"PATH {path!r} leads out of its folder")
        return path

    def _seconds(self, duration: str) -> float | None:
        if not duration.strip():
            return None
        try:
            seconds = float(duration)
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds < math.inf:
            raise self.fault(f"DURATION {duration!r} is not a number of seconds")
        return seconds

    def _tags(self, text: str) -> tuple[str, ...]:
        """The tags in the columns `text`, each once; every combination is looked up once."""
        if text not in self._tag_lists:
            names = dict.fromkeys(name.strip() for name in text.split("\t"))
            names.pop("", None)
            self._tag_lists[text] = self._known(names)
        known, dropped = self._tag_lists[text]
        if dropped:
            self.dropped_tags.update(dropped)
        return known

    def _known(self, names: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Splits `names` into the full names of known tags and the unknown ones."""
        if self._vocabulary is None:
            return tuple(names), ()
        columns = {name: self._vocabulary.find(name) for name in names}
        dropped = tuple(name for name, column in columns.items() if column is None)
        if dropped and self._unknown == "error":
            try:
                self._vocabulary.index(dropped[0])
            except errors.KerastagError as error:
                raise self.fault(str(error)) from None
        known = dict.fromkeys(column for column in columns.values() if column is not None)
        return tuple(self._vocabulary.names[column] for column in known), dropped
