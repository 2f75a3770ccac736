"""How far a form is from the network in Keras, on real chunks, asked where neither Keras nor this package is."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence

import keras
import numpy as np

from kerastag import errors, metrics, tagger, tags
from kerastag.metrics import tables
from kerastag.serving import formats, reference
from kerastag.serving.formats import material

SCRIPT = pathlib.Path(__file__).with_name("bare_form.py")
_BATCH = 32  # chunks that Keras scores at a time
_TIMED_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class Answers:
    """What a form gave, and what it took.

    Attributes:
      scores: of chunks, float32 (num_chunks, num_tags).
      tags: full names, as the form has them.
      load_seconds: from the file to the first chunk's scores, without importing the runtime.
      chunks_per_second: in batches, by `threads` threads.
      threads: that it ran on.
    """

    scores: np.ndarray
    tags: Sequence[str]
    load_seconds: float
    chunks_per_second: float
    threads: int


@dataclasses.dataclass(frozen=True)
class Parity:
    """A form beside the network in Keras.

    Attributes:
      form: one of formats.NAMES.
      num_bytes: of the form's model.
      load_seconds, chunks_per_second, threads: see Answers.
      largest, mean: differences of chunks' scores.
      num_tracks: of the material.
      pr_auc, pr_auc_keras: macro, over those tracks; None: they have no labels.
    """

    form: str
    num_bytes: int
    load_seconds: float
    chunks_per_second: float
    threads: int
    largest: float
    mean: float
    num_tracks: int
    pr_auc: float | None
    pr_auc_keras: float | None

    @property
    def pr_auc_change(self) -> float | None:
        """Of the form from the network in Keras."""
        if self.pr_auc is None or self.pr_auc_keras is None:
            return None
        return self.pr_auc - self.pr_auc_keras


class Judge:
    """Compares forms of one model.

    Args:
      models: float32, those of the forms.
      combination: of their scores; its calibration is not a form's.
      vocabulary: the tags in column order.
      found: chunks to compare on.
    """

    def __init__(
        self,
        models: Sequence[keras.Model],
        combination: tagger.Combination,
        vocabulary: tags.Vocabulary,
        found: material.Material,
    ):
        self.material = found
        self._vocabulary = vocabulary
        parts = np.array_split(found.chunks, -(-len(found.chunks) // _BATCH))
        members = [np.concatenate([reference.of_chunks(model, part).scores for part in parts]) for model in models]
        self._expected = combination(members)  # (num_chunks, num_tags)
        self._pr_auc = self._macro(self._expected)

    def compare(self, form: str, folder: pathlib.Path, bound: formats.Bound) -> Parity:
        """Asks a form.

        Args:
          form: one of formats.NAMES.
          folder: that holds it.
          bound: what it must stay within.

        Raises:
          KerastagError: it does not load, has other tags, gives scores of another shape, or is beyond the bound.
        """
        answers = ask(form, folder, self.material.chunks)
        if list(answers.tags) != list(self._vocabulary.names):
            raise errors.KerastagError(f"{form}: its tags are not those of the run, in their order; not written")
        if answers.scores.shape != self._expected.shape:
            found, expected = answers.scores.shape[1:], self._expected.shape[1:]
            raise errors.KerastagError(f"{form}: scores are {found} for a chunk, not {expected}; not written")
        differences = np.abs(answers.scores - self._expected)
        parity = Parity(
            form,
            sum(path.stat().st_size for path in _files(form, folder)),
            answers.load_seconds,
            answers.chunks_per_second,
            answers.threads,
            float(differences.max()),
            float(differences.mean()),
            len(np.unique(self.material.rows)),
            self._macro(answers.scores),
            self._pr_auc,
        )
        check(parity, bound, self.material.source)
        return parity

    def _macro(self, scores: np.ndarray) -> float | None:
        """Macro PR-AUC of the material's tracks."""
        labels = self.material.labels
        if labels is None or not np.isfinite(scores).all():
            return None
        return metrics.evaluate(labels, self.material.of_tracks(scores), self._vocabulary.names)["pr_auc_macro"]


def ask(form: str, folder: pathlib.Path, chunks: np.ndarray, seconds: float = _TIMED_SECONDS) -> Answers:
    """Has a form score chunks, float32 (num_chunks, chunk_samples), in a process of its own.

    Args:
      seconds: for which it is timed.

    Raises:
      KerastagError: it does not load or answer there.
    """
    with tempfile.TemporaryDirectory() as scratch:
        paths = [str(pathlib.Path(scratch) / name) for name in ("chunks.npy", "scores.npy")]
        np.save(paths[0], chunks)
        command = [sys.executable, str(SCRIPT), form, str(folder), *paths, str(seconds)]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            raise errors.KerastagError(f"{form}: does not run without kerastag: {reason[:500]}")
        return Answers(np.load(paths[1]), **json.loads(done.stdout.splitlines()[-1]))


def check(parity: Parity, bound: formats.Bound, source: str) -> None:
    """Whether a form is within its bound.

    Raises:
      KerastagError: it is not; a score that is no number is not.
    """
    change = parity.pr_auc_change
    judged = change is not None and parity.num_tracks >= formats.FEWEST_TRACKS
    for what, value, limit in (
        ("the largest difference of a score", parity.largest, bound.largest),
        ("the mean difference of scores", parity.mean, bound.mean),
        ("the change of macro PR-AUC", abs(change or 0.0) if judged else 0.0, bound.pr_auc),
    ):
        if not value <= limit:
            raise errors.KerastagError(f"{parity.form}: on {source} {what} is {value:.2g}, over {limit:g}; not written")


def table(found: Sequence[Parity], source: str) -> str:
    """All forms of one model, for a terminal."""
    threads = found[0].threads
    header = ("form", "MB", "load ms", "chunks/s", "largest difference", "mean", "macro PR-AUC", "change")
    rows = tuple(
        (
            one.form,
            f"{one.num_bytes / 1e6:.2f}",
            f"{1000 * one.load_seconds:.0f}",
            f"{one.chunks_per_second:.0f}",
            f"{one.largest:.1e}",
            f"{one.mean:.1e}",
            one.pr_auc,
            None if one.pr_auc_change is None else f"{one.pr_auc_change:+.4f}",
        )
        for one in found
    )
    note = f"scores beside those of Keras in float32 on {source}; chunks/s in batches of 16 by {threads} threads"
    return tables.text([tables.Table(header, rows, note)])


def _files(form: str, folder: pathlib.Path) -> Sequence[pathlib.Path]:
    """The model's own: for a SavedModel all, for the others one file."""
    if form == formats.SAVED_MODEL:
        return [path for path in folder.rglob("*") if path.is_file() and path.parent.name != tagger.ASSETS]
    return [*folder.glob("model.tflite"), *folder.glob("model.onnx")]
