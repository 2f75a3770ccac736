"""What stands in the files of a job, and whether it can: whoever may write to the folder may have written anything."""

import pathlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from kerastag import errors, files
from kerastag.catalogue import manifest

_HEADER = "shard\tfirst_row\tnum_rows\toffset\tsha256"
_ID = re.compile(r"[0-9a-f]{64}")
_MARKER = re.compile(r"(\d{6,9})\.json")


def write_shards(path: pathlib.Path, shards: Sequence[manifest.Shard]) -> None:
    """Writes shards.tsv."""
    lines = [
        f"{number}\t{shard.first_row}\t{shard.num_rows}\t{shard.offset}\t{shard.sha256}"
        for number, shard in enumerate(shards)
    ]
    files.write_text(path, "\n".join([_HEADER, *lines]) + "\n")


def read_shards(path: pathlib.Path) -> list[manifest.Shard]:
    """Reads shards.tsv. Raises ValueError: it is damaged; OSError: it cannot be read."""
    header, *lines = path.read_text(encoding="utf-8").splitlines() or [""]
    if header != _HEADER:
        raise ValueError(f"header {header[:80]}")
    cells = [line.split("\t") for line in lines]
    return checked_shards(
        [manifest.Shard(int(first), int(size), int(offset), sha256) for _, first, size, offset, sha256 in cells]
    )


def id_in(facts: Any) -> str:
    """The id of the job that job.json tells of. Raises ValueError: it is damaged."""
    if not isinstance(facts, dict) or not isinstance(facts.get("id"), str) or not _ID.fullmatch(facts["id"]):
        raise ValueError("no id of a job")
    return str(facts["id"])


def checked_shards(shards: list[manifest.Shard]) -> list[manifest.Shard]:
    """Shards, if each begins where the one before ends. Raises ValueError: they do not."""
    first = 0
    for number, shard in enumerate(shards):
        if shard.first_row != first or shard.num_rows < 1 or shard.offset < 0 or not _ID.fullmatch(shard.sha256):
            raise ValueError(f"shard {number} does not follow the one before")
        first += shard.num_rows
    if not shards:
        raise ValueError("no shards")
    return shards


def done_of(names: Iterable[str], num_shards: int) -> set[int]:
    """The shards that markers of these names say are done; other files do not count."""
    found = (_MARKER.fullmatch(name) for name in names)
    return {int(one[1]) for one in found if one and int(one[1]) < num_shards}


def failed_in(place: object, marker: Any) -> int:
    """How many tracks of a shard failed, by its marker.

    Raises:
      KerastagError: it is damaged.
    """
    count = marker.get("failed") if isinstance(marker, dict) else None
    if type(count) is not int or count < 0:
        raise errors.KerastagError(f"{place}: not the marker of a shard that is done")
    return count
