"""Has files that are no audio read after they were mutated, in processes with limits: none may crash, hang or swell.

    python -m tools.attacks.fuzz_files [--num_files=20000] [--kinds=split,tags,...] [--keep=FOLDER]

A small file of each kind that kerastag reads, of the table in file_kinds, is read as the commands read it, after bits
were flipped, numbers set to their extremes, parts cut out, repeated, or put in from a file of another kind; text also
after its lines, fields, numbers, letters and ends of lines were changed, JSON after its values were; a zip archive also
after a member of it was. A file may be read, or refused in one line without a letter that a terminal would obey; a
crash, any other exception, 20 s or 1 GB is a fault, told with the number that makes the file again (--first). The exit
status is 1 if there was one.
"""

import io
import pathlib
import random
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence

from absl import flags

from kerastag import cli, errors
from kerastag.cli import options
from tools.attacks import file_kinds, fuzzing, mutating, text_mutating

FLAGS = flags.FlagValues()
fuzzing.define(FLAGS, num_files=20_000)
flags.DEFINE_list("kinds", [], "Which kinds of files; without it all.", flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))
options.define_verbosity(FLAGS)

Room = Mapping[str, bytes]  # the files of a folder, by their paths in it


def rooms(kinds: Sequence[str]) -> dict[str, Room]:
    """The valid files of each kind, with whatever is read beside the one that is mutated."""
    made: dict[object, Room] = {}
    for kind in (file_kinds.KINDS[name] for name in kinds):
        if kind.make not in made:
            with tempfile.TemporaryDirectory() as folder:
                kind.make(pathlib.Path(folder))
                there = (path for path in sorted(pathlib.Path(folder).rglob("*")) if path.is_file())
                made[kind.make] = {
                    str(path.relative_to(folder)): _named_anew(path.read_bytes(), folder, file_kinds.HERE)
                    for path in there
                }
    return {name: made[file_kinds.KINDS[name].make] for name in kinds}


def mutants(folder: pathlib.Path, numbers: Iterable[int], seed: int, kinds: Sequence[str]) -> Iterator[fuzzing.Mutant]:
    """Writes mutated files one after the other; each is a function of its number, the seed and the kinds."""
    whole = rooms(kinds)
    for number in numbers:
        name = kinds[number % len(kinds)]
        file, dice = file_kinds.KINDS[name].file, random.Random(f"{seed} {number}")
        others = [whole[other][file_kinds.KINDS[other].file] for other in kinds]
        room = folder / str(number)
        for relative, content in whole[name].items():
            path = room / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            here = _named_anew(content, file_kinds.HERE, str(room))
            path.write_bytes(_mutated(here, others, number // len(kinds), dice) if relative == file else here)
        yield fuzzing.Mutant(room / file, name, room)


def attack(mutant: fuzzing.Mutant) -> None:
    """Has a file read; raises a KerastagError if it is refused, and whatever else its reader raises."""
    file_kinds.KINDS[mutant.form].read(mutant.room)


def _mutated(content: bytes, others: list[bytes], turn: int, dice: random.Random) -> bytes:
    """A file after the mutation whose turn it is, among those that fit what it is."""
    is_zip = zipfile.is_zipfile(io.BytesIO(content))
    is_text = not is_zip and b"\0" not in content
    ways = (*mutating.NAMES, *(text_mutating.NAMES * 2 if is_text else ()), *((_MEMBER,) * 10 if is_zip else ()))
    way = ways[turn % len(ways)]
    if way == _MEMBER:
        return _with_member_mutated(content, others, dice)
    if way in text_mutating.NAMES:
        return text_mutating.mutated(content, way, dice)
    return mutating.mutated(content, others, way, dice)


_MEMBER = "member"


def _with_member_mutated(content: bytes, others: list[bytes], dice: random.Random) -> bytes:
    """A zip archive that is whole, with one of its members mutated."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    chosen = dice.choice(list(members))
    members[chosen] = _mutated(members[chosen] or b"\0", others, dice.randrange(1000), dice)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return packed.getvalue()


def _named_anew(content: bytes, folder: str, other: str) -> bytes:
    """Text that names a folder, with another one in its place; its bytes, where it is no text."""
    return content if b"\0" in content else content.replace(folder.encode(), other.encode())


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Makes the files, has them read, prints the table. Returns 1 if there was a fault."""
    unknown = set(values.kinds) - set(file_kinds.KINDS)
    if unknown:
        raise errors.UsageError(f"--kinds: {min(unknown)} is none of {', '.join(file_kinds.KINDS)}")
    numbers, kinds = fuzzing.numbers(values), values.kinds or list(file_kinds.KINDS)
    is_heavy = any(file_kinds.KINDS[name].make in file_kinds.HEAVY for name in kinds)
    return fuzzing.run(
        attack,
        lambda folder: mutants(folder, numbers, values.seed, kinds),
        values,
        f"{len(kinds)} kinds",
        file_kinds.prepare if is_heavy else None,
    )


COMMAND = cli.Command(
    "python -m tools.attacks.fuzz_files",
    "has all files but audio read after they were mutated",
    FLAGS,
    main,
    MAIN_FLAGS,
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
