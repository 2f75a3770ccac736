"""Every kind of file that is no audio is made and read whole; mutated, it is read or refused."""

import json
import random
import zipfile

import pytest

from tools.attacks import file_kinds, fuzz_files, text_mutating

KINDS = list(file_kinds.KINDS)
LIGHT = [name for name, kind in file_kinds.KINDS.items() if kind.make not in file_kinds.HEAVY]


@pytest.fixture(scope="module")
def rooms():
    return fuzz_files.rooms(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_a_whole_file_is_read(rooms, name, tmp_path):
    kind = file_kinds.KINDS[name]
    assert kind.file in rooms[name]
    for relative, content in rooms[name].items():
        (tmp_path / relative).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / relative).write_bytes(content.replace(file_kinds.HERE.encode(), str(tmp_path).encode()))
    kind.read(tmp_path)


@pytest.mark.parametrize("name", text_mutating.NAMES)
def test_a_mutation_of_text_is_a_function_of_its_dice(name):
    text = "".join(json.dumps({"a": [number, {"b": "c d"}]}) + "\n" for number in range(20)).encode()
    results = [text_mutating.mutated(text, name, random.Random(seed)) for seed in (1, 1, 2)]
    assert results[0] == results[1]
    assert any(text_mutating.mutated(text, name, random.Random(seed)) != text for seed in range(5))
    text_mutating.mutated(b"", name, random.Random(1))
    text_mutating.mutated(b"\xff\xfe", name, random.Random(1))


def test_of_a_zip_archive_a_member_is_mutated_and_the_archive_stays_whole(rooms, tmp_path):
    content = rooms["model.keras"]["model.keras"]
    for seed in range(20):
        mutant = fuzz_files._with_member_mutated(content, [b"other"], random.Random(seed))
        (tmp_path / "a.zip").write_bytes(mutant)
        with zipfile.ZipFile(tmp_path / "a.zip") as archive:
            assert archive.testzip() is None and len(archive.namelist()) == 3


def test_mutated_files_are_read_or_refused(capsys):
    arguments = [f"--num_files={3 * len(LIGHT)}", f"--kinds={','.join(LIGHT)}", "--num_processes=1", "--first=2000"]
    assert fuzz_files.COMMAND.run(arguments) == 0
    assert f"{3 * len(LIGHT)} files, {len(LIGHT)} kinds: 0 faults" in capsys.readouterr().out


def test_unknown_kinds_are_refused(capsys):
    assert fuzz_files.COMMAND.run(["--kinds=tags,letters"]) == 2
    assert "letters is none of split, " in capsys.readouterr().err
