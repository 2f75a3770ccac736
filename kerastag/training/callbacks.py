"""What happens at the end of an epoch, as Keras callbacks. They stand in the order in which they must run."""

import contextlib
import pathlib
import sys
from collections.abc import Callable

import keras
import tensorflow as tf

from kerastag import files, progress, tsv
from kerastag.runs import run_folder
from kerastag.training import state as training_state
from kerastag.training.settings import Settings
from kerastag.training.validation import Validation


class BestModel(keras.callbacks.Callback):
    """Saves the model whenever a validation figure is strictly greater than ever before.

    As long as the figure is not defined, for want of tags that some tracks have and others lack, the last is the best.

    Args:
      path: where the model is written; None: by another process.
      figure: the validation figure's name in the logs.
      state: keeps the best.
      on_best: called after that.
      network: what is written; None: the model in training.
      weights: a context in which it has the weights that the epoch offers.
    """

    def __init__(
        self,
        path: pathlib.Path | None,
        figure: str,
        state: training_state.TrainingState,
        on_best: Callable[[], None],
        network: keras.Model | None = None,
        weights: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
    ):
        super().__init__()
        self._network = network
        self._weights = weights
        self._path = path
        self._figure = figure
        self._state = state
        self._on_best = on_best

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if logs is None or "val_loss" not in logs:  # an epoch without a validation
            return
        if self._figure in logs:
            is_best = self._state.offer(logs[self._figure], epoch + 1)
        else:
            is_best = self._state.best_score is None
        if is_best:
            if self._path is not None:
                with self._weights(), files.whole_file(self._path) as temporary:
                    (self._network or self.model).save(temporary)
            self._on_best()


class ValidationWatcher(keras.callbacks.Callback):
    """A callback that is shown each validation before its epoch ends.

    Attributes:
      validated: the validation of the epoch that ends; None: it had none.
    """

    def __init__(self) -> None:
        super().__init__()
        self.validated: Validation | None = None


class EarlyStopping(keras.callbacks.Callback):
    """Stops after the epoch that ends the run, see TrainingState.is_over; it needs no memory but the state's."""

    def __init__(self, settings: Settings, state: training_state.TrainingState):
        super().__init__()
        self._settings = settings
        self._state = state

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if self._state.is_over(*self._settings.end):
            self.model.stop_training = True


class History(keras.callbacks.Callback):
    """Writes one line per epoch to history.tsv; a line of an epoch that is trained again is replaced."""

    COLUMNS = (
        *("epoch", "loss", "val_pr_auc", "val_roc_auc", "learning_rate", "chunks_per_second", "input_wait"),
        *("val_loss", "val_pr_auc_micro", "val_roc_auc_micro"),
        *("val_pr_auc_head", "val_pr_auc_middle", "val_pr_auc_tail"),
        *("gradient_norm", "loss_scale"),
        *("val_pr_auc_raw", "val_pr_auc_averaged", "val_roc_auc_raw", "val_roc_auc_averaged"),
        *("val_loss_raw", "val_loss_averaged"),
    )

    def __init__(self, path: pathlib.Path):
        super().__init__()
        self._path = path

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        rows = [row for row in run_folder.read_history(self._path) if int(row["epoch"]) <= epoch]
        rows.append({"epoch": str(epoch + 1), **{name: _number(value) for name, value in (logs or {}).items()}})
        tsv.write(self._path, self.COLUMNS, [[row.get(name, "") for name in self.COLUMNS] for row in rows])


class Profile(keras.callbacks.Callback):
    """Traces training steps for TensorBoard's profiler, from the third one on: the first two build and warm up."""

    WARM_UP = 2

    def __init__(self, folder: pathlib.Path, num_steps: int):
        super().__init__()
        self._folder = folder
        self._last = self.WARM_UP + num_steps
        self._seen = 0
        self._tracing = False

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._seen += 1
        if self._seen == self.WARM_UP:
            tf.profiler.experimental.start(str(self._folder))
            self._tracing = True
        elif self._seen == self._last:
            self._stop()

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self._stop()  # a training that was shorter, or interrupted

    def _stop(self) -> None:
        if self._tracing:
            tf.profiler.experimental.stop()
            self._tracing = False


class Progress(keras.callbacks.Callback):
    """A line per epoch on standard error: a moving bar on a terminal, only finished lines elsewhere."""

    def __init__(self, num_epochs: int, num_steps: int):
        super().__init__()
        self._num_epochs = num_epochs
        self._num_steps = num_steps
        self._bar: progress.Bar | None = None
        self._head = ""

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._head = f"epoch {epoch + 1:>{len(str(self._num_epochs))}}/{self._num_epochs}"
        self._show(progress.Bar(self._num_steps, self._head, "steps"))

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if self._bar is not None:
            self._bar.advance_to(batch + 1, f"loss {(logs or {})['loss']:.4f}")

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        self._show(progress.Bar(int((logs or {})["total"]), f"{self._head}  validating", "chunks"))

    def on_test_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if self._bar is not None:
            self._bar.advance(int((logs or {})["chunks"]))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs or {}
        parts = [f"{self._head}  loss {logs['loss']:.4f}"]
        if "val_loss" in logs:
            parts += [f"val PR-AUC {_areas(logs, 'val_pr_auc')}", f"val ROC-AUC {_areas(logs, 'val_roc_auc')}"]
        parts.append(f"{logs['chunks_per_second']:.0f} chunks/s")
        self._show(None)
        print("  ".join(parts), file=sys.stderr, flush=True)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self._show(None)

    def _show(self, bar: progress.Bar | None) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = bar


class Checkpoint(keras.callbacks.Callback):
    """Writes the checkpoint of a finished epoch; the last of the callbacks, so that all they changed is in it."""

    def __init__(self, save: Callable[[], None]):
        super().__init__()
        self._save = save

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._save()


def _areas(logs: dict[str, float], name: str) -> str:
    """A figure of the weights in training, and of their average if there is one."""
    if "val_loss_averaged" not in logs:
        return _area(logs.get(name))
    return f"{_area(logs.get(f'{name}_raw'))} (averaged {_area(logs.get(f'{name}_averaged'))})"


def _area(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


def _number(value: float) -> str:
    return f"{float(value):.6g}"
