"""Flags and the first steps of commands over a music collection: find its files, hear those that are not known yet."""

import dataclasses
import functools
import pathlib
from collections.abc import Sequence

import numpy as np
from absl import flags

from kerastag import audio, cli, errors, progress, published
from kerastag.audio import tfio_decoder
from kerastag.cli import options
from kerastag.inference import model_source
from kerastag.library import listening, results, similar

SOME_FAILED = 3  # exit status: some files could not be dealt with, the rest is done
KEEP_NOTHING = "none"


@dataclasses.dataclass(frozen=True)
class Collection:
    """A collection that was heard.

    Attributes:
      heard: what the model says of its files.
      source: the model.
      skipped: a line for each file or folder that was left out.
    """

    heard: listening.Heard
    source: model_source.ModelSource
    skipped: Sequence[str]

    @property
    def status(self) -> int:
        """The exit status of what is done with the others: 0, SOME_FAILED, or 1 if there are none."""
        if not self.skipped:
            return 0
        return SOME_FAILED if self.heard.files else 1

    def warnings(self) -> list[str]:
        """Lines for people about files that were heard in part, or not at all."""
        return self.heard.warnings(self.skipped)


def define_model(values: flags.FlagValues) -> None:
    """Which model listens."""
    flags.DEFINE_string(
        "model",
        None,
        "A run, an ensemble of runs, a folder that export wrote, or a published model (kerastag pretrained); default: "
        f"{published.DEFAULT}, fetched the first time.",
        flag_values=values,
    )


def define(values: flags.FlagValues, num_chunks: int = 16) -> None:
    """How a collection is walked and heard, and what is kept of that."""
    flags.DEFINE_multi_string(
        "exclude_paths",
        [],
        "Leave out files and folders of this name, or of this path if it has a slash; * and ? stand for letters",
        flag_values=values,
    )
    flags.DEFINE_string(
        "results",
        None,
        f"File that keeps what models said, so that a file is heard once; {KEEP_NOTHING}: keep nothing. Default: "
        f"{results.FILE} in the user's cache.",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "content_hash",
        False,
        "Know files by their content instead of size, time and inode: all of each is read, but copies are known again.",
        flag_values=values,
    )
    flags.DEFINE_bool("quiet", False, "No progress and no notes; what goes wrong is told.", flag_values=values)
    options.num_chunks(values, num_chunks)
    options.define_reading(values)
    options.define_devices(values)


class Ears:
    """The model and the results of a command, for as many looks at a collection as it takes.

    Args:
      values: flags of `define_model` and `define`.
      calibrated: scores as probabilities.

    Raises:
      KerastagError: there is no such model, or its files are damaged.
    """

    def __init__(self, values: flags.FlagValues, calibrated: bool = False):
        self._values = values
        if values.decoder == "tfio":
            tfio_decoder.require()
        named = values.model or published.get(published.DEFAULT, say=self.note_no_model)
        self.source = model_source.find(named, calibrated)

    @functools.cached_property
    def kept(self) -> results.Results | None:
        """Where results are kept; None: nowhere, which is told if it was not asked for."""
        values = self._values
        if values.results == KEEP_NOTHING:
            return None
        how = (self.source, options.reading_of(values), values.precision)
        if values.results is not None:
            return listening.open_results(values.results, *how)
        kept, problem = listening.default_results(*how)
        cli.warn(filter(None, [problem]))
        return kept

    @functools.cached_property
    def listener(self) -> listening.Listener:
        """Hears files."""
        values = self._values
        how = (options.reading_of(values), options.computing_of(values))
        return listening.Listener(self.source, *how, self.kept, values.content_hash, values.verbosity)

    def note_no_model(self, line: str) -> None:
        """Says which model is taken where none was named."""
        if not self._values.quiet:
            cli.warn([f"no --model given; {line}"])

    def hear(self, search: audio.Found, embeddings: bool = False) -> Collection:
        """Hears what was found, with its progress."""
        text = f"hearing {len(search.files)} files"
        with progress.Lines(len(search.files), text, quiet=self._values.quiet) as bar:
            heard = self.listener.hear(search.files, bar.advance, embeddings)
        return Collection(heard, self.source, [*search.warnings(), *heard.failures.values()])


def find(values: flags.FlagValues, arguments: Sequence[str]) -> audio.Found:
    """The files of a collection.

    Raises:
      UsageError: no files or folders are named.
      KerastagError: there are none.
    """
    if not arguments:
        raise errors.UsageError("no files or folders are named")
    search = audio.find_audio(arguments, exclude=values.exclude_paths)
    if not search.files:
        raise errors.KerastagError("; ".join(search.warnings()) or f"{' '.join(arguments)}: no audio files")
    return search


@dataclasses.dataclass(frozen=True)
class Beside:
    """A track, and a collection beside it.

    Attributes:
      seed: the track.
      embedding: its embedding, (width,).
      paths: the other files that could be heard.
      others: their embeddings, (num_files, width).
      collection: all of them, the track included.
    """

    seed: pathlib.Path
    embedding: np.ndarray
    paths: tuple[pathlib.Path, ...]
    others: np.ndarray
    collection: Collection


def hear_beside(values: flags.FlagValues, seed: str, arguments: Sequence[str]) -> Beside:
    """Hears a track, which need not be in the collection, and the collection, for their embeddings.

    Raises:
      UsageError: no files or folders are named beside it.
      KerastagError: see `find` and `Ears`; or the track cannot be heard.
    """
    if not arguments:
        raise errors.UsageError("no files or folders are named")
    path = pathlib.Path(seed)
    if path.is_dir():
        raise errors.KerastagError(f"{seed}: is a folder, not a track")
    # the track first, and by its own name once more if it is found in the collection
    search = find(values, [seed, *arguments])
    result = Ears(values).hear(search, embeddings=True)
    if path in result.heard.failures:
        raise errors.KerastagError(result.heard.failures[path])
    embeddings = result.heard.embeddings
    assert embeddings is not None  # they were asked for
    similar.check(embeddings[0], seed)
    return Beside(path, embeddings[0], result.heard.files[1:], embeddings[1:], result)
