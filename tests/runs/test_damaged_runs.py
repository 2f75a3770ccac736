"""Run folders whose files do not agree, or are damaged: one line that names them, whatever command opens the run."""

import json
import shutil

import numpy as np
import pytest

from kerastag import ensemble, errors, evaluate, export, report, tag, train
from kerastag.inference import export_facts
from kerastag.runs import examples, run_folder


@pytest.fixture
def copy(run, tmp_path):
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("events"))
    return tmp_path / "run"


def one_line(command, arguments, capsys) -> str:
    """The one line of a command that fails with status 1."""
    capsys.readouterr()
    status = command.COMMAND.run(arguments)
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("device:")]
    assert status == 1 and len(lines) == 1, lines
    assert "unexpected" not in lines[0]
    return lines[0]


def readers(run, music, tmp_path):
    """Every command that opens a run."""
    return {
        "report": (report, [str(run), f"--output={tmp_path / 'r.html'}"]),
        "evaluate": (evaluate, [f"--run_dir={run}", f"--data_dir={music}", "--num_chunks=1"]),
        "tag": (tag, [str(music / "test" / "0.wav"), f"--model={run}"]),
        "export": (export, [f"--run_dir={run}", f"--output_dir={tmp_path / 'served'}"]),
        "ensemble": (ensemble, [f"--run_dirs={run},{run}x", "--split=validation", f"--output={tmp_path / 'e.npy'}"]),
        "resume": (train, [f"--run_dir={run}", "--resume", "--epochs=4"]),
    }


@pytest.mark.parametrize("reader", ["report", "evaluate", "tag", "export", "ensemble", "resume"])
@pytest.mark.parametrize(
    "tags", ["mood/theme---high\nmood/theme---low\n", "mood/theme---low\nmood/theme---high\nmood/theme---mid\n"]
)
def test_other_tags_than_the_record_counts(copy, music, tmp_path, capsys, reader, tags):
    (copy / "tags.txt").write_text(tags)
    shutil.copytree(copy, tmp_path / "runx")
    line = one_line(*readers(copy, music, tmp_path)[reader], capsys)
    assert "tags.txt" in line and "run.json" in line


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("[]", "not the record of a run"),
        ("{}", "no 'flags'"),
        ('{"flags": 3}', "'flags' is 3"),
        ('{"flags": {}, "class_counts": {"mood/theme---high": "x"}}', "'mood/theme---high' is 'x'"),
        ('{"flags": {}, "seed": 1e999}', "no finite number"),
        ("{", "not a JSON file"),
    ],
)
@pytest.mark.parametrize("reader", ["report", "resume"])
def test_a_damaged_record(copy, music, tmp_path, capsys, reader, record, said):
    (copy / "run.json").write_text(record)
    line = one_line(*readers(copy, music, tmp_path)[reader], capsys)
    assert "run.json" in line and said in line


def damage(path, how):
    content = path.read_bytes()
    array = np.load(path)
    if how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "other":
        path.write_bytes(b"not an array")
    elif how == "pickled":
        np.save(path, np.array([{}], object), allow_pickle=True)
    elif how == "row less":
        np.save(path, array[1:])
    elif how == "column less":
        np.save(path, array[:, 1:])
    elif how == "nan":
        np.save(path, array.astype(np.float32) * np.nan)


@pytest.mark.parametrize("how", ["cut", "other", "pickled", "row less", "column less", "nan"])
@pytest.mark.parametrize("which", ["predictions", "labels"])
def test_damaged_scores(copy, music, tmp_path, capsys, which, how):
    (copy / "predictions" / "test.npy").unlink(missing_ok=True)
    damage(copy / which / "validation.npy", how)
    shutil.copytree(copy, tmp_path / "runx")
    every = ("report", "ensemble", "export")
    for reader in every if (which, how) == ("labels", "row less") else every[:2]:
        line = one_line(*readers(copy, music, tmp_path)[reader], capsys)
        assert "validation.npy" in line, reader


def test_tracks_that_are_not_those_of_the_scores(copy, music, tmp_path, capsys):
    (copy / "predictions" / "test.npy").unlink(missing_ok=True)
    lines = (copy / "tracks" / "validation.tsv").read_text().splitlines(keepends=True)
    (copy / "tracks" / "validation.tsv").write_text("".join(lines[:-1]))
    line = one_line(*readers(copy, music, tmp_path)["report"], capsys)
    assert line.endswith(f"tracks/validation.tsv: 7 tracks, but 8 rows of {copy / 'predictions' / 'validation.npy'}")


@pytest.mark.parametrize("what", ["state.json", "variables.npz"])
def test_a_damaged_checkpoint(copy, music, tmp_path, capsys, what):
    content = (copy / "checkpoint" / what).read_bytes()
    (copy / "checkpoint" / what).write_bytes(content[: len(content) // 2])
    assert what in one_line(*readers(copy, music, tmp_path)["resume"], capsys)


def test_a_history_that_is_none(copy, music, tmp_path, capsys):
    (copy / "history.tsv").write_bytes(b"epoch\tloss\n1\tmuch\n")
    assert "history.tsv: not a history" in one_line(*readers(copy, music, tmp_path)["report"], capsys)


@pytest.mark.parametrize(
    ("name", "content", "reader", "flag"),
    [
        (
            "calibration.json",
            '{"method": "platt", "tags": {}, "expected_calibration_error": {}}',
            "tag",
            "--calibrated",
        ),
        ("calibration.json", "{", "tag", "--calibrated"),
        ("tag_card.tsv", "tag\tword\nmood/theme---other\tweak\n", "tag", "--explain"),
        ("thresholds.tsv", "tag\tthreshold\nmood/theme---other\t0.5\n", "export", "--num_chunks=2"),
        ("thresholds.tsv", "tag\tthreshold\nmood/theme---high\tx\n", "export", "--num_chunks=2"),
    ],
)
def test_what_evaluation_kept_of_other_tags(copy, music, tmp_path, capsys, name, content, reader, flag):
    (copy / name).write_text(content)
    command, arguments = readers(copy, music, tmp_path)[reader]
    assert name in one_line(command, [*arguments, flag], capsys)


def test_a_model_of_another_number_of_tags(copy, music, tmp_path, capsys):
    record = json.loads((copy / "run.json").read_text())
    record["class_counts"]["mood/theme---new"] = 3
    (copy / "run.json").write_text(json.dumps(record))
    (copy / "tags.txt").write_text("".join(f"{name}\n" for name in record["class_counts"]))
    for file in (copy / "predictions").iterdir():  # which would be found out first
        file.unlink()
    assert "4 tags, but a model of 3" in one_line(*readers(copy, music, tmp_path)["tag"], capsys)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("history.tsv", "epoch\tloss\n1\tx\n", "not a history (could not convert"),
        ("history.tsv", "epoch\tloss\ninf\t1\n", "not a history (row 1 has no epoch)"),
        ("history.tsv", "loss\n1\n", "not a history (row 1 has no epoch)"),
        ("examples/examples.json", "{}", "not the examples of a run ('examples' is an object)"),
        ("examples/examples.json", "[{}]", "not the examples of a run ('row' is missing)"),
    ],
)
def test_damaged_files_that_a_report_shows(copy, music, tmp_path, capsys, name, content, said):
    (copy / "predictions" / "test.npy").unlink(missing_ok=True)
    (copy / "examples").mkdir(exist_ok=True)
    (copy / name).write_text(content)
    line = one_line(*readers(copy, music, tmp_path)["report"], capsys)
    assert name in line and said in line


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "1/../2", "", "1\n"])
def test_examples_lie_in_their_folder(tmp_path, name):
    about = {"row": 0, "track_id": "", "path": "", "tags": [], "start_seconds": 0, "sample_rate": 1, "name": name}
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "examples.json").write_text(json.dumps([about]))
    with pytest.raises(errors.KerastagError, match="'name' is "):
        examples.read(run_folder.RunFolder(tmp_path))


def test_a_report_takes_no_other_files_along(copy, tmp_path):
    (tmp_path / "secret").write_text("a password")
    (first, *_) = examples.read(run_folder.RunFolder(copy))
    assert first.are_files_whole()
    for path in (first.audio, first.picture):
        content = path.read_bytes()
        path.unlink()
        path.symlink_to(tmp_path / "secret")
        assert not first.are_files_whole()
        path.unlink()
        path.write_bytes(content)


def test_a_record_of_odd_names_still_has_a_model_card(copy):
    from kerastag.runs.model import Model
    from kerastag.serving.bundle import model_card

    record = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**record, "source": {"sha256": "x"}, "data_dir": "(" * 1_000}))
    network = export_facts.NetworkFacts("network_0", 73_600, False)
    facts = export_facts.ExportFacts(16_000, 73_600, 16, "float32", False, "mean", (1.0,), (network,))
    assert model_card.NOT_STATED in model_card.text("x", Model.load(copy), facts)
