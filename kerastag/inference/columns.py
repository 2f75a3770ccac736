"""Which tags are shown, and under which words: some left out, some renamed, several as one."""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from kerastag import errors, names, tags, tsv

HEADER = ["tag", "word"]  # of a file of words, where it has a header


@dataclasses.dataclass(frozen=True)
class Columns:
    """What is shown of a model's tags.

    Attributes:
      words: what each column is called, (num_words,).
      kept: the columns of the vocabulary that are not left out.
      groups: for each word the places in `kept` of the tags that it stands for.
    """

    words: tuple[str, ...]
    kept: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...]

    def word_of(self, column: int) -> str:
        """The word of a column of the vocabulary.

        Raises:
          KerastagError: it is left out.
        """
        for word, group in zip(self.words, self.groups, strict=True):
            if column in (self.kept[place] for place in group):
                return word
        raise errors.KerastagError("a tag is named that is left out", "exclude")

    def merged(self, values: np.ndarray) -> np.ndarray:
        """The highest value of each word's tags; of decisions, whether one of them is given.

        Args:
          values: of the kept tags, (num_files, num_kept).

        Returns:
          of the words, (num_files, num_words).
        """
        return np.stack([values[:, list(group)].max(axis=1) for group in self.groups], axis=1)


def of(
    vocabulary: tags.Vocabulary, exclude: Sequence[str] = (), rename: str | os.PathLike[str] | None = None
) -> Columns:
    """Tags left out and renamed; a word stands where the first of its tags did.

    Args:
      vocabulary: the model's tags.
      exclude: tags to leave out, full names or short ones.
      rename: a file of words, see `read_words`.

    Raises:
      KerastagError: a tag is unknown, none is left, or the file is damaged.
    """
    try:
        left_out = {vocabulary.index(name) for name in exclude}
    except errors.KerastagError as error:
        raise errors.KerastagError(str(error), "exclude") from None
    kept = tuple(column for column in range(len(vocabulary)) if column not in left_out)
    if not kept:
        raise errors.KerastagError("all tags are left out", "exclude")
    words = {} if rename is None else read_words(rename, vocabulary)
    groups: dict[str, list[int]] = {}
    for place, column in enumerate(kept):
        groups.setdefault(words.get(column, vocabulary.short_names[column]), []).append(place)
    return Columns(tuple(groups), kept, tuple(map(tuple, groups.values())))


def named(
    vocabulary: tags.Vocabulary, exclude: Sequence[str] = (), words: str | os.PathLike[str] | None = None
) -> Columns:
    """Tags as words that others read: with a file of words its tags alone, without one all under their short names.

    Args:
      vocabulary: the model's tags.
      exclude: tags to leave out, full names or short ones.
      words: a file of words, see `read_words`.

    Raises:
      KerastagError: see `of`; or the file has no tag.
    """
    if words is None:
        return of(vocabulary, exclude)
    given = read_words(words, vocabulary)
    if not given:
        raise errors.KerastagError(f"{os.fspath(words)}: no tag has a word")
    others = [name for column, name in enumerate(vocabulary.names) if column not in given]
    return of(vocabulary, [*exclude, *others], words)


def read_words(path: str | os.PathLike[str], vocabulary: tags.Vocabulary) -> dict[int, str]:
    """The words of a tab-separated file: one of the model's tags and your word in each line, without a header or below
    `tag` and `word`.

    Returns:
      words by column of the vocabulary.

    Raises:
      KerastagError: the file is missing or not UTF-8; a line is not a tag and a word; a tag is unknown or there twice.
    """
    words: dict[int, str] = {}
    for place, (number, raw) in enumerate(tsv.read_raw(path)):
        cells = [cell.strip() for cell in raw]
        if not any(cells) or (place == 0 and cells == HEADER):
            continue
        if len(cells) != 2 or not all(cells):
            raise errors.KerastagError(f"{path}:{number}: not a tag and a word with a tab between them")
        name, word = cells
        try:
            column = vocabulary.index(name)
        except errors.KerastagError as error:
            raise errors.KerastagError(f"{path}:{number}: {error}") from None
        if column in words:
            raise errors.KerastagError(f"{path}:{number}: tag {name!r} has a word already")
        if names.hidden_letter(word) is not None:
            raise errors.KerastagError(f"{path}:{number}: word {names.printable(word)} has a letter that is not seen")
        words[column] = word
    return words
