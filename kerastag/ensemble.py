"""`python -m kerastag.ensemble`: several models' scores into one, or several runs into one model."""

import dataclasses
import pathlib
import sys
from collections.abc import Sequence

import numpy as np
from absl import flags

from kerastag import (
    cli,
    ensemble_folder,
    errors,
    files,
    matrices,
    metrics,
    options,
    run_folder,
    run_scoring,
    split_scores,
    tags,
)
from kerastag.data import splits
from kerastag.metrics import ensembles, resampling, selection, tables

FLAGS = flags.FlagValues()
flags.DEFINE_list("predictions", None, "Members: scores, .npy of (tracks, tags) each.", flag_values=FLAGS)
flags.DEFINE_list("run_dirs", None, "Instead of --predictions: runs, scored if they are not yet.", flag_values=FLAGS)
flags.DEFINE_enum(
    "split", "test", ("validation", "test"), "With --run_dirs: the split that --output is of.", flag_values=FLAGS
)
flags.DEFINE_enum(
    "method",
    "mean",
    ensembles.METHODS,
    "What is averaged: scores, their ranks among the tracks, or their logits.",
    flag_values=FLAGS,
)
flags.DEFINE_list("weights", None, "Of each member; without it all count the same.", flag_values=FLAGS)
flags.DEFINE_string("output", None, "File for the scores, float64 .npy of (tracks, tags).", flag_values=FLAGS)
flags.DEFINE_string(
    "output_dir",
    None,
    "With --run_dirs: folder of the ensemble, which tag, evaluate and export take like a run.",
    flag_values=FLAGS,
)
flags.DEFINE_enum(
    "select",
    None,
    selection.MODES,
    "Choose members, or their weights, on validation scores, and say by cross-validation over artists whether "
    "that is better than the plain mean. --predictions are then of the validation split.",
    flag_values=FLAGS,
)
flags.DEFINE_string("labels", None, "With --predictions: labels 0 or 1, .npy of the same shape.", flag_values=FLAGS)
flags.DEFINE_bool("overwrite", False, "Replace outputs that exist.", flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))

flags.DEFINE_enum(
    "resample",
    "artist",
    ("artist", "track"),
    "What --select keeps together in folds and resamples.",
    flag_values=FLAGS,
)
flags.DEFINE_integer("num_folds", 5, "Of the cross-validation of --select.", lower_bound=2, flag_values=FLAGS)
options.positive(FLAGS, "num_resamples", resampling.NUM_RESAMPLES, "Resamples of the bootstrap of --select.")
flags.DEFINE_integer("seed", 0, "Of folds and resamples.", 0, flag_values=FLAGS)
flags.DEFINE_bool("rescore", False, "Score runs even where their predictions are there.", flag_values=FLAGS)
options.define_data(FLAGS)
for _name in ("validation", "test"):
    flags.DEFINE_string(
        f"{_name}_split", None, f"The {_name} split file, if it is not the one of the runs.", flag_values=FLAGS
    )
options.define_scoring(FLAGS)
options.define_reading(FLAGS)
options.define_devices(FLAGS)
options.define_verbosity(FLAGS)


@dataclasses.dataclass(frozen=True)
class Members:
    """Scores of the same tracks by several models.

    Attributes:
      scores: by file or run, (num_tracks, num_tags) each.
      first: the first of them beside its labels; None where there are none.
    """

    scores: dict[str, np.ndarray]
    first: split_scores.SplitScores | None


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Combines, says how good it is, writes."""
    _check_flags(values)
    names = values.predictions or values.run_dirs
    runs = [run_folder.RunFolder.existing(path) for path in values.run_dirs or []]
    if runs:
        ensemble_folder.check_tags(runs)
    _check_outputs(values, runs)
    weights, note = ensembles.normalised(_weights(values), len(names)), ""
    if values.select:
        chosen = _select(values, runs)
        weights, note = np.array([chosen.weights[name] for name in names]), f"{values.select}: {chosen.summary}"
        print(f"{note}\n--weights={','.join(f'{weight:.6g}' for weight in weights)}\n")
    if values.output or values.select or not runs:
        _combine(values, runs, weights)
    if values.output_dir:
        made = ensemble_folder.Ensemble(tuple(runs), values.method, tuple(map(float, weights)))
        folder = ensemble_folder.write(pathlib.Path(values.output_dir), made, note, values.overwrite)
        print(f"{folder.path}: {values.method} of {np.count_nonzero(weights)} runs")
    return 0


def _combine(values: flags.FlagValues, runs: Sequence[run_folder.RunFolder], weights: np.ndarray) -> None:
    """Measures members and ensemble where there are labels, and writes the ensemble's scores."""
    members = _members(values, runs, values.split)
    scores = ensembles.combine(list(members.scores.values()), values.method, list(weights))
    if members.first is not None:
        print(tables.text([_table(values, members.scores, members.first, scores, weights)]))
    if values.output:
        matrices.save_matrix(values.output, scores)
        num_tracks, num_tags = scores.shape
        used = np.count_nonzero(weights)
        print(f"{values.output}: {values.method} of {used} members, {num_tracks} tracks, {num_tags} tags")


def _check_flags(values: flags.FlagValues) -> None:
    """Raises UsageError: flags contradict each other, or one is missing."""
    if (not values.predictions) == (not values.run_dirs):
        raise errors.UsageError("give either --predictions or --run_dirs")
    names = values.predictions or values.run_dirs
    for name in names:
        if names.count(name) > 1:
            raise errors.UsageError(f"{name}: a member twice; give it a weight instead")
    if not (values.output or values.output_dir or values.select):
        raise errors.UsageError("nothing to do: give --output, --output_dir or --select")
    if values.output and not values.output.endswith(".npy"):
        raise errors.UsageError(f"--output={values.output}: the suffix must be .npy")
    if values.select and values.weights:
        raise errors.UsageError("--select chooses the weights; leave --weights out")
    if values.run_dirs and values.labels:
        raise errors.UsageError("--labels go with --predictions; runs have their own")
    if values.predictions and values.output_dir:
        raise errors.UsageError("--output_dir needs --run_dirs")
    if values.predictions and values.select and not values.labels:
        raise errors.UsageError("--select needs --labels")
    if values.predictions and values.select and values.resample == "artist" and not values.validation_split:
        raise errors.UsageError("--select needs --validation_split, which names the artists (or --resample=track)")


def _check_outputs(values: flags.FlagValues, runs: Sequence[run_folder.RunFolder]) -> None:
    """Raises KerastagError: an output exists, or the runs make no model."""
    files.check_output(values.output, values.overwrite)
    if values.output_dir:
        ensemble_folder.check_method(values.method)
        ensemble_folder.check_target(pathlib.Path(values.output_dir), values.overwrite)
        files.check_folder_writable(pathlib.Path(values.output_dir).parent, values.output_dir)
        for run in runs:
            run.trained_model_path()


def _weights(values: flags.FlagValues) -> list[float] | None:
    try:
        return [float(weight) for weight in values.weights] if values.weights else None
    except ValueError:
        raise errors.UsageError(f"--weights={','.join(values.weights)}: not numbers") from None


def _members(values: flags.FlagValues, runs: Sequence[run_folder.RunFolder], split: str) -> Members:
    """The members' scores of a split.

    Raises:
      KerastagError: they are not of the same tracks and tags, or not finite.
    """
    if runs:
        return _of_runs(values, runs, split)
    scores = {path: matrices.load_matrix(path) for path in values.predictions}
    name, first = next(iter(scores.items()))
    for other, member in scores.items():
        if member.shape != first.shape:
            raise errors.KerastagError(f"{other}: scores are {member.shape}, those of {name} {first.shape}")
        try:
            matrices.checked(np.zeros(first.shape, bool), member)
        except errors.KerastagError as error:
            raise errors.KerastagError(f"{other}: {error}") from None
    if not values.labels:
        return Members(scores, None)
    vocabulary = tags.Vocabulary([str(column) for column in range(first.shape[1])])
    return Members(scores, split_scores.SplitScores(first, matrices.load_matrix(values.labels), vocabulary, name=name))


def _of_runs(values: flags.FlagValues, runs: Sequence[run_folder.RunFolder], split: str) -> Members:
    """Scores that runs keep, or are given now.

    Raises:
      KerastagError: they are of other tracks, or have other labels of them.
    """
    kept = {name: _of_run(values, run, split) for name, run in zip(values.run_dirs, runs, strict=True)}
    first = next(iter(kept.values()))
    for member in kept.values():
        try:
            first.check_same_tracks(member)
        except errors.KerastagError as error:
            raise errors.KerastagError(f"{error}; --rescore scores the same tracks") from None
    return Members({name: member.scores for name, member in kept.items()}, first)


def _of_run(values: flags.FlagValues, run: run_folder.RunFolder, split: str) -> split_scores.SplitScores:
    """Scores of a run, as they are in its folder, or made now."""
    paths = run.predictions_path(split), run.labels_path(split)
    if not values.rescore and all(path.is_file() for path in paths):
        if run.model_path.is_file() and run.model_path.stat().st_mtime > paths[0].stat().st_mtime:
            print(f"{paths[0]}: older than {run_folder.MODEL}; --rescore scores again", file=sys.stderr)
        return run.read_scores(split)
    names = ("data_dir", "num_chunks", "batch_size", "precision", "decoder", "skip_unreadable", "verbosity")
    done = run_scoring.score_run(
        run,
        split,
        split_file=getattr(values, f"{split}_split"),
        dtype=values.input_dtype,
        **{name: getattr(values, name) for name in names},
    )
    return done.kept


def _select(values: flags.FlagValues, runs: Sequence[run_folder.RunFolder]) -> selection.Selection:
    """Chooses on validation scores, whatever --split says."""
    members = _members(values, runs, "validation")
    assert members.first is not None
    return selection.select(
        members.first.labels,
        members.scores,
        _clusters(values, runs, members.first),
        values.select,
        values.method,
        values.num_folds,
        values.num_resamples,
        values.seed,
    )


def _clusters(
    values: flags.FlagValues, runs: Sequence[run_folder.RunFolder], measured: split_scores.SplitScores
) -> resampling.Clusters:
    if values.resample == "track":
        return resampling.by_track(len(measured))
    path, artists = values.validation_split, measured.artists
    if artists is None:
        if runs:
            _, path = run_scoring.locate(runs[0], "validation", values.data_dir, values.validation_split)
        artists = [track.artist_id for track in splits.read(path).tracks]
        if len(artists) != len(measured):
            raise errors.KerastagError(f"{path}: {len(artists)} tracks, but {len(measured)} rows of labels")
    if not any(artists):
        place = measured.name if measured.tracks is not None else path
        raise errors.KerastagError(f"{place}: names no artists; --resample=track takes tracks one by one")
    return resampling.by_artist(artists)


def _table(
    values: flags.FlagValues,
    members: dict[str, np.ndarray],
    first: split_scores.SplitScores,
    scores: np.ndarray,
    weights: np.ndarray,
) -> tables.Table:
    """Members and ensemble, measured on the labels."""
    rows = []
    shares: list[float | None] = [*map(float, weights), None]
    for (name, member), share in zip([*members.items(), (values.method, scores)], shares, strict=True):
        figures = metrics.evaluate(first.labels, member, first.vocabulary.names)
        rows.append((name, share, figures["pr_auc_macro"], figures["roc_auc_macro"]))
    split = f"{values.split} split, " if values.run_dirs else ""
    note = f"Macro figures on the {split}{len(scores)} tracks."
    if values.select and (values.predictions or values.split == "validation"):
        note += " The weights were chosen on them, which flatters."
    return tables.Table(("member", "weight", "PR-AUC", "ROC-AUC"), tuple(rows), note)


COMMAND = cli.Command("kerastag ensemble", cli.COMMANDS["ensemble"], FLAGS, main, MAIN_FLAGS)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
