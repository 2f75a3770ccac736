"""The tags a model knows: names in column order, to and from columns."""

import dataclasses
import difflib
import functools
import os
import pathlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from kerastag import errors, files
from kerastag.names import hidden_letter, printable

CATEGORY_MARK = "---"  # mood/theme---happy: the category, the mark, the short name


def short_name(name: str) -> str:
    """What people see of a full name: `happy` for `mood/theme---happy`; other names as they are."""
    return name.partition(CATEGORY_MARK)[2] or name


def difference(names: Sequence[str], others: Sequence[str]) -> str:
    """How two lists of tags differ first, to be followed by where the others are."""
    if len(names) != len(others):
        return f"{len(names)} tags, but {len(others)}"
    column = next(column for column, pair in enumerate(zip(names, others, strict=True)) if pair[0] != pair[1])
    return f"tag {column + 1} is {names[column]!r}, but {others[column]!r}"


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Tag names in column order; every look-up takes the full name or the short one.

    Attributes:
      names: full names, (num_tags,).

    Raises:
      KerastagError: no names, or one that is empty, doubled, or would not survive a line of a text file.
    """

    names: Sequence[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        if not self.names:
            raise errors.KerastagError("no tags")
        for position, problem in _problems(self.names):
            raise errors.KerastagError(f"tag {position + 1}: {problem}")

    @functools.cached_property
    def short_names(self) -> tuple[str, ...]:
        """Names for people, in column order, (num_tags,); where two would be the same, both stay full."""
        uses = Counter(short_name(name) for name in self.names)
        return tuple(short_name(name) if uses[short_name(name)] == 1 else name for name in self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def find(self, name: str) -> int | None:
        """The column of a full or short name; None if the tag is not known."""
        return self._columns.get(name)

    def index(self, name: str) -> int:
        """The column of a full or short name.

        Raises:
          KerastagError: the tag is not known; the message names the nearest one.
        """
        column = self.find(name)
        if column is None:
            raise errors.KerastagError(f"unknown tag {name!r}{self._hint(name)}")
        return column

    def encode(self, names: Iterable[str]) -> np.ndarray:
        """Labels of one track: float32 (num_tags,), 1 for each of `names`, else 0.

        Raises:
          KerastagError: a tag is not known.
        """
        labels = np.zeros(len(self), np.float32)
        labels[[self.index(name) for name in names]] = 1
        return labels

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "Vocabulary":
        """Reads tags.txt: UTF-8, one full name a line, in column order; empty lines at the end do not count.

        Raises:
          KerastagError: the file is missing, empty or not UTF-8, or a line is empty or doubled.
        """
        try:
            data = pathlib.Path(path).read_bytes()
        except OSError as error:
            raise errors.KerastagError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
        try:
            lines = data.decode("utf-8-sig").rstrip().split("\n")
        except UnicodeDecodeError as error:
            line_number = data.count(b"\n", 0, error.start) + 1
            raise errors.KerastagError(f"{path}:{line_number}: not UTF-8") from None
        names = [line.strip() for line in lines]
        if names == [""]:
            raise errors.KerastagError(f"{path}: no tags")
        for position, problem in _problems(names):
            raise errors.KerastagError(f"{path}:{position + 1}: {problem}")
        return cls(names)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes tags.txt, which `read` gives back as an equal vocabulary."""
        files.write_text(path, "".join(f"{name}\n" for name in self.names))

    @functools.cached_property
    def _columns(self) -> dict[str, int]:
        """Column of each accepted name; a full name wins over the short form of another."""
        columns = {name: column for column, name in enumerate(self.short_names)}
        columns.update({name: column for column, name in enumerate(self.names)})
        return columns

    def _hint(self, name: str) -> str:
        same = [full for full in self.names if short_name(full) == name]
        if same:
            return f"; did you mean {' or '.join(map(repr, same))}?"
        near = difflib.get_close_matches(short_name(name), self.short_names, n=1)
        return f"; did you mean {near[0]!r}?" if near else ""


def _problems(names: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yields position and description of every name that cannot be a column's."""
    first: dict[str, int] = {}
    for position, name in enumerate(names):
        if not name:
            yield position, "empty tag"
        elif name != name.strip() or any(mark in name for mark in "\t\r\n"):
            yield position, f"tag {name!r} has white space that a text file would lose"
        elif hidden_letter(name) is not None:
            yield position, f"tag {printable(name)} has a letter that cannot be seen, or that turns the text around"
        elif first.setdefault(name, position) != position:
            yield position, f"tag {name!r} is tag {first[name] + 1} already"
