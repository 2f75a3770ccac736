"""What every container of tags can do."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from kerastag import errors
from kerastag.audio import spliced
from kerastag.library.fields import edits


class TagError(errors.KerastagError):
    """A file whose tags cannot be read or written: what is wrong, without the file's name until `opening` adds it."""


class Container(Protocol):
    """The tags of one file as they stand, and what edits would change them; nothing is written.

    Attributes:
      kind: what people call it, "FLAC".
    """

    kind: str

    def values(self, field: str) -> list[str]:
        """The values of one of FIELDS, in order; none if the file has no such field.

        Bytes that are no text in the tag's encoding stand as surrogates where the format allows for that.
        """

    def changes(self, field: str, values: Sequence[str]) -> list[edits.Edit]:
        """The edits that make these the field's values; none to remove the field.

        Raises:
          TagError: the container cannot hold them.
        """

    def others(self, field: str) -> Iterable[bytes]:
        """All that is in the tags but that field, as it is stored."""

    def audio(self) -> list[tuple[int, int]]:
        """The stretches of the file that hold no tag that we edit: the music, and whatever else there is."""


def read_exactly(blocks: spliced.Blocks, position: int, size: int) -> bytes:
    """Bytes of a file.

    Raises:
      TagError: the file ends before.
    """
    data = blocks.at(position, size)
    if len(data) != size:
        raise TagError("is damaged: it ends within its tags")
    return data
