"""One cold `kerastag tag`, timed by phase: tools.benchmarks.startup runs this module as a process.

    python -m tools.benchmarks.startup_work TIMINGS_FILE STARTED [arguments of kerastag tag...]

STARTED is time.time() when the process was asked for. A phase inside another counts once, for the inner one. The moment
at which the command returned is written beside the seconds, so that whoever waits for the process can tell how long
its end took.
"""

import contextlib
import functools
import json
import pathlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

BEGAN = time.time()  # with the modules above, which the command needs as well

PHASES = {  # in the order in which they are shown; the first two are not kerastag's own
    "tensorflow": "importing TensorFlow and Keras",
    "reading": "reading the file",
    "python": "starting Python",
    "command": "importing the command",
    "model": "loading and folding the model",
    "scoring": "tracing and the first step",
    "rest": "all else, the process's end included",
}
OTHERS = ("tensorflow", "reading")


class Clock:
    """Adds up seconds by phase; what a phase spends inside another is not counted twice.

    Attributes:
      seconds: seconds of each phase so far.
    """

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self._inside = threading.local()

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Times the body."""
        outer = getattr(self._inside, "spent", 0.0)
        self._inside.spent = 0.0
        started = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - started
            self.seconds[name] += took - self._inside.spent
            self._inside.spent = outer + took

    def wrap(self, owner: Any, name: str, phase: str) -> None:
        """Times every call of an attribute of a module or class."""
        function: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(function)
        def timed(*arguments: Any, **options: Any) -> Any:
            with self.phase(phase):
                return function(*arguments, **options)

        setattr(owner, name, timed)


def main(timings: str, started: float, arguments: list[str]) -> int:
    """Runs the command; writes seconds by phase and the moment of its return. Returns its exit status."""
    clock = Clock()
    clock.seconds["python"] = BEGAN - started
    with clock.phase("command"):
        from kerastag import audio, runtime, tag
        from kerastag.inference import tagger
        from kerastag.runs import model

        clock.wrap(runtime, "start", "tensorflow")
        clock.wrap(model.Model, "networks", "model")
        clock.wrap(tagger.Tagger, "hear_tracks", "scoring")
        clock.wrap(audio, "read_chunks", "reading")
    with clock.phase("rest"):
        status = tag.COMMAND.run(arguments)
    clock.seconds["scoring"] -= clock.seconds["reading"]  # which a thread does while scoring waits for it
    pathlib.Path(timings).write_text(json.dumps({**clock.seconds, "returned": time.time()}))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), sys.argv[3:]))
