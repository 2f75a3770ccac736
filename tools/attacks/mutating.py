"""Mutations of a file's bytes: what a damaged disk does, and what an attacker would try."""

import random
import struct
from collections.abc import Callable

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF)
HEADER = 512  # bytes at the start of a file that are mutated as often as all others
NAMES = ("bits", "bytes", "extremes", "cut", "removed", "repeated", "spliced", "swapped", "zeros", "several")


def mutated(content: bytes, others: list[bytes], name: str, dice: random.Random) -> bytes:
    """A file's bytes after a mutation.

    Args:
      content: the file, of one byte at the least.
      others: files of other formats, parts of which are spliced in.
      name: one of NAMES.
      dice: what is left to chance.
    """
    if name == "several":
        for one in dice.choices(NAMES[:-1], k=dice.randint(2, 5)):
            content = mutated(content, others, one, dice) or b"\0"
        return content
    place = _place(len(content), dice)
    size = min(dice.choice([1, 2, 4, 16, 256, 4_096, 65_536]), len(content) - place)
    piece, end = content[place : place + size], place + size
    other = dice.choice(others)
    start = _place(len(other), dice)
    return {
        "bits": lambda: _each(content, dice, lambda byte: byte ^ 1 << dice.randrange(8)),
        "bytes": lambda: _each(content, dice, lambda byte: dice.randrange(256)),
        "extremes": lambda: _extremes(content, dice),
        "cut": lambda: content[: place + 1],
        "removed": lambda: content[:place] + content[end:],
        "repeated": lambda: content[:place] + piece * dice.choice([2, 3, 100]) + content[end:],
        "spliced": lambda: content[:place] + other[start : start + max(size, 64)] + content[end:],
        "swapped": lambda: content[:place] + content[end : end + size] + piece + content[end + size :],
        "zeros": lambda: content[:place] + bytes(size) + content[end:],
    }[name]()


def _place(size: int, dice: random.Random) -> int:
    return dice.randrange(min(size, HEADER) if dice.random() < 0.5 else size)


def _each(content: bytes, dice: random.Random, change: Callable[[int], int]) -> bytes:
    """One to 64 bytes changed."""
    changed = bytearray(content)
    for _ in range(dice.choice([1, 1, 2, 8, 64])):
        place = _place(len(changed), dice)
        changed[place] = change(changed[place])
    return bytes(changed)


def _extremes(content: bytes, dice: random.Random) -> bytes:
    """One to four numbers replaced by those at the ends of what 1 to 8 bytes hold, in either order of bytes."""
    changed = bytearray(content)
    for _ in range(dice.randint(1, 4)):
        place, (form, most) = _place(len(changed), dice), dice.choice([("B", 1), ("H", 2), ("I", 4), ("Q", 8)])
        number = dice.choice(EXTREMES) & (1 << 8 * most) - 1
        changed[place : place + most] = struct.pack(dice.choice("<>") + form, number)
    return bytes(changed)
