"""One cold `kerastag tag`, timed by phase: tools/benchmark_startup runs this file as a process.

    python tools/startup_work.py TIMINGS_FILE STARTED [arguments of kerastag tag...]

STARTED is time.time() when the process was asked for. Phases that lie in each other count once, for the inner one.
The last moment is written beside them, so that who waits for the process can tell what its end took.
"""

import time

BEGAN = time.time()

import contextlib  # noqa: E402
import functools  # noqa: E402
import json  # noqa: E402
import pathlib  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from typing import Any  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))  # the package of this checkout

PHASES = {  # as they are shown; the first two are not ours
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
    """Adds up seconds by phase; what a phase spends inside another is not counted twice."""

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


def main(timings: str, asked: float, arguments: list[str]) -> int:
    """Runs the command; writes seconds by phase and the moment of its return. Returns its exit status."""
    clock = Clock()
    clock.seconds["python"] = BEGAN - asked
    with clock.phase("command"):
        from kerastag import audio, runtime, tag
        from kerastag.inference import tagger

        clock.wrap(runtime, "start", "tensorflow")
        clock.wrap(tagger.Parts, "models", "model")
        clock.wrap(tagger.Tagger, "score_files", "scoring")
        clock.wrap(audio, "read_chunks", "reading")
    with clock.phase("rest"):
        status = tag.COMMAND.run(arguments)
    clock.seconds["scoring"] -= clock.seconds["reading"]  # which is done in a thread while scoring waits for it
    pathlib.Path(timings).write_text(json.dumps({**clock.seconds, "returned": time.time()}))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), sys.argv[3:]))
