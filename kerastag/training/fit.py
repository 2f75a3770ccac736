"""A whole run: epochs of training and validation, the best model, checkpoints, interruption and resumption."""

import contextlib
import dataclasses
import math
import sys
import time
from collections.abc import Sequence

import keras
import numpy as np

from kerastag import errors, tags
from kerastag.computing import Computing
from kerastag.data import sampling
from kerastag.models import loading
from kerastag.runs import run_folder
from kerastag.training import build, loop, norm_statistics, schedules, stopping, validating
from kerastag.training import callbacks as training_callbacks
from kerastag.training import state as training_state
from kerastag.training import validation as validation_results
from kerastag.training.inputs import Inputs
from kerastag.training.settings import Settings, Splits

STARVED = 0.3  # share of an epoch spent waiting for input that is worth a word


class Fit:
    """Trains a model in a run folder.

    Args:
      trainer: with model, loss, optimiser and strategy.
      optimization: the schedule, and the optimisers that it switches to.
      tracks: see Splits.
      inputs: batches of these tracks for the trainer's model.
      settings: see Settings.
      folder: where everything is written.
      state: a fresh one, or that of a checkpoint.
      vocabulary: tags of the labels' columns.
      computing: whether validation is compiled.
      monitoring: shows each epoch and validation, see training.monitoring; None: nobody looks.
      more_callbacks: run after the project's own, before the checkpoint.
      network: what is saved as the best; None: the trainer's model, which else is a part of it.
    """

    def __init__(
        self,
        trainer: loop.Trainer,
        optimization: build.Optimization,
        tracks: Splits,
        inputs: Inputs,
        settings: Settings,
        folder: run_folder.RunFolder,
        state: training_state.TrainingState,
        vocabulary: tags.Vocabulary,
        computing: Computing,
        monitoring: training_callbacks.ValidationWatcher | None = None,
        more_callbacks: Sequence[keras.callbacks.Callback] = (),
        network: keras.Model | None = None,
    ):
        self._trainer = trainer
        self._optimization = optimization
        self._training = tracks.training
        self._inputs = inputs
        self._network = network or trainer.model
        self._settings = settings
        self._folder = folder
        self._state = state
        self._monitoring = monitoring
        self._workers = trainer.workers
        self._fill = trainer.strategy.num_replicas_in_sync > 1
        self._validator = validating.Validator(trainer, inputs, tracks, settings, vocabulary, computing)
        mixing = (optimization.mixup_alpha, settings.seed)
        self._norm_statistics = norm_statistics.NormStatistics(trainer.model, trainer.strategy, *mixing)
        self._validated: validation_results.Compared | None = None
        self._callbacks = self._callback_list(more_callbacks)

    def run(self) -> training_state.TrainingState:
        """Trains to the end; returns the final state.

        Raises:
          loop.Interrupted: the user pressed Ctrl-C; the checkpoint holds every step so far.
          KerastagError: no audio can be read, or the loss is not finite any more.
        """
        self._trainer.model.stop_training = False
        with stopping.on_signals(self._trainer):
            if (
                self._workers.is_chief and not self._folder.holds_checkpoint()
            ):  # a run that is killed in its first epoch begins it again
                self._save_checkpoint()
            self._callbacks.on_train_begin()
            try:
                while not self._state.is_over(*self._settings.end):
                    self._run_epoch(self._state.epoch)
                    if self._trainer.model.stop_training:
                        break
            except loop.Interrupted:
                if self._workers.is_chief:
                    self._save_checkpoint()
                self._workers.wait()
                raise
            finally:
                self._callbacks.on_train_end()
            self._workers.wait()  # the chief may still write
        return self._state

    def _run_epoch(self, epoch: int) -> None:
        self._callbacks.on_epoch_begin(epoch)
        self._enter_stage(self._optimization.schedule.stage(epoch))
        plan = self._plan(epoch)
        started, first_draw = time.perf_counter(), self._state.draw
        self._train(plan)
        seconds = time.perf_counter() - started
        if not self._state.loss_steps:
            raise errors.KerastagError(f"no track of the training split can be read: {self._first_reason()}")
        self._say_if_starved(epoch)
        self._state.seconds = self._workers.of_chief(self._state.seconds)  # which may end the run
        if self._trainer.average is not None:
            self._trainer.average.after_epoch(epoch + 1)
        logs = self._training_logs() | {"chunks_per_second": (len(plan) - first_draw) / max(seconds, 1e-9)}
        if self._is_last(epoch) or (epoch + 1) % self._settings.validate_every == 0:
            logs |= self._validate(plan)
        self._state.begin_epoch(epoch + 1)
        self._callbacks.on_epoch_end(epoch, logs)

    def _is_last(self, epoch: int) -> bool:
        """Whether an epoch is the last even if its validation is the best so far: then there must be a validation."""
        state = dataclasses.replace(self._state, epoch=epoch + 1)
        return state.is_over(self._settings.epochs, max_seconds=self._settings.max_seconds)

    def _say_if_starved(self, epoch: int) -> None:
        """After the first epoch, once: what to do where devices wait for the reading of files."""
        if epoch == 0 and self._inputs.reads_audio and self._trainer.waiting > STARVED and self._training.kept is None:
            waited = f"{self._trainer.waiting:.0%} of the epoch was spent waiting for audio to be read and decoded"
            print(f"{waited}: kerastag prepare makes files that read faster, --cache keeps them", file=sys.stderr)

    def _training_logs(self) -> dict[str, float]:
        state = self._state
        logs = {
            "loss": state.loss_sum / state.loss_steps,
            "learning_rate": float(np.asarray(self._trainer.optimizer.learning_rate)),
            "input_wait": self._trainer.waiting,
        }
        if state.norm_steps:
            logs["gradient_norm"] = state.norm_sum / state.norm_steps
        if self._trainer.loss_scale is not None:
            logs["loss_scale"] = self._trainer.loss_scale
        return logs

    def _enter_stage(self, stage: schedules.Stage) -> None:
        """Sets the learning rate; at a new stage restarts from the best weights so far, moving statistics too.

        Between two stages of one optimiser its momentum is kept.
        """
        if stage.number != self._state.stage:
            self._workers.wait()  # for the chief to have written the best weights
            before = self._optimization.schedule.optimizer_of(self._state.stage)
            self._state.stage = stage.number
            if self._folder.model_path.is_file():
                self._network.set_weights(loading.load(self._folder.model_path).get_weights())
                if self._trainer.average is not None:
                    self._trainer.average.after_restart()
            if stage.optimizer != before:
                with self._trainer.strategy.scope():
                    optimizer = self._optimization.optimizer(stage.optimizer, self._trainer.model.precision)
                self._trainer.use(optimizer)
        self._trainer.optimizer.learning_rate = stage.learning_rate

    def _plan(self, epoch: int) -> sampling.Plan:
        if self._settings.sampling == "class_aware":
            plan = sampling.class_aware(self._training.labels, self._settings.seed, epoch)
        else:
            plan = sampling.shuffled(len(self._training), self._settings.seed, epoch)
        if self._settings.chunk_position == "centre":
            return dataclasses.replace(plan, fractions=np.full(len(plan), 0.5))
        return plan

    def _train(self, plan: sampling.Plan) -> None:
        start = self._state.draw
        if start >= len(plan):  # interrupted while validating
            return
        batches = self._inputs.training(plan, start, self._fill)
        try:
            draws = self._trainer.train_epoch(batches, self._state, self._on_step)
        except loop.LossNotFinite as error:
            names = [self._training.name(row) for row in plan.tracks[error.draws]]
            raise loop.LossNotFinite(error.loss, error.step, error.draws, names) from None
        trained_on = np.zeros(len(plan), np.int64)
        trained_on[:start], trained_on[draws] = 1, 1
        missing = self._workers.total(trained_on) == 0
        self._training.mark_missing(plan.tracks[missing])
        self._state.draw = len(plan)

    def _on_step(self, step: int, logs: dict[str, float]) -> None:
        self._callbacks.on_train_batch_end(step, logs)

    def _validate(self, plan: sampling.Plan) -> dict[str, float]:
        """Track-level validation of the weights in training and of their average, of which the better are offered."""
        raw, averaged, average = self._validation(), None, self._trainer.average
        if average is not None and average.is_ready:
            if average.recomputes_statistics and self._norm_statistics.are_there:
                with average.in_place():
                    average.set_statistics(self._statistics(plan))
            with average.in_place():
                averaged = self._validation()
        self._validated = validation_results.Compared(raw, averaged, f"val_{self._settings.best_by}")
        if self._monitoring is not None:
            self._monitoring.validated = self._validated.better
        return self._validated.logs()

    def _validation(self) -> validation_results.Validation:
        self._callbacks.on_test_begin({"total": self._inputs.num_validation_chunks()})
        validated = self._validator.validate(lambda rows: self._on_validated(len(rows)))
        self._callbacks.on_test_end(validated.logs())
        return validated

    def _statistics(self, plan: sampling.Plan) -> list[np.ndarray]:
        """What batch normalisation sees in the batches of an epoch."""
        most = norm_statistics.MOST_BATCHES * self._settings.batch_size
        self._callbacks.on_test_begin({"total": min(len(plan), most)})
        batches = self._inputs.training(plan, 0, self._fill)
        statistics = self._norm_statistics(batches, self._state.epoch, self._on_validated)
        self._callbacks.on_test_end()
        return statistics

    def _on_validated(self, num_chunks: int) -> None:
        if self._trainer.stop_requested and self._workers.count == 1:  # several stop after a step, together
            raise loop.Interrupted
        self._callbacks.on_test_batch_end(0, {"chunks": num_chunks})

    def _first_reason(self) -> str:
        return next(iter(self._training.unreadable.values()), "the split is empty")

    def _offered_weights(self) -> contextlib.AbstractContextManager[None]:
        """A context in which the model has the better weights of the last validation."""
        average, validated = self._trainer.average, self._validated
        return average.in_place() if average and validated and validated.is_averaged else contextlib.nullcontext()

    def _keep_best(self) -> None:
        """Scores and labels of the validation split as the best model gives them; which weights it has."""
        assert self._validated is not None
        self._state.best_averaged = self._validated.is_averaged
        if not self._workers.is_chief:
            return
        self._folder.write_scores("validation", self._validated.better.measured)
        if self._trainer.average is not None:
            self._folder.write_weights("averaged" if self._state.best_averaged else "raw")

    def _save_checkpoint(self) -> None:
        trainer = self._trainer
        kept = (trainer.model, trainer.optimizer, self._state, trainer.average_variables)
        training_state.save(self._folder.checkpoint_path, *kept)

    def _callback_list(self, more: Sequence[keras.callbacks.Callback]) -> keras.callbacks.CallbackList:
        settings, state = self._settings, self._state
        num_steps = math.ceil(len(self._plan(0)) / settings.batch_size)
        deciding = [
            training_callbacks.BestModel(
                self._folder.model_path if self._workers.is_chief else None,
                f"val_{settings.best_by}",
                state,
                self._keep_best,
                self._network,
                self._offered_weights,
            ),
            training_callbacks.EarlyStopping(settings, state),
        ]
        telling = [
            training_callbacks.History(self._folder.history_path),
            *([self._monitoring] if self._monitoring else []),
            training_callbacks.Progress(settings.epochs, num_steps),
            *more,
            training_callbacks.Checkpoint(self._save_checkpoint),
        ]
        return keras.callbacks.CallbackList(
            [*deciding, *telling] if self._workers.is_chief else deciding,
            model=self._trainer.model,
            epochs=settings.epochs,
            steps=num_steps,
        )
