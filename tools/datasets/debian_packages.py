"""Debian packages with music in them: the table of their tracks, and how these are fetched and unpacked."""

import dataclasses
import glob
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable

import soundfile

from kerastag import errors, tsv

TABLE = pathlib.Path(__file__).resolve().with_name("debian_music.tsv")
LISTS = "/var/lib/apt/lists/*_Packages*"
LEGAL = "copyright.txt"  # beside a package's tracks in the dataset
MEGABYTES = {  # to download, in Debian 12
    "asc-music": 10,
    "davegnukem-data": 20,
    "lordsawar-data": 22,
    "ardentryst": 24,
    "enigma-data": 30,
    "extremetuxracer-data": 41,
    "singularity-music": 52,
    "hyperrogue-music": 64,
    "marsshooter-data": 68,
    "fillets-ng-data": 71,
    "warzone2100-music": 86,
    "hedgewars-data": 145,
    "wesnoth-1.16-music": 153,
    "supertux-data": 162,
    "ufoai-music": 210,
}


class MissingProgram(errors.KerastagError):
    """A program or its lists are missing, so that no package at all can be fetched."""


@dataclasses.dataclass(frozen=True)
class Track:
    """A line of the table; `path` inside the package, `archive.zip:member` inside a zip there."""

    number: int
    package: str
    path: str
    tags: tuple[str, ...]
    licence: str
    target: str = ""  # in the dataset's folder
    seconds: float = 0.0

    def cells(self, tags: Iterable[str]) -> list[str]:
        """Its line in a split file of MTG-Jamendo's form, with these tags."""
        ids = [f"track_{self.number:07d}", self.package, self.package]
        return [*ids, self.target, f"{self.seconds:.1f}", *tags]


def read_table(path: pathlib.Path = TABLE) -> list[Track]:
    """The tracks of the table, each with the place it will have in a dataset: package/folders/name."""
    lines = tsv.read_columns(path)
    tracks = []
    for number, line in enumerate(lines, 1):
        inner = [_inside(other["path"]) for other in lines if other["package"] == line["package"]]
        common = os.path.commonpath([os.path.dirname(name) for name in inner])
        target = os.path.join(line["package"], os.path.relpath(_inside(line["path"]), common))
        tags = tuple(tag for tag in line["tags"].split(",") if tag)
        tracks.append(Track(number, line["package"], line["path"], tags, line["licence"], target))
    return tracks


def _inside(path: str) -> str:
    return path.rpartition(":")[2]


def fetch(package: str, cache: pathlib.Path) -> pathlib.Path:
    """The package's .deb in the cache folder, downloaded first if it is not there.

    Raises:
      KerastagError: apt-get is missing, or cannot deliver it.
    """
    cached = sorted(cache.glob(f"{package}_*.deb"))
    if cached:
        return cached[-1]
    if not shutil.which("apt-get"):
        raise MissingProgram("apt-get: not found; this tool needs Debian or one of its descendants")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{package}.", suffix=".partial", dir=cache) as folder:
        command = ["apt-get", "download", "-q", package]
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        downloaded = next(pathlib.Path(folder).glob("*.deb"), None)
        if run.returncode == 0 and downloaded:
            return downloaded.rename(cache / downloaded.name)
    if not glob.glob(LISTS):
        raise MissingProgram("apt-get: no package lists on this machine; run 'apt-get update' as root first")
    problems = [line for line in run.stderr.splitlines() if line.startswith("E:")] or ["E: nothing came"]
    raise errors.KerastagError(f"{package}: apt-get download: {problems[0][2:].strip()}")


def extract(deb: pathlib.Path, tracks: list[Track], output: pathlib.Path) -> list[Track]:
    """Copies a package's tracks into the dataset's folder, and its copyright file.

    Returns:
      The tracks that are there and can be read, with their lengths; the others are reported.
    """
    if not shutil.which("dpkg"):
        raise MissingProgram("dpkg: not found; this tool needs Debian or one of its descendants")
    with tempfile.TemporaryDirectory(prefix=".unpacked.", dir=output) as folder:
        run = subprocess.run(["dpkg", "-x", deb, folder], capture_output=True, text=True, check=False)
        if run.returncode:
            raise errors.KerastagError(f"{deb}: cannot be unpacked; delete it to have it downloaded anew")
        root = pathlib.Path(folder)
        copied = [_copy(track, root, output) for track in tracks]
        legal = root / "usr/share/doc" / tracks[0].package / "copyright"
        if legal.is_file():
            shutil.copyfile(legal, output / tracks[0].package / LEGAL)
    return [track for track in copied if track]


def _copy(track: Track, root: pathlib.Path, output: pathlib.Path) -> Track | None:
    """Copies a track from an unpacked package; returns it with its length, or None if that failed."""
    target = output / track.target
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        archive, colon, member = track.path.partition(":")
        if colon:
            place = next(root.rglob(archive), root / archive)
            with (
                zipfile.ZipFile(place) as unzipped,
                unzipped.open(member) as source,
                target.open("wb") as file,
            ):
                shutil.copyfileobj(source, file)
        else:
            shutil.copyfile(root / track.path, target)
        return dataclasses.replace(track, seconds=soundfile.info(str(target)).duration)
    except (FileNotFoundError, KeyError):
        report(f"{track.package}: {track.path}: not in this version of the package, left out")
    except (soundfile.LibsndfileError, zipfile.BadZipFile) as error:
        report(f"{track.package}: {track.path}: cannot be read, left out ({error})")
        target.unlink(missing_ok=True)
    return None


def report(problem: str) -> None:
    """Prints on standard error what went wrong with one track or package; the run goes on."""
    print(problem, file=sys.stderr)
