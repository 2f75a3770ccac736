"""A run's best model on a split of its dataset: scores and labels, kept in the run's folder."""

import dataclasses
import pathlib

import numpy as np

from kerastag import audio, cli, errors, options, progress, run_folder, split_scores, tagger
from kerastag.audio import tfio_decoder
from kerastag.data import splits


@dataclasses.dataclass(frozen=True)
class Scoring:
    """What a run makes of a split.

    Attributes:
      kept: scores, float32, and labels of the tracks that could be read.
      heard_in_part: by path, the tracks of whose music some is missing.
    """

    kept: split_scores.SplitScores
    heard_in_part: dict[str, audio.Account]


def score_run(
    run: run_folder.RunFolder,
    split: str,
    data_dir: str | None = None,
    split_file: str | None = None,
    num_chunks: int = 32,
    batch_size: int = 32,
    precision: str = "auto",
    decoder: str = "soundfile",
    dtype: str = "int16",
    skip_unreadable: bool = False,
    verbosity: int = 0,
) -> Scoring:
    """Scores a split and writes predictions/SPLIT.npy and labels/SPLIT.npy in the run's folder.

    Args:
      run: with a trained model, or an ensemble of such runs.
      split: train, validation or test.
      data_dir: the dataset; None: where the run was trained.
      split_file: None: the one that the run was started with, or `data_dir`/`split`.tsv.
      num_chunks, batch_size, decoder, dtype: see tagger.Tagger.score_files.
      precision: of the network, one of precisions.NAMES.
      skip_unreadable: leave out tracks that cannot be read, and name them, instead of stopping.
      verbosity: above 0 shows TensorFlow's own log.

    Raises:
      KerastagError: no model, no dataset, a track or all of them cannot be read.
    """
    folder, path = locate(run, split, data_dir, split_file)
    model = tagger.load(run.path, precision, verbosity)
    found = splits.read(path, model.vocabulary)
    if decoder == "tfio":
        tfio_decoder.require()
    scores, unreadable, heard = _scores(model, folder, found, num_chunks, batch_size, decoder, dtype, skip_unreadable)
    rows = [row for row in range(len(found)) if row not in unreadable]
    found = dataclasses.replace(found, tracks=tuple(found.tracks[row] for row in rows))
    tracks, labels = [track.identity for track in found.tracks], found.labels(model.vocabulary)
    counts, name = run.class_counts(), str(run.path)
    kept = split_scores.SplitScores(scores[rows], labels, model.vocabulary, tracks, counts, name)
    try:
        run.write_scores(split, kept)
    except errors.KerastagError as error:  # a run that may only be read can be measured all the same
        cli.warn([f"not kept: {error}"])
    return Scoring(kept, heard)


def locate(
    run: run_folder.RunFolder, split: str, data_dir: str | None = None, split_file: str | None = None
) -> tuple[pathlib.Path, pathlib.Path]:
    """The folder of a run's dataset and the file of a split, by argument, else as the run was trained.

    Raises:
      KerastagError: there is no such folder, or the run has none; more than one file makes up the split.
    """
    record = run.record()
    if data_dir is None and record["data_dir"] is None and record["class_counts"] is None:
        raise errors.UsageError(f"{run.path} was not trained here: give --data_dir")
    folder = options.data_folder(data_dir or record["data_dir"])
    given = split_file or record["flags"].get(f"{split}_split")
    if isinstance(given, list):
        if len(given) > 1:
            raise errors.UsageError(f"--{split}_split: one file can be measured at a time, not {len(given)}")
        given = given[0] if given else None
    return folder, splits.split_path(folder, given, split)


def _scores(
    model: tagger.Tagger,
    folder: pathlib.Path,
    split: splits.Split,
    num_chunks: int,
    batch_size: int,
    decoder: str,
    dtype: str,
    skip_unreadable: bool,
) -> tuple[np.ndarray, dict[int, str], dict[str, audio.Account]]:
    """Scores (num_tracks, num_tags), by row why a track could not be read, by path what was heard in part."""
    from kerastag.data import pipeline

    tracks = pipeline.Tracks([splits.Lookup(folder, track) for track in split.tracks])
    bar = progress.Bar(len(tracks) * model.num_chunks(num_chunks), f"scoring {len(tracks)} tracks")

    def on_chunks(count: int) -> None:
        bar.advance(count)
        if tracks.unreadable and not skip_unreadable:
            raise errors.KerastagError(f"{next(iter(tracks.unreadable.values()))}; --skip_unreadable leaves it out")

    scores, unreadable = model.score_tracks(tracks, num_chunks, batch_size, decoder, dtype, on_chunks)
    bar.clear()
    if len(unreadable) == len(tracks):
        raise errors.KerastagError(f"no track can be read: {next(iter(unreadable.values()))}")
    on_chunks(0)
    cli.warn(f"left out: {reason}" for reason in unreadable.values())
    heard = {tracks.path(row): account for row, account in tracks.heard_in_part().items()}
    cli.warn(f"heard in part: {path}: {account.text()}" for path, account in heard.items())
    return scores, unreadable, heard
