"""Measures what watching a run costs: in time of a whole run, in time of a step, and in bytes.

    python -m tools.benchmarks.monitoring [--parts=run,step,events]

run trains on the demo set with all pages and the report, and adds up the time they took. step trains the paper's
network in turns with and without the gradients' norm, which every step's scalars need. events shows 200 epochs of
invented validations of 56 tags, as a long run of the paper has them, and adds up the size of the event files.
"""

import dataclasses
import pathlib
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
from absl import flags

from kerastag import cli, errors, losses, runtime
from kerastag.cli import options
from tools.benchmarks import machine, processes

NUM_TAGS = 56
CHUNK_SAMPLES = 73_600  # 4.6 s
WARM_UP = 2

FLAGS = flags.FlagValues()
flags.DEFINE_list("parts", ["run", "step", "events"], "What to measure.", flag_values=FLAGS)
options.positive(FLAGS, "epochs", 30, "Of the run on the demo set.")
options.positive(FLAGS, "num_epochs", 200, "Invented epochs of events.")
options.positive(FLAGS, "num_tracks", 3802, "Invented validation tracks of events, as many as MTG-Jamendo has.")
options.positive(FLAGS, "num_channels", 128, "Width of the network whose steps are timed.")
options.positive(FLAGS, "num_rounds", 5, "How often steps with and without take turns.")
options.positive(FLAGS, "num_steps", 3, "Steps to time in a turn.")


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints a line or two for each part."""
    measures = {"run": time_run, "step": time_steps, "events": weigh_events}
    for part in values.parts:
        if part not in measures:
            raise errors.UsageError(f"--parts: '{part}' is none of {', '.join(measures)}")
    print(machine.describe())
    sizes = Sizes(**{field.name: getattr(values, field.name) for field in dataclasses.fields(Sizes)})
    for part in values.parts:
        print(processes.alone(measures[part], sizes), flush=True)
    return 0


@dataclasses.dataclass(frozen=True)
class Sizes:
    """The flags by these names, for processes of their own."""

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


def time_run(sizes: Sizes) -> str:
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
        status = train.COMMAND.run([f"--run_dir={folder}/run", "--loss=cb_focal", f"--epochs={sizes.epochs}"])
        seconds = time.perf_counter() - started
        if status:
            raise errors.KerastagError(f"training ended with status {status}")
        size = events_size(pathlib.Path(folder) / "run")
    spent = sum(clock.seconds.values())
    shares = ", ".join(f"{name} {value:.2f}" for name, value in clock.seconds.items())
    return (
        f"run: {sizes.epochs} epochs of the demo set {seconds:.1f} s, of which watching {spent:.2f} s: "
        f"{spent / (seconds - spent):.2%} more ({shares}); event files {size:.1f} MB; goal: under 3 %"
    )


def time_steps(sizes: Sizes) -> str:
    """Steps of training with and without the gradients' norm, in turns."""
    runtime.start()
    from kerastag import precisions

    policy = precisions.choose("auto")
    trainers = {watch: _trainer(sizes, policy, watch) for watch in (False, True)}
    times: dict[bool, list[float]] = {False: [], True: []}
    for number in range(sizes.num_rounds + 1):
        for watch, train in trainers.items():
            seconds = train(sizes.num_steps if number else WARM_UP)
            times[watch] += seconds if number else []
    without, watched = (float(np.median(times[watch])) for watch in (False, True))
    return (
        f"step: {sizes.num_channels} channels, {policy}: {1e3 * without:.0f} ms, with the gradients' norm "
        f"{1e3 * watched:.0f} ms: {watched / without - 1:+.2%}; goal: under 3 %"
    )


def _trainer(sizes: Sizes, policy: str, watch: bool) -> Callable[[int], list[float]]:
    """A function that makes steps and gives the seconds of each."""
    import tensorflow as tf

    from kerastag.data import pipeline
    from kerastag.training import build, devices, schedules, state

    network = build.Network(tuple(map(str, range(NUM_TAGS))), num_channels=sizes.num_channels)
    strategy, loss = devices.strategy("one"), losses.get("focal")
    trainer = build.trainer(strategy, network, loss, build.Optimization(schedules.Schedule()), policy, 0, watch=watch)
    generator = np.random.default_rng(0)
    waveform = generator.integers(-8000, 8000, (32, CHUNK_SAMPLES), dtype=np.int16)
    labels = (generator.random((32, NUM_TAGS)) < 0.05).astype(np.float32)
    dataset = tf.data.Dataset.from_tensors({"waveform": waveform, "labels": labels, "draw": np.arange(32)})
    batch = dataset.map(pipeline.weighted).cache()

    def steps(count: int) -> list[float]:
        training_state, times = state.TrainingState(), [0.0]
        trainer.train_epoch(
            batch.repeat(count), training_state, lambda step, logs: times.append(training_state.seconds)
        )
        return list(np.diff(times))

    return steps


def weigh_events(sizes: Sizes) -> str:
    """Size of the event files with all pages of invented epochs of 56 tags."""
    runtime.start()
    labels = (np.random.default_rng(0).random((sizes.num_tracks, NUM_TAGS)) < 0.03).astype(np.float32)
    names = tuple(f"mood/theme---tag{number:02d}" for number in range(NUM_TAGS))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        monitoring = invented_monitoring(folder, names, labels, sizes.num_epochs)
        with mock.patch("kerastag.training.monitoring.callback.LOOKS_SHARE", float("inf")):
            show_epochs(monitoring, names, labels, sizes.num_epochs)
        size = events_size(folder)
    return (
        f"events: {sizes.num_epochs} epochs, {NUM_TAGS} tags, {sizes.num_tracks} validation tracks: "
        f"{size:.1f} MB, goal: under 50; {monitoring.seconds / sizes.num_epochs:.3f} s an epoch"
    )


def invented_monitoring(folder: pathlib.Path, names: tuple[str, ...], labels: np.ndarray, num_epochs: int) -> Any:
    """All panels of a run that does not train: noise as music, a network of one channel."""
    import soundfile

    from kerastag import models
    from kerastag.data import pipeline, splits
    from kerastag.runs import record, run_folder
    from kerastag.training import settings, state
    from kerastag.training.monitoring import levels

    noise = folder / "noise.wav"
    soundfile.write(noise, np.random.default_rng(0).normal(0, 0.1, 2 * CHUNK_SAMPLES), 16_000)
    tracks = pipeline.Tracks([str(noise)] * len(labels), labels)
    listed = [splits.Track(str(row), noise.name, "", "", None, names[:1]) for row in range(len(labels))]
    model = models.short_chunk_resnet(NUM_TAGS, 1)
    run_record = record.RunRecord(
        flags={"loss": "focal", "seed": 0},
        command="train",
        seed=0,
        num_tracks={"train": len(labels), "validation": len(labels)},
        versions=record.versions(),
    )
    watched = levels.Watched(
        folder=run_folder.RunFolder(folder),
        record=run_record,
        precision="float32",
        state=state.TrainingState(),
        model=model,
        tag_names=names,
        class_counts=labels.sum(axis=0).astype(int),
        tracks=settings.Splits(tracks, tracks, listed),
        chunk=pipeline.ChunkFormat.of_model(model),
        settings=settings.Settings(num_epochs),
    )
    monitoring = levels.monitoring("full", watched)
    assert monitoring is not None
    monitoring.set_model(model)
    model.stop_training = False
    return monitoring


def show_epochs(monitoring: Any, names: tuple[str, ...], labels: np.ndarray, num_epochs: int) -> None:
    """Scores that get better by the epoch, through every panel."""
    from kerastag import tags
    from kerastag.metrics import split_scores
    from kerastag.training import validation

    generator, counts = np.random.default_rng(1), labels.sum(axis=0).astype(int)
    rates = {"loss": 1.0, "learning_rate": 1e-4, "chunks_per_second": 25.0, "input_wait": 0.0, "gradient_norm": 1.0}
    monitoring.on_train_begin()
    for epoch in range(num_epochs):
        scores = (generator.random(labels.shape) * (1 + labels * epoch / num_epochs) / 2).astype(np.float32)
        measured = split_scores.SplitScores(scores, labels, tags.Vocabulary(names), class_counts=counts)
        validated = validation.Validation(measured, np.arange(len(labels)), losses.get("focal"))
        logs = validated.logs() | rates  # figures that training computes in any case
        monitoring.validated = validated
        monitoring.on_epoch_end(epoch, logs)


def events_size(folder: pathlib.Path) -> float:
    """MB of a run's event files."""
    return sum(path.stat().st_size for path in folder.rglob("*tfevents*")) / 1e6


COMMAND = cli.Command("python -m tools.benchmarks.monitoring", "measure what watching a run costs", FLAGS, main)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
