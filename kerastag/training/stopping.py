"""Signals that ask a training to stop."""

import contextlib
import signal
import types
from collections.abc import Iterator

from kerastag.training import loop


@contextlib.contextmanager
def on_signals(trainer: loop.Trainer) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM asks the trainer to stop after its step, the second one stops at once."""

    def request(number: int, frame: types.FrameType | None) -> None:
        if trainer.stop_requested:
            raise KeyboardInterrupt
        trainer.stop_requested = True

    try:
        before = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not in the main thread, as in a notebook's worker
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
