"""Versions of an exported model that are put beside those a server has, and taken away again."""

import pathlib
import shutil
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from kerastag import errors, files
from kerastag.serving import client, plan

LOADING_SECONDS = 300.0  # in which a server must have loaded a version
LOOK_SECONDS = 0.2  # between two questions whether it has


class Versions:
    """Copies of a version under the next numbers; leaving the block takes away what is left of them.

    Args:
      own: the version that is copied, in the folder that servers watch; it stays.
      connections: clients of these servers, by address.
    """

    def __init__(self, own: pathlib.Path, connections: Mapping[str, client.Client]):
        self._own, self._connections = own, connections
        self._number = plan.next_version(own.parent)
        self._last: pathlib.Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._last is not None:
            shutil.rmtree(self._last, ignore_errors=True)

    def swap(self) -> None:
        """Puts the next version beside the others, and once all servers have it takes away the one before.

        Raises:
          KerastagError: a server does not load it, or keeps what is gone.
        """
        before, self._last = self._last, self._own.with_name(str(self._number))
        self._number += 1
        try:
            with files.whole_folder(self._last) as partial:
                shutil.copytree(self._own, partial, dirs_exist_ok=True)
            self._wait(self._last, True)
        finally:
            if before is not None:
                shutil.rmtree(before)
        if before is not None:
            self._wait(before, False)

    def back(self) -> None:
        """Takes the last version away, so that the servers go back to the one that was there.

        Raises:
          KerastagError: a server does not.
        """
        last, self._last = self._last, None
        if last is not None:
            shutil.rmtree(last)
            self._wait(last, False)
        self._wait(self._own, True)

    def _wait(self, version: pathlib.Path, available: bool) -> None:
        """Until every server has a version, or has it no more."""
        deadline = time.monotonic() + LOADING_SECONDS
        for address, connection in self._connections.items():
            while (_state(connection, int(version.name)) == "AVAILABLE") != available:
                if time.monotonic() > deadline:
                    there = "is not available" if available else "is still available"
                    raise errors.KerastagError(f"{address}: version {version.name} {there}")
                time.sleep(LOOK_SECONDS)


def _state(connection: client.Client, number: int) -> str:
    """What a server says of a version; "" where it does not know it."""
    return next((status.state for status in connection.status() if status.version == number), "")
