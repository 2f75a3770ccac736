"""`kerastag tag` over a collection: known files, patterns, watching, and how much it says."""

import shutil
import types

import pytest

from kerastag import tag
from kerastag.inference import opening


@pytest.fixture
def library(music, tmp_path):
    folder = tmp_path / "library"
    shutil.copytree(music / "test", folder)
    return folder


@pytest.fixture
def tagged(run, tmp_path, capsys):
    """A function from arguments to the exit status, what was printed and the errors."""

    def call(*arguments, results=tmp_path / "results.sqlite"):
        capsys.readouterr()
        flags = [f"--model={run}", "--num_chunks=1", "--precision=float32"]
        flags += [f"--results={results}"] if results else []
        status = tag.COMMAND.run([*flags, *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


def test_a_repeated_run_is_equal_and_loads_no_network(tagged, library, tmp_path, monkeypatch):
    (library / "broken.wav").write_bytes(b"not audio")
    first = tagged(library, f"--output={tmp_path / 'first.tsv'}")
    monkeypatch.setattr(opening, "open_source", None)
    second = tagged(library, f"--output={tmp_path / 'second.tsv'}")
    assert first[0] == second[0] == 3 and first[2] == second[2] and "broken.wav: " in first[2]
    assert (tmp_path / "first.tsv").read_bytes() == (tmp_path / "second.tsv").read_bytes()
    assert tagged(library, "--num_chunks=2")[0] == 1  # another way of reading: the network is asked for


def test_the_exit_status_tells_some_from_all(tagged, library, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"not audio")
    assert tagged(library)[0] == 0
    assert tagged(library, bad)[0] == 3
    assert tagged(bad)[0] == 1


def test_patterns_leave_out_names_and_paths(tagged, library):
    (library / "demos" / "old").mkdir(parents=True)
    for name in ("demos/a.wav", "demos/old/b.wav", "old.wav"):
        shutil.copy(library / "0.wav", library / name)

    def files(*patterns):
        lines = tagged(library, *(f"--exclude_paths={pattern}" for pattern in patterns))[1].splitlines()
        return {line.split()[0].removeprefix(f"{library}/") for line in lines}

    numbers = {f"{number}.wav" for number in range(8)}
    assert files() == {*numbers, "old.wav", "demos/a.wav", "demos/old/b.wav"}
    assert files("old") == {*numbers, "old.wav", "demos/a.wav"}
    assert files("old*") == {*numbers, "demos/a.wav"}
    assert files("demos/*") == {*numbers, "old.wav"}
    assert files("[0-5].wav", f"{library}/demos") == {"6.wav", "7.wav", "old.wav"}
    assert tagged(library, "--exclude_paths=*")[::2] == (1, f"{library}: no audio files\n")


def test_a_cache_that_cannot_be_kept_is_told_once_and_costs_nothing(tagged, library, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("kerastag.library.results.default_path", lambda: tmp_path / "file" / "results.sqlite")
    status, out, err = tagged(library, results=None)
    assert status == 0 and len(out.splitlines()) == 8
    assert len(err.splitlines()) == 1 and "every file is heard anew" in err
    named = tagged(library, f"--results={tmp_path / 'file' / 'results.sqlite'}")
    assert named[0] == 1 and named[2].endswith("(see --results)\n") and not named[1]


def test_watching_prints_what_is_new_and_ends_with_ctrl_c(tagged, library, monkeypatch, capsys):
    looks = []

    def wait(seconds):
        """What happens while it waits for the next look, of which the last is at nothing new."""
        assert seconds == 7
        looks.append(capsys.readouterr())
        if len(looks) == 1:
            shutil.copy(library / "0.wav", library / "new.wav")
        elif len(looks) == 2:
            (library / "broken.wav").write_bytes(b"not audio")
        elif len(looks) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(tag, "time", types.SimpleNamespace(sleep=wait))
    status, *rest = tagged(library, "--watch=7")
    first, new, broken, nothing = looks
    lines = first.out.splitlines()
    assert sorted(line.split()[0] for line in lines) == [str(library / f"{number}.wav") for number in range(8)]
    (line,) = new.out.splitlines()
    of_the_same = next(other for other in lines if other.split()[0] == str(library / "0.wav"))
    assert line.split() == [str(library / "new.wav"), *of_the_same.split()[1:]]
    assert broken.err.startswith(f"skipped: {library / 'broken.wav'}: ") and len(broken.err.splitlines()) == 1
    assert (first.err, new.err, broken.out, *nothing, *rest, status) == ("", "", "", "", "", "", "", 3)


def test_lines_of_progress_in_a_log(monkeypatch):
    import io

    from kerastag import progress

    moments = iter([0.0, 5.0, 31.0, 45.0, 62.0, 70.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(moments))
    stream = io.StringIO()
    with progress.Lines(10, "hearing 10 files", stream=stream) as bar:
        for _ in range(5):
            bar.advance()
    assert stream.getvalue().splitlines() == [
        "hearing 10 files: 2 of 10 files, 0.065 files/s, 02:04 left",
        "hearing 10 files: 4 of 10 files, 0.065 files/s, 01:33 left",
    ]
    quiet = io.StringIO()
    moments = iter(range(0, 1000, 100))
    with progress.Lines(10, "hearing 10 files", stream=quiet, quiet=True) as bar:
        bar.advance(5)
    assert not quiet.getvalue()
