"""Text that would act on a terminal, a spreadsheet or a page, in every file and name that a command quotes."""

import json
import os
import shutil

import numpy as np
import pytest

from kerastag import cli, ensemble, evaluate, export, names, playlist, prepare, report, similar, tag, train, write
from kerastag import map as map_command
from kerastag.library import playlists, writing

HOSTILE = "\x1b]0;x\x07\u202e=HYPERLINK(1)<script>\x9b2J"
MOODS = ("calm", "dark", "happy")


@pytest.fixture
def scores(tmp_path, rng):
    """Flags of scores, labels and tags, in a folder of a hostile name."""
    folder = tmp_path / f"a{HOSTILE}\nb"
    folder.mkdir()
    np.save(folder / "scores.npy", rng.uniform(size=(30, 3)))
    np.save(folder / "labels.npy", np.arange(90).reshape(30, 3) % 4 == 0)
    (folder / "tags.txt").write_text("\n".join(MOODS))
    return folder, [
        *(f"--predictions={folder / 'scores.npy'}", f"--labels={folder / 'labels.npy'}"),
        *(f"--tags={folder / 'tags.txt'}", "--fit_on_the_labels_reported_on", "--num_resamples=20"),
    ]


def said(capsys, num_lines=None):
    """What a command said, if all of it is plain."""
    captured = capsys.readouterr()
    for line in (captured.out + captured.err).split("\n"):
        assert names.hidden_letter(line) is None, line
    assert num_lines is None or len(captured.err.splitlines()) == num_lines, captured.err
    return captured.out + captured.err


def test_groups_and_names_of_scores_are_told_plainly(scores, tmp_path, capsys):
    folder, flags = scores
    (folder / "groups.tsv").write_text(f"group\ttag\n{HOSTILE}\tcalm\tdark\n")
    tables_dir = tmp_path / "tables"
    more = [f"--groups={folder / 'groups.tsv'}", f"--tables_dir={tables_dir}", f"--output={tmp_path / 'm.json'}"]
    assert evaluate.COMMAND.run([*flags, *more]) == 0
    assert "=HYPERLINK(1)" in said(capsys)
    for name in ("tables.txt", "tables.md"):
        text = (tables_dir / name).read_text()
        assert all(names.hidden_letter(line) is None for line in text.split("\n"))
    assert "<script>" not in (tables_dir / "tables.md").read_text().replace("\\<script>", "")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("groups.tsv", f"group\ttag\nx\t{HOSTILE}\n"),
        ("groups.tsv", f"{HOSTILE}\ttag\n"),
        ("tags.txt", f"calm\ndark\n{HOSTILE}\n"),
        ("train.tsv", f"TRACK_ID\tPATH\tTAGS\n1\t/{HOSTILE}\tcalm\n"),
        ("train.tsv", f"TRACK_ID\tPATH\tTAGS\n{HOSTILE}\ta\tcalm\n{HOSTILE}\tb\tcalm\n"),
        ("train.tsv", f"TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\n1\t\t\ta\t{HOSTILE}\tcalm\n"),
        ("train.tsv", f"{HOSTILE}\n"),
    ],
)
def test_an_error_that_quotes_a_file_is_one_plain_line(scores, tmp_path, name, content, capsys):
    folder, flags = scores
    for place in (folder, tmp_path):  # a list of files has no line breaks
        (place / name).write_text(content)
    more = {"groups.tsv": f"--groups={folder / name}", "train.tsv": f"--train_split={tmp_path / name}"}.get(name)
    assert evaluate.COMMAND.run([*flags, *([more] if more else [])]) == 1
    said(capsys, num_lines=1)


@pytest.mark.parametrize("command", [ensemble, evaluate, export, playlist, prepare, report, similar, tag, train])
def test_flags_and_arguments_are_quoted_plainly(command, tmp_path, capsys):
    missing = tmp_path / f"{HOSTILE}\n"
    for arguments in (
        [f"--{HOSTILE}=1"],
        [f"--verbosity={HOSTILE}"],
        [f"--preset={HOSTILE}"],
        [f"--flagfile={missing}"],
    ):
        assert command.COMMAND.run(arguments) != 0
        said(capsys, num_lines=1)
    assert cli.main([HOSTILE]) == 2
    said(capsys, num_lines=1)


def test_playlists_hold_titles_on_their_lines_and_names_in_their_folder(tmp_path):
    entry = playlists.Entry(tmp_path / "a.mp3", f"{HOSTILE}\n#EXTM3U\r../../x", 5.0)
    text = playlists.m3u8([entry], f"{HOSTILE}\nhttp://x", tmp_path)
    assert len(text.splitlines()) == 4 and all(names.hidden_letter(line) is None for line in text.splitlines())
    rules = playlists.nsp(HOSTILE, [playlists.has_mood(HOSTILE)], 5)
    for path in playlists.write_all([(tmp_path / "a.nsp", rules)]):
        assert json.loads(path.read_text())["name"] == HOSTILE and "\x1b" not in path.read_text()
    for name in playlists.file_names([f"../{HOSTILE}", "..", "/etc/passwd", "a\0b", "CON\n"], "m3u8"):
        assert names.hidden_letter(name) is None and "/" not in name and name.strip(".") == name


def test_tags_that_others_wrote_are_shown_plainly(tmp_path):
    path = tmp_path / f"{HOSTILE.replace('/', '')}\n.mp3"
    path.write_bytes(b"")
    planned = writing.Plan(path, "mood", (f"{HOSTILE}\r\nx", "dark"), ("dark", "calm"), path.stat())
    first, second = write._diff(planned).split("\n")
    assert names.hidden_letter(first) is None and names.path_of(first) == str(path)
    assert names.hidden_letter(second) is None and "+ calm" in second


@pytest.mark.parametrize("command", [similar, playlist, map_command, report, prepare])
def test_what_was_written_is_told_plainly(command, run, music, tmp_path, capsys):
    output, song = tmp_path / f"{HOSTILE}\nb", str(music / "test" / "0.wav")
    heard = [str(music / "test"), f"--model={run}", "--num_chunks=1", "--quiet"]
    flags = {
        similar: [song, *heard, f"--output={output / 'a.csv'}"],
        playlist: [*heard, f"--like={song}", f"--output={output / 'a.m3u8'}"],
        map_command: [*heard, f"--output={output / 'a.html'}"],
        report: [str(run), f"--output={output / 'a.html'}", "--num_resamples=5"],
        prepare: [f"--data_dir={music}", f"--output_dir={output}", f"--validation_split={music / 'test.tsv'}"],
    }[command]
    assert command.COMMAND.run(flags) == 0 and any(output.iterdir())
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 1
    assert names.hidden_letter(captured.out[:-1] + captured.err.replace("\n", "")) is None


def test_an_export_where_tensorflow_finds_none_is_refused_before_the_work(run, tmp_path, capsys):
    assert export.COMMAND.run([f"--run_dir={run}", f"--output_dir={tmp_path / 'a[b]' / 'c'}"]) == 1
    assert "'[' is in the path" in said(capsys, num_lines=1) and not any(tmp_path.iterdir())


@pytest.mark.parametrize("command", [train, export, ensemble])
def test_what_needs_names_of_utf8_says_so_before_the_work(command, run, tmp_path, capsys):
    odd = os.fsdecode(b"na\xefve")
    flags = {
        train: [f"--run_dir={tmp_path / odd}"],
        export: [f"--run_dir={run}", f"--output_dir={tmp_path / odd}"],
        ensemble: [f"--run_dirs={run}", f"--output_dir={tmp_path / odd}"],
    }[command]
    assert command.COMMAND.run(flags) == 2 and not any(tmp_path.iterdir())
    assert r"na\xefve: is no UTF-8" in said(capsys, num_lines=1)


def test_a_dataset_in_a_folder_of_any_name_is_prepared_and_read_again(music, tmp_path):
    shutil.copytree(music, tmp_path / "data")
    first, *lines = (tmp_path / "data" / "test.tsv").read_text().splitlines()
    for name, old in (("= $(x) `a`.wav", "0.wav"), (HOSTILE.replace("/", ""), "1.wav"), (" -f .wav", "2.wav")):
        (tmp_path / "data" / "test" / old).rename(tmp_path / "data" / "test" / name)
        lines = [line.replace(f"test/{old}", f"test/{name}") for line in lines]
    (tmp_path / "data" / "test.tsv").write_text("\n".join([first, *lines]) + "\r\r\n")
    for round_trip, (source, target) in enumerate((("data", b"a\xef\n"), (b"a\xef\n", b"b\xef"))):
        source, target = (tmp_path / os.fsdecode(name) for name in (source, target))
        assert prepare.COMMAND.run([f"--data_dir={source}", f"--output_dir={target}"]) == 0, round_trip
        assert len(list((target / "test").iterdir())) == 8


def test_a_line_that_no_writer_could_write_again_is_refused_before_the_work(scores, music, tmp_path, capsys):
    (tmp_path / "train.tsv").write_bytes(b"TRACK_ID\tPATH\tTAGS\n1\ta\rb\tcalm\n")
    assert prepare.COMMAND.run([f"--data_dir={tmp_path}", f"--output_dir={tmp_path / 'out'}"]) == 1
    assert "train.tsv:2: a carriage return stands within the line" in said(capsys, num_lines=1)
    folder, flags = scores
    (folder / "groups.tsv").write_bytes(b"group\ttag\na\rb\tcalm\n")
    assert evaluate.COMMAND.run([*flags, f"--groups={folder / 'groups.tsv'}"]) == 1
    assert "groups.tsv:2: a carriage return" in said(capsys, num_lines=1)
