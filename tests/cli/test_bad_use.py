"""Bad use of every command: one clear line, the right exit status, nothing written or lost."""

import pytest

from kerastag import evaluate, export, names, tag, train


def bad_trainings(run, music, folder):
    """Arguments of train, and the line that each must get."""
    data, new = f"--data_dir={music}", f"--run_dir={folder / 'new'}"

    def trained_on(name):
        return [data, new, f"--train_split={folder / name}"]

    return [
        ([f"--data_dir={folder / 'missing'}", new], f"{folder / 'missing'}: no such folder"),
        ([f"--data_dir={folder}", new], "train.tsv: no such file"),
        (trained_on("header.tsv"), "header.tsv:1: the header is"),
        (trained_on("untagged.tsv"), "untagged.tsv:2: track '1' has no"),
        (
            [data, new, f"--tags_file={folder / 'tags.txt'}"],
            "train.tsv:2: unknown tag 'mood/theme---high'; did you mean",
        ),
        (trained_on("no_audio.tsv"), "no track of the training split"),  # which writes into its folder
        ([data, f"--run_dir={run}"], "holds a run already; use --resume or"),
        ([f"--run_dir={folder}", "--resume"], "not a run"),
        ([f"--run_dir={run}", "--resume", "--loss=bce"], "started with --loss=cb_focal, not bce"),
    ]


def bad_uses_of_a_run(run, music, folder):
    """Commands that take a run, arguments, and the line that each must get."""
    words, model = folder / "tags.txt", f"--model={run}"
    return [
        (evaluate, [f"--run_dir={folder}"], "not a run"),
        (evaluate, [f"--run_dir={run}", f"--output={words}"], "exists already"),
        (evaluate, [f"--predictions={words}", f"--labels={run}", f"--tags={words}"], "tags.txt"),
        (tag, [str(music), f"--model={folder}"], "neither a run nor an exported model"),
        (tag, [str(folder / "missing"), model], str(folder / "missing")),
        (tag, [str(music), model, f"--output={folder / 'there.tsv'}"], "exists already"),
        (export, [f"--run_dir={run}", f"--output_dir={folder / 'served'}", "--version=1"], "served/1: exists already"),
    ]


@pytest.fixture
def bad_material(tmp_path):
    (tmp_path / "header.tsv").write_text("ID\tFILE\n1\ta.wav\n")
    (tmp_path / "untagged.tsv").write_text("TRACK_ID\tPATH\tTAGS\n1\ta.wav\n")
    (tmp_path / "no_audio.tsv").write_text(
        "TRACK_ID\tPATH\tTAGS\n1\ta.wav\tmood/theme---high\tmood/theme---low\tmood/theme---mid\n"
    )
    (tmp_path / "tags.txt").write_text("mood/theme---hight\nmood/theme---low\nmood/theme---mid\n")
    (tmp_path / "there.tsv").write_text("precious")
    (tmp_path / "served" / "1").mkdir(parents=True)
    return tmp_path


def test_bad_use_gets_one_line_and_loses_nothing(run, music, bad_material, capsys):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    cases = [(train, *case) for case in bad_trainings(run, music, bad_material)]
    for command, arguments, message in cases + bad_uses_of_a_run(run, music, bad_material):
        assert command.COMMAND.run(arguments) == 1, message
        said = capsys.readouterr().err.splitlines()
        lines = [line for line in said if not line.startswith(("device:", "parameters:"))]
        assert len(lines) == 1 and message in lines[0], (message, lines)
        assert not any(path.suffix == ".partial" for path in bad_material.iterdir()), message
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert (bad_material / "there.tsv").read_text() == "precious"


def test_usage_errors_exit_with_two(run, music, tmp_path):
    assert train.COMMAND.run(["--resume"]) == 2
    assert train.COMMAND.run([f"--run_dir={run}", "--resume", "--overwrite"]) == 2
    assert evaluate.COMMAND.run([]) == 2
    assert evaluate.COMMAND.run(["--predictions=a.npy"]) == 2
    assert tag.COMMAND.run([]) == 2
    assert tag.COMMAND.run([str(music), f"--model={run}", "--output=a.txt"]) == 2
    assert export.COMMAND.run([f"--run_dir={run}"]) == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"--loss=\xff\n", "--flagfile: not UTF-8"),
        (b"--" + b"x" * 100_000 + b"=1\n", f"Unknown command line flag '{'x' * 40}...'"),
        (b"-\n" * 100_000, "--flagfile: more than 10000 lines"),
        (b"--epochs=" + b"9" * 5_000 + b"\n", "--epochs"),
        (b"--\x1b[2J=1\n", r"Unknown command line flag '\x1b[2J'"),
    ],
)
def test_a_hostile_flag_file_is_told_in_a_line(content, words, tmp_path, capsys):
    (tmp_path / "a.flags").write_bytes(content)
    assert train.COMMAND.run([f"--flagfile={tmp_path / 'a.flags'}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line and names.hidden_letter(line) is None and len(line) < 6_000
