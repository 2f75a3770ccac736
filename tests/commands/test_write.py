"""kerastag write: shown, applied, repeated, undone."""

import pathlib
import re
import shutil

import numpy as np
import pytest

from kerastag import write
from kerastag.library import listening
from kerastag.metrics import card, decisions
from kerastag.runs import run_folder

mutagen = pytest.importorskip("mutagen")


@pytest.fixture
def library(music, tmp_path):
    """Eight files to write moods into."""
    shutil.copytree(music / "test", tmp_path / "Music")
    return tmp_path / "Music"


@pytest.fixture(scope="module")
def model(run, tmp_path_factory):
    """The run with thresholds that every score reaches, and a card by which one tag is reliable, one near chance."""
    folder = tmp_path_factory.mktemp("models") / "run"
    shutil.copytree(run, folder)
    words = {"mood/theme---high": "weak", "mood/theme---low": "reliable", "mood/theme---mid": "near chance"}
    rows = [card.Row(tag, 0.5, 0.4, 0.6, 3.0, 2.5, 0.1, 0.5, 0.5, False, word) for tag, word in words.items()]
    card.write(folder / "tag_card.tsv", rows)
    decisions.write_thresholds(run_folder.RunFolder(folder).thresholds_path, list(words), np.zeros(3))
    return folder


@pytest.fixture
def run_write(model, tmp_path, capsys):
    """A function that runs the command; its status, lines of output and of errors."""

    def call(*arguments):
        given = [str(argument) for argument in arguments]
        if not any(argument.startswith("--undo") for argument in given):
            given += [f"--model={model}", "--num_chunks=1", "--quiet", f"--results={tmp_path / 'results.sqlite'}"]
        status = write.COMMAND.run(given)
        captured = capsys.readouterr()
        return status, captured.out.splitlines(), captured.err.splitlines()

    return call


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def moods(path: pathlib.Path) -> list[str]:
    tags = mutagen.File(path).tags
    return list(tags["TMOO"].text) if tags and "TMOO" in tags else []


def test_nothing_is_written_without_apply_and_all_of_it_with(library, run_write, tmp_path, monkeypatch):
    before = contents(library)
    status, shown, told = run_write(library)
    assert (status, told) == (0, []) and contents(library) == before
    assert (
        shown[-1] == "8 files would change, 0 stay as they are, 0 cannot be written; nothing was changed: add --apply"
    )
    assert [line for line in shown[:-1] if not line.startswith(" ")] == [str(library / f"{n}.wav") for n in range(8)]
    assert shown[1:16:2] == ["  MOOD  + low  + high"] * 8  # the reliable one first; the one near chance never

    log = tmp_path / "journal.jsonl"
    status, done, told = run_write(library, "--apply", f"--journal={log}")
    assert (status, told) == (0, []) and done[:-2] == shown[:-1]
    assert done[-2:] == [
        "8 files changed, 0 stay as they are, 0 cannot be written",
        f"undo: kerastag write --undo={log}",
    ]
    assert all(moods(path) == ["low", "high"] for path in library.iterdir())

    def hear_nothing(*arguments):
        raise AssertionError("a file was heard anew though only its tags are others")

    monkeypatch.setattr(listening.Listener, "_hear_portion", hear_nothing)
    status, shown, _ = run_write(library, "--apply")
    assert status == 0
    assert shown == ["0 files changed, 8 stay as they are, 0 cannot be written; nothing was changed"]

    status, done, told = run_write(f"--undo={log}", f"--results={tmp_path / 'results.sqlite'}")
    assert (status, told) == (0, []) and contents(library) == before
    assert run_write(library)[0] == 0  # and nothing is heard anew after the undo either
    assert done[-1] == "8 restored byte for byte, 0 value for value, 0 as they were already, 0 could not be undone"
    status, done, _ = run_write(f"--undo={log}")
    assert (status, done) == (
        0,
        ["0 restored byte for byte, 0 value for value, 8 as they were already, 0 could not be undone"],
    )


def test_a_vocabulary_bounds_what_is_written(library, run_write, tmp_path):
    words = tmp_path / "words.tsv"
    words.write_text("tag\tword\nhigh\tbright\nlow\tbright\n")
    status, shown, _ = run_write(library, f"--vocabulary={words}", "--field=genre")
    changed = [line for line in shown[:-1] if line.startswith(" ")]
    assert status == 0 and changed and set(changed) == {"  GENRE  + bright"}
    status, _, told = run_write(library, f"--vocabulary={words}", "--exclude=high,low")
    assert status == 1 and "all tags are left out" in told[0]
    words.write_text("tag\tword\n")
    status, _, told = run_write(library, f"--vocabulary={words}")
    assert status == 1 and told == [f"{words}: no tag has a word"]


def test_what_is_there_is_shown_and_kept_or_replaced(library, run_write):
    for path in library.iterdir():
        file = mutagen.File(path)
        file.add_tags()
        file.tags.add(mutagen.id3.TMOO(encoding=3, text=["own \x1b[1m"]))
        file.save()
    _, shown, _ = run_write(library)
    assert re.fullmatch(r"  MOOD  \+ low  \+ high  +\(kept: own \\x1b\[1m\)", shown[1])
    _, shown, _ = run_write(library, "--mode=replace", "--max_tags=1")
    assert shown[1] == "  MOOD  - own \\x1b[1m  + low"
    _, shown, _ = run_write(library, "--mode=keep")
    assert shown == ["0 files would change, 8 stay as they are, 0 cannot be written; nothing was changed"]


def test_files_that_cannot_be_written_are_told_and_the_others_are(library, run_write, tmp_path):
    import soundfile

    samples, rate = soundfile.read(library / "0.wav")
    soundfile.write(library / "b.au", samples, rate)
    (library / "1.wav").chmod(0o444)
    (library / "alias.wav").hardlink_to(library / "2.wav")
    (library / "again.wav").symlink_to("3.wav")
    (library / "c.mp3").write_bytes(b"no music")
    status, done, told = run_write(library, "--apply", f"--journal={tmp_path / 'j'}", "--preserve_mtime")
    assert status == 3 and done[-2] == "6 files changed, 0 stay as they are, 4 cannot be written"
    assert sum("is read-only" in line for line in told) == 1 and sum("hard links" in line for line in told) == 2
    assert any(line.startswith(f"skipped: {library / 'b.au'}: files of this kind have no tags") for line in told)
    assert any(str(library / "c.mp3") in line for line in told) and len(told) == 5
    assert (library / "again.wav").is_symlink() and moods(library / "3.wav")


def test_nothing_to_write_at_all(library, run_write):
    (library / "c.mp3").write_bytes(b"no music")
    status, shown, told = run_write(library / "c.mp3")
    assert status == 1 and len(told) == 1
    assert shown == ["0 files would change, 0 stay as they are, 0 cannot be written; nothing was changed"]


def test_a_journal_that_cannot_be_written_stops_before_any_file_changes(library, run_write, tmp_path, monkeypatch):
    from kerastag.library import journal

    before = contents(library)
    (tmp_path / "there").write_text("")
    status, _, told = run_write(library, "--apply", f"--journal={tmp_path / 'there'}")
    assert status == 1 and told == [f"{tmp_path / 'there'}: exists already"]

    def fail(self, path, undo, **facts):
        raise journal.JournalError("j: cannot be written (no space left on device)", "journal")

    monkeypatch.setattr(journal.Journal, "add", fail)
    status, done, told = run_write(library, "--apply", f"--journal={tmp_path / 'new'}")
    assert status == 1 and told == ["j: cannot be written (no space left on device) (see --journal)"]
    assert contents(library) == before and done[0].startswith("0 files changed")


@pytest.mark.parametrize(
    "arguments, reason",
    [
        (["--undo=j", "a.wav"], "takes no files"),
        (["--undo=j", "--apply"], "takes no files"),
        (["--journal=j", "a.wav"], "without --apply"),
        ([], "no files or folders"),
        (["--mode=other", "a.wav"], "mode"),
        (["--field=title", "a.wav"], "field"),
    ],
)
def test_flags_that_contradict(arguments, reason, capsys):
    assert write.COMMAND.run(arguments) == 2
    assert reason in capsys.readouterr().err


def test_mutagen_is_asked_for(monkeypatch, capsys):
    import sys

    monkeypatch.setitem(sys.modules, "mutagen", None)
    assert write.COMMAND.run(["a.wav"]) == 1
    assert capsys.readouterr().err == "tags in files need mutagen: pip install 'kerastag[library]'\n"
