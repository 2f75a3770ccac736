"""What runs have written in their folders, as far as a report shows it."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerastag import ensemble_folder, errors, examples, run_folder, split_scores, tags


@dataclasses.dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
      name: for people, unlike that of any other.
      record: what run.json says.
      history: of each epoch, by column; cells that are empty are left out.
      split: that is measured.
      measured: its scores and labels.
      examples: validation tracks to listen to.
      validation_scores: by the row of the split, of the examples' rows that could be scored.
      fitted_on: those of validation, where the split is another one.
    """

    name: str
    record: dict[str, Any]
    history: list[dict[str, float]]
    split: str
    measured: split_scores.SplitScores
    examples: list[examples.Example]
    validation_scores: dict[int, np.ndarray]
    fitted_on: split_scores.SplitScores | None

    @property
    def vocabulary(self) -> tags.Vocabulary:
        """The tags of the scores' columns."""
        return self.measured.vocabulary


def gather(folders: Sequence[run_folder.RunFolder], split: str | None = None) -> list[Run]:
    """The runs in folders.

    Raises:
      KerastagError: one has no predictions of the split.
    """
    if split is None:
        split = "test" if all(folder.predictions_path("test").is_file() for folder in folders) else "validation"
    names = [folder.path.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        names = [str(folder.path) for folder in folders]
    return [_run(name, folder, split) for name, folder in zip(names, folders, strict=True)]


def _run(name: str, folder: run_folder.RunFolder, split: str) -> Run:
    measured, fitted_on = folder.read_scores(split), None
    if split != "validation" and folder.predictions_path("validation").is_file():
        fitted_on = folder.read_scores("validation")
    chosen, record = examples.read(folder), folder.record()
    if isinstance(folder, ensemble_folder.EnsembleFolder):
        record = _of_ensemble(folder, record)
    return Run(
        name=name,
        record=record,
        history=_history(folder),
        split=split,
        measured=measured,
        examples=chosen,
        validation_scores=_by_row(folder, chosen),
        fitted_on=fitted_on,
    )


def _of_ensemble(folder: ensemble_folder.EnsembleFolder, record: dict[str, Any]) -> dict[str, Any]:
    """The first member's record with the settings that make an ensemble in place of those of one run."""
    ensemble = folder.ensemble()
    losses = [member.record()["flags"]["loss"] for member in ensemble.members]
    flags = {"loss": " + ".join(losses), "ensemble": f"{ensemble.method} of {len(losses)}"}
    return {**record, "flags": flags, "command": "", "precision": None, "seed": None}


def _by_row(folder: run_folder.RunFolder, chosen: Sequence[examples.Example]) -> dict[int, np.ndarray]:
    """The validation scores of the examples: found by path, since rows that could not be read are left out."""
    if not chosen or not folder.predictions_path("validation").is_file():
        return {}
    kept = folder.read_scores("validation")
    rows = {path: row for row, (_, _, path) in enumerate(kept.tracks or [])}
    return {example.row: kept.scores[rows[example.path]] for example in chosen if example.path in rows}


def _history(folder: run_folder.RunFolder) -> list[dict[str, float]]:
    try:
        rows = run_folder.read_history(folder.history_path)
        return [{name: float(cell) for name, cell in row.items() if cell} for row in rows]
    except (TypeError, ValueError) as error:
        raise errors.KerastagError(f"{folder.history_path}: not a history ({error})") from None
