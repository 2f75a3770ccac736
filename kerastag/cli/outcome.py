"""What a training came to, for people."""

import sys
from typing import TYPE_CHECKING

from kerastag.cli.streams import warn

if TYPE_CHECKING:
    from kerastag.training import settings
    from kerastag.training import state as training_state


def text(best_by: str, state: "training_state.TrainingState") -> str:
    """What training came to, in a line."""
    figure = {"pr_auc": "PR-AUC", "roc_auc": "ROC-AUC"}[best_by]
    if state.best_score is None:
        return (
            f"validation {figure} is undefined, since no validation tag has tracks with it"
            + (" and tracks without it" if best_by == "roc_auc" else "")
            + f"; the model is that of epoch {state.epoch}"
        )
    weights = ", of averaged weights" if state.best_averaged else ""
    return f"best validation {figure} {state.best_score:.4f} in epoch {state.best_epoch} of {state.epoch}{weights}"


def report_unreadable(tracks: "settings.Splits") -> int:
    """Lists the tracks that could not be read, once, and those of which some is missing. Returns 1 for the former."""
    both = (tracks.training, tracks.validation)
    reasons = [reason for split in both for reason in split.unreadable.values()]
    if reasons:
        print(f"{len(reasons)} unreadable tracks were skipped:", file=sys.stderr)
        warn(f"  {reason}" for reason in reasons)
    heard = {split.path(row): account for split in both for row, account in split.heard_in_part().items()}
    warn(f"heard in part: {path}: {account.text()}" for path, account in heard.items())
    return 1 if reasons else 0
