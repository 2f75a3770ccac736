"""What a resumed training must have in common with the run that it goes on with."""

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
