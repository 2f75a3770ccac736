"""The authors' own checkpoints on the test split, for `tools.paper.reproduce --published`."""

import pathlib
import sys

from absl import flags

from kerastag import errors, files, published
from kerastag.runs import run_folder
from tools import experiments

CHECKPOINTS = {
    "bce": "usc_bce",
    "focal": "usc_focal",
    "cb_focal": "usc_cb_focal",
    "db_focal": "usc_db_focal",
    "vggish": "mtg_vggish",
}  # by system of the paper's Table 1; names of `kerastag pretrained`


def check(values: flags.FlagValues, names: list[str], of_training: list[str]) -> None:
    """Checks that only systems with a checkpoint are asked for, and that no flag is given that is of training alone.

    Raises:
      UsageError: otherwise.
    """
    for name in names:
        if name not in CHECKPOINTS:
            raise errors.UsageError(f"--presets: nobody published '{name}'; there are {', '.join(CHECKPOINTS)}")
    for name in of_training:
        if values[name].present:
            raise errors.UsageError(f"--{name}: with --published nothing is trained")


def jobs(names: list[str], output: pathlib.Path, evaluation: dict[str, str]) -> list[experiments.Job]:
    """One job for each system; its run is the checkpoint.

    Args:
      names: of CHECKPOINTS.
      output: folder of the runs.
      evaluation: flags of the evaluation.
    """
    return [
        experiments.Job(name, "", 0, run_folder.RunFolder(output / CHECKPOINTS[name]), {}, {}, evaluation)
        for name in names
    ]


def perform(job: experiments.Job, title: str) -> str | None:
    """Brings a checkpoint and scores the split, unless that was done. Returns what went wrong, None for nothing."""
    record = job.record() if job.metrics_path.is_file() else {}
    if record.get("evaluation") == job.evaluation:
        print(f"{title}: finished before", flush=True)
        return None
    try:
        published.get(CHECKPOINTS[job.name], job.folder.path, say=_tell)
    except errors.KerastagError as error:
        return str(error)
    files.write_json(job.record_path, {})  # so that an evaluation that is interrupted does not count
    return experiments.measure(job, title)


def _tell(line: str) -> None:
    print(line, file=sys.stderr)
