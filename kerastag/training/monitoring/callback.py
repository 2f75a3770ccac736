"""The one Keras callback behind TensorBoard's pages, and what a page's panel is."""

import contextlib
import pathlib
import time
from collections.abc import Iterator, Sequence

import tensorflow as tf

from kerastag.training import callbacks
from kerastag.training.validation import Validation

MAX_LOOKS = 40  # times that pictures are drawn in a run: event files stay small
# of a sitting's time that pictures may take before the next is left out; the first and the last are always drawn
LOOKS_SHARE = 0.005


class Panel:
    """Something to look at. Its methods are called where tf.summary writes to the run's event file."""

    def begin(self) -> None:
        """Once in the life of a run."""

    def on_epoch(self, logs: dict[str, float]) -> None:
        """After every epoch."""

    def on_validation(self, validation: Validation) -> None:
        """After every validation."""

    def on_look(self, validation: Validation) -> None:
        """After some validations, MAX_LOOKS at most and fewer where epochs are short: for what takes time or space."""

    def finish(self) -> None:
        """When training has come to its end, not when it is interrupted."""


class Monitoring(callbacks.ValidationWatcher):
    """Shows a run in TensorBoard.

    Args:
      folder: folder of the event files.
      panels: what to show.
      num_epochs: number of epochs of the run.
      validate_every: epochs between validations.

    Attributes:
      seconds: what all of it has taken in this sitting.
    """

    def __init__(self, folder: pathlib.Path, panels: Sequence[Panel], num_epochs: int, validate_every: int = 1):
        super().__init__()
        self._folder = folder
        self._panels = panels
        self._num_epochs = num_epochs
        self._validate_every = validate_every
        self._writer: tf.summary.SummaryWriter
        self._epoch = 0
        self.seconds = 0.0
        self._look_seconds = 0.0
        self._began = 0.0

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self._began = time.perf_counter()
        first = not any(self._folder.glob("*tfevents*"))
        self._writer = tf.summary.create_file_writer(str(self._folder))
        if first:
            with self._at(0):
                for panel in self._panels:
                    panel.begin()
        self.seconds += time.perf_counter() - self._began

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        started = time.perf_counter()
        self._epoch = epoch + 1
        validation, self.validated = self.validated, None
        with self._at(epoch + 1):
            for panel in self._panels:
                panel.on_epoch(logs or {})
                if validation is not None:
                    panel.on_validation(validation)
            if validation is not None and self._is_look(epoch + 1):
                self._look(validation)
        self.seconds += time.perf_counter() - started

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        if self._epoch == self._num_epochs or getattr(self.model, "stop_training", False):
            started = time.perf_counter()
            with self._at(self._epoch):
                for panel in self._panels:
                    panel.finish()
            self.seconds += time.perf_counter() - started
        self._writer.close()

    def _look(self, validation: Validation) -> None:
        started = time.perf_counter()
        for panel in self._panels:
            panel.on_look(validation)
        self._look_seconds += time.perf_counter() - started

    def _is_look(self, epoch: int) -> bool:
        """Whether pictures are due: at the first validation, the last, and evenly between while they cost little."""
        before = epoch - self._validate_every
        if before <= 0 or epoch == self._num_epochs or self.model.stop_training:
            return True
        if self._look_seconds > LOOKS_SHARE * (time.perf_counter() - self._began):
            return False
        return epoch * (MAX_LOOKS - 1) // self._num_epochs > before * (MAX_LOOKS - 1) // self._num_epochs

    @contextlib.contextmanager
    def _at(self, step: int) -> Iterator[None]:
        with self._writer.as_default(step=step):
            yield
        self._writer.flush()
