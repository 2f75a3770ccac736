"""The commands in-process on a few seconds of music: what they write, and what bad use gets."""

import json
import os
import shutil
import signal

import numpy as np
import pytest
import soundfile
import tensorflow as tf

import kerastag
from kerastag import evaluate, export, files, run_folder, tag, train
from kerastag.training import loop

TINY = [
    "--num_channels=1",
    "--batch_size=8",
    "--validation_chunks=2",
    "--precision=float32",
    "--learning_rate=1e-3",
]


def run_train(music, run_dir, *arguments):
    return train.COMMAND.run([f"--data_dir={music}", f"--run_dir={run_dir}", *TINY, *arguments])


@pytest.fixture(scope="module")
def run(music, tmp_path_factory):
    """A run of three epochs with cb_focal."""
    run_dir = tmp_path_factory.mktemp("runs") / "whole"
    assert run_train(music, run_dir, "--loss=cb_focal", "--epochs=3") == 0
    return run_dir


def variables(run_dir):
    with np.load(run_dir / "checkpoint" / "variables.npz") as arrays:
        return dict(arrays)


def assert_same_state(one, other):
    first, second = variables(one), variables(other)
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)


def test_train_writes_the_run_folder(run, music):
    written = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    events = {name for name in written if "tfevents" in name}
    assert len(events) == 1
    by_evaluation = {"thresholds.tsv", "calibration.json", "tag_card.tsv", "predictions/test.npy", "labels/test.npy"}
    assert written - events - by_evaluation == {
        *(
            "model.keras",
            "tags.txt",
            "run.json",
            "history.tsv",
            "checkpoint/state.json",
            "checkpoint/variables.npz",
        ),
        *("predictions/validation.npy", "labels/validation.npy"),
    }
    assert (run / "tags.txt").read_text().splitlines() == [
        "mood/theme---high",
        "mood/theme---low",
        "mood/theme---mid",
    ]
    record = files.read_json(run / "run.json")
    assert record["flags"]["loss"] == "cb_focal" and record["flags"]["epochs"] == 3 and record["seed"] == 0
    lines = (music / "train.tsv").read_text().splitlines()
    for name, count in record["class_counts"].items():
        assert count == sum(name in line.split("\t") for line in lines)
    assert record["versions"]["tensorflow"] == tf.__version__
    history = (run / "history.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in history] == ["epoch", "1", "2", "3"]
    predictions, labels = (np.load(run / name / "validation.npy") for name in ("predictions", "labels"))
    assert predictions.shape == labels.shape == (8, 3) and labels.dtype == bool
    state = files.read_json(run / "checkpoint" / "state.json")
    assert state["step"] == 9 and state["epoch"] == 3  # 20 tracks in batches of 8, the last partial batch kept


def test_tensorboard_scalars_say_what_history_says(run):
    from tensorboard.backend.event_processing import event_accumulator

    events = event_accumulator.EventAccumulator(str(run / "events")).Reload()
    for tag_name, column in (
        ("train/loss", 1),
        ("validation/pr_auc_macro", 2),
        ("validation/roc_auc_macro", 3),
    ):
        values = [tf.make_ndarray(event.tensor_proto) for event in events.Tensors(tag_name)]
        history = [line.split("\t") for line in (run / "history.tsv").read_text().splitlines()[1:]]
        np.testing.assert_allclose(values, [float(line[column]) for line in history], rtol=1e-5)
    assert {"train/learning_rate", "train/chunks_per_second"} <= set(events.Tags()["tensors"])


def test_the_same_seed_gives_the_same_weights(run, music, tmp_path):
    assert run_train(music, tmp_path / "again", "--loss=cb_focal", "--epochs=3") == 0
    assert_same_state(run, tmp_path / "again")


@pytest.mark.parametrize("step", [4, 6])  # in the middle of the second epoch, and at its end, before validation
def test_an_interrupted_run_resumes_exactly(step, run, music, tmp_path, monkeypatch, capsys):
    advance = loop.Trainer._advance

    def interrupt(self, state, *rest):
        advance(self, state, *rest)
        if state.step == step:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(loop.Trainer, "_advance", interrupt)
    assert run_train(music, tmp_path / "run", "--loss=cb_focal", "--epochs=3") == 130
    assert "--resume" in capsys.readouterr().err
    assert files.read_json(tmp_path / "run" / "checkpoint" / "state.json")["step"] == step
    monkeypatch.undo()
    assert train.COMMAND.run([f"--run_dir={tmp_path / 'run'}", "--resume"]) == 0
    assert_same_state(run, tmp_path / "run")
    for name in ("history.tsv", "predictions/validation.npy"):
        ours, theirs = ((folder / name).read_bytes() for folder in (run, tmp_path / "run"))
        if name == "history.tsv":  # but for the speed
            ours, theirs = ([line.split(b"\t")[:-1] for line in text.splitlines()] for text in (ours, theirs))
        assert ours == theirs


def test_early_stopping_counts_epochs_since_the_best(music, tmp_path):
    arguments = [
        "--epochs=30",
        "--patience=2",
        "--learning_rate=0",
        "--loss=focal",
    ]  # nothing improves after the first
    assert run_train(music, tmp_path / "run", *arguments) == 0
    state = files.read_json(tmp_path / "run" / "checkpoint" / "state.json")
    assert state["epoch"] == state["best_epoch"] + 2


def test_unreadable_tracks_are_skipped_and_named(music, tmp_path, capsys):
    data = tmp_path / "data"
    shutil.copytree(music, data)
    (data / "train" / "3.wav").write_bytes(b"not audio")
    (data / "validation" / "1.wav").unlink()
    assert run_train(data, tmp_path / "run", "--epochs=2") == 1
    message = capsys.readouterr().err
    assert "2 unreadable tracks were skipped" in message
    assert message.count("train/3.wav") == 1 and message.count("validation/1.wav") == 1
    assert np.load(tmp_path / "run" / "predictions" / "validation.npy").shape == (7, 3)


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
    assert tag.COMMAND.run([str(music / "test" / "0.wav"), f"--model={run}", "--explain"]) == 0
    assert "near chance" in capsys.readouterr().out or "weak" in (run / "tag_card.tsv").read_text()


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
    plots = pytest.importorskip("matplotlib", reason="the extra plots is not installed")
    assert plots
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


def test_tag_writes_tables_and_skips_what_it_cannot_read(run, music, tmp_path, capsys):
    folder = tmp_path / "library"
    shutil.copytree(music / "test", folder)
    (folder / "broken.mp3").write_bytes(b"not audio")
    for suffix in ("tsv", "csv", "json"):
        output = tmp_path / f"tags.{suffix}"
        assert tag.COMMAND.run([str(folder), f"--model={run}", f"--output={output}", "--num_chunks=2"]) == 1
        assert "broken.mp3" in capsys.readouterr().err
    table = [line.split("\t") for line in (tmp_path / "tags.tsv").read_text().splitlines()]
    assert table[0] == ["path", "high", "low", "mid"] and len(table) == 9
    scores = json.loads((tmp_path / "tags.json").read_text())
    assert list(scores) == [row[0] for row in table[1:]]
    assert [scores[table[1][0]][name] for name in table[0][1:]] == [float(cell) for cell in table[1][1:]]
    assert (tmp_path / "tags.csv").read_text() == (tmp_path / "tags.tsv").read_text().replace("\t", ",")


def test_tag_prints_the_top_tags(run, music, capsys):
    assert tag.COMMAND.run([str(music / "test" / "0.wav"), f"--model={run}", "--top=2"]) == 0
    words = capsys.readouterr().out.split()
    assert words[0].endswith("0.wav") and len(words) == 5
    assert float(words[2]) >= float(words[4])


def test_the_python_door_and_an_export_give_the_same_scores(run, music, tmp_path, capsys):
    assert export.COMMAND.run([f"--run_dir={run}", f"--output_dir={tmp_path / 'served'}", "--num_chunks=4"]) == 0
    printed = capsys.readouterr().out
    assert "checked in a process without Keras and kerastag" in printed
    path = music / "test" / "2.wav"
    of_run = kerastag.load(run, precision="float32").score(path, num_chunks=4)
    assert set(of_run) == {"high", "low", "mid"}
    for exported in (tmp_path / "served", tmp_path / "served" / "1"):
        of_export = kerastag.load(exported).score(path, num_chunks=4)
        assert of_export == pytest.approx(of_run, abs=1e-5)
    served = tf.saved_model.load(str(tmp_path / "served" / "1")).signatures["serving_default"]
    waveform, _ = soundfile.read(path, dtype="float32")  # the signature chunks a whole file by itself
    whole = served(waveform=waveform[None])["scores"].numpy()[0]
    np.testing.assert_allclose(whole, list(of_run.values()), atol=1e-4)


def test_the_export_is_plain_tensorflow(run, tmp_path):
    export.COMMAND.run([f"--run_dir={run}", f"--output_dir={tmp_path / 'served'}"])
    graph = tf.saved_model.load(str(tmp_path / "served" / "1")).signatures["serving_default"].graph
    operations = {operation.type for operation in graph.get_operations()}
    assert not {name for name in operations if "PyFunc" in name or "Dropout" in name}
    signature = tf.saved_model.load(str(tmp_path / "served" / "1")).signatures["serving_default"]
    (waveform,) = signature.structured_input_signature[1].values()
    assert (waveform.name, waveform.dtype, waveform.shape.as_list()) == ("waveform", tf.float32, [None, None])
    assert list(signature.structured_outputs) == ["scores"]


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
            [f"--run_dir={run}", f"--output_dir={tmp_path / 'served'}"],
            "exists already",
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
        lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("device:")]
        assert len(lines) == 1 and message in lines[0], (name, lines)
        assert not any(path.suffix == ".partial" for path in bad_material.iterdir()), name
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert (bad_material / "there.tsv").read_text() == "precious"


def test_usage_errors_exit_with_two(run, music, tmp_path):
    assert train.COMMAND.run(["--resume"]) == 2
    assert train.COMMAND.run([f"--run_dir={run}", "--resume", "--overwrite"]) == 2
    assert evaluate.COMMAND.run([]) == 2
    assert evaluate.COMMAND.run(["--predictions=a.npy"]) == 2
    assert tag.COMMAND.run([str(music)]) == 2
    assert tag.COMMAND.run([str(music), f"--model={run}", "--output=a.txt"]) == 2
    assert export.COMMAND.run([f"--run_dir={run}"]) == 2


def test_a_checkpoint_of_another_network_is_refused(run, music, tmp_path, capsys):
    copied = tmp_path / "run"
    shutil.copytree(run, copied)
    record = files.read_json(copied / "run.json")
    record["flags"]["num_channels"] = 2
    files.write_json(copied / "run.json", record)
    assert train.COMMAND.run([f"--run_dir={copied}", "--resume", "--epochs=4"]) == 1
    assert "a checkpoint of another network" in capsys.readouterr().err


def test_runs_without_a_name_do_not_collide(tmp_path):
    assert run_folder.free(tmp_path / "bce").path == tmp_path / "bce"
    (tmp_path / "bce").mkdir()
    (tmp_path / "bce-2").mkdir()
    assert run_folder.free(tmp_path / "bce").path == tmp_path / "bce-3"


STAGED = [*("--schedule=staged", "--epochs=4", "--adam_epochs=1", "--sgd_epochs=1", "--sgd_learning_rates=1e-3,1e-4")]
EVERYTHING = [*STAGED, "--mixup_alpha=1", "--sampling=class_aware", "--loss=db_focal"]


@pytest.fixture(scope="module")
def staged_run(music, tmp_path_factory):
    """Four epochs over three stages with mixup and class-aware sampling."""
    run_dir = tmp_path_factory.mktemp("runs") / "staged"
    assert run_train(music, run_dir, *EVERYTHING) == 0
    return run_dir


def test_the_same_seed_gives_the_same_weights_with_everything_on(staged_run, music, tmp_path):
    assert run_train(music, tmp_path / "again", *EVERYTHING) == 0
    assert_same_state(staged_run, tmp_path / "again")


@pytest.mark.parametrize("step", [3, 7])  # the end of the first stage, and in the middle of the third epoch
def test_resuming_across_a_switch_is_exact(step, staged_run, music, tmp_path, monkeypatch):
    rates = [line.split("\t")[4] for line in (staged_run / "history.tsv").read_text().splitlines()[1:]]
    assert rates == ["0.001", "0.001", "0.0001", "0.0001"]
    advance = loop.Trainer._advance

    def interrupt(self, state, *rest):
        advance(self, state, *rest)
        if state.step == step:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(loop.Trainer, "_advance", interrupt)
    assert run_train(music, tmp_path / "run", *EVERYTHING) == 130
    monkeypatch.undo()
    assert train.COMMAND.run([f"--run_dir={tmp_path / 'run'}", "--resume"]) == 0
    assert_same_state(staged_run, tmp_path / "run")


def test_several_training_splits_with_their_own_folders(music, tmp_path, capsys):
    lines = (music / "test.tsv").read_text().splitlines()
    (tmp_path / "more.tsv").write_text("\n".join([*lines, "x\t\t\tx.wav\t1\tother", "y\t\t\ty.wav\t1"]) + "\n")
    splits = f"--train_split={music / 'train.tsv'},{tmp_path / 'more.tsv'}"
    arguments = [splits, f"--train_dirs={music},{music}", "--epochs=1"]
    assert run_train(music, tmp_path / "run", *arguments) == 0
    assert (
        "1 tags outside the vocabulary dropped (other), 2 tracks left without a tag dropped" in capsys.readouterr().err
    )
    record = files.read_json(tmp_path / "run" / "run.json")
    assert record["num_tracks"]["train"] == 20 + 8
    both = (music / "train.tsv").read_text() + (music / "test.tsv").read_text()
    assert record["class_counts"]["mood/theme---mid"] == both.count("mood/theme---mid")


def test_tags_without_a_track_are_named_or_dropped(music, tmp_path, capsys):
    names = ["mood/theme---high", "mood/theme---low", "mood/theme---mid", "mood/theme---none"]
    (tmp_path / "tags.txt").write_text("\n".join(names) + "\n")
    arguments = [f"--tags_file={tmp_path / 'tags.txt'}", "--loss=cb_focal", "--epochs=1"]
    assert run_train(music, tmp_path / "run", *arguments) == 1
    assert "these have none: none; --drop_empty_tags" in capsys.readouterr().err
    assert run_train(music, tmp_path / "run", *arguments, "--drop_empty_tags") == 0
    assert (tmp_path / "run" / "tags.txt").read_text().split() == names[:3]


def test_pretraining_starts_from_the_layers_that_match(run, music, tmp_path, capsys):
    arguments = [f"--pretrained={run}", "--epochs=1", "--learning_rate=0", "--loss=cb_focal"]
    assert run_train(music, tmp_path / "run", *arguments) == 0
    assert "loaded" in capsys.readouterr().err
    from kerastag.models import loading

    theirs, ours = (loading.load(folder / "model.keras") for folder in (run, tmp_path / "run"))
    for layer in ("layer1_conv_1", "layer7_2_3_conv_2", "dense_2"):
        np.testing.assert_array_equal(theirs.get_layer(layer).kernel, ours.get_layer(layer).kernel)
    # the prior comes after the weights
    np.testing.assert_allclose(ours.output_layer.bias, -np.log(99), rtol=1e-6)
    assert run_train(music, tmp_path / "other", "--pretrained=README.md") == 1


def test_the_popularity_baseline_is_a_run_like_any_other(music, tmp_path, capsys):
    run_dir = tmp_path / "popular"
    assert train.COMMAND.run([f"--data_dir={music}", f"--run_dir={run_dir}", "--model=popular"]) == 0
    assert evaluate.COMMAND.run([f"--run_dir={run_dir}", f"--output={tmp_path / 'm.json'}"]) == 0
    figures = files.read_json(tmp_path / "m.json")
    assert figures["roc_auc_macro"] == 0.5
    assert figures["pr_auc_macro"] == pytest.approx(np.load(run_dir / "labels" / "test.npy").mean())
    assert export.COMMAND.run([f"--run_dir={run_dir}", f"--output_dir={tmp_path / 'served'}"]) == 0
    scores = kerastag.load(tmp_path / "served").score(music / "test" / "0.wav")
    counts = files.read_json(run_dir / "run.json")["class_counts"]
    assert scores["mid"] == pytest.approx(counts["mood/theme---mid"] / 20)


def test_the_vggish_baseline_trains_and_scores_the_middle(music, tmp_path):
    arguments = ["--model=vggish", "--num_channels=1", "--epochs=1", "--best_by=roc_auc", "--chunk_position=centre"]
    assert run_train(music, tmp_path / "run", *arguments) == 0
    assert np.load(tmp_path / "run" / "predictions" / "validation.npy").shape == (8, 3)
    assert len(kerastag.load(tmp_path / "run").score(music / "test" / "0.wav")) == 3


def test_a_hyperparameter_of_another_loss_is_a_usage_error(music, tmp_path, capsys):
    assert run_train(music, tmp_path / "run", "--loss=bce", "--gamma=1") == 2
    assert "--gamma: the loss bce has no such hyperparameter" in capsys.readouterr().err
    assert run_train(music, tmp_path / "run", "--sgd_learning_rates=fast") == 2
    assert run_train(music, tmp_path / "run", "--train_split=a,b", "--train_dirs=x") == 2


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
