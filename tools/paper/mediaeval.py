"""Writes a submission to MediaEval's "Emotion and Theme Recognition in Music", or checks anybody's.

python -m tools.paper.mediaeval --run_dir=runs/R --split=test.tsv --tags=tags.txt --output_dir=submission
python -m tools.paper.mediaeval --check --split=test.tsv --tags=tags.txt --output_dir=submission
"""

import pathlib
import sys

import numpy as np
from absl import flags

from kerastag import cli, errors, files, metrics, tags
from kerastag.cli import options
from kerastag.data import splits
from kerastag.metrics import decisions
from kerastag.runs import run_folder
from tools.paper import submission

FLAGS = flags.FlagValues()
flags.DEFINE_bool("check", False, "Check the files in --output_dir instead of writing them.", flag_values=FLAGS)
flags.DEFINE_string("output_dir", None, "Folder of predictions.npy and decisions.npy.", flag_values=FLAGS)
flags.DEFINE_string("split", None, "The official split file: its tracks, in their order.", flag_values=FLAGS)
flags.DEFINE_string("tags", None, "The official tag list, one tag a line, in column order.", flag_values=FLAGS)
flags.DEFINE_string(
    "run_dir", None, "A run that has been evaluated on its test split and has thresholds.", flag_values=FLAGS
)
flags.DEFINE_string("scores", None, "Instead of a run: scores of the split, .npy (tracks, tags).", flag_values=FLAGS)
flags.DEFINE_string("scores_tags", None, "With --scores: their tag list, if not that of --tags.", flag_values=FLAGS)
flags.DEFINE_string("thresholds", None, "thresholds.tsv; left out: that of --run_dir.", flag_values=FLAGS)
flags.DEFINE_bool(
    "mediaeval_compatible",
    False,
    "Decide by `>` as the organisers' script does, instead of by `>=`, for which thresholds are fitted.",
    flag_values=FLAGS,
)
flags.DEFINE_bool("overwrite", False, "Replace files in --output_dir.", flag_values=FLAGS)
options.define_verbosity(FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Writes the submission unless --check is given, then checks it. Exit status 1 if it has faults."""
    options.require(values, "output_dir", "split", "tags")
    official = tags.Vocabulary.read(values.tags)
    split = splits.read(values.split, official, unknown="drop", untagged="error")
    if not values.check:
        write(values, official, len(split))
    folder = pathlib.Path(values.output_dir)
    paths = folder / submission.PREDICTIONS, folder / submission.DECISIONS
    report = submission.check(*paths, len(split), official, split.labels(official))
    cli.warn([*(f"warning: {line}" for line in report.warnings), *report.faults])
    if not report.faults:
        cli.tell(f"{folder}: {len(split)} tracks, {len(official)} tags, ready to hand in")
    return 1 if report.faults else 0


def write(values: flags.FlagValues, official: tags.Vocabulary, num_tracks: int) -> None:
    """Writes both files from a run or from scores.

    Raises:
      UsageError: it is not said what to write.
      KerastagError: something is missing, exists already, or does not fit.
    """
    if (values.run_dir is None) == (values.scores is None):
        raise errors.UsageError("give either --run_dir or --scores, or --check")
    for name in (submission.PREDICTIONS, submission.DECISIONS):
        files.check_output(pathlib.Path(values.output_dir) / name, values.overwrite)
    scores, vocabulary, thresholds = scores_and_thresholds(values, official)
    if scores.shape != (num_tracks, len(vocabulary)):
        raise errors.KerastagError(f"scores are {scores.shape} for {num_tracks} tracks and {len(vocabulary)} tags")
    ordered = submission.in_order(np.vstack([scores, thresholds]), vocabulary, official)
    submission.write(values.output_dir, ordered[:-1].astype(scores.dtype), ordered[-1], values.mediaeval_compatible)


def scores_and_thresholds(
    values: flags.FlagValues, official: tags.Vocabulary
) -> tuple[np.ndarray, tags.Vocabulary, np.ndarray]:
    """Scores (num_tracks, num_tags), the tags of their columns, and thresholds (num_tags,) in the same order."""
    if values.scores:
        options.require(values, "thresholds")
        vocabulary = tags.Vocabulary.read(values.scores_tags) if values.scores_tags else official
        scores_path, thresholds_path = values.scores, values.thresholds
    else:
        run = run_folder.RunFolder.existing(values.run_dir)
        vocabulary = run.vocabulary()
        scores_path, thresholds_path = run.predictions_path("test"), values.thresholds or run.thresholds_path
    scores = metrics.load_matrix(scores_path)
    return scores, vocabulary, decisions.read_thresholds(thresholds_path, vocabulary)


COMMAND = cli.Command(
    "python -m tools.paper.mediaeval",
    "writes a submission to MediaEval's mood and theme task, or checks one",
    FLAGS,
    main,
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
