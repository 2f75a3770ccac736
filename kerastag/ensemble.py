"""`python -m kerastag.ensemble`: several models' scores into one, or several runs into one model."""

import pathlib
import sys
from collections.abc import Sequence

import numpy as np
from absl import flags

from kerastag import cli, errors, files, published
from kerastag.cli import options
from kerastag.inference import members, split_scoring
from kerastag.metrics import ensembles, matrices, resampling, selection, tables
from kerastag.metrics.split_scores import SplitScores
from kerastag.runs import ensemble_folder, run_folder, score_files

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
flags.DEFINE_list("weights", None, "The weight of each member; without it all count the same.", flag_values=FLAGS)
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
flags.DEFINE_integer("num_folds", 5, "Folds of the cross-validation of --select.", lower_bound=2, flag_values=FLAGS)
options.positive(FLAGS, "num_resamples", resampling.NUM_RESAMPLES, "Resamples of the bootstrap of --select.")
flags.DEFINE_integer("seed", 0, "Random seed; decides folds and resamples.", 0, flag_values=FLAGS)
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


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Combines, says how good it is, writes."""
    _check_flags(values)
    options.require_utf8(values)
    names = values.predictions or values.run_dirs
    runs = [run_folder.RunFolder.existing(published.resolve(path)) for path in values.run_dirs or []]
    if runs:
        ensemble_folder.check_tags(runs)
    _check_outputs(values, runs)
    weights, note = ensembles.normalised(_weights(values), len(names)), ""
    if values.select:
        selected = _select(values, runs)
        weights, note = np.array([selected.weights[name] for name in names]), f"{values.select}: {selected.summary}"
        print(f"{note}\n--weights={','.join(f'{weight:.6g}' for weight in weights)}\n")
    if values.output or values.select or not runs:
        _combine(values, runs, weights)
    if values.output_dir:
        ensemble = ensemble_folder.Ensemble(tuple(runs), values.method, tuple(map(float, weights)))
        folder = ensemble_folder.write(pathlib.Path(values.output_dir), ensemble, note, values.overwrite)
        cli.tell(f"{folder.path}: {values.method} of {np.count_nonzero(weights)} runs")
    return 0


def _combine(values: flags.FlagValues, runs: Sequence[run_folder.RunFolder], weights: np.ndarray) -> None:
    """Measures members and ensemble where there are labels, and writes the ensemble's scores."""
    scores = _members(values, runs, values.split)
    combined = members.combine(list(scores.values()), values.method, weights)
    if values.run_dirs or values.labels:
        split = f"{values.split} split, " if values.run_dirs else ""
        note = f"Macro figures on the {split}{len(combined)} tracks."
        if values.select and (values.predictions or values.split == "validation"):
            note += " The weights were chosen on them, which flatters."
        print(tables.text([members.table(scores, combined, values.method, list(weights), note)]))
    if values.output:
        matrices.save_matrix(values.output, combined)
        num_tracks, num_tags = combined.shape
        used = np.count_nonzero(weights)
        cli.tell(f"{values.output}: {values.method} of {used} members, {num_tracks} tracks, {num_tags} tags")


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


def _members(values: flags.FlagValues, runs: Sequence[run_folder.RunFolder], split: str) -> dict[str, SplitScores]:
    """The members' scores of a split, by file or run."""
    if not runs:
        return {member.name: member for member in score_files.read_members(values.predictions, values.labels)}
    by_name = dict(zip(values.run_dirs, runs, strict=True))
    return members.of_runs(by_name, split, lambda run: _scored(values, run, split))


def _scored(values: flags.FlagValues, run: run_folder.RunFolder, split: str) -> SplitScores | None:
    """New scores of a run that keeps none, or should be scored again; None: it keeps some."""
    if not values.rescore and members.keeps_scores(run, split):
        if members.is_older_than_model(run, split):
            cli.warn([f"{run.predictions_path(split)}: older than {run_folder.MODEL}; --rescore scores again"])
        return None
    scoring = split_scoring.score_run(
        run,
        split,
        _source(values, split),
        options.reading_of(values),
        options.computing_of(values),
        values.skip_unreadable,
        values.verbosity,
    )
    cli.warn(scoring.warnings())
    return scoring.scores


def _source(values: flags.FlagValues, split: str) -> split_scoring.SplitSource:
    return split_scoring.SplitSource(values.data_dir, getattr(values, f"{split}_split"))


def _select(values: flags.FlagValues, runs: Sequence[run_folder.RunFolder]) -> selection.Selection:
    """Chooses on validation scores, whatever --split says."""
    scores = _members(values, runs, "validation")
    first = next(iter(scores.values()))
    split_file = pathlib.Path(values.validation_split) if values.validation_split else None
    if runs and first.artists is None and values.resample == "artist":
        split_file = split_scoring.locate(runs[0], "validation", _source(values, "validation"))[1]
    return selection.select(
        first.labels,
        {name: member.scores for name, member in scores.items()},
        score_files.clusters_of(first, values.resample, split_file),
        values.select,
        values.method,
        values.num_folds,
        values.num_resamples,
        values.seed,
    )


COMMAND = cli.Command("kerastag ensemble", cli.COMMANDS["ensemble"], FLAGS, main, MAIN_FLAGS)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
