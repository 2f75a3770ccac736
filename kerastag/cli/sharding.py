"""Flags and steps of `kerastag tag --tracks`: a table of tracks in shards, which any number of workers share."""

import contextlib
import signal
import threading
from collections.abc import Iterable, Iterator
from types import FrameType

from absl import flags

from kerastag import cli, errors, progress, published, ray_actors, remote
from kerastag.catalogue import leases, ray_engine, shards, worker
from kerastag.cli import collection, engines, options

_OTHERS = (  # flags of `kerastag tag` that say nothing about a table of tracks
    *("embeddings", "taggrams", "segments", "hop_seconds", "explain", "overwrite", "watch", "top", "max_tags"),
    *("min_score", "exclude", "rename", "exclude_paths"),
)
_OF_TABLES = ("shards", "shard", "tracks_root", "with_embeddings", "lease_seconds", "wait", "engine")


def define(values: flags.FlagValues) -> None:
    """A table of tracks instead of paths, and who hears it."""
    flags.DEFINE_string(
        "tracks",
        None,
        "Table of paths to hear in shards, instead of PATH arguments: .tsv or .parquet with a column path, or .txt, a "
        "path in each line; the table and the paths in it may be URLs. --output is then a folder that all workers "
        "share, or, with --shard, a URL.",
        flag_values=values,
    )
    options.positive(
        values, "shards", None, f"With --tracks: into how many shards. Default: of {shards.DEFAULT_ROWS} tracks each."
    )
    flags.DEFINE_integer(
        "shard", None, "With --tracks: do this shard alone, from 0 to one less than --shards.", 0, flag_values=values
    )
    flags.DEFINE_bool("status", False, "Print how far the job in --output is, and do nothing.", flag_values=values)
    flags.DEFINE_string(
        "tracks_root", None, "With --tracks: folder or URL of relative paths. Default: the table's.", flag_values=values
    )
    flags.DEFINE_bool(
        "with_embeddings", False, "With --tracks: a column embedding beside the scores.", flag_values=values
    )
    flags.DEFINE_float(
        "lease_seconds",
        300.0,
        "With --tracks: a worker that gave no sign for so long is taken for dead, and its shard taken over.",
        leases.MIN_LEASE_SECONDS,
        flag_values=values,
    )
    flags.DEFINE_bool(
        "wait",
        True,
        "With --tracks: stay until other workers have done their shards, to take over those of workers that die.",
        flag_values=values,
    )
    engines.define(values, "With --tracks: this process, or actors on a Ray cluster.")


def asked(values: flags.FlagValues) -> bool:
    """Whether a table is to be heard; checks that flags go together.

    Raises:
      UsageError: they do not.
    """
    if values.tracks is None and not values.status:
        _refuse(values, (*_OF_TABLES, *engines.OF_RAY), "for --tracks, which is not given")
        return False
    _refuse(values, _OTHERS, "not for --tracks")
    if values.output is None:
        raise errors.UsageError("--tracks and --status need --output, the folder that workers share")
    on_ray = engines.cluster_of(values) is not None
    if on_ray and remote.is_url(values.output):
        raise errors.UsageError("--output at a URL and --engine=ray: a store has no leases; use --shard=NUMBER")
    if on_ray and values.shard is not None:
        raise errors.UsageError("--shard and --engine=ray: Ray does all shards")
    if on_ray and values.results not in (None, collection.KEEP_NOTHING):
        raise errors.UsageError("--results and --engine=ray: the file would be one for many machines")
    if remote.is_url(values.output) and values.shard is None and not values.status:
        raise errors.UsageError(
            "--output at a URL needs --shard=NUMBER, of each worker its own: a store has no leases to share by"
        )
    if values.shard is not None and values.shards is not None and values.shard >= values.shards:
        raise errors.UsageError(f"--shard={values.shard}: the shards are 0 to {values.shards - 1}")
    return True


def run(values: flags.FlagValues, arguments: list[str]) -> int:
    """Hears what is left of a table, alone or beside other workers. Returns 0: what fails is a row with a reason.

    Raises:
      UsageError: paths are named beside the table.
      KerastagError: see worker.Worker and ray_engine.work.
    """
    if arguments:
        raise errors.UsageError(f"'{arguments[0]}' and --tracks: give paths or a table of them")
    if values.status:
        print(worker.job_in(values.output, values.lease_seconds).status().text())
        return 0
    spec = _spec(values)
    cluster = engines.cluster_of(values)
    if cluster is not None:
        ray_actors.require()
    with _terminated_as_interrupted():
        one = worker.Worker(spec)
        with _Progress(one.job, values.quiet) as bar:
            if cluster is None:
                done = one.work(values.shard, values.wait, bar.on_files)
            else:
                done = ray_engine.work(spec, cluster)
            status = _told(values, one.job, bar.following(done))
        cli.warn(filter(None, [one.not_kept]))
        return status


def _told(values: flags.FlagValues, job: worker.Job, done: Iterable[tuple[int, dict[str, int]]]) -> int:
    """Goes through the shards that are done, and says what they came to."""
    num_shards = num_rows = num_failed = 0
    for _, counts in done:
        num_shards, num_rows = num_shards + 1, num_rows + counts["rows"]
        num_failed += counts["failed"]
    left = len(job.shards) - len(job.done())
    if not values.quiet:
        text = f"{num_shards} shards, {num_rows} tracks, {num_failed} of them with a reason instead of scores"
        cli.warn([f"{values.output}: {text}; {left} of {len(job.shards)} shards left"])
    return 0


def _spec(values: flags.FlagValues) -> worker.Spec:
    model = values.model or published.get(published.DEFAULT, say=lambda line: cli.warn([f"no --model given; {line}"]))
    return worker.Spec(
        tracks=values.tracks,
        output=values.output,
        model=str(model),
        num_shards=values.shards,
        root=values.tracks_root,
        reading=options.reading_of(values),
        computing=options.computing_of(values),
        calibrated=values.calibrated,
        embeddings=values.with_embeddings,
        lease_seconds=values.lease_seconds,
        results=None if values.results == collection.KEEP_NOTHING else values.results,
        by_content=values.content_hash,
        verbosity=values.verbosity,
    )


class _Progress(progress.Lines):
    """Tracks of a job as this worker and others get on with it."""

    def __init__(self, job: worker.Job, quiet: bool):
        self._job, self._seen = job, job.done()
        total = sum(shard.num_rows for number, shard in enumerate(job.shards) if number not in self._seen)
        super().__init__(total, f"hearing {total} tracks", "tracks", quiet=quiet)

    def on_files(self, shard: int, count: int) -> None:
        """Counts tracks of this worker."""
        self._seen.add(shard)
        self.advance(count)

    def following(self, done: Iterable[tuple[int, dict[str, int]]]) -> Iterator[tuple[int, dict[str, int]]]:
        """The shards of this worker; after each, those of others are counted too."""
        for shard, counts in done:
            others = self._job.done() - self._seen
            self._seen |= others
            self.advance(sum(self._job.shards[other].num_rows for other in others))
            yield shard, counts


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM, as schedulers send it, ends the work as Ctrl-C does: the shard is given back."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _refuse(values: flags.FlagValues, names: Iterable[str], reason: str) -> None:
    given = [f"--{name}" for name in names if values[name].present]
    if given:
        raise errors.UsageError(f"{given[0]} is {reason}")
