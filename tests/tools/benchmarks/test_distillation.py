"""tools.benchmarks.distillation: a row for each, with the figures of evaluate."""

import re

from kerastag import evaluate, files
from tools.benchmarks import distillation


def test_both_are_measured_on_the_same_tracks(run, music, tmp_path, capsys):
    arguments = [f"--ensemble={run}", f"--student={run}", "--num_chunks=2", "--num_tracks=4", "--num_turns=1"]
    assert distillation.COMMAND.run([*arguments, "--precision=float32"]) == 0
    printed = capsys.readouterr().out
    rows = [line.strip("| ").split(" | ") for line in printed.splitlines() if re.match(r"\| (ensemble|student)", line)]
    (ensemble, student) = ([cell.strip() for cell in row] for row in rows)
    assert ensemble[1] == "1" and ensemble[3] == student[3] and ensemble[5:] == student[5:]
    assert evaluate.COMMAND.run([f"--run_dir={run}", "--num_chunks=2", f"--output={tmp_path / 'm.json'}"]) == 0
    figures = files.read_json(tmp_path / "m.json")
    assert student[5:] == [f"{figures[name]:.4f}" for name in ("pr_auc_macro", "roc_auc_macro")]
    assert "8 tracks of test.tsv" in printed
