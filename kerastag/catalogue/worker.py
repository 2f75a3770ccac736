"""A worker of a job: takes a shard, hears its tracks, puts the results into place, until nothing is left."""

import dataclasses
import functools
import os
import pathlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from kerastag import audio, errors, names, remote, retrying, version
from kerastag.catalogue import leases, manifest, rows, shards, stored_job, stores
from kerastag.computing import Computing
from kerastag.data.reading import Reading
from kerastag.inference import columns, model_source
from kerastag.library import listening

NO_NAME = "the table names no track here"
LOOKS = 4.0  # within a lease's time at the least, while other workers hold what is left
Job: TypeAlias = Any  # shards.Job or stored_job.StoredJob, each with its own kind of lease
OnFiles = Callable[[int, int], None]  # called with the shard and the tracks of it that have been dealt with since


@dataclasses.dataclass(frozen=True)
class Spec:
    """What a worker needs to know, in values that can be sent to another process.

    Attributes:
      tracks: the table, a path or a URL.
      output: the shared folder; at a URL, a folder whose shards are done one by one, see stored_job.
      model: the model's folder or name.
      num_shards: None: those of the job.
      root: the folder of relative paths, a path or a URL; None: the table's.
      reading: how files are read.
      computing: how the networks are computed.
      calibrated: scores as probabilities.
      embeddings: whether embeddings are wanted.
      lease_seconds: after which a worker that gave no sign is taken for dead.
      results: a file of this machine that keeps what models said; None: none.
      by_content: whether that file knows tracks by their content.
      verbosity: above 0 shows TensorFlow's own log.
    """

    tracks: str
    output: str
    model: str
    num_shards: int | None = None
    root: str | None = None
    reading: Reading = dataclasses.field(default_factory=Reading)
    computing: Computing = dataclasses.field(default_factory=Computing)
    calibrated: bool = False
    embeddings: bool = False
    lease_seconds: float = 300.0
    results: str | None = None
    by_content: bool = False
    verbosity: int = 0


def job_in(output: str, lease_seconds: float) -> Job:
    """The job that is in a folder, or at a URL; raises KerastagError: there is none."""
    if remote.is_url(output):
        return stored_job.StoredJob(output)
    return shards.Job(pathlib.Path(output), lease_seconds)


class Worker:
    """Joins the job of a spec, which is begun if there is none; the model is loaded with the first shard.

    Args:
      spec: the job.

    Attributes:
      job: its shared folder.
      not_kept: why `Spec.results` has not kept everything; empty: it has.

    Raises:
      KerastagError: see manifest.open_table, model_source.find and shards.open_job.
    """

    def __init__(self, spec: Spec):
        self.spec, self.not_kept = spec, ""
        self._table = manifest.open_table(spec.tracks)
        self._source = model_source.find(spec.model, spec.calibrated)
        self._words = columns.of(self._source.vocabulary).words
        rows.check_tags(self._words)
        facts = {
            "model_fingerprint": self._source.fingerprint,
            "tags": list(self._words),
            **listening.settings(spec.reading, spec.computing.precision, spec.calibrated),
            "embeddings": spec.embeddings,
        }
        how = (self._table, spec.num_shards, facts)
        self.job: Job
        if remote.is_url(spec.output):
            self.job = stored_job.open_job(spec.output, *how)
        else:
            self.job = shards.open_job(pathlib.Path(spec.output), *how, spec.lease_seconds)

    @functools.cached_property
    def _listener(self) -> listening.Listener:
        spec, kept = self.spec, None
        if spec.results is not None:
            kept = listening.open_results(spec.results, self._source, spec.reading, spec.computing.precision)
        return listening.Listener(self._source, spec.reading, spec.computing, kept, spec.by_content, spec.verbosity)

    def work(
        self, only: int | None = None, wait: bool = True, on_files: OnFiles = lambda shard, count: None
    ) -> Iterator[tuple[int, dict[str, int]]]:
        """Does shards until nothing is left; yields each that this worker has done, with counts of rows and failed.

        A worker that is stopped by an exception gives its shard back.

        Args:
          only: the one shard to do; None: all.
          wait: whether to stay until other workers have done theirs, to take over those of workers that died.
          on_files: see OnFiles; it may raise to stop.

        Raises:
          UsageError: there is no such shard.
          KerastagError: none of a shard's files is here, or the model cannot be loaded.
        """
        if only is not None and only >= len(self.job.shards):
            last = len(self.job.shards) - 1
            raise errors.UsageError(f"{self.spec.output}: the shards are 0 to {last}", "shard")
        pause = 1.0
        while True:
            free, num_taken = self.job.free(only)
            for shard in random.sample(sorted(free), len(free)):  # workers that begin together take different ones
                counts = self.do(shard, free[shard], on_files)
                if counts is not None:
                    yield shard, counts
                    break  # others have gone on meanwhile: what is free now?
            if not free and not num_taken and only is None:
                self.job.sweep()
            if not free and (not num_taken or not wait):
                return
            if not free:
                time.sleep(min(pause, self.spec.lease_seconds / LOOKS))
                pause *= 2  # what others hold may be done soon, or not for long

    def do(self, shard: int, term: int, on_files: OnFiles = lambda shard, count: None) -> dict[str, int] | None:
        """Does one shard; None: it is done already, or another worker has it, or took it over meanwhile."""
        lease = self.job.take(shard, term)
        if lease is None:
            return None
        try:
            with lease:
                heard = self._heard(lease, functools.partial(on_files, shard))
                heard.write(self.job.work_file(shard, term), self._words, self._about(), self.job.id)
                self.job.finish(lease, heard.counts)
            return heard.counts
        except leases.LeaseLost:
            return None
        except BaseException:
            self.job.abandon(lease)
            raise

    def _about(self) -> dict[str, str]:
        name = os.path.basename(os.path.normpath(self._source.name))
        return {"kerastag_version": version.__version__, "kerastag_model": names.printable(name)}

    def _heard(self, lease: leases.Lease | stored_job.Claim, on_files: Callable[[int], None]) -> rows.Rows:
        """The rows of a shard."""
        tracks = manifest.read(self._table, self.job.shards[lease.shard])
        places = [manifest.location(track, self._root) if track else None for track in tracks]
        known = list(dict.fromkeys(place for place in places if place is not None))
        self._check_mounted(lease.shard, [place for place in known if isinstance(place, pathlib.Path)])
        urls = [place for place in known if isinstance(place, str)]
        if urls and self.spec.reading.decoder == "tfio":
            raise errors.KerastagError(f"{remote.shown(urls[0])}: the tfio decoder reads no URLs", "decoder")
        answering = stores.Stores(urls, alone=len(urls) == len(known))

        def on_some(count: int) -> None:
            lease.check_quickly()
            answering.check_now()
            on_files(count)

        try:
            answering.check_before(f"shard {lease.shard}")
            heard = self._listener.hear(known, on_some, self.spec.embeddings)
            answering.check_after([place for place in heard.files if isinstance(place, str)])
        finally:
            audio.forget_files()
        self.not_kept = self.not_kept or heard.not_kept
        return _rows(tracks, places, heard)

    @property
    def _root(self) -> pathlib.Path | str:
        """Where relative paths begin; a string is a URL."""
        root = self.spec.root
        if root is None:
            return self._table.file.folder
        return root if remote.is_url(root) else pathlib.Path(root)

    def _check_mounted(self, shard: int, paths: Sequence[pathlib.Path]) -> None:
        """A machine that lacks the music must not say of every track that it cannot be heard."""
        if paths and not any(path.exists() for path in paths):
            reason = f"none of the {len(paths)} files of shard {shard} is here"
            raise errors.KerastagError(f"{names.shown(paths[0])}: {reason}", "tracks_root")


def _rows(tracks: Sequence[str], places: Sequence[pathlib.Path | str | None], heard: listening.Heard) -> rows.Rows:
    """What was heard, in the order of the table."""
    row_of = {path: row for row, path in enumerate(heard.files)}
    reasons: list[str | None] = []
    for place in places:
        if place is None:
            reasons.append(NO_NAME)
        else:
            reasons.append(None if place in row_of else _without_place(heard.failures[place], place))
    which = np.array([row_of.get(place, -1) if place is not None else -1 for place in places], int)
    missing = {path: account.text() for path, account in heard.heard_in_part.items()}
    in_part = [None if place is None else missing.get(os.fspath(place)) for place in places]
    embeddings = None if heard.embeddings is None else _picked(heard.embeddings, which)
    return rows.Rows(tracks, _picked(heard.scores, which), reasons, in_part, embeddings)


def _picked(values: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Rows of a matrix, NaN where `which` is -1."""
    return np.vstack([values, np.full((1, values.shape[1]), np.nan, np.float32)])[which]


def _without_place(reason: str, place: pathlib.Path | str) -> str:
    """What is wrong with a file; of one at a URL without what may let others in."""
    urls = [place, remote.shown(place)] if isinstance(place, str) else []
    for name in (names.shown(place), names.line(os.fspath(place)), *urls):
        reason = reason.removeprefix(f"{name}: ")
    return retrying.plain(reason) if isinstance(place, str) else reason
