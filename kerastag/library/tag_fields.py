"""Names of a model's tags as fields of a program that takes lower-case letters, digits and underscores."""

import re
import unicodedata
from collections.abc import Iterable

from kerastag import tags


def names(vocabulary: tags.Vocabulary, prefix: str, taken: Iterable[str] = ()) -> tuple[str, ...]:
    """A field for each tag, in column order, all different; where two tags would have the same, the later one gets a
    number: kerastag_happy, kerastag_happy_2.

    Args:
      vocabulary: the tags.
      prefix: what every field begins with.
      taken: fields that are no tag's.
    """
    fields = dict.fromkeys(taken)
    num_taken = len(fields)
    for tag in vocabulary.short_names:
        wanted = field = _wanted(tag, prefix)
        number = 2
        while field in fields:
            field, number = f"{wanted}_{number}", number + 1
        fields[field] = None
    return tuple(fields)[num_taken:]


def clashes(vocabulary: tags.Vocabulary, prefix: str, taken: Iterable[str] = ()) -> list[str]:
    """A line for each tag whose field is not the one that it would have alone."""
    return [
        f"the field of tag {tag!r} is {field}, since {_wanted(tag, prefix)} is another's"
        for tag, field in zip(vocabulary.short_names, names(vocabulary, prefix, taken), strict=True)
        if field != _wanted(tag, prefix)
    ]


def _wanted(tag: str, prefix: str) -> str:
    return prefix + (re.sub(r"\W+", "_", unicodedata.normalize("NFC", tag.lower())).strip("_") or "tag")
