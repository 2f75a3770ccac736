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
    metrics,
    names,
    options,
    run_folder,
    run_scoring,
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
class Material:
    """What is measured.

    Attributes:
      scored: scores, labels, artists.
      vocabulary: the tags.
      class_counts: training tracks with each tag, or None.
      fitted_on: validation scores to fit thresholds on, or None.
      run: the run measured, or None.
      heard_in_part: by path, the tracks of whose music some is missing.
    """

    scored: assessment.Scored
    vocabulary: tags.Vocabulary
    class_counts: np.ndarray | None
    fitted_on: assessment.Scored | None
    run: run_folder.RunFolder | None = None
    heard_in_part: dict[str, audio.Account] = dataclasses.field(default_factory=dict)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Measures, prints tables, writes files."""
    if (values.run_dir is None) == (values.predictions is None):
        raise errors.UsageError("give either --run_dir or --predictions")
    _check_outputs(values)
    material = _from_files(values) if values.predictions else _from_run(values)
    tag_names, thresholds = material.vocabulary.names, None
    if values.thresholds:
        thresholds = decisions.read_thresholds(values.thresholds, material.vocabulary)
    named = groups.read(values.groups, material.vocabulary) if values.groups else {}
    found = assessment.assess(
        material.scored, tag_names, material.class_counts, named, _settings(values), material.fitted_on, thresholds
    )
    for warning in submission.order_warnings(material.scored.labels, material.scored.scores, "these scores"):
        print(warning, file=sys.stderr)
    figures, shown = found.figures, list(found.tables)
    if material.heard_in_part:
        figures["heard_in_part"] = {names.shown(path): heard.facts() for path, heard in material.heard_in_part.items()}
    if material.class_counts is not None:
        figures["popularity_baseline"] = _popularity(material)
    compared = _comparison(values, material, found)
    if compared is not None:
        figures["comparison"] = compared
        shown += comparison_tables.of_comparison(compared)
    over_seeds = _over_seeds(values, material, found)
    if over_seeds is not None:
        figures["over_seeds"] = over_seeds
        shown.append(runs.table(over_seeds))
    print(tables.text(shown))
    if material.class_counts is not None:
        baseline = figures["popularity_baseline"]
        pr_auc, roc_auc = (tables.figure(baseline[name]) for name in ("pr_auc_macro", "roc_auc_macro"))
        print(f"popularity baseline: PR-AUC {pr_auc}, ROC-AUC {roc_auc}")
    _write(values, material, found, compared, shown)
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


def _popularity(material: Material) -> dict[str, Any]:
    assert material.class_counts is not None
    labels = material.scored.labels
    scores = metrics.popularity_scores(material.class_counts, len(labels))
    figures = metrics.evaluate(labels, scores, material.vocabulary.names)
    return {name: figures[name] for name in ("pr_auc_macro", "roc_auc_macro", "pr_auc_micro", "roc_auc_micro")}


def _from_files(values: flags.FlagValues) -> Material:
    for name in ("labels", "tags"):
        if getattr(values, name) is None:
            raise errors.UsageError(f"--predictions needs --{name}")
    vocabulary = tags.Vocabulary.read(values.tags)
    counts = None
    if values.train_split:
        training = [splits.read(path, vocabulary, unknown="drop", untagged="drop") for path in values.train_split]
        counts = splits.class_counts(training, vocabulary)
    scores, labels = metrics.load_matrix(values.predictions), metrics.load_matrix(values.labels)
    split_file = values.test_split if values.split == "test" else values.validation_split
    scored = assessment.Scored(labels, scores, _artists(split_file, len(labels)))
    return Material(scored, vocabulary, counts, _validation_files(values, scored))


def _validation_files(values: flags.FlagValues, scored: assessment.Scored) -> assessment.Scored | None:
    """The scores to fit on.

    Raises:
      KerastagError: they are those that are reported on, and nobody said so.
    """
    if values.fit_on_the_labels_reported_on:
        return scored
    if values.validation_predictions is None:
        return None
    if values.validation_labels is None:
        raise errors.UsageError("--validation_predictions needs --validation_labels")
    labels, scores = metrics.load_matrix(values.validation_labels), metrics.load_matrix(values.validation_predictions)
    if labels.shape == scored.labels.shape and (labels == scored.labels).all():
        raise errors.KerastagError(
            f"{values.validation_labels}: the labels that are reported on; thresholds fitted on them flatter "
            "(--fit_on_the_labels_reported_on if that is meant)"
        )
    return assessment.Scored(labels, scores, _artists(values.validation_split, len(labels)))


def _artists(split_file: str | None, num_tracks: int) -> list[str] | None:
    if split_file is None:
        return None
    ids = [track.artist_id for track in splits.read(split_file).tracks]
    if len(ids) != num_tracks:
        raise errors.KerastagError(f"{split_file}: {len(ids)} tracks, but {num_tracks} rows of labels")
    return ids


def _from_run(values: flags.FlagValues) -> Material:
    """Scores a split with the run's best model; its predictions and labels stay in the run's folder."""
    run = ensemble_folder.existing(values.run_dir)
    done = _score_run(values, run)
    counts = done.record["class_counts"]
    counts = counts and np.array([counts[tag] for tag in done.vocabulary.names])
    artists = [track.artist_id for track in done.split.tracks] if len(done.split) == len(done.labels) else None
    scored = assessment.Scored(done.labels, done.scores, artists)
    fitted_on = scored if values.fit_on_the_labels_reported_on else None
    if fitted_on is None and values.split == "test" and run.predictions_path("validation").is_file():
        kept = run.read_scores("validation")
        fitted_on = assessment.Scored(kept.labels, kept.scores, _validation_artists(values, run, len(kept.labels)))
    return Material(scored, done.vocabulary, counts, fitted_on, run, done.heard_in_part)


def _score_run(values: flags.FlagValues, run: run_folder.RunFolder) -> run_scoring.ScoredSplit:
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


def _validation_artists(values: flags.FlagValues, run: run_folder.RunFolder, num_tracks: int) -> list[str] | None:
    """None if the split file is gone, or tracks of it could not be read when the run validated."""
    try:
        _, path = run_scoring.locate(run, "validation", values.data_dir, values.validation_split)
        return _artists(str(path), num_tracks)
    except errors.KerastagError:
        return None


def _predictions(path: str, split: str) -> np.ndarray:
    """Scores of an .npy file, or those that a run keeps of a split."""
    if pathlib.Path(path).is_dir():
        return ensemble_folder.existing(path).read_scores(split).scores
    return metrics.load_matrix(path)


def _clusters(values: flags.FlagValues, material: Material) -> resampling.Clusters:
    return material.scored.clusters("auto" if values.resample == "none" else values.resample)


def _over_seeds(values: flags.FlagValues, material: Material, found: assessment.Assessment) -> dict[str, Any] | None:
    if not values.same_setting:
        return None
    scores = [material.scored.scores, *(_predictions(path, values.split) for path in values.same_setting)]
    resampled = (values.num_resamples, values.seed)
    tag_names = material.vocabulary.names
    return runs.spread(material.scored.labels, scores, tag_names, _clusters(values, material), found.masks, *resampled)


def _comparison(values: flags.FlagValues, material: Material, found: assessment.Assessment) -> dict[str, Any] | None:
    if not values.compare:
        return None
    paths = [values.run_dir or values.predictions, *values.compare]
    stems = [pathlib.Path(path).stem for path in paths]
    shown = stems if len(set(stems)) == len(stems) else paths
    others = [_predictions(path, values.split) for path in values.compare]
    predictions = dict(zip(shown, [material.scored.scores, *others], strict=True))
    clusters = _clusters(values, material)
    tag_names = material.vocabulary.names
    return comparison.compare(
        material.scored.labels, predictions, tag_names, clusters, found.masks, shown[0], seed=values.seed
    )


def _write(
    values: flags.FlagValues,
    material: Material,
    found: assessment.Assessment,
    compared: dict[str, Any] | None,
    shown: list[tables.Table],
) -> None:
    if material.run is not None:
        try:
            _keep_in_run(material.run, material.vocabulary, found)
        except errors.KerastagError as error:  # the figures are out: a run that may only be read is as good
            cli.warn([f"not kept: {error}"])
    if values.output:
        files.write_json(values.output, found.figures)
    if values.decisions:
        assert found.decided is not None  # checked before
        with files.whole_file(values.decisions) as temporary:
            np.save(temporary, found.decided)
    if values.tables_dir:
        tables.write_all(values.tables_dir, shown)
    if values.plots_dir:
        from kerastag.metrics import pictures

        bounds = (values.head_over, values.tail_at_most)
        pictures.draw(
            values.plots_dir, material.scored, material.vocabulary.names, material.class_counts, found, compared, bounds
        )


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
