"""Brings a published model here: the file, verified, then a run folder of it; once, and whole or not at all."""

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable

from kerastag import errors, files, runtime
from kerastag.downloads import fetching
from kerastag.published import building, catalogue, places, wheel
from kerastag.runs import ensemble_folder, run_folder

Say = Callable[[str], None]
_FILES = (run_folder.MODEL, run_folder.TAGS, run_folder.RECORD, places.NOTICE)  # not what evaluations add


def get(
    name: str,
    output: str | os.PathLike[str] | None = None,
    proxy: str | None = None,
    say: Say = lambda line: None,
    verbosity: int = 0,
) -> pathlib.Path:
    """The folder of a published model, which is fetched first if it is not here.

    Args:
      name: of the catalogue.
      output: where it goes; None: the user's cache.
      proxy: address of an HTTP proxy; None: the environment's or pip's own.
      say: called with a line before something is fetched: how large it is, and under which licence.
      verbosity: above 0 shows TensorFlow's own log.

    Raises:
      KerastagError: no such model, the folder holds something else, or it cannot be fetched; nothing is left of it then
        but the bytes of a download that broke off.
    """
    entry = catalogue.find(name)
    target = places.folder(name) if output is None else pathlib.Path(output)
    if places.holds(target, entry):
        return target
    if target.exists():
        raise errors.KerastagError(f"{target}: exists already and is not {name}", "output")
    files.check_folder_writable(target)
    with contextlib.ExitStack() as leftovers:
        work = _Work(proxy, say, verbosity, leftovers)
        if isinstance(entry.source, catalogue.Members):
            work.write_ensemble(entry, entry.source, target, in_cache=output is None)
        else:
            work.write_run(entry, target)
    return target


def announcement(entry: catalogue.Entry) -> str:
    """What a user should know before a model is fetched, in a line."""
    terms = f"licence: {entry.licence}" if entry.licence else "no licence is stated there, so ask its authors"
    return f"{entry.name}: fetching {entry.size} from {entry.source.place}; {terms}"


class _Work:
    """One call of `get`; what was downloaded goes when all has been written, so that a second try need not fetch it."""

    def __init__(self, proxy: str | None, say: Say, verbosity: int, leftovers: contextlib.ExitStack):
        self._proxy, self._say, self._verbosity, self._leftovers = proxy, say, verbosity, leftovers

    def write_run(self, entry: catalogue.Entry, target: pathlib.Path) -> None:
        """Writes the run folder of an entry that is no ensemble."""
        cached = places.folder(entry.name)
        if places.holds(cached, entry):
            self._say(f"{entry.name}: copied from {cached}")
            with files.whole_folder(target) as folder:
                for name in _FILES:
                    shutil.copy2(cached / name, folder / name)
            return
        self._say(announcement(entry))
        fetched = self._fetched(entry.source)
        runtime.start(self._verbosity)
        with files.whole_folder(target) as folder:
            building.write(entry, fetched, run_folder.RunFolder(folder))

    def write_ensemble(
        self, entry: catalogue.Entry, source: catalogue.Members, target: pathlib.Path, in_cache: bool
    ) -> None:
        """Writes an ensemble's folder: in the cache beside its members, elsewhere with them inside."""
        for name in source.names if in_cache else ():
            if not places.holds(places.folder(name), catalogue.find(name)):
                self.write_run(catalogue.find(name), places.folder(name))
        with files.whole_folder(target) as folder:
            for name in () if in_cache else source.names:
                self.write_run(catalogue.find(name), folder / name)
            beside = places.folder("") if in_cache else folder
            members = tuple(run_folder.RunFolder.existing(beside / name) for name in source.names)
            shares = (1 / len(members),) * len(members)
            ensemble = ensemble_folder.Ensemble(members, "mean", shares)
            ensemble_folder.fill(folder, ensemble, entry.title, start=target if in_cache else None)
            files.write_text(folder / places.NOTICE, building.notice(entry))

    def _fetched(self, source: catalogue.Source) -> pathlib.Path:
        """The verified file of a source."""
        if isinstance(source, catalogue.Wheel):
            folder = pathlib.Path(self._leftovers.enter_context(tempfile.TemporaryDirectory(prefix="kerastag-")))
            return wheel.fetch(source, folder, self._proxy)
        assert isinstance(source, catalogue.GitHubFile)
        url = fetching.github_url(source.repository, source.commit, source.path)
        path = places.downloads() / f"{source.digest.partition(':')[2]}{pathlib.Path(source.path).suffix}"
        fetching.fetch(url, path, source.digest, self._proxy)
        self._leftovers.push(lambda kind, *_: path.unlink(missing_ok=True) if kind is None else None)
        return path
