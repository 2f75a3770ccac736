"""The folder of an ensemble of runs: ensemble.json names the members, how their scores are combined, the weights.

It holds no weights of networks, but like a run's folder it gets predictions, thresholds and a calibration, and what
takes a run to tag, measure or export takes it.
"""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

from kerastag import errors, files, json_types, tags
from kerastag.metrics import ensembles
from kerastag.runs import record as run_record
from kerastag.runs import run_folder

RECORD = "ensemble.json"
METHODS = tuple(method for method in ensembles.METHODS if method != "rank_mean")


@dataclasses.dataclass(frozen=True)
class _Content:
    """What ensemble.json says."""

    method: str
    members: tuple[str, ...]
    weights: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class EnsembleFolder(run_folder.RunFolder):
    """A folder that `kerastag ensemble --output_dir` writes."""

    @property
    def record_path(self) -> pathlib.Path:
        return self.path / RECORD

    def ensemble(self) -> "Ensemble":
        """The members and how they are combined.

        Raises:
          KerastagError: ensemble.json is missing or damaged, or a member is not there or has other tags.
        """
        content = files.read_json(self.record_path)
        try:
            about = json_types.build(_Content, content, ignore_others=True)
            shares = tuple(map(float, ensembles.normalised(about.weights, len(about.members))))
            check_method(about.method)
            members = tuple(run_folder.RunFolder.existing(self.path / name) for name in about.members)
            check_tags([self, *members])
        except (TypeError, ValueError, OSError) as error:
            raise errors.KerastagError(f"{self.record_path}: not an ensemble ({error})") from None
        except errors.KerastagError as error:
            raise errors.KerastagError(f"{self.record_path}: {error}") from None
        return Ensemble(members, about.method, shares)

    def record(self) -> run_record.RunRecord:
        """What the first member's run.json says, with class counts only if all members have the same."""
        first, *others = (member.record() for member in self.ensemble().members)
        same = all(other.class_counts == first.class_counts for other in others)
        return first if same else dataclasses.replace(first, class_counts=None)

    def trained_model_path(self) -> pathlib.Path:
        """Raises KerastagError: an ensemble has several."""
        raise errors.KerastagError(f"{self.path}: an ensemble has no model of its own; name one of its members")


@dataclasses.dataclass(frozen=True)
class Ensemble:
    """Runs whose scores become one.

    Attributes:
      members: with one and the same list of tags.
      method: one of METHODS.
      weights: weight of each member, with sum 1.
    """

    members: tuple[run_folder.RunFolder, ...]
    method: str
    weights: tuple[float, ...]


def is_model(path: str | os.PathLike[str]) -> bool:
    """Whether a folder holds a run or an ensemble."""
    folder = pathlib.Path(path)
    return EnsembleFolder(folder).holds_run() or run_folder.RunFolder(folder).holds_run()


def existing(path: str | os.PathLike[str]) -> run_folder.RunFolder:
    """The run or the ensemble in `path`.

    Raises:
      KerastagError: there is neither.
    """
    folder = EnsembleFolder(pathlib.Path(path))
    return folder if folder.holds_run() else run_folder.RunFolder.existing(folder.path)


def write(folder: pathlib.Path, ensemble: Ensemble, note: str = "", overwrite: bool = False) -> EnsembleFolder:
    """Writes an ensemble's folder; members without weight are left out, paths are relative to the folder.

    Args:
      folder: must not exist, or be an ensemble's own to be replaced.
      ensemble: with members that have tags.
      note: a line about how members were chosen, for people.
      overwrite: replace an ensemble that is there.

    Raises:
      KerastagError: the method cannot score a single track, tags differ, or the folder must not be written.
    """
    check_method(ensemble.method)
    check_tags(ensemble.members)
    check_target(folder, overwrite)
    with files.whole_folder(folder, overwrite) as temporary:
        fill(temporary, ensemble, note, start=folder)
    return EnsembleFolder(folder)


def fill(folder: pathlib.Path, ensemble: Ensemble, note: str = "", start: pathlib.Path | None = None) -> None:
    """Writes ensemble.json and tags.txt into a folder that is there.

    Args:
      folder: where.
      ensemble: with members that have the same tags.
      note: see `write`.
      start: where the folder will stand, from which members are named; None: where it is.
    """
    kept = [pair for pair in zip(ensemble.members, ensemble.weights, strict=True) if pair[1] > 0]
    place = (start or folder).resolve()
    content = {
        "method": ensemble.method,
        "members": [os.path.relpath(member.path.resolve(), place) for member, _ in kept],
        "weights": [weight for _, weight in kept],
        **({"note": note} if note else {}),
        "versions": run_record.versions(),
    }
    files.write_json(folder / RECORD, content)
    ensemble.members[0].vocabulary().write(folder / run_folder.TAGS)


def check_target(folder: pathlib.Path, overwrite: bool) -> None:
    """Checks that an ensemble may be written to a folder.

    Raises:
      KerastagError: it exists, and is not an ensemble that may be replaced.
    """
    if folder.exists() and not overwrite:
        raise errors.KerastagError(f"{folder}: exists already", "overwrite")
    if folder.exists() and not EnsembleFolder(folder).holds_run():
        raise errors.KerastagError(f"{folder}: is not an ensemble, and nothing else is replaced")


def check_method(method: str) -> None:
    """Checks that a method makes a model.

    Raises:
      KerastagError: it ranks tracks among each other, or is unknown.
    """
    if method not in METHODS:
        reason = " ranks tracks among each other, so a single one has no score" if method == "rank_mean" else ""
        raise errors.KerastagError(f"{method}{reason}; a model of several runs takes {' or '.join(METHODS)}")


def check_tags(runs: Sequence[run_folder.RunFolder]) -> tags.Vocabulary:
    """The one list of tags of all runs.

    Raises:
      KerastagError: two lists differ, in tags or in their order.
    """
    first = runs[0].vocabulary()
    for other in runs[1:]:
        names = other.vocabulary().names
        if names != first.names:
            raise errors.KerastagError(
                f"{other.tags_path}: {tags.difference(names, first.names)} in {runs[0].tags_path}; "
                "members need the same tags in the same order"
            )
    return first
