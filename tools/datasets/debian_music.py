"""Writes a dataset of real, free music from Debian packages: games' soundtracks with weak mood tags.

    python -m tools.datasets.debian_music --output=MUSIC [--labels=package] [--packages=all]

debian_music.tsv beside this file says which tracks there are, their moods and where each mood was found
(metadata, name, package). The audio comes from the Debian archive; nothing is installed, no root is needed.
"""

import collections
import os
import pathlib
import sys
from collections import Counter

from absl import flags

from kerastag import cli, errors, files, tsv
from kerastag.data import splits
from tools.datasets import deal, debian_packages

SMALLEST = tuple(debian_packages.MEGABYTES)[:7]
HEADER = splits.FORMS[0]
LICENCE_COLUMNS = ("PACKAGE", "VERSION", "LICENCE", "TEXT")

FLAGS = flags.FlagValues()
flags.DEFINE_string("output", None, "The dataset's folder, to be made.", flag_values=FLAGS)
flags.DEFINE_list(
    "packages",
    ",".join(SMALLEST),
    f"Packages to take, or 'all' ({sum(debian_packages.MEGABYTES.values())} MB to download); the default are "
    "the seven smallest.",
    flag_values=FLAGS,
)
flags.DEFINE_enum(
    "labels",
    "mood",
    ["mood", "package"],
    "What a track's tags are: its moods, or the one package it comes from.",
    flag_values=FLAGS,
)
flags.DEFINE_enum(
    "split_by",
    None,
    ["package", "track"],
    "What stays whole when the tracks are split: a package (as an artist would) or only the track. Left out: "
    "package under --labels=mood, track under --labels=package.",
    flag_values=FLAGS,
)
flags.DEFINE_integer("seed", 0, "Another seed splits otherwise.", lower_bound=0, flag_values=FLAGS)
flags.DEFINE_string(
    "cache_dir",
    None,
    "Where downloaded packages are kept. Left out: kerastag/debian_music in the user's cache folder.",
    flag_values=FLAGS,
)
flags.DEFINE_bool("overwrite", False, "Replaces the dataset if --output holds one already.", flag_values=FLAGS)
flags.DEFINE_bool("list", False, "Lists the packages with their sizes and licences, and stops.", flag_values=FLAGS)


def label(tracks: list[debian_packages.Track], labels: str) -> dict[debian_packages.Track, list[str]]:
    """The tags of each track in full; tracks without any are left out."""
    if labels == "package":
        return {track: [f"package---{track.package}"] for track in tracks}
    return {track: [f"mood/theme---{tag}" for tag in track.tags] for track in tracks if track.tags}


def place(
    labelled: dict[debian_packages.Track, list[str]], split_by: str, seed: int
) -> dict[debian_packages.Track, str]:
    """The split of each track, package by package or track by track.

    Raises:
      KerastagError: there are fewer groups than splits.
    """
    names = {track: track.package if split_by == "package" else str(track.number) for track in labelled}
    groups: dict[str, Counter[str]] = collections.defaultdict(Counter)
    for track, tags in labelled.items():
        groups[names[track]].update(tags)
    if len(groups) < len(deal.SPLITS):
        raise errors.KerastagError(f"--split_by={split_by}: three splits need three of them, not {len(groups)}")
    places = deal.deal(groups, seed, Counter(names.values()))
    return {track: places[name] for track, name in names.items()}


def write(
    labelled: dict[debian_packages.Track, list[str]],
    places: dict[debian_packages.Track, str],
    output: pathlib.Path,
) -> None:
    """Writes the split files without the tags that training would never see; says what it left out."""
    trained = {tag for track, tags in labelled.items() if places[track] == "train" for tag in tags}
    dropped = sorted({tag for tags in labelled.values() for tag in tags} - trained)
    if dropped:
        print(f"{len(dropped)} tags are left out, training would never see them: {', '.join(dropped)}")
    lost = 0
    for split in deal.SPLITS:
        kept = {track: [tag for tag in labelled[track] if tag in trained] for track in labelled}
        lines = [track.cells(kept[track]) for track in kept if places[track] == split and kept[track]]
        lost += sum(places[track] == split and not kept[track] for track in kept)
        tsv.write(output / f"{split}.tsv", HEADER, lines)
        tags = {tag for track in kept if places[track] == split for tag in kept[track]}
        print(f"{split}: {len(lines)} tracks, {len(tags)} of {len(trained)} tags")
    if lost:
        print(f"{lost} tracks had no other tag and are left out")


def write_licences(debs: dict[str, pathlib.Path], tracks: list[debian_packages.Track], output: pathlib.Path) -> None:
    """Writes licences.tsv: under which terms each package's music may be used."""
    licences = {track.package: track.licence for track in tracks}
    lines = []
    for package, deb in debs.items():
        version = deb.name.split("_")[1].replace("%3a", ":")
        text = f"{package}/{debian_packages.LEGAL}"
        lines.append((package, version, licences[package], text if (output / text).is_file() else ""))
    tsv.write(output / "licences.tsv", LICENCE_COLUMNS, lines)


def gather(
    packages: list[str], cache: pathlib.Path, output: pathlib.Path
) -> tuple[list[debian_packages.Track], list[str]]:
    """Fetches and unpacks package after package into `output`.

    Returns:
      The tracks that are there, and the packages that could not be had.
    """
    table = debian_packages.read_table()
    tracks, failed, debs = [], [], {}
    for number, package in enumerate(packages, 1):
        listed = [track for track in table if track.package == package]
        try:
            deb = debian_packages.fetch(package, cache)
            extracted = debian_packages.extract(deb, listed, output)
        except debian_packages.MissingProgram:
            raise
        except errors.KerastagError as error:
            debian_packages.report(str(error))
            failed.append(package)
            continue
        debs[package] = deb
        tracks += extracted
        print(f"{number} of {len(packages)}: {package}: {len(extracted)} of {len(listed)} tracks", flush=True)
    write_licences(debs, tracks, output)
    return tracks, failed


def chosen_packages(names: list[str]) -> list[str]:
    """The packages that `--packages` asks for.

    Raises:
      UsageError: none, or one that the table does not have.
    """
    if names == ["all"]:
        return list(debian_packages.MEGABYTES)
    for name in names:
        if name not in debian_packages.MEGABYTES:
            names_of_all = ", ".join(debian_packages.MEGABYTES)
            raise errors.UsageError(f"--packages: no '{name}'; there are all, {names_of_all}")
    if not names:
        raise errors.UsageError("--packages is empty")
    return list(dict.fromkeys(names))


def list_packages() -> None:
    """Prints a line for each package."""
    table = debian_packages.read_table()
    print(f"{'package':<20} {'MB':>4} {'tracks':>7} {'tagged':>7}  licence")
    for package, megabytes in debian_packages.MEGABYTES.items():
        tracks = [track for track in table if track.package == package]
        tagged = sum(bool(track.tags) for track in tracks)
        print(f"{package:<20} {megabytes:>4} {len(tracks):>7} {tagged:>7}  {tracks[0].licence}")


def check_output(output: pathlib.Path, overwrite: bool) -> None:
    """Checks that the dataset may be written: nothing but another dataset of this tool is ever replaced.

    Raises:
      KerastagError: the folder exists and may not be replaced.
    """
    if overwrite and output.exists() and not (output / "licences.tsv").is_file():
        raise errors.KerastagError(f"{output}: exists already and was not written by this tool")


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Fetches and unpacks the packages, splits their tracks, writes the dataset.

    Exit status 1 if a package could not be had.
    """
    if values.list:
        list_packages()
        return 0
    packages = chosen_packages(values.packages)
    split_by = values.split_by or ("track" if values.labels == "package" else "package")
    if values.labels == "package" and split_by == "package":
        raise errors.UsageError("--labels=package needs --split_by=track: packages cannot cross splits")
    if split_by == "package" and len(packages) < len(deal.SPLITS):
        raise errors.UsageError("--packages: to keep packages apart in three splits takes three of them")
    if not values.output:
        raise errors.UsageError("--output is missing")
    output = pathlib.Path(values.output)
    check_output(output, values.overwrite)
    with files.whole_folder(output, values.overwrite) as folder:
        tracks, failed = gather(packages, cache_folder(values.cache_dir), folder)
        if not tracks:
            raise errors.KerastagError(f"{output}: not written, none of the packages could be had")
        labelled = label(tracks, values.labels)
        if len(labelled) < len(tracks):
            print(f"{len(tracks) - len(labelled)} tracks have no mood and are left out")
        write(labelled, place(labelled, split_by, values.seed), folder)
    cli.tell(f"{output}: written")
    if failed:
        raise errors.KerastagError(f"{output}: written without {', '.join(failed)}, which could not be had")
    return 0


def cache_folder(chosen: str | None) -> pathlib.Path:
    """Where downloaded packages are kept."""
    users = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    return pathlib.Path(chosen) if chosen else users / "kerastag" / "debian_music"


COMMAND = cli.Command(
    "python -m tools.datasets.debian_music", "writes a dataset of free music from Debian packages", FLAGS, main
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
