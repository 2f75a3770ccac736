"""How far a form is from the network in Keras, on real chunks, asked where neither Keras nor this package is."""

import dataclasses
import pathlib
from collections.abc import Sequence

import keras
import numpy as np

from kerastag import errors, metrics, tags
from kerastag.inference import export_facts
from kerastag.metrics import tables
from kerastag.runs.model import Combination
from kerastag.serving import formats, plan
from kerastag.serving.check import bare_process, reference
from kerastag.serving.formats.comparison_chunks import ComparisonChunks
from kerastag.serving.graph import served_model

_BATCH = 32  # chunks that Keras scores at a time
_TIMED_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class Parity:
    """A form beside the network in Keras.

    Attributes:
      form: one of plan.FORMS.
      num_bytes: the size of the form's model.
      load_seconds, chunks_per_second, threads: see bare_process.Answers.
      largest, mean: differences of chunks' scores.
      num_tracks: tracks that the chunks are from.
      pr_auc, pr_auc_keras: macro PR-AUC over those tracks; None: they have no labels.
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
        """From the network in Keras to the form."""
        if self.pr_auc is None or self.pr_auc_keras is None:
            return None
        return self.pr_auc - self.pr_auc_keras


class Judge:
    """Compares forms of one model.

    Args:
      networks: float32, those of the forms.
      combination: how their scores become the model's; without a calibration, which no form has.
      vocabulary: the tags in column order.
      chunks: what to compare on.
    """

    def __init__(
        self,
        networks: Sequence[keras.Model],
        combination: Combination,
        vocabulary: tags.Vocabulary,
        chunks: ComparisonChunks,
    ):
        self.chunks = chunks
        self._vocabulary = vocabulary
        parts = np.array_split(chunks.chunks, -(-len(chunks.chunks) // _BATCH))
        members = [
            np.concatenate([reference.of_chunks(network, part).scores for part in parts]) for network in networks
        ]
        self._expected = combination(members)  # (num_chunks, num_tags)
        self._pr_auc = self._macro(self._expected)

    def compare(self, form: str, folder: pathlib.Path, bound: formats.Bound) -> Parity:
        """Asks a form.

        Args:
          form: one of plan.FORMS.
          folder: the version that holds it.
          bound: what it must stay within.

        Raises:
          KerastagError: it does not load, has other tags, gives scores of another shape, or is beyond the bound.
        """
        requests = {served_model.DEFAULT: {"waveform": self.chunks.chunks}}
        answers = bare_process.ask(folder, requests, form, _TIMED_SECONDS)
        scores = answers.outputs[served_model.DEFAULT]["scores"]
        if list(answers.tags) != list(self._vocabulary.names):
            raise errors.KerastagError(f"{form}: its tags are not those of the run, in their order; not written")
        if scores.shape != self._expected.shape:
            given, expected = scores.shape[1:], self._expected.shape[1:]
            raise errors.KerastagError(f"{form}: scores are {given} for a chunk, not {expected}; not written")
        differences = np.abs(scores - self._expected)
        parity = Parity(
            form,
            sum(path.stat().st_size for path in _files(form, folder)),
            answers.load_seconds,
            answers.chunks_per_second,
            answers.threads,
            float(differences.max()),
            float(differences.mean()),
            len(np.unique(self.chunks.rows)),
            self._macro(scores),
            self._pr_auc,
        )
        check(parity, bound, self.chunks.source)
        return parity

    def _macro(self, scores: np.ndarray) -> float | None:
        """Macro PR-AUC of the chunks' tracks."""
        labels = self.chunks.labels
        if labels is None or not np.isfinite(scores).all():
            return None
        return metrics.evaluate(labels, self.chunks.of_tracks(scores), self._vocabulary.names)["pr_auc_macro"]


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


def table(parities: Sequence[Parity], source: str) -> str:
    """All forms of one model, for a terminal."""
    threads = parities[0].threads
    header = ("form", "MB", "load ms", "chunks/s", "largest difference", "mean", "macro PR-AUC", "change")
    rows = tuple(
        (
            parity.form,
            f"{parity.num_bytes / 1e6:.2f}",
            f"{1000 * parity.load_seconds:.0f}",
            f"{parity.chunks_per_second:.0f}",
            f"{parity.largest:.1e}",
            f"{parity.mean:.1e}",
            parity.pr_auc,
            None if parity.pr_auc_change is None else f"{parity.pr_auc_change:+.4f}",
        )
        for parity in parities
    )
    note = f"scores beside those of Keras in float32 on {source}; chunks/s in batches of 16 by {threads} threads"
    return tables.text([tables.Table(header, rows, note)])


def _files(form: str, folder: pathlib.Path) -> Sequence[pathlib.Path]:
    """The model's own: for a SavedModel all, for the others one file."""
    if form == plan.SAVED_MODEL:
        return [path for path in folder.rglob("*") if path.is_file() and path.parent.name != export_facts.ASSETS]
    return [*folder.glob("model.tflite"), *folder.glob("model.onnx")]
