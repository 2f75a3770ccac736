"""`python -m kerastag.evaluate`: measures a run, or files of predictions, on a split."""

import pathlib
import sys
from collections.abc import Sequence

from absl import flags

from kerastag import cli, errors, files, names, published, tags
from kerastag.cli import engines, options
from kerastag.inference import evaluation_subject
from kerastag.inference.evaluation_subject import EvaluationSubject, ScoreFiles
from kerastag.inference.split_scoring import SplitSource
from kerastag.metrics import assessment, calibration, decisions, groups, matrices, plausibility, resampling, tables
from kerastag.metrics.split_scores import SplitScores
from kerastag.runs import ensemble_folder, run_folder, score_files

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
flags.DEFINE_string("plots_dir", None, "Folder for plots, as PNG files.", flag_values=FLAGS)
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
flags.DEFINE_integer("seed", 0, "Random seed; decides the resamples.", 0, flag_values=FLAGS)
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
engines.define(FLAGS, "Who scores the tracks: this process, or actors on a Ray cluster.")
options.define_verbosity(FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Measures, prints tables, writes files."""
    run = _checked(values)
    vocabulary = run.vocabulary() if run else tags.Vocabulary.read(values.tags)
    named_groups = groups.read(values.groups, vocabulary) if values.groups else {}
    thresholds = decisions.read_thresholds(values.thresholds, vocabulary) if values.thresholds else None
    subject = _of_run(values, run) if run else _of_files(values, vocabulary)
    cli.warn(subject.warnings)
    partners = _partners(values, subject.measured)
    evaluation = assessment.evaluate(
        subject.measured, _settings(values), named_groups, subject.fitted_on, thresholds, partners
    )
    cli.warn(plausibility.order_warnings(subject.measured.labels, subject.measured.scores, "these scores"))
    if subject.heard_in_part:
        heard = {names.shown(path): account.facts() for path, account in subject.heard_in_part.items()}
        evaluation.figures["heard_in_part"] = heard
    print(tables.text(evaluation.tables))
    if "popularity_baseline" in evaluation.figures:
        baseline = evaluation.figures["popularity_baseline"]
        areas = [tables.figure(area) for area in (baseline["pr_auc_macro"], baseline["roc_auc_macro"])]
        print(f"popularity baseline: PR-AUC {areas[0]}, ROC-AUC {areas[1]}")
    _write(values, run, subject, evaluation)
    return 0


def _checked(values: flags.FlagValues) -> run_folder.RunFolder | None:
    """The run of --run_dir, if there is one; all that can be wrong with the flags is found here, before any work."""
    if (values.run_dir is None) == (values.predictions is None):
        raise errors.UsageError("give either --run_dir or --predictions")
    if engines.cluster_of(values) is not None and values.predictions is not None:
        raise errors.UsageError("--engine=ray and --predictions: nothing is to be scored")
    for path in (values.output, values.decisions):
        files.check_output(path, values.overwrite)
    for folder in (values.tables_dir, values.plots_dir):
        if folder:
            files.check_folder_writable(folder)
    run = ensemble_folder.existing(published.resolve(values.run_dir)) if values.run_dir else None
    if run is None:
        _require_files(values)
    if values.decisions and not (values.thresholds or _has_what_to_fit_on(values, run)):
        raise errors.UsageError("--decisions needs thresholds: validation predictions, or --thresholds")
    return run


def _require_files(values: flags.FlagValues) -> None:
    for name in ("labels", "tags"):
        if getattr(values, name) is None:
            raise errors.UsageError(f"--predictions needs --{name}")
    if values.validation_predictions is not None and values.validation_labels is None:
        raise errors.UsageError("--validation_predictions needs --validation_labels")


def _has_what_to_fit_on(values: flags.FlagValues, run: run_folder.RunFolder | None) -> bool:
    if values.fit_on_the_labels_reported_on:
        return True
    if run is None:
        return values.validation_predictions is not None
    return values.split == "test" and run.predictions_path("validation").is_file()


def _of_files(values: flags.FlagValues, vocabulary: tags.Vocabulary) -> EvaluationSubject:
    split_file = values.test_split if values.split == "test" else values.validation_split
    validation = None
    if values.validation_predictions is not None:
        validation = ScoreFiles(values.validation_predictions, values.validation_labels, values.validation_split)
    return evaluation_subject.of_files(
        ScoreFiles(values.predictions, values.labels, split_file),
        vocabulary,
        values.train_split or (),
        validation,
        values.fit_on_the_labels_reported_on,
    )


def _of_run(values: flags.FlagValues, run: run_folder.RunFolder) -> EvaluationSubject:
    """Scores a split with the run's best model; its predictions and labels stay in the run's folder."""
    split_file = getattr(values, f"{values.split}_split")
    if isinstance(split_file, list):
        if len(split_file) > 1:
            raise errors.UsageError(f"--train_split: one file can be measured at a time, not {len(split_file)}")
        split_file = split_file[0]
    source = SplitSource(values.data_dir, split_file)
    if not values.skip_unreadable:  # hours of scoring should not end at a partner that is of other tracks
        _partners(values, evaluation_subject.listed(run, values.split, source))
    return evaluation_subject.of_run(
        run,
        values.split,
        source,
        options.reading_of(values),
        options.computing_of(values),
        values.skip_unreadable,
        values.verbosity,
        values.fit_on_the_labels_reported_on,
        values.validation_split,
        engines.cluster_of(values),
    )


def _partners(values: flags.FlagValues, measured: SplitScores) -> assessment.Partners:
    """Scores to compare with, of the very tracks that are measured."""

    def read(paths: Sequence[str]) -> list[SplitScores]:
        return [score_files.read_paired(str(published.resolve(path)), values.split, measured) for path in paths]

    paths = [values.run_dir or values.predictions, *(values.compare or ())]
    stems = [pathlib.Path(path).stem for path in paths]
    shown = stems if len(set(stems)) == len(stems) else paths
    return assessment.Partners(
        name=shown[0],
        compared=dict(zip(shown[1:], read(paths[1:]), strict=True)),
        same_setting=read(values.same_setting or ()),
    )


def _settings(values: flags.FlagValues) -> assessment.Settings:
    same = ("head_over", "tail_at_most", "num_resamples", "seed")
    return assessment.Settings(
        **{name: getattr(values, name) for name in same},
        unit=values.resample,
        strictly_above=values.mediaeval_compatible,
        calibrate_by=values.calibrate,
    )


def _write(
    values: flags.FlagValues,
    run: run_folder.RunFolder | None,
    subject: EvaluationSubject,
    evaluation: assessment.Evaluation,
) -> None:
    if run is not None:
        try:
            evaluation_subject.keep(run, subject.measured.vocabulary, evaluation.assessment)
        except errors.KerastagError as error:  # the figures are out: a run that may only be read is as good
            cli.warn([f"not kept: {error}"])
    if values.output:
        files.write_json(values.output, evaluation.figures)
    if values.decisions:
        assert evaluation.assessment.decided is not None  # checked before
        matrices.save_matrix(values.decisions, evaluation.assessment.decided)
    if values.tables_dir:
        tables.write_all(values.tables_dir, evaluation.tables)
    if values.plots_dir:
        from kerastag.metrics.drawing import evaluation_plots

        bounds = (values.head_over, values.tail_at_most)
        evaluation_plots.draw(values.plots_dir, subject.measured, evaluation, bounds)


COMMAND = cli.Command("kerastag evaluate", cli.COMMANDS["evaluate"], FLAGS, main, MAIN_FLAGS)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
