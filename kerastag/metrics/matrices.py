"""Matrices of labels and scores on disk."""

import os
import pathlib

import numpy as np

from kerastag import errors


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
    except (ValueError, EOFError, MemoryError) as error:
        reason = "pickled objects are not loaded" if "Object arrays" in str(error) else "broken .npy file"
        raise errors.KerastagError(f"{path}: {reason}") from None
    if matrix.ndim != 2:
        raise errors.KerastagError(f"{path}: shape {matrix.shape}, not (tracks, tags)")
    if matrix.dtype.kind not in "biuf":
        raise errors.KerastagError(f"{path}: {matrix.dtype} is not a type of real numbers")
    return matrix
