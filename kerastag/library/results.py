"""What models said of files, kept in one SQLite file, so that a file is heard once.

A row belongs to a model and a way of reading, and to a file by its identity (see identity.py), not by its name.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from kerastag import audio, errors, files

FILE = "results.sqlite"
VERSION = 1  # of the tables; a file of another one is left alone
LOCK_SECONDS = 60.0  # that another process may keep the file
_TABLES = """
CREATE TABLE IF NOT EXISTS models (
  id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL, settings TEXT NOT NULL, UNIQUE (fingerprint, settings)
);
CREATE TABLE IF NOT EXISTS results (
  model INTEGER NOT NULL REFERENCES models, file TEXT NOT NULL, scores BLOB, embedding BLOB, account TEXT, failure TEXT,
  readers TEXT, heard_at REAL NOT NULL, PRIMARY KEY (model, file)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS results_by_file ON results (file);
"""
_CARRY = "UPDATE OR REPLACE results SET file = ? WHERE file = ?"  # by its identity now, and before
_DAMAGED = (KeyError, TypeError, ValueError, OverflowError, RecursionError)
_ASKED_AT_ONCE = 500  # SQLite takes at most 999 values in a statement, in old versions


@dataclasses.dataclass(frozen=True)
class Result:
    """What a model said of a file.

    Attributes:
      scores: float32 (num_tags,); None: the file could not be heard.
      embedding: float32 (width,); None: not asked for, or the model has none.
      account: how much was heard, where some of the music is missing.
      failure: why it could not be heard, without the file's name; empty: it was.
      readers: the decoders that there were, with others a failure is no failure any more.
    """

    scores: np.ndarray | None = None
    embedding: np.ndarray | None = None
    account: audio.Account | None = None
    failure: str = ""
    readers: str = ""


class Results:
    """The results of one model, read in one way. Several processes may use the file at a time.

    Args:
      path: the SQLite file; it is made where there is none.
      fingerprint: what the model's scores depend on, see ModelSource.fingerprint.
      settings: how files are read.

    Raises:
      KerastagError: the file cannot be made or read, or is none of these.
    """

    def __init__(self, path: str | os.PathLike[str], fingerprint: str, settings: Mapping[str, Any]):
        self._path = pathlib.Path(path)
        with self._told():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self._path, timeout=LOCK_SECONDS)
            self._make_tables()
            self._model = self._model_id(fingerprint, json.dumps(settings, sort_keys=True))

    def find(self, identities: Iterable[str]) -> dict[str, Result]:
        """What is known of files, by identity."""
        wanted, known = list(dict.fromkeys(identities)), {}
        with self._told():
            for start in range(0, len(wanted), _ASKED_AT_ONCE):
                some = wanted[start : start + _ASKED_AT_ONCE]
                query = (
                    "SELECT file, scores, embedding, account, failure, readers FROM results "
                    f"WHERE model = ? AND file IN ({','.join('?' * len(some))})"
                )
                for file, *cells in self._database.execute(query, [self._model, *some]):
                    with contextlib.suppress(*_DAMAGED):  # damaged: as if it were not known
                        known[file] = _result(*cells)
        return known

    def keep(self, results: Mapping[str, Result]) -> None:
        """Writes results by identity, all or none of them, in place of older ones."""
        now = time.time()
        rows = [(self._model, file, *_cells(result), now) for file, result in results.items()]
        with self._told(), self._database:
            self._database.executemany("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def carry(self, before: str, after: str) -> None:
        """Gives a file whose tags were written its new identity, in the results of all models."""
        with self._told(), self._database:
            self._database.execute(_CARRY, (after, before))

    def close(self) -> None:
        """Lets go of the file."""
        self._database.close()

    def _make_tables(self) -> None:
        """Makes the tables of a new file, all or none of them, while other processes wait.

        Raises:
          KerastagError: the file is another program's, or another version's.
        """
        if self._version() == VERSION:
            return
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            version = self._version()
            tables = self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if version == VERSION:  # by another process, meanwhile
                return
            if version or tables:
                raise errors.KerastagError(f"{self._path}: not results of this version of kerastag", "results")
            for statement in filter(str.strip, _TABLES.split(";")):
                self._database.execute(statement)
            self._database.execute(f"PRAGMA user_version = {VERSION}")

    def _version(self) -> int:
        return int(self._database.execute("PRAGMA user_version").fetchone()[0])

    def _model_id(self, fingerprint: str, settings: str) -> int:
        with self._database:
            self._database.execute(
                "INSERT OR IGNORE INTO models (fingerprint, settings) VALUES (?, ?)", (fingerprint, settings)
            )
        query = "SELECT id FROM models WHERE fingerprint = ? AND settings = ?"
        return int(self._database.execute(query, (fingerprint, settings)).fetchone()[0])

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turns an error of SQLite or the system into one that names the file."""
        try:
            yield
        except sqlite3.Error as error:
            raise errors.KerastagError(f"{self._path}: results cannot be kept here ({error})", "results") from error
        except OSError as error:
            reason = files.reason(error)
            raise errors.KerastagError(f"{self._path}: results cannot be kept here ({reason})", "results") from error


def carry(path: str | os.PathLike[str], pairs: Iterable[tuple[str, str]]) -> None:
    """The same as Results.carry for identities before and after, where no model is at hand; nothing without a file.

    Raises:
      KerastagError: it cannot be written.
    """
    if not pathlib.Path(path).is_file():
        return
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=LOCK_SECONDS)) as database, database:
            rows = [(after, before) for before, after in pairs]
            if database.execute("PRAGMA user_version").fetchone() == (VERSION,):
                database.executemany(_CARRY, rows)
    except sqlite3.Error as error:
        raise errors.KerastagError(f"{path}: results cannot be kept here ({error})", "results") from error


def default_path() -> pathlib.Path:
    """The file in the user's cache."""
    return files.user_cache() / FILE


def _cells(result: Result) -> tuple[bytes | str | None, ...]:
    return (
        _bytes_of(result.scores),
        _bytes_of(result.embedding),
        None if result.account is None else json.dumps(result.account.facts()),
        result.failure or None,
        result.readers or None,
    )


def _bytes_of(values: np.ndarray | None) -> bytes | None:
    return None if values is None else np.asarray(values, "<f4").tobytes()


def _result(
    scores: bytes | None, embedding: bytes | None, account: str | None, failure: str | None, readers: str | None
) -> Result:
    """Raises KeyError, TypeError, ValueError, OverflowError or RecursionError: the cells are damaged."""
    if not all(isinstance(text, str | None) for text in (account, failure, readers)):
        raise TypeError("a cell is no text")
    return Result(
        _values_of(scores),
        _values_of(embedding),
        None if account is None else audio.Account.of_facts(files.parsed_json(account)),
        failure or "",
        readers or "",
    )


def _values_of(cell: bytes | None) -> np.ndarray | None:
    return None if cell is None else np.frombuffer(cell, "<f4").astype(np.float32)
