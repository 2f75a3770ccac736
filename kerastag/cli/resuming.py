"""What a resumed training must have in common with the run that it goes on with."""

from collections.abc import Mapping

from absl import flags

from kerastag import errors
from kerastag.runs import run_folder

_FREE_TO_CHANGE = (
    *("run_dir", "data_dir", "train_dirs", "epochs", "resume", "overwrite", "patience", "max_seconds", "verbosity"),
    *("strategy", "num_devices", "xla", "tf32", "profile", "monitor"),
)


def check_same_experiment(values: flags.FlagValues, folder: run_folder.RunFolder) -> None:
    """Checks the flags against those that a run was started with.

    Raises:
      KerastagError: one of them changes the experiment.
    """
    usual = {name: values[name].default for name in values}  # so trained a version that did not have the flag yet
    for name, before in {**usual, **folder.record().flags}.items():
        if name in values and name not in _FREE_TO_CHANGE and getattr(values, name) != before:
            raise errors.KerastagError(
                f"{folder.path}: the run was started with --{name}={before}, not {getattr(values, name)}; "
                "a changed experiment needs another --run_dir"
            )


def check_same_data(digests: Mapping[str, str], folder: run_folder.RunFolder) -> list[str]:
    """Checks the data against that which a run was started on; returns warnings.

    Args:
      digests: see data.dataset.Dataset.digests.
      folder: the run's; what older versions wrote has none, and nothing is checked.

    Raises:
      KerastagError: tracks, or their tags, are others.
    """
    before = folder.record().digests or {}
    changed = [name for name in digests if before.get(name, digests[name]) != digests[name]]
    for name in ("train", "validation"):
        if name in changed:
            raise errors.KerastagError(
                f"{folder.path}: the {name} split has other tracks or tags than when the run was started; "
                "a changed experiment needs another --run_dir"
            )
    return [
        f"{folder.path}: files of the {name.split()[0]} split have other sizes than when the run was started"
        for name in changed
    ]
