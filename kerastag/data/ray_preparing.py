"""A dataset prepared by actors on a Ray cluster; the files are those that `preparing.convert_all` writes."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

from kerastag import audio, progress, ray_actors
from kerastag.data import preparing


class Actor:
    """What runs in a process of Ray's.

    Args:
      file_format, sample_rate, num_threads: as of preparing.convert_all.
    """

    def __init__(self, file_format: str, sample_rate: int, num_threads: int):
        self._how = (file_format, sample_rate, num_threads)

    def do(self, conversions: Sequence[preparing.Conversion]) -> preparing.Converted:
        """See preparing.convert_all."""
        try:
            return preparing.convert_all(conversions, *self._how)
        finally:
            audio.forget_files()


def convert_all(
    conversions: Sequence[preparing.Conversion],
    file_format: str,
    sample_rate: int,
    num_threads: int | None,
    cluster: ray_actors.Cluster,
) -> preparing.Converted:
    """Writes every file that is not there yet; both folders must be under the same names on every machine.

    Args:
      conversions, file_format, sample_rate: as of preparing.convert_all.
      num_threads: of each actor; None: as many as it has CPUs.
      cluster: where.

    Raises:
      KerastagError: see ray_actors.each_part.
    """
    missing = [conversion for conversion in conversions if not conversion.target.is_file()]
    threads = num_threads or max(1, int(cluster.cpus))
    done = preparing.Converted({}, {})
    with progress.Lines(len(missing), f"preparing {len(missing)} files") as bar:
        sent = [_absolute(conversion) for conversion in missing]
        how = (Actor, [file_format, sample_rate, threads], sent)
        for part, converted in ray_actors.each_part(cluster, *how, name=lambda one: one.track.path):
            _add(done, converted, missing[part.start : part.stop])
            bar.advance(len(part))
    in_order = {one.track.path: done.unreadable[one.track.path] for one in missing if one.track.path in done.unreadable}
    return dataclasses.replace(done, unreadable=in_order)


def _absolute(conversion: preparing.Conversion) -> preparing.Conversion:
    """The same with paths from the root: actors work in another folder."""
    folder, target = map(os.path.abspath, (conversion.folder, conversion.target))
    return dataclasses.replace(conversion, folder=pathlib.Path(folder), target=pathlib.Path(target))


def _add(done: preparing.Converted, more: preparing.Converted, conversions: Sequence[preparing.Conversion]) -> None:
    """Adds what an actor said of conversions, with files as they were given."""
    for one in conversions:
        reason = more.unreadable.get(one.track.path)
        if reason is not None:
            done.unreadable[one.track.path] = ray_actors.as_given(reason, one.folder, one.target)
    folders = {one.folder for one in conversions}
    for path, account in more.heard_in_part.items():
        done.heard_in_part[ray_actors.as_given(path, *folders)] = account
