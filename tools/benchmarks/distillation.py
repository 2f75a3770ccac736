"""What a student costs and what it can do, beside the ensemble that taught it.

    python -m tools.benchmarks.distillation --ensemble=runs/ensemble --student=runs/student [--split=test]

Both are loaded once in one process, score the split, and then take turns at its first tracks, so that what else the
machine does hits both alike. Size is that of the networks' files.
"""

import dataclasses
import sys
import time

import numpy as np
from absl import flags

from kerastag import cli, errors, metrics, published, runtime
from kerastag.cli import options
from kerastag.data import reading, splits, track_files
from kerastag.inference import opening, split_scoring, tagger
from kerastag.metrics import tables
from kerastag.runs import ensemble_folder
from kerastag.runs.model import Model
from tools.benchmarks import machine

FLAGS = flags.FlagValues()
for name, text in (("ensemble", "Who taught: an ensemble, or a run."), ("student", "Who learnt: a run.")):
    flags.DEFINE_string(name, None, text, flag_values=FLAGS)
flags.DEFINE_string("data_dir", None, "The dataset, if not that which the student was trained on.", flag_values=FLAGS)
flags.DEFINE_enum("split", "test", options.SPLITS, "What both are measured on.", flag_values=FLAGS)
flags.DEFINE_string("split_file", None, "Its file, if not that which the student knows.", flag_values=FLAGS)
options.positive(FLAGS, "num_chunks", 16, "Evenly spaced chunks of each track whose scores are averaged.")
options.positive(FLAGS, "num_tracks", 32, "Tracks of the split that are timed.")
options.positive(FLAGS, "num_turns", 3, "Turns of each, of which the median is shown.")
options.define_devices(FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints a Markdown table."""
    options.require(values, "ensemble", "student")
    runtime.start()
    folder = ensemble_folder.existing(published.resolve(values.student))
    source = split_scoring.SplitSource(values.data_dir, values.split_file)
    data_dir, path = split_scoring.locate(folder, values.split, source)
    both = [Contestant.load(title, getattr(values, title), values) for title in ("ensemble", "student")]
    if both[0].model.vocabulary.names != both[1].model.vocabulary.names:
        raise errors.KerastagError(f"{values.ensemble} and {values.student} have different tags")
    listed = splits.read(path, both[1].model.vocabulary)
    lookups = [track_files.Lookup(data_dir, track) for track in listed.tracks]
    labels = listed.labels(both[1].model.vocabulary)
    areas = [contestant.areas(lookups, labels) for contestant in both]
    some = lookups[: values.num_tracks]
    turns = [[contestant.seconds(some) for contestant in both] for _ in range(values.num_turns)]
    seconds = np.median(turns, axis=0) / len(some)
    rows = tuple(
        (contestant.title, *contestant.size(), f"{taken:.3f}", *figures)
        for contestant, taken, figures in zip(both, seconds, areas, strict=True)
    )
    header = ("model", "networks", "MB", "parameters", "s per track", "PR-AUC", "ROC-AUC")
    print(f"{machine.describe()}\n")
    note = f"{len(lookups)} tracks of {path.name}; seconds: median of {values.num_turns} turns at {len(some)} tracks"
    note += f", {values.num_chunks} chunks each; the ensemble takes {seconds[0] / seconds[1]:.1f} times as long."
    print(tables.markdown([tables.Table(header, rows, note)]))
    return 0


@dataclasses.dataclass(frozen=True)
class Contestant:
    """A model that is measured.

    Attributes:
      title: its row's.
      model: its files.
      listener: its networks, loaded.
      reading: how tracks are read.
    """

    title: str
    model: Model
    listener: tagger.Tagger
    reading: reading.Reading

    @classmethod
    def load(cls, title: str, path: str, values: flags.FlagValues) -> "Contestant":
        model = Model.load(published.resolve(path))
        listener = opening.of_model(model, options.computing_of(values))
        return cls(title, model, listener, reading.Reading(values.num_chunks, whole=False))

    def size(self) -> tuple[int, str, str]:
        """Networks, their megabytes on disk, and their parameters with moving statistics."""
        from kerastag.models import loading

        paths = [run.trained_model_path() for run in self.model.runs]
        megabytes = sum(path.stat().st_size for path in paths) / 1e6
        return len(paths), f"{megabytes:.2f}", f"{sum(loading.load(path).count_params() for path in paths):,}"

    def areas(self, lookups: list[track_files.Lookup], labels: np.ndarray) -> tuple[float | None, float | None]:
        """Macro PR-AUC and ROC-AUC."""
        scores = self._scores(lookups)
        figures = metrics.evaluate(labels, scores, self.model.vocabulary.names)
        return figures["pr_auc_macro"], figures["roc_auc_macro"]

    def seconds(self, lookups: list[track_files.Lookup]) -> float:
        """That scoring takes."""
        started = time.perf_counter()
        self._scores(lookups)
        return time.perf_counter() - started

    def _scores(self, lookups: list[track_files.Lookup]) -> np.ndarray:
        from kerastag.data import pipeline

        scores, unreadable = self.listener.score_tracks(pipeline.Tracks(lookups), self.reading)
        if unreadable:
            raise errors.KerastagError(next(iter(unreadable.values())))
        return scores


COMMAND = cli.Command(
    "python -m tools.benchmarks.distillation", "measure a student beside the ensemble that taught it", FLAGS, main
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
