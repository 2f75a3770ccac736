"""A collection heard by a model: from the results at hand, and the rest in portions that are kept as they come."""

import dataclasses
import functools
import importlib.metadata
import os
import pathlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from kerastag import audio, errors, files, names, parallel, retrying, tags
from kerastag.audio import fetched, second_reader
from kerastag.computing import AUTOMATIC, Computing
from kerastag.data.reading import Reading
from kerastag.inference import model_source, opening, tagger
from kerastag.library import identity, results

FIRST_PORTION = 32  # files
LARGEST_PORTION = 4096
PORTION_SECONDS = 10.0  # of work that an interruption may cost
OnFiles = Callable[[int], None]  # called with the number of files that have been dealt with since
Place = TypeVar("Place", bound=pathlib.Path | str)  # of a file; a string is a URL


@dataclasses.dataclass(frozen=True)
class Heard(Generic[Place]):
    """What a model says of the files of a collection.

    Attributes:
      files: that could be heard, in the order in which they were given, (num_files,).
      scores: float32 (num_files, num_tags).
      embeddings: float32 (num_files, width); None: not asked for.
      failures: why others could not be heard, a line that names the file.
      vocabulary: the tags.
      heard_in_part: accounts of files of which some of the music is missing, by path.
      new: files that were not known before.
      not_kept: why no results were kept any more from some file on; empty: they were.
    """

    files: tuple[Place, ...]
    scores: np.ndarray
    embeddings: np.ndarray | None
    failures: Mapping[Place, str]
    vocabulary: tags.Vocabulary
    heard_in_part: Mapping[str, audio.Account]
    new: frozenset[Place]
    not_kept: str = ""

    def warnings(self, skipped: Iterable[str] = ()) -> list[str]:
        """Lines for people about files that were heard in part, about what was skipped, and about what is not kept."""
        lines = [f"heard in part: {names.shown(path)}: {heard.text()}" for path, heard in self.heard_in_part.items()]
        return [*lines, *(f"skipped: {reason}" for reason in skipped), *filter(None, [self.not_kept])]


class Listener:
    """Hears files by a model, which is loaded when the first file is not known yet.

    Args:
      source: the model.
      reading: how files are read.
      computing: how the networks are computed.
      kept: what is known already and is added to; None: every file is heard.
      by_content: know files by their content, see identity.py.
      verbosity: above 0 shows TensorFlow's own log.
    """

    def __init__(
        self,
        source: model_source.ModelSource,
        reading: Reading | None = None,
        computing: Computing = AUTOMATIC,
        kept: results.Results | None = None,
        by_content: bool = False,
        verbosity: int = 0,
    ):
        self._source = source
        self._reading = reading or Reading()
        self._computing = computing
        self._kept = kept
        self._by_content = by_content
        self._verbosity = verbosity
        self._portion = FIRST_PORTION
        self._not_kept = ""

    @functools.cached_property
    def model(self) -> tagger.Tagger:
        """The model with its networks; starts TensorFlow."""
        return opening.open_source(self._source, self._computing, self._verbosity)

    def hear(
        self, paths: Sequence[Place], on_files: OnFiles = lambda count: None, embeddings: bool = False
    ) -> Heard[Place]:
        """Hears files, each content once.

        Args:
          paths: audio files, or URLs of some (see kerastag.remote) as strings.
          on_files: called as the work goes on; it may raise to stop, and what was heard in whole portions is kept.
          embeddings: whether embeddings are wanted.

        Raises:
          KerastagError: the model cannot be loaded or has no embedding, or what is kept cannot be read.
        """
        known, failures = self._identities(paths)
        by_identity = {} if self._kept is None else self._kept.find(known.values())
        by_identity = {file: result for file, result in by_identity.items() if self._usable(result, embeddings)}
        missing: dict[str, Place] = {}
        for path, file in known.items():
            if file not in by_identity:
                missing.setdefault(file, path)
        on_files(len(paths) - len(missing))
        if missing and embeddings and not self.model.embedding_width:
            raise errors.KerastagError(f"{self._source.name}: no network of the model has an embedding", "model")
        for portion in self._portions(list(missing.items())):
            by_identity.update(self._hear_portion(portion, embeddings, len(missing), on_files))
        return self._heard(paths, known, by_identity, failures, frozenset(missing.values()), embeddings)

    def _identities(self, paths: Sequence[Place]) -> tuple[dict[Place, str], dict[Place, str]]:
        """What files are known by, and why others cannot be looked at."""

        def of(path: Place) -> str | OSError:
            try:
                return identity.of_file(path, self._by_content)
            except (OSError, errors.KerastagError) as error:
                return fetched.as_os_error(error)

        told = parallel.run(of, paths, f"reading {len(paths)} files") if self._by_content else map(of, paths)
        known, failures = dict[Place, str](), dict[Place, str]()
        for path, answer in zip(paths, told, strict=True):
            if isinstance(answer, str):
                known[path] = answer
            else:
                failures[path] = f"{names.shown(path)}: {files.reason(answer)}"
        return known, failures

    def _usable(self, result: results.Result, embeddings: bool) -> bool:
        """Whether a result answers what is asked now."""
        if result.failure:
            return result.readers == readers()
        if result.scores is None or len(result.scores) != len(self._source.vocabulary):
            return False
        return result.embedding is not None or not embeddings

    def _portions(self, missing: list[tuple[str, Place]]) -> Iterator[list[tuple[str, Place]]]:
        """Some files at a time, as many as take about PORTION_SECONDS."""
        while missing:
            portion, missing = missing[: self._portion], missing[self._portion :]
            started = time.monotonic()
            yield portion
            speed = len(portion) / max(time.monotonic() - started, 1e-3)
            if len(portion) == self._portion:
                self._portion = int(np.clip(speed * PORTION_SECONDS, FIRST_PORTION, LARGEST_PORTION))

    def _hear_portion(
        self, portion: list[tuple[str, Place]], embeddings: bool, num_files: int, on_files: OnFiles
    ) -> dict[str, results.Result]:
        from kerastag.data import pipeline

        tracks = pipeline.Tracks([str(path) for _, path in portion])
        counted = _Counted(len(portion), on_files)
        how = (self._reading, counted.on_chunks)
        vectors: np.ndarray | None = None
        if embeddings or self.model.embeds_freely:
            scores, vectors, unreadable = self.model.hear_tracks(tracks, *how, num_tracks=num_files)
        else:
            scores, unreadable = self.model.score_tracks(tracks, *how, num_tracks=num_files)
        counted.finish()
        accounts, heard, kept = audio.heard_in_part(), {}, {}
        for row, (file, path) in enumerate(portion):
            if row in unreadable:
                result = results.Result(failure=_without_name(unreadable[row], path), readers=readers())
            else:
                vector = None if vectors is None else vectors[row]
                result = results.Result(scores[row], vector, accounts.get(str(path)))
            heard[file] = result
            if row not in tracks.mishaps and self._is_still(path, file):
                kept[file] = result
        self._keep(kept)
        return heard

    def _keep(self, heard: Mapping[str, results.Result]) -> None:
        """Keeps results while that goes well; the work on the collection is worth more than they are."""
        if self._kept is None or self._not_kept:
            return
        try:
            self._kept.keep(heard)
        except errors.KerastagError as error:
            self._not_kept = f"not kept: {error}"

    def _is_still(self, path: pathlib.Path | str, file: str) -> bool:
        """Whether a file is what it was before it was heard, and can be opened: a failure may be the disk's."""
        if isinstance(path, str):
            return not retrying.silent_stores()
        try:
            with path.open("rb"):
                return self._by_content or identity.of_file(path) == file
        except OSError:
            return False

    def _heard(
        self,
        paths: Sequence[Place],
        known: Mapping[Place, str],
        by_identity: Mapping[str, results.Result],
        failures: dict[Place, str],
        new: frozenset[Place],
        embeddings: bool,
    ) -> Heard[Place]:
        readable: dict[Place, results.Result] = {}
        for path in paths:
            result = by_identity[known[path]] if path in known else None
            if result and result.failure:
                failures[path] = f"{names.shown(path)}: {result.failure}"
            elif result:
                readable[path] = result
        width = next((len(r.embedding) for r in readable.values() if r.embedding is not None), 0)
        scores = [result.scores for result in readable.values()]
        vectors = [result.embedding for result in readable.values()]
        return Heard(
            tuple(readable),
            np.array(scores, np.float32).reshape(len(readable), len(self._source.vocabulary)),
            np.array(vectors, np.float32).reshape(len(readable), width) if embeddings else None,
            failures,
            self._source.vocabulary,
            {str(path): result.account for path, result in readable.items() if result.account is not None},
            new,
            self._not_kept,
        )


def open_results(
    path: str | os.PathLike[str], source: model_source.ModelSource, reading: Reading, precision: str
) -> results.Results:
    """The results of a model, read in one way.

    Raises:
      KerastagError: the file cannot be made or read, or a run has no network yet.
    """
    return results.Results(path, source.fingerprint, settings(reading, precision, source.calibrated))


def default_results(
    source: model_source.ModelSource, reading: Reading, precision: str
) -> tuple[results.Results | None, str]:
    """`open_results` in the user's cache; where it cannot be, None and a line that says why.

    Raises:
      KerastagError: a run has no network yet.
    """
    _ = source.fingerprint  # without one there is nothing to hear with either
    try:
        return open_results(results.default_path(), source, reading, precision), ""
    except errors.KerastagError as error:
        return None, f"{error}; every file is heard anew"


def settings(reading: Reading, precision: str, calibrated: bool) -> dict[str, Any]:
    """What scores depend on beside the model, for results.Results."""
    return {
        "num_chunks": reading.num_chunks,
        "whole": reading.whole,
        "decoder": reading.decoder,
        "dtype": reading.dtype,
        "precision": precision,
        "calibrated": calibrated,
    }


@functools.cache
def readers() -> str:
    """The decoders at hand and their versions."""
    packages = ("soundfile", "av") if second_reader.available() else ("soundfile",)
    return " ".join(f"{package} {importlib.metadata.version(package)}" for package in packages)


class _Counted:
    """Counts files when their first chunk has been scored."""

    def __init__(self, num_files: int, on_files: OnFiles):
        self._waiting = np.ones(num_files, bool)
        self._on_files = on_files

    def on_chunks(self, rows: np.ndarray) -> None:
        begun = np.unique(rows)
        self._on_files(int(self._waiting[begun].sum()))
        self._waiting[begun] = False

    def finish(self) -> None:
        """Counts those that had none."""
        self._on_files(int(self._waiting.sum()))


def _without_name(reason: str, path: pathlib.Path | str) -> str:
    """What is wrong with a file, which may have another name next time."""
    for name in (os.fspath(path), names.shown(path), names.line(os.fspath(path))):
        reason = reason.removeprefix(f"{name}: ")
    return reason
