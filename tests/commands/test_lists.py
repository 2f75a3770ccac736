"""`kerastag playlist` and `kerastag similar` over a small collection."""

import json
import shutil

import numpy as np
import pytest

import kerastag
from kerastag import playlist, similar
from kerastag.library import playlists


@pytest.fixture
def library(music, tmp_path):
    folder = tmp_path / "library"
    shutil.copytree(music / "test", folder)
    return folder


@pytest.fixture(scope="module")
def listening(run, network, tmp_path_factory):
    """A run whose embeddings differ in direction from file to file."""
    folder = tmp_path_factory.mktemp("runs") / "listening"
    shutil.copytree(run, folder)
    network(num_tags=3, num_channels=8).save(folder / "model.keras")
    return folder


@pytest.fixture
def run_command(listening, tmp_path, capsys):
    """A function from a command and arguments to the exit status, what was printed and the errors."""

    def call(command, *arguments):
        capsys.readouterr()
        flags = [
            f"--model={listening}",
            f"--results={tmp_path / 'results.sqlite'}",
            "--num_chunks=1",
            "--precision=float32",
        ]
        status = command.COMMAND.run([*flags, *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture(scope="module")
def tagger(listening):
    return kerastag.load(listening, precision="float32")


def files_of(path):
    lines = path.read_text().splitlines()
    return [str((path.parent / line).resolve()) for line in lines if not line.startswith("#")]


def test_similar_ranks_by_the_cosine_of_embeddings(run_command, library, music, tmp_path, tagger):
    seed = music / "validation" / "0.wav"
    status, out, _ = run_command(similar, seed, library, "--length=5")
    paths = sorted(library.iterdir())
    vectors = np.array([tagger.embed(path, num_chunks=1) for path in paths], np.float64)
    wanted = np.float64(tagger.embed(seed, num_chunks=1))
    cosines = vectors @ wanted / np.linalg.norm(vectors, axis=1) / np.linalg.norm(wanted)
    order = np.argsort(-cosines, kind="stable")[:5]
    lines = [line.split() for line in out.splitlines()]
    assert status == 0 and [line[2] for line in lines] == [str(paths[row]) for row in order]
    np.testing.assert_allclose([float(line[1]) for line in lines], cosines[order], atol=6e-4)
    assert run_command(similar, seed, library, f"--output={tmp_path / 's.json'}", "--length=5")[0] == 0
    assert [row["path"] for row in json.loads((tmp_path / "s.json").read_text())] == [line[2] for line in lines]
    again = run_command(similar, seed, library, f"--output={tmp_path / 's.json'}")
    assert again[0] == 1 and "exists already (see --overwrite)" in again[2]


def test_a_playlist_like_a_track_has_it_first_and_no_copies(run_command, library, tmp_path):
    shutil.copy(library / "0.wav", library / "copy.wav")
    output = tmp_path / "lists" / "like.m3u8"
    status, out, err = run_command(playlist, library, f"--like={library / '0.wav'}", f"--output={output}", "--length=4")
    assert (status, err) == (0, "") and out == f"{output}: 4 tracks\n"
    files = files_of(output)
    assert files[0] == str(library / "0.wav") and len(set(files)) == 4 and str(library / "copy.wav") not in files
    ranked = run_command(similar, library / "0.wav", library, "--length=3")[1]
    assert files[1:] == [line.split()[2] for line in ranked.splitlines()]


def test_a_wish_in_moods(run_command, library, tmp_path, tagger):
    status, out, _ = run_command(playlist, library, "--mood=high,-low:0.5", "--length=3")
    names = sorted(path.name for path in library.iterdir())
    scores = {name: tagger.score(library / name, num_chunks=1) for name in names}

    def place(name, tag):
        return sum(scores[other][tag] < scores[name][tag] for other in names)

    fits = {name: place(name, "high") + 0.5 * (7 - place(name, "low")) for name in names}
    assert status == 0 and out.splitlines() == [
        str(library / name) for name in sorted(names, key=lambda n: -fits[n])[:3]
    ]
    nsp = tmp_path / "wish.nsp"
    assert run_command(playlist, library, "--mood=high,-low:0.5", f"--output={nsp}")[0] == 0
    assert json.loads(nsp.read_text())["all"] == [{"is": {"mood": "high"}}, {"isNot": {"mood": "low"}}]


def test_a_playlist_for_each_tag_has_the_files_that_are_given_it(run_command, library, tmp_path, tagger):
    (library / "bad\nname.wav").write_bytes((library / "0.wav").read_bytes())
    folder = tmp_path / "lists"
    status, out, err = run_command(playlist, library, f"--output={folder}", "--length=100")
    assert status == 3 and "line break" in err and out.startswith(f"{folder}: ")
    found = {path.stem: files_of(path) for path in folder.iterdir()}
    given = {}
    for path in sorted(library.iterdir()):
        scores = tagger.score(path, num_chunks=1)
        for tag in tagger.decide(scores):
            given.setdefault(tag, []).append((-scores[tag], str(path)))
    expected = {tag: [path for _, path in sorted(files) if "\n" not in path] for tag, files in given.items()}
    assert found == {tag: paths for tag, paths in expected.items() if paths}
    again = run_command(playlist, library, f"--output={folder}")
    assert again[0] == 1 and "exists already (see --overwrite)" in again[2]
    assert run_command(playlist, library, f"--output={folder}", "--overwrite", "--format=m3u8")[0] == 3


@pytest.mark.parametrize(
    ("arguments", "status", "problem"),
    [
        (["--like=a.wav", "--mood=high"], 2, "--like and --mood: give one of them"),
        ([], 2, "--output is needed"),
        (["--mood=hihg"], 1, "unknown tag 'hihg'"),
        (["--mood=high", "--output=x.txt"], 2, "the suffix must be .m3u8 or .nsp"),
        (["--like=a.wav", "--output=x.nsp"], 2, "a smart playlist"),
        (["--like=nowhere.wav"], 1, "nowhere.wav: no such file or folder"),
        (["--mood=high", "--format=nsp"], 2, "--format is of playlists for each tag"),
    ],
)
def test_wrong_wishes_end_before_the_work(run_command, library, tmp_path, monkeypatch, arguments, status, problem):
    monkeypatch.chdir(tmp_path)
    code, out, err = run_command(playlist, library, *arguments)
    assert code == status and problem in err and not out and len(err.splitlines()) == 1


def test_a_seed_that_cannot_be_heard_is_named(run_command, library, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"not audio")
    for command, arguments in ((playlist, [library, f"--like={bad}"]), (similar, [bad, library])):
        status, out, err = run_command(command, *arguments)
        assert status == 1 and err.startswith(f"{bad}: ") and not out
    assert run_command(similar, bad)[0] == 2


def test_smart_playlists_for_each_tag_open_no_track(run_command, library, tmp_path, monkeypatch):
    (library / "bad\nname.wav").write_bytes((library / "0.wav").read_bytes())  # which only a list of files cannot hold
    lists, smart = tmp_path / "lists", tmp_path / "smart"
    assert run_command(playlist, library, f"--output={lists}")[0] == 3
    monkeypatch.setattr(playlists, "entry_of", None)
    status, _, err = run_command(playlist, library, f"--output={smart}", "--format=nsp", "--length=7")
    assert (status, err) == (0, "")
    assert {path.stem for path in smart.iterdir()} == {path.stem for path in lists.iterdir()} != set()
    for path in smart.iterdir():
        content = json.loads(path.read_text())
        assert content["all"] == [{"is": {"mood": path.stem}}] and content["limit"] == 7
