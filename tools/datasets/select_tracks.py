"""Selects the tracks of a table whose tags are in a vocabulary: Music4All's for MTG-Jamendo's tags.

    python -m tools.datasets.select_tracks --table=id_tags.csv --tags=tags.txt --output=music4all.tsv

Reads either published form of a split file, or the id_tags.csv of Music4All's own release, which is not a CSV file: a
tab stands between id and tags, commas between the tags. Writes TRACK_ID PATH TAGS. In the split file that came with the
winner of MediaEval 2020 the PATHs follow from the order of its lines and not from the ids (tracks are distributed to
folders A/A to Z/Z); as the --table it keeps them, unless --path_pattern is given.
"""

import dataclasses
import os
import pathlib
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from absl import flags

from kerastag import cli, errors, files, names, tags, tsv
from kerastag.cli import options
from kerastag.data import splits

ID_TAGS = ["id", "tags"]  # the header of id_tags.csv
RELEASE_PATTERN = "audios/{id}.mp3"  # where Music4All's release has its audio
LISTED = 20

FLAGS = flags.FlagValues()
flags.DEFINE_string(
    "table", None, "A split file in either published form, or Music4All's id_tags.csv.", flag_values=FLAGS
)
flags.DEFINE_string("tags", None, "The vocabulary, one tag a line.", flag_values=FLAGS)
flags.DEFINE_string("output", None, "The split file to write.", flag_values=FLAGS)
flags.DEFINE_string(
    "synonyms",
    None,
    "Lines 'theirs<TAB>ours': tags of the table that stand for tags of the vocabulary, beside those with the "
    "same short name.",
    flag_values=FLAGS,
)
flags.DEFINE_string(
    "path_pattern",
    None,
    "Where a track's audio lies, from its id: {id}, or letters of it as in {id[0]}/{id[1]}/{id}. Left out: "
    f"as the table says, or for id_tags.csv {RELEASE_PATTERN}.",
    flag_values=FLAGS,
)
flags.DEFINE_bool("overwrite", False, "Replace --output if it exists.", flag_values=FLAGS)
options.define_verbosity(FLAGS)


@dataclasses.dataclass(frozen=True)
class Track:
    """A track of the table; `path` is empty where the table has none."""

    track_id: str
    path: str
    tags: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Selection:
    """The tracks that keep a tag, with full names of the vocabulary, and what was dropped."""

    tracks: list[Track]
    kept: Counter[str]  # full name -> number of tracks
    dropped: Counter[str]  # tag of the table -> number of tracks
    num_untagged: int
    num_unknown: int  # tracks with tags, none of which is in the vocabulary


class Matcher:
    """From a tag of the table to tags of the vocabulary: by name, whatever its case, and by synonyms.

    Full names agree in full; where one of the two has no category, short names decide.
    """

    def __init__(self, vocabulary: tags.Vocabulary, synonyms: Iterable[tuple[str, str]] = ()) -> None:
        self._vocabulary = vocabulary
        self._full = _by_casefold((name, name) for name in vocabulary.names)
        self._short = _by_casefold((tags.short_name(name), name) for name in vocabulary.names)
        self._synonyms = defaultdict(list)
        for theirs, ours in synonyms:
            self._synonyms[theirs.casefold()].append(ours)

    def match(self, name: str) -> list[str]:
        """Full names in the vocabulary; none if `name` is unknown, or its short name stands for several."""
        folded, short = name.casefold(), tags.short_name(name).casefold()
        column = self._vocabulary.find(name)
        if column is not None:
            same = [self._vocabulary.names[column]]
        else:
            same = self._full.get(folded) or (self._short if short == folded else self._full).get(short, [])
        return [*(same if len(same) == 1 else []), *self._synonyms.get(folded, [])]


def _by_casefold(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = defaultdict(list)
    for name, full in pairs:
        names[name.casefold()].append(full)
    return dict(names)


def read_lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file with their numbers, from 1, without those that have no text.

    Raises:
      KerastagError: the file is missing or not UTF-8.
    """
    try:
        lines = pathlib.Path(path).read_bytes().decode("utf-8-sig").split("\n")
    except OSError as error:
        raise errors.KerastagError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    except UnicodeDecodeError as error:
        line_number = error.object.count(b"\n", 0, error.start) + 1
        raise errors.KerastagError(f"{path}:{line_number}: not UTF-8") from None
    return ((number, line.rstrip("\r")) for number, line in enumerate(lines, 1) if line.strip())


def read_synonyms(path: str | os.PathLike[str], vocabulary: tags.Vocabulary) -> list[tuple[str, str]]:
    """Pairs of a tag of the table and a full name of the vocabulary.

    Raises:
      KerastagError: a line is not a pair, or its second tag is not in the vocabulary.
    """
    pairs = []
    for number, line in read_lines(path):
        names = [name.strip() for name in line.split("\t")]
        if len(names) != 2 or not all(names):
            raise errors.KerastagError(f"{path}:{number}: {line!r} is not 'theirs<TAB>ours'")
        try:
            pairs.append((names[0], vocabulary.names[vocabulary.index(names[1])]))
        except errors.KerastagError as error:
            raise errors.KerastagError(f"{path}:{number}: {error}") from None
    return pairs


def read_table(path: str | os.PathLike[str]) -> list[Track]:
    """Every track of a table, in its order, those without tags included where it is id_tags.csv.

    Raises:
      KerastagError: the file is missing or malformed.
    """
    _, header = next(read_lines(path), (1, ""))
    if [column.strip().lower() for column in header.split("\t")] != ID_TAGS:
        split = splits.read(path, untagged="drop")
        untagged = [Track("", "", ())] * split.num_untagged
        return [Track(track.track_id, track.path, track.tags) for track in split.tracks] + untagged
    first_lines: dict[str, int] = {}
    tracks = []
    for number, line in list(read_lines(path))[1:]:
        track_id, _, text = line.partition("\t")
        if not track_id.strip() or "\t" in text:
            raise errors.KerastagError(f"{path}:{number}: {line[:80]!r} is not an id and tags, parted by a tab")
        first = first_lines.setdefault(track_id, number)
        if first != number:
            raise errors.KerastagError(f"{path}:{number}: id {track_id!r} is in line {first} already")
        names = dict.fromkeys(name.strip() for name in text.split(","))
        tracks.append(Track(track_id, "", tuple(name for name in names if name)))
    return tracks


def select(tracks: Iterable[Track], matcher: Matcher) -> Selection:
    """Keeps tags of the vocabulary, and the tracks that have at least one."""
    selection = Selection([], Counter(), Counter(), 0, 0)
    num_untagged = num_unknown = 0
    for track in tracks:
        matches = {name: matcher.match(name) for name in track.tags}
        selection.dropped.update(name for name, match in matches.items() if not match)
        full_names = tuple(dict.fromkeys(full for match in matches.values() for full in match))
        if full_names:
            selection.kept.update(full_names)
            selection.tracks.append(dataclasses.replace(track, tags=full_names))
        num_untagged += not track.tags
        num_unknown += bool(track.tags) and not full_names
    return dataclasses.replace(selection, num_untagged=num_untagged, num_unknown=num_unknown)


def placed(tracks: Iterable[Track], pattern: str | None) -> list[Track]:
    """The tracks with their PATHs by `pattern`; without one, by the table or RELEASE_PATTERN.

    Raises:
      UsageError: the pattern does not make a relative path of an id.
    """
    return [
        dataclasses.replace(track, path=track.path if not pattern and track.path else _path(pattern, track.track_id))
        for track in tracks
    ]


def _path(pattern: str | None, track_id: str) -> str:
    try:
        path = (pattern or RELEASE_PATTERN).format(id=track_id)
    except (LookupError, ValueError, AttributeError, TypeError):
        raise errors.UsageError(f"--path_pattern={pattern}: not a pattern for the id {track_id!r}") from None
    leads_out = path[:1] in ("/", "\\") or ".." in path.replace("\\", "/").split("/")
    if not path.strip() or leads_out or any(mark in path for mark in "\t\r\n"):
        raise errors.UsageError(f"--path_pattern={pattern}: {path!r} is not a path inside the dataset's folder")
    return path


def report(num_tracks: int, selection: Selection, vocabulary: tags.Vocabulary) -> str:
    """What was kept and what was dropped of `num_tracks` tracks, in lines."""
    commonest = ", ".join(f"{name} ({count})" for name, count in selection.dropped.most_common(LISTED))
    absent = [
        short for short, name in zip(vocabulary.short_names, vocabulary.names, strict=True) if not selection.kept[name]
    ]
    lines = [
        f"{num_tracks:,} tracks in the table",
        f"{len(selection.tracks):,} kept, with {len(selection.kept)} tags {selection.kept.total():,} times",
        f"{selection.num_unknown:,} dropped, whose tags are all outside the vocabulary",
        f"{selection.num_untagged:,} dropped, which have no tag",
        f"{len(selection.dropped):,} tags dropped, {selection.dropped.total():,} times"
        + (f": {commonest}{', ...' if len(selection.dropped) > LISTED else ''}" if commonest else ""),
    ]
    if absent:
        lines.append(f"{len(absent)} tags of the vocabulary have no track: {', '.join(absent)}")
    return "\n".join(lines)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Selects the tracks, prints what was kept, writes the split file."""
    options.require(values, "table", "tags", "output")
    output = pathlib.Path(values.output)
    files.check_output(output, values.overwrite)
    vocabulary = tags.Vocabulary.read(values.tags)
    synonyms = read_synonyms(values.synonyms, vocabulary) if values.synonyms else []
    tracks = read_table(values.table)
    selection = select(tracks, Matcher(vocabulary, synonyms))
    print(names.lines(report(len(tracks), selection, vocabulary)))
    if not selection.tracks:
        raise errors.KerastagError(f"{output}: not written, no track has a tag of the vocabulary")
    lines = [(track.track_id, track.path, *track.tags) for track in placed(selection.tracks, values.path_pattern)]
    tsv.write(output, splits.FORMS[1], lines)
    cli.tell(f"{output}: written")
    return 0


COMMAND = cli.Command(
    "python -m tools.datasets.select_tracks",
    "selects the tracks of a table whose tags are in a vocabulary",
    FLAGS,
    main,
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
