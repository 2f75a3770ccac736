"""A folder of tagged music, as training sees it: the tags, and the tracks of the training and validation splits."""

import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kerastag import errors, parallel, tags
from kerastag.data import demo, splits, track_files

if TYPE_CHECKING:
    from kerastag.data import decoded, pipeline

Path = str | os.PathLike[str]

_LOOKED_AT_ONCE = 16  # files, whose sizes a file system on a network tells slowly


@dataclasses.dataclass(frozen=True)
class Source:
    """A split and the folder that its paths are relative to."""

    folder: pathlib.Path
    split: splits.Split


@dataclasses.dataclass(frozen=True)
class Dataset:
    """What training needs.

    Attributes:
      vocabulary: the tags, in column order.
      training: one source or several; their tracks are trained on together.
      validation: tracks to choose the best model by.
    """

    vocabulary: tags.Vocabulary
    training: tuple[Source, ...]
    validation: Source

    @property
    def class_counts(self) -> np.ndarray:
        """Training tracks per tag over all sources, int64 (num_tags,)."""
        return splits.class_counts([source.split for source in self.training], self.vocabulary)

    @property
    def num_training_tracks(self) -> int:
        """Over all sources."""
        return sum(len(source.split) for source in self.training)

    def training_tracks(
        self, kept: "decoded.DecodedTracks | None" = None, unlabelled: Sequence[Path] = ()
    ) -> "pipeline.Tracks":
        """The tracks of all training sources, with labels; `kept`: see pipeline.Tracks.

        After them come the files `unlabelled`, whose rows of labels are 0.
        """
        return self._tracks(self.training, kept, unlabelled)

    def validation_tracks(self, kept: "decoded.DecodedTracks | None" = None) -> "pipeline.Tracks":
        """The validation tracks, with labels; `kept`: see pipeline.Tracks."""
        return self._tracks([self.validation], kept)

    def seconds(self) -> list[float | None]:
        """How long each track is by the split files; None where they do not say."""
        return [track.seconds for source in (*self.training, self.validation) for track in source.split.tracks]

    def digests(self) -> dict[str, str]:
        """SHA-256 by which a resumed training knows whether its data has changed.

        Under "train" and "validation" of each track's identity and tags in order, with " audio" behind the name of the
        sizes of the audio files in bytes, null where there is none.
        """
        found: dict[str, str] = {}
        for name, sources in (("train", self.training), ("validation", (self.validation,))):
            rows = [[*track.identity, *track.tags] for source in sources for track in source.split.tracks]
            lookups = [track_files.Lookup(source.folder, track) for source in sources for track in source.split.tracks]
            sizes = parallel.run(_size, lookups, "looking at files", _LOOKED_AT_ONCE)
            found |= {name: _digest(rows), f"{name} audio": _digest(sizes)}
        return found

    def dropped(self) -> list[str]:
        """A line for each source of which tags or tracks were dropped."""
        lines = []
        for source in (*self.training, self.validation):
            split = source.split
            if split.dropped_tags or split.num_untagged:
                names = ", ".join(sorted(map(tags.short_name, split.dropped_tags)))
                lines.append(
                    f"{split.path}: {len(split.dropped_tags)} tags outside the vocabulary dropped ({names}), "
                    f"{split.num_untagged} tracks left without a tag dropped"
                )
        return lines

    def _tracks(
        self, sources: Sequence[Source], kept: "decoded.DecodedTracks | None", unlabelled: Sequence[Path] = ()
    ) -> "pipeline.Tracks":
        from kerastag.data import pipeline

        lookups = [track_files.Lookup(source.folder, track) for source in sources for track in source.split.tracks]
        none = np.zeros((len(unlabelled), len(self.vocabulary)), np.float32)
        labels = np.concatenate([*(source.split.labels(self.vocabulary) for source in sources), none])
        return pipeline.Tracks([*lookups, *unlabelled], labels, kept)


def _size(lookup: track_files.Lookup) -> int | None:
    try:
        return lookup().stat().st_size
    except (OSError, errors.KerastagError):
        return None


def _digest(rows: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def folder(data_dir: Path | None) -> pathlib.Path:
    """The folder of a dataset; without one that of the demo set, which is made on first use.

    Raises:
      KerastagError: there is no such folder.
    """
    if data_dir is None:
        return demo.ensure()
    place = pathlib.Path(data_dir)
    if not place.is_dir():
        raise errors.KerastagError(f"{data_dir}: no such folder")
    return place


def read(
    training: Sequence[tuple[Path, Path]],
    validation: tuple[Path, Path],
    vocabulary: tags.Vocabulary | None = None,
    unknown: splits.Policy = "error",
    drop_empty_tags: bool = False,
) -> Dataset:
    """Reads the splits.

    Args:
      training: (folder, split file) of each source. The first one gives the vocabulary if there is none; of the
        others, tags outside it and tracks without a tag are dropped and counted.
      validation: (folder, split file).
      vocabulary: the tags to learn.
      unknown: what becomes of tags outside the vocabulary in the first training and the validation split.
      drop_empty_tags: leave out tags of the vocabulary that no training track has.

    Raises:
      KerastagError: a file is missing, malformed, or has a tag outside the vocabulary.
    """
    if vocabulary is None:
        vocabulary = splits.collect_vocabulary([splits.read(training[0][1])])
    policies: list[splits.Policy] = [unknown] + ["drop"] * (len(training) - 1)
    sources = tuple(
        Source(pathlib.Path(source_folder), splits.read(path, vocabulary, policy, policy))
        for (source_folder, path), policy in zip(training, policies, strict=True)
    )
    if drop_empty_tags:
        counts = splits.class_counts([source.split for source in sources], vocabulary)
        if not counts.all():
            kept = [name for name, count in zip(vocabulary.names, counts, strict=True) if count]
            if not kept:
                raise errors.KerastagError(f"{training[0][1]}: no tag of the vocabulary has a track")
            return read(training, validation, tags.Vocabulary(kept), unknown="drop")
    validation_folder, path = validation
    split = splits.read(path, vocabulary, unknown, unknown)
    return Dataset(vocabulary, sources, Source(pathlib.Path(validation_folder), split))
