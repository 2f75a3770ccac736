"""A small run on the tones of `music`, by one process of several or alone; `test_workers` starts it.

python -m tests.training.worker_run MUSIC RUN WEIGHTS [stop|die EPOCH STEP]...

A process that was stopped says after which step, and goes on from the checkpoint.
"""

import os
import pathlib
import signal
import sys

import keras
import numpy as np

from kerastag import errors, losses, runtime, tags
from kerastag.computing import AUTOMATIC
from kerastag.data import pipeline, splits, track_files
from kerastag.models import bias, layers
from kerastag.runs import run_folder
from kerastag.runs.record import RunRecord
from kerastag.training import build, devices, fit, inputs, loop, schedules, settings, state

SAMPLES, EPOCHS = 4_096, 4
STAGED = schedules.Schedule("staged", 1e-3, EPOCHS, 1, 1, (1e-2, 1e-3))  # the best weights are read at each stage


def tracks(music: pathlib.Path, name: str) -> tuple[pipeline.Tracks, splits.Split]:
    split = splits.read(music / f"{name}.tsv")
    paths = [track_files.Lookup(music, track) for track in split.tracks]
    return pipeline.Tracks(paths, split.labels(splits.collect_vocabulary([split]))), split


@keras.saving.register_keras_serializable(package="kerastag")
class Small(keras.Model):
    """Without batch statistics, which replicas take over their own shares; with dropout, which goes by rows."""

    precision = "float32"

    def __init__(self):
        x = keras.Input((SAMPLES,))
        y = layers.Dropout(0.3, seed=3, dtype="float32")(bias.Dense(8, activation="tanh", dtype="float32")(x))
        super().__init__(x, bias.Dense(3, dtype="float32")(y))

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls()


def network(strategy):
    keras.utils.set_random_seed(1)
    with strategy.scope():
        return Small()


def run(music: pathlib.Path, path: pathlib.Path, strategy, on_step=lambda trainer, epoch, step: None):
    """Trains, or goes on where a run stopped; returns the state and the weights."""
    folder, vocabulary = run_folder.RunFolder(path), tags.Vocabulary(["a", "b", "c"])
    resumed = folder.holds_checkpoint()
    at = state.read(folder.checkpoint_path) if resumed else state.TrainingState()
    optimization = build.Optimization(STAGED)
    model = network(strategy)
    with strategy.scope():
        optimizer = optimization.optimizer("adam" if at.stage == 0 else "sgd", "float32")
    trainer = loop.Trainer(model, losses.get("focal"), optimizer, strategy)
    if resumed:
        state.restore(folder.checkpoint_path, model, optimizer)
    elif trainer.workers.is_chief:
        path.mkdir(exist_ok=True)
        folder.begin(RunRecord(flags={}), vocabulary)
    training, validation = tracks(music, "train"), tracks(music, "validation")
    every = settings.Splits(training[0], validation[0], validation[1].tracks)
    how = settings.Settings(EPOCHS, batch_size=6, validation_chunks=3)
    audio = inputs.AudioInputs(every, pipeline.ChunkFormat(SAMPLES), how, trainer.workers.share)
    ours = fit.Fit(trainer, optimization, every, audio, how, folder, at, vocabulary, AUTOMATIC)
    advance = trainer._advance

    def advance_and_tell(*arguments):
        advance(*arguments)
        on_step(trainer, at.epoch, at.loss_steps)

    trainer._advance = advance_and_tell
    with trainer.workers.losses_told():
        return ours.run(), model.get_weights()


def main(music, path, weights, *events):
    runtime.start()
    strategy = devices.strategy("multi_worker")
    planned = {(int(epoch), int(step)): what for what, epoch, step in zip(*[iter(events)] * 3, strict=True)}
    seen = []

    def on_step(trainer, epoch, step):
        seen.append((epoch, step))
        what = planned.get((epoch, step))
        if what == "stop":
            trainer.stop_requested = True
        elif what == "die":
            os.kill(os.getpid(), signal.SIGKILL)

    while True:
        try:
            at, values = run(pathlib.Path(music), pathlib.Path(path), strategy, on_step)
            break
        except loop.Interrupted:
            print("stopped after", *seen[-1], flush=True)
        except errors.KerastagError as error:
            sys.exit(str(error))
    print(at.best_score)
    np.savez(weights, *values)


if __name__ == "__main__":
    main(*sys.argv[1:])
