"""`python -m kerastag.evaluate`: measures a run, or files of predictions, on a split."""

import dataclasses
import pathlib
import sys
from typing import Any

import numpy as np
from absl import flags

from kerastag import cli, errors, files, metrics, options, progress, run_folder, tagger, tags
from kerastag.audio import tfio_decoder
from kerastag.data import splits
from kerastag.metrics import groups, tables

FLAGS = flags.FlagValues()
flags.DEFINE_string("run_dir", None, "The run to measure, a folder that train wrote.", flag_values=FLAGS)
flags.DEFINE_enum("split", "test", options.SPLITS, "The split to measure it on.", flag_values=FLAGS)
flags.DEFINE_string("predictions", None, "Instead of a run: scores, .npy of (tracks, tags).", flag_values=FLAGS)
flags.DEFINE_string("labels", None, "With --predictions: labels 0 or 1, .npy of the same shape.", flag_values=FLAGS)
flags.DEFINE_string("tags", None, "With --predictions: the tags in column order, one a line.", flag_values=FLAGS)
flags.DEFINE_string("output", None, "JSON file for all figures.", flag_values=FLAGS)
flags.DEFINE_bool("overwrite", False, "Replace --output if it exists.", flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))

options.define_data(FLAGS)
options.define_splits(FLAGS)
options.positive(FLAGS, "num_chunks", 32, "Evenly spaced chunks of each track whose scores are averaged.")
flags.DEFINE_bool(
    "skip_unreadable", False, "Leave out tracks that cannot be read, instead of stopping.", flag_values=FLAGS
)
flags.DEFINE_integer(
    "head_over", groups.HEAD_OVER, "The head group: tags with more training tracks.", 0, flag_values=FLAGS
)
flags.DEFINE_integer(
    "tail_at_most", groups.TAIL_AT_MOST, "The tail group: tags with at most so many.", 0, flag_values=FLAGS
)
options.define_reading(FLAGS)
options.define_devices(FLAGS)
options.define_verbosity(FLAGS)


@dataclasses.dataclass(frozen=True)
class Material:
    """What is measured: scores and labels (num_tracks, num_tags), the tags, and how often each was trained on."""

    scores: np.ndarray
    labels: np.ndarray
    vocabulary: tags.Vocabulary
    class_counts: np.ndarray | None


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Measures, prints tables, writes the figures."""
    output = values.output
    if output and pathlib.Path(output).exists() and not values.overwrite:
        raise errors.KerastagError(f"{output}: exists already; use --overwrite")
    if (values.run_dir is None) == (values.predictions is None):
        raise errors.UsageError("give either --run_dir or --predictions")
    material = _from_files(values) if values.predictions else _from_run(values)
    bounds = {name: getattr(values, name) for name in ("head_over", "tail_at_most")}
    figures = metrics.evaluate(
        material.labels, material.scores, material.vocabulary.names, material.class_counts, **bounds
    )
    print(tables.text(tables.of_results(figures)))
    if material.class_counts is not None:
        figures["popularity_baseline"] = _popularity(material)
        print(
            "popularity baseline: PR-AUC {pr_auc_macro:.4f}, ROC-AUC {roc_auc_macro:.4f}".format(
                **figures["popularity_baseline"]
            )
        )
    if output:
        files.write_json(output, figures)
    return 0


def _popularity(material: Material) -> dict[str, Any]:
    assert material.class_counts is not None
    scores = metrics.popularity_scores(material.class_counts, len(material.labels))
    figures = metrics.evaluate(material.labels, scores, material.vocabulary.names)
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
    scores, labels = (metrics.load_matrix(getattr(values, name)) for name in ("predictions", "labels"))
    return Material(scores, labels, vocabulary, counts)


def _from_run(values: flags.FlagValues) -> Material:
    """Scores a split with the run's best model, and keeps predictions and labels in the run's folder."""
    from kerastag.data import pipeline

    run = run_folder.RunFolder.existing(values.run_dir)
    record, name = run.record(), values.split
    if record["class_counts"] is None and values.data_dir is None:
        raise errors.UsageError(f"{run.path} was not trained here: give --data_dir")
    folder = options.data_folder(values.data_dir or record["data_dir"])
    model = tagger.load(run.path, values.precision, values.verbosity)
    split = splits.read(_split_file(values, record, folder, name), model.vocabulary)
    if values.decoder == "tfio":
        tfio_decoder.require()
    lookups = [splits.Lookup(folder, track) for track in split.tracks]
    tracks = pipeline.Tracks(lookups, split.labels(model.vocabulary))
    chunk = pipeline.ChunkFormat.of_model(model, values.input_dtype, values.decoder)
    scores, labels = _score(model, tracks, chunk, values)
    run.save(name, scores, labels)
    counts = record["class_counts"] and np.array([record["class_counts"][tag] for tag in model.vocabulary.names])
    return Material(scores, labels, model.vocabulary, counts)


def _split_file(values: flags.FlagValues, record: dict[str, Any], folder: pathlib.Path, name: str) -> pathlib.Path:
    """The split's file: by flag, else the one the run was started with, else the folder's own."""
    given = getattr(values, f"{name}_split") or record["flags"].get(f"{name}_split")
    if isinstance(given, list):
        if len(given) > 1:
            raise errors.UsageError(f"--{name}_split: one file can be measured at a time, not {len(given)}")
        given = given[0] if given else None
    return splits.split_path(folder, given, name)


def _score(model: tagger.Tagger, tracks: Any, chunk: Any, values: flags.FlagValues) -> tuple[np.ndarray, np.ndarray]:
    num_chunks, skip = values.num_chunks, values.skip_unreadable
    bar = progress.Bar(len(tracks) * chunk.num_chunks(num_chunks), f"scoring {len(tracks)} tracks")

    def on_chunks(count: int) -> None:
        bar.advance(count)
        if tracks.unreadable and not skip:
            raise errors.KerastagError(f"{next(iter(tracks.unreadable.values()))}; --skip_unreadable leaves it out")

    scores, unreadable = model.score_tracks(tracks, chunk, num_chunks, values.batch_size, on_chunks)
    bar.clear()
    if len(unreadable) == len(tracks):
        raise errors.KerastagError(f"no track can be read: {next(iter(unreadable.values()))}")
    on_chunks(0)
    for reason in unreadable.values():
        print(f"left out: {reason}", file=sys.stderr)
    kept = np.array([row not in unreadable for row in range(len(tracks))])
    return scores[kept], tracks.labels[kept]


COMMAND = cli.Command("kerastag evaluate", cli.COMMANDS["evaluate"], FLAGS, main, MAIN_FLAGS)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
