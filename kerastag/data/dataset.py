"""A folder of tagged music, as training sees it: the tags, and the tracks of two splits."""

import dataclasses
import os
import pathlib

import numpy as np

from kerastag import tags
from kerastag.data import splits


@dataclasses.dataclass(frozen=True)
class Dataset:
    """The splits that training needs; `folder` is what their paths are relative to."""

    folder: pathlib.Path
    vocabulary: tags.Vocabulary
    training: splits.Split
    validation: splits.Split

    @property
    def class_counts(self) -> np.ndarray:
        """Training tracks per tag, int64 (num_tags,)."""
        return splits.class_counts(self.training, self.vocabulary)


def read(
    folder: str | os.PathLike[str],
    train_file: str | os.PathLike[str],
    validation_file: str | os.PathLike[str],
    vocabulary: tags.Vocabulary | None = None,
) -> Dataset:
    """Reads both splits; without a vocabulary the tags are those of the training split.

    Raises:
      KerastagError: a file is missing, malformed, or has a tag outside the vocabulary.
    """
    training = splits.read(train_file, vocabulary)
    vocabulary = vocabulary or splits.collect_vocabulary([training])
    return Dataset(pathlib.Path(folder), vocabulary, training, splits.read(validation_file, vocabulary))
