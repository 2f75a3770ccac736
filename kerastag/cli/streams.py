"""Standard output and standard error: lines that survive any name, libraries kept quiet, a pipe that goes away."""

import contextlib
import io
import logging
import os
import sys
from collections.abc import Iterable, Iterator

from kerastag import errors, names


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Points file descriptor 2 at nothing while sys.stderr goes on: libsndfile's MP3 decoder writes a line there
    after most seeks, and TensorFlow its start-up lines.
    """
    try:
        is_own = sys.stderr.fileno() == 2
    except (OSError, AttributeError, ValueError):  # replaced by something that is no file, as in tests
        is_own = False
    if not is_own:
        yield
        return
    before = sys.stderr
    before.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        with os.fdopen(os.dup(kept), "w", buffering=1, encoding=before.encoding, errors="backslashreplace") as stream:
            sys.stderr = stream
            yield
    finally:
        sys.stderr = before
        os.dup2(kept, 2)
        os.close(kept)


def warn(lines: Iterable[str]) -> None:
    """Writes lines to standard error, each on a line of its own whatever names are in it."""
    for line in lines:
        print(names.line(line), file=sys.stderr)


def tell(text: str) -> None:
    """Writes a line to standard output at once, whatever names are in it."""
    print(names.line(text), flush=True)


def flush_standard_output() -> None:
    """Raises KerastagError: what was printed cannot be written."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        close_standard_output()
        raise errors.KerastagError(f"standard output: {(error.strerror or str(error)).lower()}") from None


def close_standard_output() -> None:
    """Leaves nothing to be written when Python ends, which would fail again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def lose_no_letter() -> None:
    """A letter that a stream's encoding lacks is written as an escape, instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def log_to_standard_error(verbose: bool) -> None:
    if verbose:
        logging.basicConfig(format="%(message)s")
        logging.getLogger("kerastag").setLevel(logging.DEBUG)
