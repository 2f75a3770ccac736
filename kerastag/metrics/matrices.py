"""Matrices of labels and scores: on disk, and what every function here asks of them."""

import os
import pathlib
import tokenize
from collections.abc import Sequence

import numpy as np

from kerastag import errors, files

DAMAGED = (  # what NumPy raises of a file that is none of its own
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, SyntaxError, tokenize.TokenError),
    *(EOFError, MemoryError, RecursionError),
)


def load_matrix(path: str | os.PathLike[str]) -> np.ndarray:
    """Reads a .npy file of numbers, (num_tracks, num_tags), of the type it was written with.

    Pickled objects are never loaded: they could run any code.

    Raises:
      KerastagError: the file is missing, not a .npy, cut short, or not a matrix of real numbers.
    """
    try:
        with pathlib.Path(path).open("rb") as file:
            if file.read(len(np.lib.format.MAGIC_PREFIX)) != np.lib.format.MAGIC_PREFIX:
                raise errors.KerastagError(f"{path}: not a .npy file")
            file.seek(0)
            matrix: np.ndarray = np.load(file, allow_pickle=False)
    except OSError as error:
        raise errors.KerastagError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    except DAMAGED as error:
        reason = "pickled objects are not loaded" if "Object arrays" in str(error) else "broken .npy file"
        raise errors.KerastagError(f"{path}: {reason}") from None
    if matrix.ndim != 2:
        raise errors.KerastagError(f"{path}: shape {matrix.shape}, not (tracks, tags)")
    if matrix.dtype.kind not in "biuf":
        raise errors.KerastagError(f"{path}: {matrix.dtype} is not a type of real numbers")
    return matrix


def save_matrix(path: str | os.PathLike[str], matrix: np.ndarray) -> None:
    """Writes a .npy file, whole or not at all, without pickling."""
    with files.whole_file(path) as temporary, temporary.open("wb") as stream:  # np.save would add a suffix to A.NPY
        np.save(stream, matrix, allow_pickle=False)


def checked(
    labels: np.ndarray, scores: np.ndarray, tag_names: Sequence[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Labels as bool and scores as they are, if they can be measured.

    Args:
      labels: 0 or 1, (num_tracks, num_tags).
      scores: finite, of the same shape.
      tag_names: the tags in column order, for the check and for messages; without them columns have numbers.

    Raises:
      KerastagError: shapes differ, labels are not 0 or 1, or a score is not finite.
    """
    labels, scores = np.asarray(labels), np.asarray(scores)
    if labels.shape != scores.shape:
        raise errors.KerastagError(f"labels are {labels.shape}, scores {scores.shape}")
    if labels.ndim != 2 or not labels.size:
        raise errors.KerastagError(f"labels are {labels.shape}, not (tracks, tags)")
    names = [str(n) for n in range(labels.shape[1])] if tag_names is None else tag_names
    if len(names) != labels.shape[1]:
        raise errors.KerastagError(f"{len(names)} tag names for {labels.shape[1]} columns")
    if len(set(names)) != len(names):
        raise errors.KerastagError("a tag name stands for two columns")
    for what, wanted, matrix, good in (
        ("label", "0 or 1", labels, (labels == 0) | (labels == 1)),
        ("score", "finite", scores, np.isfinite(scores)),
    ):
        if not good.all():
            row, column = np.argwhere(~good)[0]
            place = f"row {row} (from 0), tag {names[column]!r}"
            raise errors.KerastagError(f"{what} in {place} is {matrix[row, column]}, not {wanted}")
    return labels.astype(bool), scores
