"""`kerastag tag` over a library in which much is amiss: all that can be scored is, the rest is told, it ends."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest

from kerastag import audio, cli, names, tag

ROOT = pathlib.Path(__file__).parents[2]
ODD = os.fsdecode(b"na\xefve \x1b[31m\nred.wav")


@pytest.fixture
def library(music, tmp_path):
    folder = tmp_path / "library"
    shutil.copytree(music / "test", folder)
    return folder


def tag_after(code):
    """A script that is `kerastag tag` after `code`."""
    return f"import sys\n{code}\nfrom kerastag import tag\nsys.exit(tag.COMMAND.run(sys.argv[1:]))"


def arguments_of(run, library):
    return [f"--model={run}", "--num_chunks=1", str(library)]


ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}


@pytest.fixture
def forked(forks, run, library, tmp_path):
    """A function that runs `kerastag tag` after `code` in a forked process."""

    def call(code):
        script = tmp_path / "script.py"
        script.write_text(tag_after(code))
        return forks.run([str(script), *arguments_of(run, library)], ENVIRONMENT, bare=False)

    return call


@pytest.mark.parametrize("suffix", ["tsv", "csv", "json", "jsonl", "parquet"])
def test_a_name_that_is_no_utf8_has_its_row_and_leads_back(run, library, tmp_path, suffix):
    os.rename(library / "0.wav", library / ODD)
    (library / "=1+1.wav").symlink_to(library / "1.wav")
    output = tmp_path / os.fsdecode(b"\xef") / f"tags.{suffix}"
    assert tag.COMMAND.run([str(library), f"--model={run}", f"--output={output}", "--num_chunks=1"]) == 0
    if suffix == "parquet":
        with output.open("rb") as file:
            shown = pytest.importorskip("pyarrow.parquet").read_table(file).column("path").to_pylist()
    else:
        text = output.read_text(encoding="utf-8")
        shown = {
            "tsv": lambda: [line.split("\t")[0] for line in text.splitlines()[1:]],
            "csv": lambda: [line.split(",")[0] for line in text.splitlines()[1:]],
            "json": lambda: list(json.loads(text)),
            "jsonl": lambda: [json.loads(line)["path"] for line in text.splitlines()],
        }[suffix]()
    assert len(shown) == 9 and r"na\xefve \x1b[31m\x0ared.wav" in " ".join(shown)
    assert all(pathlib.Path(names.path_of(name)).is_file() for name in shown)


def test_a_row_of_a_csv_file_is_no_formula(run, library, tmp_path, monkeypatch):
    (library / "=1+1.wav").symlink_to(library / "1.wav")
    monkeypatch.chdir(library)
    assert tag.COMMAND.run(["=1+1.wav", f"--model={run}", f"--output={tmp_path / 't.csv'}", "--num_chunks=1"]) == 0
    assert (tmp_path / "t.csv").read_text().splitlines()[1].startswith("./=1+1.wav,")


def test_a_folder_that_cannot_be_listed_is_told_and_passed_over(run, library, monkeypatch, capsys):
    (library / "locked").mkdir()
    shutil.copy(library / "0.wav", library / "locked")
    listed = pathlib.Path.iterdir

    def iterdir(self):
        if self.name == "locked":
            raise PermissionError(13, "Permission denied", str(self))
        return listed(self)

    monkeypatch.setattr(pathlib.Path, "iterdir", iterdir)
    assert tag.COMMAND.run([str(library), f"--model={run}", "--num_chunks=1"]) == 3
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 8
    assert captured.err.splitlines() == [f"skipped: {library / 'locked'}: cannot be listed (permission denied)"]


def test_what_is_no_file_is_passed_over_and_refused_where_it_is_named(run, library, capsys):
    os.mkfifo(library / "pipe.wav")
    (library / "loop.wav").symlink_to(library / "loop.wav")
    found = audio.find_audio([library])
    assert len(found.files) == 8
    assert found.problems == [f"{library / 'loop.wav'}: cannot be looked at (too many levels of symbolic links)"]
    for name, said in ((library / "pipe.wav", "is a pipe"), ("/dev/zero", "is a device")):
        assert tag.COMMAND.run([str(name), f"--model={run}"]) == 1
        assert capsys.readouterr().err == f"{name}: {said}, not an audio file\n"


def test_files_for_the_second_reader_are_named_once_where_it_is_not(run, library, monkeypatch, capsys):
    from kerastag.audio import second_reader

    monkeypatch.setattr(second_reader, "available", lambda: False)
    for name in ("a.m4a", "b.wma", "c.wv", "d.ape"):
        (library / name).write_bytes(b"music")
    assert tag.COMMAND.run([str(library), f"--model={run}", "--num_chunks=1"]) == 3
    captured = capsys.readouterr()
    shown = ", ".join(str(library / name) for name in ("a.m4a", "b.wma", "c.wv"))
    line = f"4 files need FFmpeg's libraries, pip install 'kerastag[formats]': {shown}, ..."
    assert captured.err == f"skipped: {line}\n" and len(captured.out.splitlines()) == 8
    (library.parent / "only").mkdir()
    shutil.copy(library / "a.m4a", library.parent / "only")
    assert tag.COMMAND.run([str(library.parent / "only"), f"--model={run}"]) == 1
    assert capsys.readouterr().err.startswith("1 file needs FFmpeg's libraries, pip install")


def test_what_is_missing_of_a_file_is_told_and_stands_in_the_json(run, library, tmp_path, rng, capsys):
    import soundfile

    soundfile.write(library / "long.mp3", rng.uniform(-0.5, 0.5, 20 * 16_000), 16_000)
    content = (library / "long.mp3").read_bytes()
    hole = slice(len(content) // 2, len(content) // 2 + len(content) // 5)
    (library / "long.mp3").write_bytes(content[: hole.start] + bytes(hole.stop - hole.start) + content[hole.stop :])
    output = tmp_path / "tags.json"
    assert tag.COMMAND.run([str(library), f"--model={run}", f"--output={output}", "--num_chunks=1"]) == 0
    err = capsys.readouterr().err
    assert err.startswith(f"heard in part: {library / 'long.mp3'}: 4.") and "of 20.0 s cannot be read (at 0:" in err
    heard = {
        name: scores.pop("_heard") for name, scores in json.loads(output.read_text()).items() if "_heard" in scores
    }
    assert list(heard) == [str(library / "long.mp3")]
    facts = heard[str(library / "long.mp3")]
    assert facts["seconds_stated"] == 20.0
    assert facts["seconds_read"] + sum(seconds for _, seconds in facts["gaps"]) == pytest.approx(20, abs=0.2)


WRONG = """
import threading
from kerastag import audio, parallel
class Odd(BaseException): pass
parallel.READ_SECONDS = 2
read, mishaps = audio.read_chunks, {mishaps}
def wrong(path, *arguments):
    for name, mishap in mishaps.items():
        if path.endswith(name):
            eval(mishap)
    return read(path, *arguments)
audio.read_chunks = wrong
def throw(error): raise error
"""
MISHAPS = {
    "1.wav": ("throw(RuntimeError('boom'))", "RuntimeError: boom"),
    "2.wav": ("throw(SystemExit(7))", "SystemExit: 7"),
    "3.wav": ("throw(Odd('odd'))", "Odd: odd"),
    "4.wav": ("threading.Event().wait()", "given up, reading it took more than 2 s"),
}


def test_a_reader_that_raises_or_never_returns_costs_its_file_alone_on_a_strict_terminal_too(run, library):
    """Which cannot show all names, and loses nothing."""
    os.rename(library / "0.wav", library / ODD)
    os.rename(library / "5.wav", library / "Björk 歌.wav")
    (library / "broken ü.mp3").write_bytes(b"not audio")
    code = WRONG.format(mishaps={name: mishap for name, (mishap, _) in MISHAPS.items()})
    command = [sys.executable, "-c", tag_after(code), *arguments_of(run, library)]  # it must end by itself
    strict = {**ENVIRONMENT, "PYTHONIOENCODING": "ascii:strict"}
    done = subprocess.run(command, capture_output=True, timeout=100, env=strict)
    assert done.returncode == 3 and len(done.stdout.splitlines()) == 8 - len(MISHAPS)
    expected = [f"skipped: {library / name}: {reason}" for name, (_, reason) in MISHAPS.items()]
    *told, broken = sorted(done.stderr.decode("ascii").splitlines())
    assert told == expected and broken.startswith(f"skipped: {library}/broken ")


def test_a_reader_that_is_killed_ends_the_process(forked):
    killed = {"3.wav": "__import__('os').kill(__import__('os').getpid(), 9)"}
    done = forked(WRONG.format(mishaps=killed))
    assert done.returncode == -signal.SIGKILL


def test_an_error_of_ours_ends_the_process_in_a_line(forked):
    done = forked("from kerastag.data import chunk_reader\nchunk_reader.ChunkReader._noted = lambda *_: 1 / 0")
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("kerastag tag: ")]
    assert done.returncode == 1 and "unexpected" in line and line.endswith("(--verbosity=1 shows where)")


def test_a_full_standard_output_is_named(forks, run, library, tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    script, said = tmp_path / "script.py", tmp_path / "said"
    script.write_text(tag_after(""))
    with open("/dev/full", "w") as full, said.open("w") as err:
        status = forks.start([str(script), *arguments_of(run, library)], full, err, ENVIRONMENT, bare=False).wait()
    assert status == 1 and said.read_text() == "standard output: no space left on device\n"


def test_warnings_stay_on_their_line(capsys):
    cli.warn(["skipped: a\nb\x1b[2J.mp3: is odd"])
    assert capsys.readouterr().err == "skipped: a b\\x1b[2J.mp3: is odd\n"
