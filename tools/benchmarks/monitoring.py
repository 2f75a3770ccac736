#!/usr/bin/env python3
"""Measures what watching a run costs: in time of a whole run, in time of a step, and in bytes.

    tools/measure_monitoring [--parts=run,step,events]

run trains on the demo set with all pages and the report, and adds up what they took. step takes turns at the paper's
network with and without the gradients' norm, which scalars have of every step. events shows 200 epochs of made-up
validations of 56 tags, as a long run of the paper would, and weighs the files.
"""

import dataclasses
import multiprocessing
import pathlib
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any
from unittest import mock

import numpy as np
from absl import flags

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]  # the package of this checkout, and what stands beside this file

from kerastag import cli, errors, losses, runtime
from kerastag.cli import options
from tools.benchmarks import machine

NUM_TAGS = 56
CHUNK_SAMPLES = 73_600  # 4.6 s
WARM_UP = 2

FLAGS = flags.FlagValues()
flags.DEFINE_list("parts", ["run", "step", "events"], "What to measure.", flag_values=FLAGS)
options.positive(FLAGS, "epochs", 30, "Of the run on the demo set.")
options.positive(FLAGS, "num_epochs", 200, "Made-up epochs of events.")
options.positive(FLAGS, "num_tracks", 3802, "Made-up validation tracks of events: those of MTG-Jamendo.")
options.positive(FLAGS, "num_channels", 128, "Width of the network whose steps are timed.")
options.positive(FLAGS, "num_rounds", 5, "How often steps with and without take turns.")
options.positive(FLAGS, "num_steps", 3, "Steps to time in a turn.")


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints a line or two for each part."""
    parts = {"run": time_run, "step": time_steps, "events": weigh_events}
    for part in values.parts:
        if part not in parts:
            raise errors.UsageError(f"--parts: '{part}' is none of {', '.join(parts)}")
    print(machine.describe())
    settings = Settings(**{field.name: getattr(values, field.name) for field in dataclasses.fields(Settings)})
    for part in values.parts:
        with futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            print(process.submit(parts[part], settings).result(), flush=True)
    return 0


@dataclasses.dataclass(frozen=True)
class Settings:
    """The flags that processes of their own need."""

    epochs: int
    num_epochs: int
    num_tracks: int
    num_channels: int
    num_rounds: int
    num_steps: int


class Clock:
    """Adds up the seconds that functions take while they are patched."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def patch(self, name: str, owner: Any, attribute: str) -> Any:
        """A patch of a function that counts its seconds under a name."""
        original: Callable[..., Any] = getattr(owner, attribute)

        def timed(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return original(*arguments, **named)
            finally:
                self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started

        return mock.patch.object(owner, attribute, timed)


def time_run(settings: Settings) -> str:
    """A whole run on the demo set: what share of its time watching took."""
    from kerastag import reporting, train
    from kerastag.training.monitoring import callback, levels

    clock = Clock()
    with (
        tempfile.TemporaryDirectory() as folder,
        clock.patch("examples", levels, "monitoring"),
        clock.patch("begin", callback.Monitoring, "on_train_begin"),
        clock.patch("epochs", callback.Monitoring, "on_epoch_end"),
        clock.patch("projector", callback.Monitoring, "on_train_end"),
        clock.patch("report", reporting, "write"),
    ):
        started = time.perf_counter()
        status = train.COMMAND.run([f"--run_dir={folder}/run", "--loss=cb_focal", f"--epochs={settings.epochs}"])
        seconds = time.perf_counter() - started
        if status:
            raise errors.KerastagError(f"training ended with status {status}")
        size = events_size(pathlib.Path(folder) / "run")
    spent = sum(clock.seconds.values())
    parts = ", ".join(f"{name} {value:.2f}" for name, value in clock.seconds.items())
    return (
        f"run: {settings.epochs} epochs of the demo set {seconds:.1f} s, of which watching {spent:.2f} s: "
        f"{spent / (seconds - spent):.2%} more ({parts}); event files {size:.1f} MB; goal: under 3 %"
    )


def time_steps(settings: Settings) -> str:
    """Steps of training with and without the gradients' norm, in turns."""
    runtime.start()
    from kerastag import precisions

    policy = precisions.choose("auto")
    trainers = {watch: _trainer(settings, policy, watch) for watch in (False, True)}
    times: dict[bool, list[float]] = {False: [], True: []}
    for number in range(settings.num_rounds + 1):
        for watch, step in trainers.items():
            found = step(settings.num_steps if number else WARM_UP)
            times[watch] += found if number else []
    without, watched = (float(np.median(times[watch])) for watch in (False, True))
    return (
        f"step: {settings.num_channels} channels, {policy}: {1e3 * without:.0f} ms, with the gradients' norm "
        f"{1e3 * watched:.0f} ms: {watched / without - 1:+.2%}; goal: under 3 %"
    )


def _trainer(settings: Settings, policy: str, watch: bool) -> Callable[[int], list[float]]:
    """A function that makes steps and gives the seconds of each."""
    import tensorflow as tf

    from kerastag.data import pipeline
    from kerastag.training import build, devices, schedules, state

    network = build.Network(tuple(map(str, range(NUM_TAGS))), num_channels=settings.num_channels)
    strategy, loss = devices.strategy("one"), losses.get("focal")
    trainer = build.trainer(strategy, network, loss, build.Optimization(schedules.Schedule()), policy, 0, watch=watch)
    generator = np.random.default_rng(0)
    waveform = generator.integers(-8000, 8000, (32, CHUNK_SAMPLES), dtype=np.int16)
    labels = (generator.random((32, NUM_TAGS)) < 0.05).astype(np.float32)
    one = tf.data.Dataset.from_tensors({"waveform": waveform, "labels": labels, "draw": np.arange(32)})
    batch = one.map(pipeline.weighted).cache()

    def steps(count: int) -> list[float]:
        at, times = state.TrainingState(), [0.0]
        trainer.train_epoch(batch.repeat(count), at, lambda step, logs: times.append(at.seconds))
        return list(np.diff(times))

    return steps


def weigh_events(settings: Settings) -> str:
    """All pages of made-up epochs of 56 tags."""
    runtime.start()
    labels = (np.random.default_rng(0).random((settings.num_tracks, NUM_TAGS)) < 0.03).astype(np.float32)
    names = tuple(f"mood/theme---tag{number:02d}" for number in range(NUM_TAGS))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        monitoring = made_up_monitoring(folder, names, labels, settings.num_epochs)
        with mock.patch("kerastag.training.monitoring.callback.LOOKS_SHARE", float("inf")):
            show_epochs(monitoring, names, labels, settings.num_epochs)
        size = events_size(folder)
    return (
        f"events: {settings.num_epochs} epochs, {NUM_TAGS} tags, {settings.num_tracks} validation tracks: "
        f"{size:.1f} MB, goal: under 50; {monitoring.seconds / settings.num_epochs:.3f} s an epoch"
    )


def made_up_monitoring(folder: pathlib.Path, names: tuple[str, ...], labels: np.ndarray, num_epochs: int) -> Any:
    """All panels of a run that does not train: noise as music, a network of one channel."""
    import soundfile

    from kerastag import models
    from kerastag.data import pipeline, splits
    from kerastag.runs import run_folder
    from kerastag.training import fit, state
    from kerastag.training.monitoring import levels

    noise = folder / "noise.wav"
    soundfile.write(noise, np.random.default_rng(0).normal(0, 0.1, 2 * CHUNK_SAMPLES), 16_000)
    tracks = pipeline.Tracks([str(noise)] * len(labels), labels)
    listed = [splits.Track(str(row), noise.name, "", "", None, names[:1]) for row in range(len(labels))]
    model = models.short_chunk_resnet(NUM_TAGS, 1)
    flag_values = {"loss": "focal", "seed": 0}
    record = {"flags": flag_values, "num_tracks": {"train": len(labels), "validation": len(labels)}}
    record |= {"versions": run_folder.versions(), "git_commit": None, "command": "train"}
    watched = levels.Watched(
        folder=run_folder.RunFolder(folder),
        record=record,
        settings=flag_values,
        state=state.TrainingState(),
        model=model,
        tag_names=names,
        class_counts=labels.sum(axis=0).astype(int),
        tracks=fit.Splits(tracks, tracks, listed),
        chunk=pipeline.ChunkFormat.of_model(model),
        schedule=fit.Settings(num_epochs),
    )
    monitoring = levels.monitoring("full", watched)
    monitoring.set_model(model)
    model.stop_training = False
    return monitoring


def show_epochs(monitoring: Any, names: tuple[str, ...], labels: np.ndarray, num_epochs: int) -> None:
    """Scores that get better by the epoch, through every panel."""
    from kerastag.training import validation

    generator, rows, counts = np.random.default_rng(1), np.arange(len(labels)), labels.sum(axis=0).astype(int)
    rates = {"loss": 1.0, "learning_rate": 1e-4, "chunks_per_second": 25.0, "input_wait": 0.0, "gradient_norm": 1.0}
    monitoring.on_train_begin()
    for epoch in range(num_epochs):
        scores = (generator.random(labels.shape) * (1 + labels * epoch / num_epochs) / 2).astype(np.float32)
        found = validation.Validation(scores, labels, rows, names, counts, losses.get("focal"))
        logs = found.logs() | rates  # what training itself computes in any case
        monitoring.validated = found
        monitoring.on_epoch_end(epoch, logs)


def events_size(folder: pathlib.Path) -> float:
    """MB of a run's event files."""
    return sum(path.stat().st_size for path in folder.rglob("*tfevents*")) / 1e6


COMMAND = cli.Command("tools/measure_monitoring", "measure what watching a run costs", FLAGS, main)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
