"""Groups of tags whose figures are averaged: head, middle and tail by training counts, and named ones."""

import os
from collections.abc import Mapping

import numpy as np

from kerastag import errors, tags, tsv

HEAD_OVER = 550  # training tracks; Knox et al., MediaEval 2020
TAIL_AT_MOST = 200
HEADER = ("group", "tag")
RESERVED = ("head", "middle", "tail", "macro", "micro")


def members(
    class_counts: np.ndarray, head_over: int = HEAD_OVER, tail_at_most: int = TAIL_AT_MOST
) -> dict[str, np.ndarray]:
    """Which tags are in which group.

    Args:
      class_counts: training tracks with each tag, (num_tags,).
      head_over: a tag with more tracks is in the head.
      tail_at_most: a tag with as many tracks or fewer is in the tail.

    Returns:
      Masks "head", "middle" and "tail", bool (num_tags,) each; every tag is in exactly one.

    Raises:
      KerastagError: the bounds overlap.
    """
    if tail_at_most > head_over:
        raise errors.KerastagError(f"a tail of at most {tail_at_most} tracks overlaps a head of over {head_over}")
    counts = np.asarray(class_counts)
    head, tail = counts > head_over, counts <= tail_at_most
    return {"head": head, "middle": ~head & ~tail, "tail": tail}


def read(path: str | os.PathLike[str], vocabulary: tags.Vocabulary) -> dict[str, np.ndarray]:
    """Reads named groups, such as subsets of high valence or low arousal.

    The file is tab-separated UTF-8 with the header `group<TAB>tag`; a line holds a group's name and one or
    more of its tags, by full or short name. A group may have several lines, a tag several groups. Empty lines
    do not count.

    Returns:
      A mask for each group, bool (num_tags,), in the order in which the file names them.

    Raises:
      KerastagError: the file is missing or not UTF-8, a tag is unknown or twice in a group, or a group has
        the name of one of ours; the message has the line.
    """
    masks: dict[str, np.ndarray] = {}
    for number, (name, *cells) in tsv.read(path, HEADER):
        members_of_line = [cell for cell in cells if cell]
        if not name or not members_of_line:
            raise errors.KerastagError(f"{path}:{number}: not a group and its tags, separated by tabs")
        if name in RESERVED:
            raise errors.KerastagError(f"{path}:{number}: a group cannot be called {name!r}")
        mask = masks.setdefault(name, np.zeros(len(vocabulary), bool))
        for tag in members_of_line:
            try:
                column = vocabulary.index(tag)
            except errors.KerastagError as error:
                raise errors.KerastagError(f"{path}:{number}: {error}") from None
            if mask[column]:
                raise errors.KerastagError(f"{path}:{number}: tag {tag!r} is in group {name!r} already")
            mask[column] = True
    if not masks:
        raise errors.KerastagError(f"{path}: no groups")
    return masks


def all_members(
    num_tags: int,
    class_counts: np.ndarray | None = None,
    head_over: int = HEAD_OVER,
    tail_at_most: int = TAIL_AT_MOST,
    named: Mapping[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Head, middle and tail where there are counts, then the named groups: masks, bool (num_tags,).

    Raises:
      KerastagError: counts or a mask do not fit the number of tags, or the bounds overlap.
    """
    masks: dict[str, np.ndarray] = {}
    if class_counts is not None:
        if np.shape(class_counts) != (num_tags,):
            raise errors.KerastagError(f"class counts are {np.shape(class_counts)} for {num_tags} tags")
        masks.update(members(class_counts, head_over, tail_at_most))
    for name, mask in (named or {}).items():
        if np.shape(mask) != (num_tags,):
            raise errors.KerastagError(f"group {name!r} is a mask of {np.shape(mask)} for {num_tags} tags")
        masks[name] = np.asarray(mask, bool)
    return masks
