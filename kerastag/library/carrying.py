"""Results that go with a file which another program copies, moves or writes tags into."""

import contextlib
import os

from kerastag import errors
from kerastag.library import identity, results


class Carrier:
    """Carries what models said of files, in the user's cache. That it cannot is no harm: files are heard again."""

    def __init__(self) -> None:
        self._before: dict[bytes, str] = {}

    def remember(self, path: bytes) -> None:
        """Takes down what a file is before it is changed."""
        with contextlib.suppress(OSError):
            self._before[path] = identity.of_file(os.fsdecode(path))

    def carry(self, path: bytes, now: bytes) -> None:
        """Lets what was said of the file that was at `path` when it was remembered hold for the file at `now`."""
        before = self._before.pop(path, None)
        if before is None:
            return
        with contextlib.suppress(OSError, errors.KerastagError):
            after = identity.of_file(os.fsdecode(now))
            if after != before:
                results.carry(results.default_path(), [(before, after)])
