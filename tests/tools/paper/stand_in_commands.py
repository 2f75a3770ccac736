"""tools.paper.reproduce, with commands that only write what train and evaluate would."""

import json
import pathlib

import numpy as np

from kerastag import evaluate, tags, train
from kerastag.metrics import split_scores
from kerastag.runs import run_folder
from tools.paper import reproduce

TAGS = ("mood---calm", "mood---dark")
LABELS = np.array([[1, 1], [1, 0], [0, 0], [0, 0]], bool)
GOOD = np.array([[0.9, 0.9], [0.8, 0.3], [0.2, 0.2], [0.1, 0.1]], np.float32)  # both areas are 1 for both tags
# calm the wrong way round: ROC-AUC 0, precision 1/3 and 2/4 at its two tracks, so PR-AUC 5/12
BAD = np.column_stack([GOOD[::-1, 0], GOOD[:, 1]])
BAD_PR_AUC = (5 / 12 + 1) / 2


class Commands:
    """Stands in for processes: what was run, and what each run is to do.

    Attributes:
      lines: the arguments of every command.
      scores: of a run by (system, seed), where they are not GOOD.
      troubles: by (module, system, seed): an exit status, or an exception; the command does nothing else.
    """

    def __init__(self):
        self.lines = []
        self.scores = {}
        self.troubles = {}

    def __call__(self, arguments):
        module, *rest = arguments
        command = {"kerastag.train": train.COMMAND, "kerastag.evaluate": evaluate.COMMAND}[module]
        command.parse(rest)  # as the real one would
        self.lines.append(arguments)
        values = command.flag_values
        run = run_folder.RunFolder(pathlib.Path(values.run_dir))
        key = run.path.parent.name, int(run.path.name.removeprefix("seed_"))
        trouble = self.troubles.get((module, *key))
        if isinstance(trouble, BaseException):
            raise trouble
        if trouble is None:
            self._train(values, run) if module == "kerastag.train" else self._evaluate(values, run, key)
        return trouble or 0

    def _train(self, values, run):
        tags.Vocabulary(TAGS).write(run.tags_path)
        run.record_path.write_text(json.dumps({"flags": {"epochs": values.epochs}}))
        run.model_path.write_text("")
        checkpoint(run, values.epochs)

    def _evaluate(self, values, run, key):
        scores = self.scores.get(key, GOOD)
        run.write_scores("test", split_scores.SplitScores(scores, LABELS, tags.Vocabulary(TAGS)))
        pathlib.Path(values.output).write_text("{}")

    def done(self):
        """(module, system, seed) of every command since the last call."""
        found = []
        for module, *rest in self.lines:
            path = pathlib.Path(next(flag for flag in rest if flag.startswith("--run_dir=")))
            found.append((module.removeprefix("kerastag."), path.parent.name, path.name.removeprefix("seed_")))
        self.lines = []
        return found

    def arguments_of(self, system, module="kerastag.train"):
        """The arguments of the first command for a system."""
        return next(line for line in self.lines if line[0] == module and f"/{system}/" in " ".join(line))


def checkpoint(run, epoch):
    run.checkpoint_path.mkdir(parents=True, exist_ok=True)
    (run.checkpoint_path / "state.json").write_text(json.dumps({"epoch": epoch}))


def run(folder, *arguments):
    return reproduce.COMMAND.run([f"--data_dir={folder}", f"--output_dir={folder / 'out'}", *arguments])
