"""`python -m kerastag.evaluate`: measures a run, or files of predictions, on a split."""

import dataclasses
import pathlib
import sys
from typing import Any

import numpy as np
from absl import flags

from kerastag import (
    audio,
    cli,
    ensemble_folder,
    errors,
    files,
    matrices,
    metrics,
    names,
    options,
    run_folder,
    run_scoring,
    split_scores,
    tags,
)
from kerastag.data import splits
from kerastag.metrics import (
    assessment,
    calibration,
    card,
    comparison,
    comparison_tables,
    decisions,
    groups,
    resampling,
    runs,
    submission,
    tables,
)

FLAGS = flags.FlagValues()
flags.DEFINE_string("run_dir", None, "The run to measure, a folder that train wrote.", flag_values=FLAGS)
flags.DEFINE_enum("split", "test", options.SPLITS, "The split to measure it on.", flag_values=FLAGS)
flags.DEFINE_string("predictions", None, "Instead of a run: scores, .npy of (tracks, tags).", flag_values=FLAGS)
flags.DEFINE_string("labels", None, "With --predictions: labels 0 or 1, .npy of the same shape.", flag_values=FLAGS)
flags.DEFINE_string("tags", None, "With --predictions: the tags in column order, one a line.", flag_values=FLAGS)
flags.DEFINE_string("output", None, "JSON file for all figures.", flag_values=FLAGS)
flags.DEFINE_list(
    "compare",
    None,
    "More predictions of the same tracks, .npy or runs: which differences are noise?",
    flag_values=FLAGS,
)
flags.DEFINE_list(
    "same_setting",
    None,
    "Predictions of more runs of the same setting with other seeds, .npy or runs: how much do seeds matter?",
    flag_values=FLAGS,
)
flags.DEFINE_string("plots_dir", None, "Folder for pictures (PNG; extra plots).", flag_values=FLAGS)
flags.DEFINE_bool("overwrite", False, "Replace outputs that exist.", flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))

options.define_data(FLAGS)
options.define_splits(FLAGS)
options.define_scoring(FLAGS)
flags.DEFINE_integer(
    "head_over", groups.HEAD_OVER, "The head group: tags with more training tracks.", 0, flag_values=FLAGS
)
flags.DEFINE_integer(
    "tail_at_most", groups.TAIL_AT_MOST, "The tail group: tags with at most so many.", 0, flag_values=FLAGS
)
flags.DEFINE_string("groups", None, "More groups: a TSV of group and its tags.", flag_values=FLAGS)
flags.DEFINE_enum(
    "resample",
    "auto",
    ("auto", "artist", "track", "none"),
    "What the bootstrap of the intervals draws; auto: artists where the split file tells them.",
    flag_values=FLAGS,
)
options.positive(FLAGS, "num_resamples", resampling.NUM_RESAMPLES, "Resamples of the bootstrap.")
flags.DEFINE_integer("seed", 0, "Of the resamples.", 0, flag_values=FLAGS)
flags.DEFINE_string(
    "validation_predictions", None, "With --predictions: validation scores, to fit thresholds on.", flag_values=FLAGS
)
flags.DEFINE_string("validation_labels", None, "With --validation_predictions: their labels.", flag_values=FLAGS)
flags.DEFINE_string("thresholds", None, "A thresholds.tsv to decide by, instead of fitting one.", flag_values=FLAGS)
flags.DEFINE_bool(
    "fit_on_the_labels_reported_on",
    False,
    "Fit thresholds and calibration on the very labels that are reported on, which flatters.",
    flag_values=FLAGS,
)
flags.DEFINE_enum(
    "calibrate", "platt", (*calibration.METHODS, "none"), "How scores become probabilities.", flag_values=FLAGS
)
flags.DEFINE_bool(
    "mediaeval_compatible", False, "Decide by > instead of >=, as MediaEval's organisers do.", flag_values=FLAGS
)
flags.DEFINE_string("decisions", None, "File for the decisions, bool .npy of (tracks, tags).", flag_values=FLAGS)
flags.DEFINE_string(
    "tables_dir", None, "Folder for every table as TSV, and all as text and Markdown.", flag_values=FLAGS
)
options.define_reading(FLAGS)
options.define_devices(FLAGS)
options.define_verbosity(FLAGS)


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes:
      measured: scores and labels of the split.
      fitted_on: those of validation, to fit thresholds on, or None.
      run: the run measured, or None.
      heard_in_part: by path, the tracks of whose music some is missing.
    """

    measured: split_scores.SplitScores
    fitted_on: split_scores.SplitScores | None
    run: run_folder.RunFolder | None = None
    heard_in_part: dict[str, audio.Account] = dataclasses.field(default_factory=dict)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Measures, prints tables, writes files."""
    if (values.run_dir is None) == (values.predictions is None):
        raise errors.UsageError("give either --run_dir or --predictions")
    _check_outputs(values)
    subject = _from_files(values) if values.predictions else _from_run(values)
    measured, thresholds = subject.measured, None
    paths = [*(values.compare or ()), *(values.same_setting or ())]
    others = {path: _paired(path, values.split, measured) for path in paths}
    if values.thresholds:
        thresholds = decisions.read_thresholds(values.thresholds, measured.vocabulary)
    named = groups.read(values.groups, measured.vocabulary) if values.groups else {}
    assessed = assessment.assess(measured, named, _settings(values), subject.fitted_on, thresholds)
    cli.warn(submission.order_warnings(measured.labels, measured.scores, "these scores"))
    figures, shown = assessed.figures, list(assessed.tables)
    if subject.heard_in_part:
        figures["heard_in_part"] = {names.shown(path): heard.facts() for path, heard in subject.heard_in_part.items()}
    if measured.class_counts is not None:
        figures["popularity_baseline"] = _popularity(measured)
    compared = _comparison(values, measured, others, assessed)
    if compared is not None:
        figures["comparison"] = compared
        shown += comparison_tables.of_comparison(compared)
    over_seeds = _over_seeds(values, measured, others, assessed)
    if over_seeds is not None:
        figures["over_seeds"] = over_seeds
        shown.append(runs.table(over_seeds))
    print(tables.text(shown))
    if measured.class_counts is not None:
        baseline = figures["popularity_baseline"]
        pr_auc, roc_auc = (tables.figure(baseline[name]) for name in ("pr_auc_macro", "roc_auc_macro"))
        print(f"popularity baseline: PR-AUC {pr_auc}, ROC-AUC {roc_auc}")
    _write(values, subject, assessed, compared, shown)
    return 0


def _settings(values: flags.FlagValues) -> assessment.Settings:
    same = ("head_over", "tail_at_most", "num_resamples", "seed")
    return assessment.Settings(
        **{name: getattr(values, name) for name in same},
        unit=values.resample,
        strictly_above=values.mediaeval_compatible,
        calibrate_by=values.calibrate,
    )


def _check_outputs(values: flags.FlagValues) -> None:
    """Checks, before any work, that all outputs can be made and written."""
    for path in (values.output, values.decisions):
        files.check_output(path, values.overwrite)
    for folder in (values.tables_dir, values.plots_dir):
        if folder:
            files.check_folder_writable(folder)
    if values.decisions and not (values.thresholds or values.fit_on_the_labels_reported_on or _has_validation(values)):
        raise errors.UsageError("--decisions needs thresholds: validation predictions, or --thresholds")


def _has_validation(values: flags.FlagValues) -> bool:
    """Whether there will be validation scores to fit thresholds on."""
    if values.predictions:
        return values.validation_predictions is not None
    run = ensemble_folder.existing(values.run_dir)
    return values.split == "test" and run.predictions_path("validation").is_file()


def _popularity(measured: split_scores.SplitScores) -> dict[str, Any]:
    assert measured.class_counts is not None
    scores = metrics.popularity_scores(measured.class_counts, len(measured))
    figures = metrics.evaluate(measured.labels, scores, measured.vocabulary.names)
    return {name: figures[name] for name in ("pr_auc_macro", "roc_auc_macro", "pr_auc_micro", "roc_auc_micro")}


def _from_files(values: flags.FlagValues) -> Subject:
    for name in ("labels", "tags"):
        if getattr(values, name) is None:
            raise errors.UsageError(f"--predictions needs --{name}")
    vocabulary = tags.Vocabulary.read(values.tags)
    counts = None
    if values.train_split:
        training = [splits.read(path, vocabulary, unknown="drop", untagged="drop") for path in values.train_split]
        counts = splits.class_counts(training, vocabulary)
    split_file = values.test_split if values.split == "test" else values.validation_split
    measured = _of_files(values.predictions, values.labels, vocabulary, split_file, counts)
    return Subject(measured, _validation_files(values, measured))


def _of_files(
    predictions: str,
    labels_file: str,
    vocabulary: tags.Vocabulary,
    split_file: str | None,
    class_counts: np.ndarray | None,
) -> split_scores.SplitScores:
    scores, labels = metrics.load_matrix(predictions), metrics.load_matrix(labels_file)
    tracks = None
    if split_file is not None:
        tracks = [track.identity for track in splits.read(split_file).tracks]
        if len(tracks) != len(labels):
            raise errors.KerastagError(f"{split_file}: {len(tracks)} tracks, but {len(labels)} rows of labels")
    return split_scores.SplitScores(scores, labels, vocabulary, tracks, class_counts, predictions)


def _validation_files(values: flags.FlagValues, measured: split_scores.SplitScores) -> split_scores.SplitScores | None:
    """The scores to fit on.

    Raises:
      KerastagError: they are those that are reported on, and nobody said so.
    """
    if values.fit_on_the_labels_reported_on:
        return measured
    if values.validation_predictions is None:
        return None
    if values.validation_labels is None:
        raise errors.UsageError("--validation_predictions needs --validation_labels")
    given = (values.validation_predictions, values.validation_labels)
    kept = _of_files(*given, measured.vocabulary, values.validation_split, measured.class_counts)
    if np.array_equal(kept.labels, measured.labels):
        raise errors.KerastagError(
            f"{values.validation_labels}: the labels that are reported on; thresholds fitted on them flatter "
            "(--fit_on_the_labels_reported_on if that is meant)"
        )
    return kept


def _from_run(values: flags.FlagValues) -> Subject:
    """Scores a split with the run's best model; its predictions and labels stay in the run's folder."""
    run = ensemble_folder.existing(values.run_dir)
    done = _score_run(values, run)
    fitted_on = done.kept if values.fit_on_the_labels_reported_on else None
    if fitted_on is None and values.split == "test" and run.predictions_path("validation").is_file():
        fitted_on = _with_tracks(values, run, run.read_scores("validation"))
    return Subject(done.kept, fitted_on, run, done.heard_in_part)


def _with_tracks(
    values: flags.FlagValues, run: run_folder.RunFolder, kept: split_scores.SplitScores
) -> split_scores.SplitScores:
    """Validation scores with their tracks, of an older run by the split file, if it is there and fits."""
    if kept.tracks is not None:
        return kept
    try:
        _, path = run_scoring.locate(run, "validation", values.data_dir, values.validation_split)
        tracks = [track.identity for track in splits.read(path).tracks]
    except errors.KerastagError:
        return kept
    return dataclasses.replace(kept, tracks=tracks) if len(tracks) == len(kept) else kept


def _score_run(values: flags.FlagValues, run: run_folder.RunFolder) -> run_scoring.Scoring:
    given = getattr(values, f"{values.split}_split")
    if isinstance(given, list):
        if len(given) > 1:
            raise errors.UsageError(f"--train_split: one file can be measured at a time, not {len(given)}")
        given = given[0]
    return run_scoring.score_run(
        run,
        values.split,
        data_dir=values.data_dir,
        split_file=given,
        num_chunks=values.num_chunks,
        batch_size=values.batch_size,
        precision=values.precision,
        decoder=values.decoder,
        dtype=values.input_dtype,
        skip_unreadable=values.skip_unreadable,
        verbosity=values.verbosity,
    )


def _paired(path: str, split: str, measured: split_scores.SplitScores) -> split_scores.SplitScores:
    """Scores of an .npy file, or those that a run keeps of a split, of the very tracks that are measured."""
    other = ensemble_folder.read_scores(path, split, measured)
    measured.check_same_tracks(other)
    return other


def _clusters(values: flags.FlagValues, measured: split_scores.SplitScores) -> resampling.Clusters:
    return resampling.of(measured, "auto" if values.resample == "none" else values.resample)


def _over_seeds(
    values: flags.FlagValues,
    measured: split_scores.SplitScores,
    others: dict[str, split_scores.SplitScores],
    assessed: assessment.Assessment,
) -> dict[str, Any] | None:
    if not values.same_setting:
        return None
    scores = [measured.scores, *(others[path].scores for path in values.same_setting)]
    settings = (_clusters(values, measured), assessed.masks, values.num_resamples, values.seed)
    return runs.spread(measured.labels, scores, measured.vocabulary.names, *settings)


def _comparison(
    values: flags.FlagValues,
    measured: split_scores.SplitScores,
    others: dict[str, split_scores.SplitScores],
    assessed: assessment.Assessment,
) -> dict[str, Any] | None:
    if not values.compare:
        return None
    paths = [values.run_dir or values.predictions, *values.compare]
    stems = [pathlib.Path(path).stem for path in paths]
    shown = stems if len(set(stems)) == len(stems) else paths
    scores = [measured.scores, *(others[path].scores for path in values.compare)]
    settings = (_clusters(values, measured), assessed.masks, shown[0])
    predictions = dict(zip(shown, scores, strict=True))
    return comparison.compare(measured.labels, predictions, measured.vocabulary.names, *settings, seed=values.seed)


def _write(
    values: flags.FlagValues,
    subject: Subject,
    assessed: assessment.Assessment,
    compared: dict[str, Any] | None,
    shown: list[tables.Table],
) -> None:
    if subject.run is not None:
        try:
            _keep_in_run(subject.run, subject.measured.vocabulary, assessed)
        except errors.KerastagError as error:  # the figures are out: a run that may only be read is as good
            cli.warn([f"not kept: {error}"])
    if values.output:
        files.write_json(values.output, assessed.figures)
    if values.decisions:
        assert assessed.decided is not None  # checked before
        matrices.save_matrix(values.decisions, assessed.decided)
    if values.tables_dir:
        tables.write_all(values.tables_dir, shown)
    if values.plots_dir:
        from kerastag.metrics import pictures

        pictures.draw(values.plots_dir, subject.measured, assessed, compared, (values.head_over, values.tail_at_most))


def _keep_in_run(run: run_folder.RunFolder, vocabulary: tags.Vocabulary, found: assessment.Assessment) -> None:
    if found.thresholds is not None:
        decisions.write_thresholds(run.thresholds_path, vocabulary.names, found.thresholds)
    if found.calibrator is not None:
        found.calibrator.write(run.calibration_path)
    if found.tag_card is not None:
        card.write(run.card_path, found.tag_card)


COMMAND = cli.Command("kerastag evaluate", cli.COMMANDS["evaluate"], FLAGS, main, MAIN_FLAGS)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
