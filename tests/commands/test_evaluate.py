"""`kerastag evaluate` on a run and on files: the same figures, fitted on validation only."""

import shutil

import numpy as np
import pytest

from kerastag import evaluate, files, tag
from kerastag.runs import run_folder


def test_evaluate_a_run(run, tmp_path, capsys):
    assert evaluate.COMMAND.run([f"--run_dir={run}", "--num_chunks=2", f"--output={tmp_path / 'metrics.json'}"]) == 0
    printed = capsys.readouterr().out
    figures = files.read_json(tmp_path / "metrics.json")
    assert f"{figures['pr_auc_macro']:.4f}" in printed and "popularity baseline" in printed
    assert set(figures["groups"]) == {"head", "middle", "tail"}
    predictions, labels = (np.load(run / name / "test.npy") for name in ("predictions", "labels"))
    from sklearn import metrics as sklearn_metrics

    assert figures["pr_auc_macro"] == pytest.approx(sklearn_metrics.average_precision_score(labels, predictions))
    assert figures["popularity_baseline"]["pr_auc_macro"] == pytest.approx(labels.mean())


def test_evaluate_files_gives_what_evaluating_the_run_gave(run, music, tmp_path):
    assert evaluate.COMMAND.run([f"--run_dir={run}", "--num_chunks=2", f"--output={tmp_path / 'a.json'}"]) == 0
    arguments = [f"--{name}={run / name / 'test.npy'}" for name in ("predictions", "labels")]
    arguments += [f"--validation_{name}={run / name / 'validation.npy'}" for name in ("predictions", "labels")]
    arguments += [f"--{name}_split={music / name}.tsv" for name in ("train", "validation", "test")]
    assert evaluate.COMMAND.run([*arguments, f"--tags={run / 'tags.txt'}", f"--output={tmp_path / 'b.json'}"]) == 0
    assert files.read_json(tmp_path / "a.json") == files.read_json(tmp_path / "b.json")


def test_evaluation_keeps_thresholds_calibration_and_card_in_the_run(run, music, tmp_path, capsys):
    decided = tmp_path / "decisions.npy"
    assert evaluate.COMMAND.run([f"--run_dir={run}", "--num_chunks=2", f"--decisions={decided}"]) == 0
    assert "decisions  precision" in capsys.readouterr().out
    from kerastag.metrics import decisions

    thresholds = decisions.read_thresholds(run / "thresholds.tsv", run_folder.RunFolder(run).vocabulary())
    validation = np.load(run / "predictions" / "validation.npy"), np.load(run / "labels" / "validation.npy")
    np.testing.assert_array_equal(thresholds, decisions.fit_thresholds(*reversed(validation)))
    np.testing.assert_array_equal(np.load(decided), np.load(run / "predictions" / "test.npy") >= thresholds)
    assert (run / "tag_card.tsv").is_file()
    header, *rows = [line.split("\t") for line in (run / "tag_card.tsv").read_text().splitlines()]
    words = {row[0].removeprefix("mood/theme---"): row[header.index("word")] for row in rows}
    assert set(words) == {"high", "low", "mid"}
    assert tag.COMMAND.run([str(music / "test" / "0.wav"), f"--model={run}", "--explain"]) == 0
    shown = [line for line in capsys.readouterr().out.splitlines() if line.split()[:1] and line.split()[0] in words]
    assert {line.split()[0]: words[line.split()[0]] in line for line in shown} == dict.fromkeys(words, True)


def test_thresholds_are_not_fitted_on_what_is_reported(run, music, tmp_path, capsys):
    given = [f"--{name}={run / name / 'validation.npy'}" for name in ("predictions", "labels")]
    same = [f"--validation_{name}={run / name / 'validation.npy'}" for name in ("predictions", "labels")]
    arguments = [*given, f"--tags={run / 'tags.txt'}", "--resample=track", "--num_resamples=20"]
    assert evaluate.COMMAND.run([*arguments, *same]) == 1
    assert "--fit_on_the_labels_reported_on" in capsys.readouterr().err
    assert evaluate.COMMAND.run([*arguments, "--fit_on_the_labels_reported_on", "--calibrate=none"]) == 0
    assert "decisions  precision" in capsys.readouterr().out
    assert evaluate.COMMAND.run([*arguments, "--calibrate=none"]) == 0
    assert "decisions  precision" not in capsys.readouterr().out
    assert evaluate.COMMAND.run([*arguments, f"--decisions={tmp_path / 'd.npy'}"]) == 2
    assert evaluate.COMMAND.run([*arguments, "--resample=artist"]) == 1
    assert "no artist ids" in capsys.readouterr().err


def test_tables_pictures_and_comparison_are_written(run, music, tmp_path, capsys):
    other = tmp_path / "other.npy"
    np.save(other, 1 - np.load(run / "predictions" / "validation.npy"))
    arguments = [f"--{name}={run / name / 'validation.npy'}" for name in ("predictions", "labels")]
    arguments += [f"--tags={run / 'tags.txt'}", f"--train_split={music / 'train.tsv'}", f"--compare={other}"]
    outputs = [f"--tables_dir={tmp_path / 'tables'}", f"--plots_dir={tmp_path / 'plots'}"]
    arguments.append(f"--same_setting={other}")
    assert evaluate.COMMAND.run([*arguments, *outputs, "--num_resamples=20"]) == 0
    printed = capsys.readouterr().out
    assert "noise" in printed and "2 runs" in printed
    assert {path.name for path in (tmp_path / "plots").iterdir()} == {
        *("pr_curves.png", "pr_auc_by_frequency.png", "differences_1.png"),
    }
    names = {path.suffix for path in (tmp_path / "tables").iterdir()}
    assert names == {".tsv", ".txt", ".md"}


def test_evaluation_stops_at_an_unreadable_track_unless_told(run, music, tmp_path, capsys):
    data = tmp_path / "data"
    shutil.copytree(music, data)
    (data / "test" / "3.wav").write_bytes(b"not audio")
    arguments = [f"--run_dir={run}", f"--data_dir={data}", "--num_chunks=2"]
    assert evaluate.COMMAND.run(arguments) == 1
    assert "3.wav" in capsys.readouterr().err
    assert evaluate.COMMAND.run([*arguments, "--skip_unreadable"]) == 0
    captured = capsys.readouterr()
    assert "left out:" in captured.err and "7 tracks, 3 tags" in captured.out
