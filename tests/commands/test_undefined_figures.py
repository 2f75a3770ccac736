"""Splits that do not define every figure: each command ends well and says so."""

import shutil

import pytest

from kerastag import ensemble, evaluate, files, report, tag


@pytest.fixture(scope="module")
def odd_music(music, tmp_path_factory):
    """The training tracks, with a validation and a test split in which every tag is on every track."""
    folder = tmp_path_factory.mktemp("odd")
    for name in ("train", "validation", "test"):
        (folder / name).symlink_to(music / name)
    (folder / "train.tsv").write_text((music / "train.tsv").read_text())
    header, *rows = (music / "validation.tsv").read_text().splitlines()
    tags = ["mood/theme---high", "mood/theme---low", "mood/theme---mid"]
    full = ["\t".join([*row.split("\t")[:5], *tags]) for row in rows]
    (folder / "all.tsv").write_text("\n".join([header, *full]) + "\n")
    return folder


def test_a_figure_that_no_tag_defines(odd_music, run_train, tmp_path, capsys):
    first, second, file = tmp_path / "first", tmp_path / "second", odd_music / "all.tsv"
    given = [f"--validation_split={file}", "--loss=focal", "--epochs=2", "--best_by=roc_auc", "--monitor=full"]
    assert run_train(odd_music, first, *given) == 0
    captured = capsys.readouterr()
    assert "val ROC-AUC undefined" in captured.err
    assert f"{first}: validation ROC-AUC is undefined" in captured.out and "model is that of epoch 2" in captured.out
    shutil.copytree(first, second, ignore=shutil.ignore_patterns("events"))

    output = tmp_path / "metrics.json"
    measured = [f"--run_dir={first}", f"--test_split={file}", "--num_chunks=2", f"--output={output}", "--overwrite"]
    more = [f"--plots_dir={tmp_path / 'plots'}", f"--tables_dir={tmp_path / 'tables'}", f"--same_setting={second}"]
    assert evaluate.COMMAND.run([*measured, "--split=validation", *more, f"--compare={second}"]) == 0
    assert evaluate.COMMAND.run(measured) == 0
    assert "popularity baseline: PR-AUC 1.0000, ROC-AUC undefined" in capsys.readouterr().out
    assert files.read_json(output)["roc_auc_macro"] is None
    runs = f"--run_dirs={first},{second}"
    assert ensemble.COMMAND.run([runs, "--split=validation", f"--output_dir={tmp_path / 'both'}"]) == 0
    assert report.COMMAND.run([str(first), str(second), f"--output={tmp_path / 'report.html'}"]) == 0
    assert tag.COMMAND.run([str(odd_music / "test" / "0.wav"), f"--model={first}"]) == 0


def test_a_figure_that_becomes_defined_chooses_the_model(tmp_path):
    from kerastag.training import callbacks, state

    class Model:
        def save(self, path):
            path.write_text("saved")

    at, saved = state.TrainingState(), []
    best = callbacks.BestModel(tmp_path / "m.keras", "val_roc_auc", at, lambda: saved.append(epoch))
    best._model = Model()
    history = [{"val_loss": 1.0}, {}, {"val_loss": 1.0}, {"val_loss": 1.0, "val_roc_auc": 0.3}, {"val_loss": 0.1},
               {"val_loss": 1.0, "val_roc_auc": 0.2}, {"val_loss": 1.0, "val_roc_auc": 0.4}]  # fmt: skip
    for epoch, logs in enumerate(history, 1):
        best.on_epoch_end(epoch - 1, logs)
    assert saved == [1, 3, 4, 7] and at.best_epoch == 7
