"""Runs of kerastag.train and kerastag.evaluate, one process after the other, which can be stopped and started again."""

import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess
import sys
from typing import Any

from absl import flags

from kerastag import errors, files
from kerastag.runs import run_folder

ROOT = pathlib.Path(__file__).resolve().parents[1]  # of the checkout, where kerastag is


@dataclasses.dataclass(frozen=True)
class Job:
    """One run: a setting with a seed.

    Attributes:
      name: of the setting.
      start: the first arguments of training, --preset=NAME or --flagfile=FILE.
      seed: random seed.
      folder: the run's.
      overrides: flags after those, by name.
      training: all flags of training that are given, by name.
      evaluation: flags of the evaluation.
    """

    name: str
    start: str
    seed: int
    folder: run_folder.RunFolder
    overrides: dict[str, str]
    training: dict[str, str]
    evaluation: dict[str, str]

    def __str__(self) -> str:
        return f"{self.name}, seed {self.seed}"

    @property
    def record_path(self) -> pathlib.Path:
        """JSON of the flags of training and evaluation; beside the run's folder, for it is written before training."""
        return self.folder.path.with_name(f"{self.folder.path.name}.json")

    @property
    def metrics_path(self) -> pathlib.Path:
        return self.folder.path / "metrics.json"

    @property
    def state_path(self) -> pathlib.Path:
        return self.folder.checkpoint_path / run_folder.STATE

    def record(self) -> dict[str, Any]:
        """The flags with which the run was last trained and evaluated; empty for none."""
        return files.read_json(self.record_path) if self.record_path.is_file() else {}

    def is_trained(self) -> bool:
        """Whether training came to its end."""
        if self.training.get("model") == "popular":
            return self.folder.model_path.is_file()
        if not self.state_path.is_file():
            return False
        from kerastag.training import state  # brings Keras with it

        seconds = self.training.get("max_seconds")
        end = (int(self.training["epochs"]), int(self.training.get("patience", 0)))
        return state.read(self.folder.checkpoint_path).is_over(*end, None if seconds is None else float(seconds))

    def is_evaluated(self) -> bool:
        """Whether the figures of the trained run are there, with these flags."""
        return self.is_trained() and self.metrics_path.is_file() and self.record().get("evaluation") == self.evaluation


def check_unchanged(job: Job, overwrite: bool) -> None:
    """Checks that the run in the job's folder, if any, was trained with these flags; with `overwrite` removes another.

    Raises:
      KerastagError: it was trained with others, and is not to be overwritten.
    """
    if not job.folder.holds_run():
        return
    before = job.record().get("training")
    if before == job.training:
        return
    if not overwrite:
        raise errors.KerastagError(
            f"{job.folder.path}: {change(before, job.training)}; use another --output_dir or --overwrite"
        )
    shutil.rmtree(job.folder.path)


def change(before: dict[str, str] | None, now: dict[str, str]) -> str:
    """The first difference of two runs' flags, in words."""
    if before is None:
        return "holds a run that this tool did not begin"
    name = next(name for name in {**now, **before} if before.get(name) != now.get(name))
    was, is_now = (f"--{name}={flag_set[name]}" if name in flag_set else f"no --{name}" for flag_set in (before, now))
    return f"the run was started with {was}, not {is_now}"


def perform(job: Job, title: str) -> str | None:
    """Trains and evaluates, from wherever the run stands. Returns what went wrong, None for nothing."""
    if job.is_evaluated():
        print(f"{title}: finished before", flush=True)
        return None
    if not job.is_trained():
        resumed = job.state_path.is_file()
        print(f"{title}: {'training goes on' if resumed else 'training'}", flush=True)
        files.write_json(job.record_path, {"training": job.training})
        status = run_command(["kerastag.train", *train_arguments(job, resumed)])
        if not job.is_trained():
            return f"training failed with exit status {status}"
        if status:  # it came to its end, but some tracks could not be read, which it has told
            print(f"{job}: training ended with exit status {status}", file=sys.stderr)
    return measure(job, title)


def measure(job: Job, title: str) -> str | None:
    """Evaluates a run that is there, and notes with which flags. Returns what went wrong, None for nothing."""
    print(f"{title}: evaluation", flush=True)
    status = run_command(["kerastag.evaluate", *evaluate_arguments(job)])
    if status or not job.metrics_path.is_file():
        return f"evaluation failed with exit status {status}"
    files.write_json(job.record_path, {"training": job.training, "evaluation": job.evaluation})
    return None


def twins(jobs: list[Job]) -> list[str]:
    """Lines that tell which systems are trained with the same flags, as some are without outside data."""
    first: dict[tuple[tuple[str, str], ...], str] = {}
    lines = []
    for job in jobs:
        if job.seed == 0:
            name = first.setdefault(tuple(sorted(job.training.items())), job.name)
            if name != job.name:
                lines.append(f"{job.name}: with these flags the same as {name}")
    return lines


def train_arguments(job: Job, resumed: bool) -> list[str]:
    """Arguments of kerastag.train; overrides stand last, since the last value of a flag wins."""
    begun = ["--resume"] if resumed else ["--overwrite"] if job.folder.holds_run() else []
    return [job.start, *as_flags(job.overrides), f"--run_dir={job.folder.path}", *begun]


def evaluate_arguments(job: Job) -> list[str]:
    """Arguments of kerastag.evaluate."""
    return [
        f"--run_dir={job.folder.path}",
        *as_flags(job.evaluation),
        f"--output={job.metrics_path}",
        "--overwrite",
    ]


def read_flags(path: pathlib.Path) -> dict[str, str]:
    """The flags of a preset or another file of flags, by name."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = (line.removeprefix("--").partition("=") for line in lines if line.startswith("--"))
    return {flag: value for flag, _, value in pairs}


def given(values: flags.FlagValues, flag_names: tuple[str, ...]) -> dict[str, str]:
    """Those of the flags that were given, by name."""
    return {name: str(getattr(values, name)) for name in flag_names if getattr(values, name) is not None}


def as_flags(flags_by_name: dict[str, str]) -> list[str]:
    """`--name=value` of each."""
    return [f"--{name}={value}" for name, value in flags_by_name.items()]


def run_command(arguments: list[str]) -> int:
    """Runs `python -m` in a process of its own, so that its memory is freed. Returns its exit status.

    Ctrl-C and SIGTERM are handed on once, and the process, which then writes its checkpoint, is waited for: so it has
    a session of its own, which the terminal's Ctrl-C does not reach.

    Raises:
      KeyboardInterrupt: such a signal came.
    """
    received: list[int] = []
    process: subprocess.Popen[bytes] | None = None

    def hand_on(number: int, frame: Any) -> None:
        received.append(number)
        if process is not None:
            process.send_signal(signal.SIGINT)

    handlers = {number: signal.signal(number, hand_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env={**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"},  # not another kerastag in this folder
            stderr=sys.stderr,  # file descriptor 2 points at nothing while a command runs
            start_new_session=True,
        )
        status = process.wait()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if received:
        raise KeyboardInterrupt
    return status
