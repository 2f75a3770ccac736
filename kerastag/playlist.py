"""`python -m kerastag.playlist`: playlists by tags, by a wish in moods, or of tracks that sound like one."""

import pathlib
import sys
from collections.abc import Iterable, Mapping, Sequence

from absl import flags

from kerastag import cli, errors, files, names
from kerastag.cli import choosing, collection, options
from kerastag.library import moods, playlists, similar, word_choice

FLAGS = flags.FlagValues()
collection.define_model(FLAGS)
flags.DEFINE_string(
    "output",
    None,
    "The playlist, .m3u8 or .nsp; of one playlist for each tag, their folder. Without it a single list is printed.",
    flag_values=FLAGS,
)
flags.DEFINE_string("like", None, "A file: the tracks that sound most like it, itself first.", flag_values=FLAGS)
flags.DEFINE_string(
    "mood",
    None,
    "The tracks that fit best, by tags with commas, such as relaxing,-energetic:0.5: a minus for what is not wanted, a "
    "weight up to 1 behind a colon.",
    flag_values=FLAGS,
)
options.positive(FLAGS, "length", 25, "So many tracks of a playlist at most.")
flags.DEFINE_enum(
    "format",
    "m3u8",
    playlists.FORMATS,
    "Of playlists for each tag: m3u8 for every player; nsp for Navidrome, which fills them by the moods in the files "
    "(kerastag write).",
    flag_values=FLAGS,
)
choosing.define_vocabulary(FLAGS)
flags.DEFINE_float(
    "min_score", None, "No track with a lower score in the playlist of a tag.", 0.0, 1.0, flag_values=FLAGS
)
flags.DEFINE_bool("absolute", False, "Whole paths instead of ones from the playlist on.", flag_values=FLAGS)
flags.DEFINE_bool("overwrite", False, "Replace playlists that exist.", flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))

collection.define(FLAGS)
options.define_verbosity(FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Writes one playlist, or one for each tag. Returns 3 if some files could not be heard, or stand in no playlist."""
    single = values.like is not None or values.mood is not None
    _check(values, single)
    if not single:
        return _by_tag(values, arguments)
    if values.like is not None:
        heard = collection.hear_beside(values, values.like, arguments)
        rows, _ = similar.distinct(heard.others, heard.embedding, values.length - 1)
        paths = [heard.seed, *(heard.paths[row] for row in rows)]
        return _write_single(values, heard.collection, paths, f"Like {heard.seed.stem}")
    search = collection.find(values, arguments)
    ears = collection.Ears(values)
    weights = moods.parse(values.mood, ears.source.vocabulary)
    if values.output is not None and _suffix(values) == "nsp":
        chosen = choosing.words(values, ears.source.vocabulary)
        return _write_wish(values, {chosen.word_of(column): weight for column, weight in weights.items()})
    result = ears.hear(search)
    rows, _ = moods.rank(result.heard.scores, weights)
    return _write_single(values, result, [result.heard.files[row] for row in rows[: values.length]], values.mood)


def _check(values: flags.FlagValues, single: bool) -> None:
    """Raises UsageError: flags contradict each other; KerastagError: the playlist is there already."""
    if values.like is not None and values.mood is not None:
        raise errors.UsageError("--like and --mood: give one of them")
    if not single:
        if values.output is None:
            raise errors.UsageError("--output is needed: the folder of the playlists")
        if pathlib.Path(values.output).is_file():
            raise errors.KerastagError(f"{values.output}: is a file, not a folder for playlists", "output")
        files.check_folder_writable(values.output)
        return
    if values["format"].present:
        raise errors.UsageError("--format is of playlists for each tag; a single one's is the suffix of --output")
    if values.output is None:
        return
    if _suffix(values) not in playlists.FORMATS:
        raise errors.UsageError(f"{values.output}: the suffix must be .m3u8 or .nsp", "output")
    if _suffix(values) == "nsp" and values.like is not None:
        raise errors.UsageError("--like: a smart playlist (.nsp) has rules, and likeness is none; take .m3u8", "output")
    files.check_output(values.output, values.overwrite)


def _by_tag(values: flags.FlagValues, arguments: list[str]) -> int:
    """A playlist for each word that a file is given."""
    search = collection.find(values, arguments)
    ears = collection.Ears(values)
    chosen = choosing.words(values, ears.source.vocabulary)
    _ = ears.source.decider, ears.source.card
    folder = pathlib.Path(values.output)
    places = [folder / name for name in playlists.file_names(chosen.words, values.format)]
    for place in places:
        files.check_output(place, values.overwrite)
    result = ears.hear(search)
    heard = result.heard
    rule = (ears.source.decider, chosen, heard.vocabulary, ears.source.card)
    choices = word_choice.choose(heard.scores, *rule, min_score=values.min_score)
    members: dict[str, list[tuple[float, int]]] = {word: [] for word in chosen.words}
    for row, of_file in enumerate(choices):
        for choice in of_file:
            members[choice.word].append((-choice.score, row))
    rows_of = {word: [row for _, row in sorted(of)[: values.length]] for word, of in members.items()}
    written, unfit = _write_by_tag(values, folder, dict(zip(places, rows_of.items(), strict=True)), heard.files)
    cli.tell(f"{folder}: {written} playlists of {len(chosen.words)} tags")
    return _ended(result, unfit)


def _write_by_tag(
    values: flags.FlagValues,
    folder: pathlib.Path,
    members: Mapping[pathlib.Path, tuple[str, list[int]]],
    paths: Sequence[pathlib.Path],
) -> tuple[int, list[str]]:
    """Writes the playlists that have tracks, a word and rows of `paths` in each place; how many, and which files cannot
    stand in one. A smart playlist has a rule instead of tracks, so that none of them is opened.
    """
    if values.format == "nsp":
        wanted = {place: word for place, (word, rows) in members.items() if rows}
        for place, word in wanted.items():
            files.write_json(place, playlists.nsp(word, [playlists.has_mood(word)], values.length))
        return len(wanted), []
    named = sorted({row for _, rows in members.values() for row in rows})
    entries, unfit = _entries(values, folder, (paths[row] for row in named))
    num_written = 0
    for place, (word, rows) in members.items():
        tracks = [entries[paths[row]] for row in rows if paths[row] in entries]
        if tracks:
            files.write_text(place, playlists.m3u8(tracks, word, folder, values.absolute))
            num_written += 1
    return num_written, unfit


def _write_single(values: flags.FlagValues, result: collection.Collection, paths: list[pathlib.Path], name: str) -> int:
    """Prints the list, or writes it."""
    if values.output is None:
        print("\n".join(map(names.shown, paths)))
        return _ended(result, [])
    output = pathlib.Path(values.output)
    entries, unfit = _entries(values, output.parent, paths)
    kept = [entries[path] for path in paths if path in entries]
    files.write_text(output, playlists.m3u8(kept, name, output.parent, values.absolute))
    cli.tell(f"{output}: {len(kept)} tracks")
    return _ended(result, unfit)


def _write_wish(values: flags.FlagValues, weights: dict[str, float]) -> int:
    """A smart playlist that asks for some moods and not for others; rules know no weights."""
    wanted = [playlists.has_mood(word) for word, weight in weights.items() if weight > 0]
    rules = [{"any": wanted}] if len(wanted) > 1 else wanted
    rules += [playlists.has_mood(word, wanted=False) for word, weight in weights.items() if weight < 0]
    files.write_json(values.output, playlists.nsp(values.mood, rules, values.length))
    cli.tell(f"{values.output}: Navidrome fills it by the moods in its files")
    return 0


def _entries(
    values: flags.FlagValues, folder: pathlib.Path, paths: Iterable[pathlib.Path]
) -> tuple[dict[pathlib.Path, playlists.Entry], list[str]]:
    """What playlists in a folder say of files, and why others cannot stand in one."""
    entries, unfit = {}, []
    for path in paths:
        problem = playlists.check_path(path, folder, values.absolute)
        if problem:
            unfit.append(problem)
        else:
            entries[path] = playlists.entry_of(path)
    return entries, unfit


def _ended(result: collection.Collection, unfit: list[str]) -> int:
    cli.warn([*result.warnings(), *(f"skipped: {problem}" for problem in unfit)])
    return result.status or (collection.SOME_FAILED if unfit else 0)


def _suffix(values: flags.FlagValues) -> str:
    return pathlib.Path(values.output).suffix.lower().removeprefix(".")


COMMAND = cli.Command("kerastag playlist", cli.COMMANDS["playlist"], FLAGS, main, MAIN_FLAGS, arguments="PATH...")

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
