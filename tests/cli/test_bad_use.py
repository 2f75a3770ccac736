"""Bad use of every command: one clear line, the right exit status, nothing written or lost."""

import pytest

from kerastag import evaluate, export, names, tag, train


def bad_uses(run, music, tmp_path):
    """Commands, arguments, and the line each must get."""
    missing = tmp_path / "missing"
    other = [f"--data_dir={music}", f"--run_dir={tmp_path / 'new'}"]
    return {
        "missing data": (
            train,
            [f"--data_dir={missing}", f"--run_dir={tmp_path / 'new'}"],
            f"{missing}: no such folder",
        ),
        "no splits": (
            train,
            [f"--data_dir={tmp_path}", f"--run_dir={tmp_path / 'new'}"],
            "train.tsv: no such file",
        ),
        "bad header": (
            train,
            [*other, f"--train_split={tmp_path / 'header.tsv'}"],
            "header.tsv:1: the header is",
        ),
        "untagged": (
            train,
            [*other, f"--train_split={tmp_path / 'untagged.tsv'}"],
            "untagged.tsv:2: track '1' has no",
        ),
        "unknown tag": (
            train,
            [*other, f"--tags_file={tmp_path / 'tags.txt'}"],
            "train.tsv:2: unknown tag 'mood/theme---high'; did you mean",
        ),
        "no audio": (
            train,
            [*other, f"--train_split={tmp_path / 'no_audio.tsv'}"],
            "no track of the training split",
        ),
        "holds a run": (
            train,
            [f"--data_dir={music}", f"--run_dir={run}"],
            "holds a run already; use --resume or",
        ),
        "no run": (train, [f"--run_dir={tmp_path}", "--resume"], "not a run"),
        "changed": (
            train,
            [f"--run_dir={run}", "--resume", "--loss=bce"],
            "started with --loss=cb_focal, not bce",
        ),
        "not a run": (evaluate, [f"--run_dir={tmp_path}"], "not a run"),
        "output exists": (
            evaluate,
            [f"--run_dir={run}", f"--output={tmp_path / 'tags.txt'}"],
            "exists already",
        ),
        "pickle": (
            evaluate,
            [f"--predictions={tmp_path / 'tags.txt'}", f"--labels={run}", f"--tags={tmp_path / 'tags.txt'}"],
            "tags.txt",
        ),
        "no model": (tag, [str(music), f"--model={tmp_path}"], "neither a run nor an exported model"),
        "nothing to tag": (tag, [str(missing), f"--model={run}"], str(missing)),
        "tags exist": (
            tag,
            [str(music), f"--model={run}", f"--output={tmp_path / 'there.tsv'}"],
            "exists already",
        ),
        "export exists": (
            export,
            [f"--run_dir={run}", f"--output_dir={tmp_path / 'served'}", "--version=1"],
            "served/1: exists already",
        ),
    }


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
    for name, (command, arguments, message) in bad_uses(run, music, bad_material).items():
        assert command.COMMAND.run(arguments) == 1, name
        said = capsys.readouterr().err.splitlines()
        lines = [line for line in said if not line.startswith(("device:", "parameters:"))]
        assert len(lines) == 1 and message in lines[0], (name, lines)
        assert not any(path.suffix == ".partial" for path in bad_material.iterdir()), name
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
