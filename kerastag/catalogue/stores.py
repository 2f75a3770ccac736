"""Whether the stores that a shard's tracks are in answer: one that is down must not make every row a failure."""

import collections
import contextlib
from collections.abc import Sequence

from kerastag import errors, files, parallel, remote, retrying
from kerastag.audio import fetched

LOOKS = 16  # tracks that are looked at at a time


class Stores:
    """The stores of a shard's remote tracks.

    Args:
      urls: where the tracks are.
      alone: whether the shard has no others.
    """

    def __init__(self, urls: Sequence[str], alone: bool):
        self._urls = urls
        num_tracks = collections.Counter(map(remote.store_of, urls))
        self._judged = {store for store, count in num_tracks.items() if count >= retrying.DOWN}
        if alone and len(num_tracks) == 1:
            self._judged |= set(num_tracks)  # of others a dead link is a row like any

    def check_before(self, shard: str) -> None:
        """Asks for the size of every track, which is kept for their reading.

        Raises:
          MissingPackage: of what a URL needs.
          KerastagError: of a store not one track can be looked at.
        """
        told = parallel.run(_problem, self._urls, f"looking at {len(self._urls)} URLs", LOOKS) if self._urls else []
        by_store: dict[str, list[str | None]] = collections.defaultdict(list)
        for url, problem in zip(self._urls, told, strict=True):
            by_store[remote.store_of(url)].append(problem)
        for store, problems in by_store.items():
            if store in self._judged and all(problems):
                raise errors.KerastagError(
                    f"{store}: none of the {len(problems)} files of {shard} can be looked at ({problems[0]})"
                )

    def check_now(self) -> None:
        """Raises KerastagError: a store gave no answer several times in a row."""
        self._check(retrying.silent_stores(retrying.DOWN))

    def check_after(self, heard: Sequence[str]) -> None:
        """Asks stores that did not answer at the end for a track that they gave before: is it they, or the track?

        Args:
          heard: tracks that were read.

        Raises:
          KerastagError: a store does not give that either.
        """
        for store in retrying.silent_stores():
            known = next((url for url in heard if remote.store_of(url) == store), None)
            with contextlib.suppress(OSError):
                if known is not None:
                    remote.facts(known)
        self._check(retrying.silent_stores())

    def _check(self, silent: Sequence[str]) -> None:
        for store in silent:
            if store in self._judged:
                raise errors.KerastagError(f"{store}: gives no answer any more; the shard is left to a later worker")


def _problem(url: str) -> str | None:
    """Why a track cannot be looked at; None: it can."""
    try:
        fetched.facts_of(url)
    except remote.MissingPackage:
        raise
    except (OSError, errors.KerastagError) as error:
        return files.reason(error) if isinstance(error, OSError) else str(error)
    return None
