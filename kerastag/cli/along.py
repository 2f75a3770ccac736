"""Flags about the time within tracks: pictures of it, and from when to when tags are heard."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from absl import flags

from kerastag import audio, cli, errors, files, names, parallel, progress
from kerastag.cli import collection, options
from kerastag.inference import columns, tagger
from kerastag.library import envelope, placing, segment_table, segments, taggrams

PNG = ".png"


def define(values: flags.FlagValues) -> None:
    """What is made of the time within tracks."""
    flags.DEFINE_string(
        "taggrams",
        None,
        "Folder for a picture of each file: its waveform, and when each tag is heard. It mirrors the music's folders.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "segments",
        None,
        "File for from when to when each tag is heard: .tsv, .csv, .json, .jsonl, or .txt, one file's labels for "
        "Audacity.",
        flag_values=values,
    )
    flags.DEFINE_float(
        "hop_seconds",
        None,
        "For --taggrams and --segments: from the start of a chunk to that of the next. Default: half a chunk.",
        0.01,
        flag_values=values,
    )


@dataclasses.dataclass(frozen=True)
class Wish:
    """What is asked for, checked before the work.

    Attributes:
      table: file for the segments; None: not asked for.
      pictures: of each file; None: not asked for.
      hop_seconds: from chunk to chunk; None: half a chunk.
    """

    table: pathlib.Path | None
    pictures: Mapping[pathlib.Path, pathlib.Path] | None
    hop_seconds: float | None

    def __bool__(self) -> bool:
        return self.table is not None or self.pictures is not None

    def hop(self, model: tagger.Tagger) -> float:
        """Seconds from chunk to chunk.

        Raises:
          KerastagError: they are more than a chunk lasts.
        """
        chunk = model.chunk_seconds
        if self.hop_seconds is not None and self.hop_seconds > chunk:
            reason = f"a hop of {self.hop_seconds:g} s leaves out music: the model's chunks last {chunk:g} s"
            raise errors.KerastagError(reason, "hop_seconds")
        return self.hop_seconds or chunk / 2


def check(values: flags.FlagValues) -> None:
    """Checks that flags go together.

    Raises:
      UsageError: they do not, or a suffix is none of those there are.
    """
    asked = [f"--{name}" for name in ("taggrams", "segments") if values[name].value is not None]
    if values.hop_seconds is not None and not asked:
        raise errors.UsageError("--hop_seconds is for --taggrams and --segments: give one of them")
    if asked and values.decoder == "tfio":
        raise errors.UsageError(f"{asked[0]} and --decoder=tfio: single chunks are read by soundfile")
    if asked and values.watch is not None:
        raise errors.UsageError(f"{asked[0]} and --watch: give one of them")
    if values.segments is not None:
        segment_table.check_format(pathlib.Path(values.segments))


def wish(values: flags.FlagValues, arguments: Sequence[str], found: Sequence[pathlib.Path]) -> Wish:
    """What is asked for of the files that were found.

    Raises:
      KerastagError: something is there that may not be replaced, or cannot be written.
    """
    table = None if values.segments is None else pathlib.Path(values.segments)
    if table is not None:
        segment_table.check_number(table, len(found))
        files.check_output(table, values.overwrite)
    if values.taggrams is None:
        return Wish(table, None, values.hop_seconds)
    folder = pathlib.Path(values.taggrams)
    places = placing.beside(folder, arguments, found, PNG)
    placing.check(places, folder, values.overwrite, taggrams.MARK)
    return Wish(table, places, values.hop_seconds)


def hear(
    values: flags.FlagValues,
    wished: Wish,
    ears: collection.Ears,
    heard: collection.Collection,
    chosen: columns.Columns,
) -> list[str]:
    """Hears files along their time, draws each, and writes the table of all.

    Args:
      values: the command's flags.
      wished: what is asked for.
      ears: who listens.
      heard: the files, whose scores say from which level on a tag is given.
      chosen: which tags, under which words.

    Returns:
      a line for each file that could not be heard so.
    """
    scores = heard.heard.scores[:, chosen.kept]
    levels = heard.source.decider.only(chosen.kept).levels(scores)
    by_path: dict[pathlib.Path, list[segments.Segment]] = {}
    failures: list[str] = []
    for row, path in enumerate(heard.heard.files):
        try:
            taggram = _taggram(values, wished, ears, path, levels[row], chosen, f"{row + 1} of {len(levels)}")
            if wished.pictures is not None:
                peaks = parallel.within(parallel.READ_SECONDS, envelope.peaks, path, taggrams.NUM_PEAKS)
                by_path[path] = taggrams.draw(wished.pictures[path], taggram, peaks, _name(heard.source.name))
            else:
                by_path[path] = taggram.segments()
        except (audio.AudioError, TimeoutError) as error:
            failures.append(
                parallel.mishap(names.shown(path), error) if isinstance(error, TimeoutError) else str(error)
            )
    _finish(values, wished, by_path, chosen)
    return failures


def _taggram(
    values: flags.FlagValues,
    wished: Wish,
    ears: collection.Ears,
    path: pathlib.Path,
    levels: np.ndarray,
    chosen: columns.Columns,
    which: str,
) -> segments.Taggram:
    """Scores along a file, with levels (num_kept,)."""
    model = ears.listener.model
    hop, seconds = wished.hop(model), parallel.within(parallel.READ_SECONDS, audio.info, path).seconds
    with progress.Lines(model.num_stretches(seconds, hop), f"file {which}", "chunks", quiet=values.quiet) as bar:
        starts, scores = model.taggram(path, None, hop, options.reading_of(values), lambda rows: bar.advance(len(rows)))
    kept = scores[:, chosen.kept]
    lowest = -chosen.merged(-levels[np.newaxis])[0]
    merged = chosen.merged(kept), lowest, chosen.merged(kept >= levels)
    return segments.Taggram(path, seconds, model.chunk_seconds, starts, *merged, chosen.words)


def _finish(
    values: flags.FlagValues,
    wished: Wish,
    by_path: Mapping[pathlib.Path, Sequence[segments.Segment]],
    chosen: columns.Columns,
) -> None:
    """Writes the table, and says what there is now."""
    if not by_path:
        return
    made = []
    if wished.pictures is not None:
        made.append(f"{values.taggrams}: {len(by_path)} taggrams")
    if wished.table is not None:
        segment_table.write(wished.table, by_path, chosen.words)
        made.append(f"{wished.table}: {sum(map(len, by_path.values()))} segments of {len(by_path)} files")
    if not values.quiet:
        cli.warn(made)  # the tags may be on their way through a pipe


def _name(model: str) -> str:
    """A model's name for people: the last part of a path."""
    return names.shown(os.path.basename(os.path.normpath(model)))
