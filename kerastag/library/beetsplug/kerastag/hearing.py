"""Tracks of a beets library described by a model: which are asked about, and what is put into their fields."""

import contextlib
import dataclasses
import logging
import os
import pathlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from beets import library

from . import media

if TYPE_CHECKING:
    from kerastag import tags
    from kerastag.library import describing

PREFIX = "kerastag_"
MODEL = f"{PREFIX}model"  # the field that says which model was heard


def score_fields(vocabulary: "tags.Vocabulary") -> tuple[str, ...]:
    """The field of each tag's score."""
    from kerastag.library import tag_fields

    return tag_fields.names(vocabulary, PREFIX, [MODEL])


@dataclasses.dataclass(frozen=True)
class Heard:
    """What was said of items, by id; how many could not be heard; lines for people about these and others."""

    of: "Mapping[int | None, describing.Description]"
    num_failed: int
    warnings: Sequence[str]


class Hearing:
    """A model, and how what it says is put into fields.

    Args:
      describer: asks the model.
      field: of the words.
      scores: whether scores are kept.
      force: ask about tracks that have all of it, too, and replace their words.
    """

    def __init__(self, describer: "describing.Describer", field: media.Field, scores: bool, force: bool):
        from kerastag.library import tag_fields

        self._describer, self._field, self._force = describer, field, force
        self._scores = score_fields(describer.vocabulary) if scores else ()
        self.clashes = tag_fields.clashes(describer.vocabulary, PREFIX, [MODEL]) if scores else []

    def hear(self, items: Sequence[library.Item], shows_progress: bool = False) -> Heard:
        """Asks about the items that need it.

        Raises:
          KerastagError: the model does not load.
        """
        from kerastag import progress

        asked = [item for item in items if self._force or not self._has_all(item)]
        text = f"hearing {len(asked)} tracks"
        with _quiet(), progress.Lines(len(asked), text, "tracks", quiet=not shows_progress) as bar:
            described = self._describer.describe([_path(item) for item in asked], bar.advance)
        of = {item.id: described.of[_path(item)] for item in asked if _path(item) in described.of}
        return Heard(of, len(asked) - len(of), described.warnings)

    def put(self, item: library.Item, said: "describing.Description") -> bool:
        """Puts a description into an item's fields; returns whether its words are others now."""
        if item.get(MODEL, with_album=False) != self._describer.model_id:
            for field in [key for key in item.keys(with_album=False) if key.startswith(PREFIX)]:
                del item[field]
        for field, score in zip(self._scores, said.scores.tolist(), strict=False):
            item[field] = score
        item[MODEL] = self._describer.model_id
        there = self._field.words(item)
        words = list(said.words) if said.words and (self._force or not there) else there
        return self._field.put(item, words)

    def _has_all(self, item: library.Item) -> bool:
        there = item.keys(with_album=False)
        return (
            item.get(MODEL, with_album=False) == self._describer.model_id
            and bool(item.get(self._field.name, with_album=False))
            and all(field in there for field in self._scores)
        )


def _path(item: library.Item) -> pathlib.Path:
    return pathlib.Path(os.fsdecode(item.path))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences decoders and TensorFlow, which write to file descriptor 2, but not beets, whose log goes there too."""
    from kerastag.cli import streams

    before = sys.stderr
    handlers = [
        handler
        for handler in logging.getLogger("beets").handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is before
    ]
    with streams.quiet_libraries():
        try:
            for handler in handlers:
                handler.setStream(sys.stderr)
            yield
        finally:
            for handler in handlers:
                handler.setStream(before)
