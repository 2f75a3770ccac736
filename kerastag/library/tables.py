"""Embeddings of files as a matrix, with the names of the files beside it."""

import pathlib
from collections.abc import Sequence

import numpy as np

from kerastag import errors, files, names
from kerastag.metrics import matrices

SUFFIX = ".npy"


def paths_beside(output: pathlib.Path) -> pathlib.Path:
    """The file with the names: `a.paths.txt` of `a.npy`."""
    return output.with_name(f"{output.stem}.paths.txt")


def check_embeddings(output: pathlib.Path, overwrite: bool) -> None:
    """Checks that embeddings can be written.

    Raises:
      UsageError: the suffix is not SUFFIX.
      KerastagError: a file is there and may not be replaced, or cannot be written.
    """
    if output.suffix.lower() != SUFFIX:
        raise errors.UsageError(f"{output}: the suffix must be {SUFFIX}", "embeddings")
    files.check_output(output, overwrite)
    files.check_output(paths_beside(output), overwrite)


def write_embeddings(output: pathlib.Path, paths: Sequence[pathlib.Path], embeddings: np.ndarray) -> None:
    """Writes a .npy file, float32 (num_files, width), and the files' names, one in each line, in the order of the rows.

    A name is as `names.shown` gives it, so that each is one line, and `names.path_of` turns it back.

    Args:
      output: the .npy file.
      paths: (num_files,).
      embeddings: (num_files, width).

    Raises:
      KerastagError: it cannot be written.
    """
    if embeddings.ndim != 2 or len(embeddings) != len(paths):
        raise errors.KerastagError(f"{output}: embeddings are {embeddings.shape} of {len(paths)} files")
    files.write_text(paths_beside(output), "".join(f"{names.shown(path)}\n" for path in paths))
    matrices.save_matrix(output, np.asarray(embeddings, np.float32))
