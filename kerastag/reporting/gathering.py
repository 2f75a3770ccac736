"""What runs have written in their folders, as far as a report shows it."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kerastag import names, tags
from kerastag.metrics.split_scores import SplitScores
from kerastag.runs import ensemble_folder, examples, run_folder, score_files
from kerastag.runs.record import RunRecord


@dataclasses.dataclass(frozen=True)
class ReportedRun:
    """One run.

    Attributes:
      name: for people, unlike that of any other.
      record: what it was trained with.
      history: figures of each epoch, by column; cells that are empty are left out.
      split: the split that is measured.
      measured: its scores and labels.
      examples: validation tracks to listen to.
      validation_scores: scores of the examples that could be scored, by their row in the split.
      fitted_on: scores of validation, where the split is another one.
    """

    name: str
    record: RunRecord
    history: list[dict[str, float]]
    split: str
    measured: SplitScores
    examples: list[examples.Example]
    validation_scores: dict[int, np.ndarray]
    fitted_on: SplitScores | None

    @property
    def vocabulary(self) -> tags.Vocabulary:
        """The tags of the scores' columns."""
        return self.measured.vocabulary


def gather(folders: Sequence[run_folder.RunFolder], split: str | None = None) -> list[ReportedRun]:
    """The runs in folders.

    Args:
      folders: runs or ensembles.
      split: that is measured; None: test if all have scores of it, else validation.

    Raises:
      KerastagError: one has no predictions of the split.
    """
    if split is None:
        split = "test" if all(folder.predictions_path("test").is_file() for folder in folders) else "validation"
    titles = [names.shown(folder.path.resolve().name) for folder in folders]
    if len(set(titles)) < len(titles):
        titles = [names.shown(folder.path) for folder in folders]
    return [_run(title, folder, split) for title, folder in zip(titles, folders, strict=True)]


def _run(name: str, folder: run_folder.RunFolder, split: str) -> ReportedRun:
    measured = folder.read_scores(split)
    validation = measured if split == "validation" else score_files.read_validation(folder)
    chosen, record = examples.read(folder), folder.record()
    if isinstance(folder, ensemble_folder.EnsembleFolder):
        record = _of_ensemble(folder, record)
    return ReportedRun(
        name=name,
        record=record,
        history=run_folder.read_figures(folder.history_path),
        split=split,
        measured=measured,
        examples=chosen,
        validation_scores=_by_row(validation, chosen),
        fitted_on=None if split == "validation" else validation,
    )


def _of_ensemble(folder: ensemble_folder.EnsembleFolder, record: RunRecord) -> RunRecord:
    """The first member's record with the settings that make an ensemble in place of those of one run."""
    ensemble = folder.ensemble()
    losses = [member.record().text_flag("loss") for member in ensemble.members]
    flags = {"loss": " + ".join(losses), "ensemble": f"{ensemble.method} of {len(losses)}"}
    return dataclasses.replace(record, flags=flags, command="", precision=None, seed=None, weights=None)


def _by_row(validation: SplitScores | None, chosen: Sequence[examples.Example]) -> dict[int, np.ndarray]:
    """The validation scores of the examples: found by path, since rows that could not be read are left out."""
    if validation is None:
        return {}
    rows = {path: row for row, (_, _, path) in enumerate(validation.tracks or [])}
    return {example.row: validation.scores[rows[example.path]] for example in chosen if example.path in rows}
