"""tools.paper.reproduce, with commands that only write what train and evaluate would."""

import json
import os
import pathlib
import signal
import threading
import time

import numpy as np
import pytest

from kerastag import evaluate, tags, train
from kerastag.cli import presets
from kerastag.metrics import split_scores
from kerastag.runs import run_folder
from kerastag.training import schedules
from tools import experiments
from tools.paper import paper_tables, reproduce

ROOT = pathlib.Path(__file__).resolve().parents[3]

TAGS = ("mood---calm", "mood---dark")
LABELS = np.array([[1, 1], [1, 0], [0, 0], [0, 0]], bool)
GOOD = np.array([[0.9, 0.9], [0.8, 0.3], [0.2, 0.2], [0.1, 0.1]], np.float32)  # both areas are 1 for both tags
# calm the wrong way round: ROC-AUC 0, precision 1/3 and 2/4 at its two tracks, so PR-AUC 5/12
BAD = np.column_stack([GOOD[::-1, 0], GOOD[:, 1]])
BAD_PR_AUC = (5 / 12 + 1) / 2


class Commands:
    """Stands in for processes: what was run, and what each run is to do.

    Attributes:
      lines: the arguments of every command.
      scores: of a run by (system, seed), where they are not GOOD.
      troubles: by (module, system, seed): an exit status, or an exception; the command does nothing else.
    """

    def __init__(self):
        self.lines = []
        self.scores = {}
        self.troubles = {}

    def __call__(self, arguments):
        module, *rest = arguments
        command = {"kerastag.train": train.COMMAND, "kerastag.evaluate": evaluate.COMMAND}[module]
        command.parse(rest)  # as the real one would
        self.lines.append(arguments)
        values = command.flag_values
        run = run_folder.RunFolder(pathlib.Path(values.run_dir))
        key = run.path.parent.name, int(run.path.name.removeprefix("seed_"))
        trouble = self.troubles.get((module, *key))
        if isinstance(trouble, BaseException):
            raise trouble
        if trouble is None:
            self._train(values, run) if module == "kerastag.train" else self._evaluate(values, run, key)
        return trouble or 0

    def _train(self, values, run):
        tags.Vocabulary(TAGS).write(run.tags_path)
        run.record_path.write_text(json.dumps({"flags": {"epochs": values.epochs}}))
        run.model_path.write_text("")
        checkpoint(run, values.epochs)

    def _evaluate(self, values, run, key):
        scores = self.scores.get(key, GOOD)
        run.write_scores("test", split_scores.SplitScores(scores, LABELS, tags.Vocabulary(TAGS)))
        pathlib.Path(values.output).write_text("{}")

    def done(self):
        """(module, system, seed) of every command since the last call."""
        found = []
        for module, *rest in self.lines:
            path = pathlib.Path(next(flag for flag in rest if flag.startswith("--run_dir=")))
            found.append((module.removeprefix("kerastag."), path.parent.name, path.name.removeprefix("seed_")))
        self.lines = []
        return found


def checkpoint(run, epoch):
    run.checkpoint_path.mkdir(parents=True, exist_ok=True)
    (run.checkpoint_path / "state.json").write_text(json.dumps({"epoch": epoch}))


@pytest.fixture
def commands(monkeypatch):
    fake = Commands()
    monkeypatch.setattr(experiments, "run_command", fake)
    return fake


@pytest.fixture
def folder(tmp_path):
    """Three training tracks are calm, one of them dark: with bounds 2 and 1 calm is the head, dark the tail."""
    rows = ["TRACK_ID\tPATH\tTAGS", "1\ta\tcalm\tdark", "2\tb\tcalm", "3\tc\tcalm"]
    (tmp_path / "train.tsv").write_text("\n".join(rows).replace("calm", TAGS[0]).replace("dark", TAGS[1]) + "\n")
    return tmp_path


def run(folder, *arguments):
    return reproduce.COMMAND.run([f"--data_dir={folder}", f"--output_dir={folder / 'out'}", *arguments])


def arguments_of(commands, system, module="kerastag.train"):
    """The arguments of the first command for a system."""
    return next(line for line in commands.lines if line[0] == module and f"/{system}/" in " ".join(line))


def test_every_preset_of_the_paper_is_a_row_and_every_row_but_the_ensemble_a_preset():
    of_paper = {name for name in presets.names() if name.startswith("paper_")}
    names = [name.removeprefix("paper_") for name in of_paper]
    systems = [system for table in paper_tables.TITLES for system in paper_tables.systems_of(table, names)]
    assert {system.preset for system in systems} - {"paper_ensemble"} == of_paper
    assert len(systems) == len(of_paper) + 1
    assert [system.name for system in paper_tables.systems_of(1, names)][4] == "ensemble"


def test_figures_and_needs_are_those_in_the_presets():
    for system in paper_tables.SYSTEMS:
        text = presets.find(system.preset).read_text()
        if system.published:
            assert "Expect: {:.3f} / {:.3f}".format(*system.published[:2]) in text
            groups = system.published[2:]
            assert not groups or "(head {:.3f}, middle {:.3f}, tail {:.3f})".format(*groups) in text
        elif system.name != "bce_mixup":
            assert "no figure in the paper" in text
        assert ("Music4All" in text) == system.outside_data


def test_mean_and_deviation_by_hand():
    runs = [{"pr_auc": 0.1, "tail": None}, {"pr_auc": 0.2, "tail": 0.5}, {"pr_auc": 0.6, "tail": 0.5}]
    # mean 0.9 / 3; squares 0.04 + 0.01 + 0.09 over n - 1 = 2
    assert paper_tables.summary(runs, "pr_auc") == pytest.approx((0.3, 0.07**0.5))
    assert paper_tables.summary(runs, "tail") == (None, None)
    assert paper_tables.summary(runs[:1], "pr_auc") == (0.1, None)
    assert paper_tables.summary([], "pr_auc") == (None, None)


def test_tables_stand_beside_the_papers_figures(folder, commands, capsys):
    commands.scores["focal", 1] = BAD
    assert run(folder, "--num_seeds=2", "--head_over=2", "--tail_at_most=1") == 0
    out = capsys.readouterr().out
    rows = [line.split() for line in out.splitlines()]
    deviation = (1 - BAD_PR_AUC) / 2**0.5
    mean = f"{(1 + BAD_PR_AUC) / 2:.4f}"
    assert ["focal", "2", "0.156", mean, f"{deviation:.4f}", "0.778", "0.7500", "0.3536"] in rows
    assert ["focal", "0.174", f"{17 / 24:.4f}", "0.4125", "0.171", "-", "-", "0.113", "1.0000", "0.0000"] in rows
    assert ["popular", "1", "0.031", "1.0000", "-", "0.500", "1.0000", "-"] in rows
    assert ["class_aware", "2", "-", "1.0000", "0.0000", "-", "1.0000", "0.0000"] in rows
    note = "bce_mixup, class_aware, jamendo_only, receptive_field_3s69, receptive_field_4s6: no figure in the paper."
    assert note in out
    assert "over 2 training tracks (head, 1 tags here), up to 2 (middle, 0) and up to 1 (tail, 1)" in out
    assert f"| focal | 2 | 0.156 | {mean} |" in (folder / "out" / "tables.md").read_text()
    results = json.loads((folder / "out" / "results.json").read_text())
    assert len(results["runs"]) == 10 * 2 + 1 + 2
    bad = next(each for each in results["runs"] if (each["system"], each["seed"]) == ("focal", 1))
    assert bad["figures"]["pr_auc_macro"] == pytest.approx(BAD_PR_AUC)
    assert bad["run_dir"] == str(folder / "out" / "focal" / "seed_1")


def test_the_ensemble_is_the_mean_of_the_four_losses_of_a_seed(folder, commands, rng):
    members = ("bce", "focal", "cb_focal", "db_focal")
    for system in members:
        commands.scores[system, 1] = rng.random(LABELS.shape).astype(np.float32)
    assert run(folder, "--num_seeds=2", f"--presets={','.join(members)}") == 0
    mean = sum(commands.scores[system, 1].astype(float) for system in members) / 4
    ensemble = folder / "out" / "ensemble"
    np.testing.assert_allclose(np.load(ensemble / "seed_1" / "predictions" / "test.npy"), mean, rtol=1e-6)
    np.testing.assert_allclose(np.load(ensemble / "seed_0" / "predictions" / "test.npy"), GOOD, rtol=1e-6)
    assert json.loads((ensemble / "seed_0" / "metrics.json").read_text())["pr_auc_macro"] == 1


def test_without_its_members_there_is_no_ensemble(folder, commands, capsys):
    assert run(folder, "--presets=paper_bce,class_aware") == 0
    assert "ensemble" not in capsys.readouterr().out.replace(paper_tables.TITLES[1], "")
    assert commands.done() == [
        (command, name, "0") for name in ("bce", "class_aware") for command in ("train", "evaluate")
    ]


def test_overrides_stand_after_the_preset_and_win(folder, commands):
    given = ["--learning_rate=0.001", "--num_channels=8", "--batch_size=4", "--validation_chunks=2"]
    assert run(folder, *given, "--precision=float32", "--epochs=20", "--num_chunks=3") == 0
    line = arguments_of(commands, "vggish")
    for flag in (*given, "--precision=float32", "--epochs=20", "--adam_epochs=12", "--sgd_epochs=4", "--seed=0"):
        assert line.index(flag) > line.index("--preset=paper_vggish")
    assert train.COMMAND.parse(line[1:]) == []
    assert (train.FLAGS.model, train.FLAGS.num_channels, train.FLAGS.best_by) == ("vggish", 8, "roc_auc")
    assert not [flag for flag in arguments_of(commands, "popular") if "epochs" in flag or "channels" in flag]
    measured = arguments_of(commands, "vggish", "kerastag.evaluate")
    assert {"--num_chunks=3", "--batch_size=4", "--precision=float32", "--split=test"} <= set(measured)


def test_outside_data_goes_to_the_systems_that_the_paper_gives_it(folder, commands):
    split = folder / "train.tsv"
    assert run(folder, f"--train_split={split},{split}", "--train_dirs=A,B", "--pretrained=msd.pth") == 0
    both, one = {f"--train_split={split},{split}", "--train_dirs=A,B"}, {f"--train_split={split}", "--train_dirs=A"}
    for system in ("bce", "bce_mixup", "focal", "cb_focal", "db_focal", "class_aware"):
        assert both | {"--pretrained=msd.pth"} <= set(arguments_of(commands, system))
    for system in ("jamendo_only", "receptive_field_3s69", "receptive_field_4s6", "vggish", "popular"):
        assert one <= set(arguments_of(commands, system))
        assert "--pretrained=msd.pth" not in arguments_of(commands, system)


def test_without_outside_data_equal_systems_are_told(folder, commands, capsys):
    assert run(folder) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if "the same as" in line]
    assert told == [
        "jamendo_only: with these flags the same as focal",
        "receptive_field_4s6: with these flags the same as bce",
    ]
    commands.done()
    assert run(folder, "--pretrained=msd.pth", "--overwrite") == 0
    assert "the same as" not in capsys.readouterr().out
    # trained anew where the weights are used, and nowhere else
    retrained = {name for module, name, _ in commands.done() if module == "train"}
    assert retrained == {system.name for system in paper_tables.SYSTEMS if system.outside_data}


@pytest.mark.parametrize(
    ("preset", "arguments", "lengths"),
    [
        ("paper_bce", ["--epochs=20"], (8, 3)),
        ("paper_bce", ["--epochs=12"], (4, 2)),
        ("paper_bce", ["--epochs=5"], (1, 1)),
        ("paper_bce", ["--epochs=2"], (1, 1)),
        ("paper_bce", ["--epochs=12", "--adam_epochs=8"], (8, 1)),
        ("paper_bce", ["--epochs=12", "--sgd_epochs=2"], (4, 2)),
        ("paper_bce", ["--epochs=200"], None),
        ("paper_bce", [], None),
        ("paper_vggish", ["--epochs=12"], (7, 2)),
        ("paper_popular", ["--epochs=12"], None),
    ],
)
def test_a_shorter_run_has_shorter_stages(preset, arguments, lengths):
    reproduce.COMMAND.parse(arguments)
    found = reproduce.stage_lengths(reproduce.FLAGS, experiments.read_flags(presets.find(preset)))
    assert found == ({} if lengths is None else {"adam_epochs": str(lengths[0]), "sgd_epochs": str(lengths[1])})


def test_a_run_of_five_epochs_or_more_goes_through_all_stages():
    preset = experiments.read_flags(presets.find("paper_focal"))
    for epochs in range(5, 200):
        reproduce.COMMAND.parse([f"--epochs={epochs}"])
        found = reproduce.stage_lengths(reproduce.FLAGS, preset)
        lengths = {name: int(length) for name, length in found.items()}
        schedule = schedules.Schedule("staged", epochs=epochs, **lengths)
        assert {schedule.stage(epoch).number for epoch in range(epochs)} == {0, 1, 2, 3, 4}
        assert lengths["adam_epochs"] <= 0.4 * epochs


def test_a_finished_run_is_not_run_again(folder, commands, capsys):
    assert run(folder, "--presets=bce,popular") == 0
    assert len(commands.done()) == 4
    first = (folder / "out" / "tables.md").read_text()
    assert run(folder, "--presets=bce,popular") == 0
    assert commands.done() == []
    assert "[1 of 2] bce, seed 0: finished before" in capsys.readouterr().out
    assert (folder / "out" / "tables.md").read_text() == first
    assert run(folder, "--presets=bce,popular", "--num_seeds=2") == 0
    assert commands.done() == [("train", "bce", "1"), ("evaluate", "bce", "1")]


def test_other_flags_are_measured_again_but_not_trained_over(folder, commands, capsys):
    assert run(folder, "--presets=bce", "--epochs=9") == 0
    commands.done()
    assert run(folder, "--presets=bce", "--epochs=9", "--num_chunks=2") == 0
    assert commands.done() == [("evaluate", "bce", "0")]
    capsys.readouterr()
    assert run(folder, "--presets=bce", "--epochs=8", "--num_chunks=2") == 1
    message = "the run was started with --epochs=9, not --epochs=8; use another --output_dir or --overwrite\n"
    assert capsys.readouterr().err == f"{folder / 'out' / 'bce' / 'seed_0'}: {message}"
    assert run(folder, "--presets=bce", "--epochs=8", "--precision=float32") == 1
    assert commands.done() == []
    assert run(folder, "--presets=bce", "--epochs=8", "--num_chunks=2", "--overwrite") == 0
    assert commands.done() == [("train", "bce", "0"), ("evaluate", "bce", "0")]


def test_a_run_that_is_not_ours_stays(folder, commands, capsys):
    kept = folder / "out" / "bce" / "seed_0" / "run.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("{}")
    assert run(folder, "--presets=bce") == 1
    assert "holds a run that this tool did not begin" in capsys.readouterr().err
    assert (commands.done(), kept.read_text()) == ([], "{}")


def test_an_interrupted_run_goes_on_where_it_stopped(folder, commands, capsys):
    commands.troubles["kerastag.train", "focal", 0] = KeyboardInterrupt()
    assert run(folder, "--presets=bce,focal,popular", "--epochs=9") == 130
    assert commands.done() == [("train", "bce", "0"), ("evaluate", "bce", "0"), ("train", "focal", "0")]
    begun = run_folder.RunFolder(folder / "out" / "focal" / "seed_0")
    checkpoint(begun, 4)
    begun.record_path.write_text('{"flags": {}}')
    commands.troubles.clear()
    assert run(folder, "--presets=bce,focal,popular", "--epochs=9") == 0
    assert "[2 of 3] focal, seed 0: training goes on" in capsys.readouterr().out
    assert "--resume" in arguments_of(commands, "focal")
    assert "--resume" not in arguments_of(commands, "popular")
    assert [system for _, system, _ in commands.done()] == ["focal", "focal", "popular", "popular"]


def test_a_run_interrupted_before_its_first_checkpoint_starts_again(folder, commands):
    commands.troubles["kerastag.train", "bce", 0] = KeyboardInterrupt()
    assert run(folder, "--presets=bce") == 130
    begun = run_folder.RunFolder(folder / "out" / "bce" / "seed_0")
    begun.path.mkdir(parents=True)
    begun.record_path.write_text('{"flags": {}}')
    commands.troubles.clear()
    commands.done()
    assert run(folder, "--presets=bce") == 0
    assert arguments_of(commands, "bce")[-1] == "--overwrite"


def test_an_interrupted_evaluation_is_done_again_without_training(folder, commands):
    commands.troubles["kerastag.evaluate", "bce", 0] = KeyboardInterrupt()
    assert run(folder, "--presets=bce") == 130
    commands.troubles.clear()
    commands.done()
    assert run(folder, "--presets=bce") == 0
    assert commands.done() == [("evaluate", "bce", "0")]


def test_a_failing_run_is_told_and_the_others_go_on(folder, commands, capsys):
    commands.troubles = {("kerastag.train", "focal", 1): 1, ("kerastag.evaluate", "vggish", 0): 1}
    assert run(folder, "--num_seeds=2") == 1
    captured = capsys.readouterr()
    assert "focal, seed 1: training failed with exit status 1" in captured.err
    assert "failed: vggish, seed 0: evaluation failed with exit status 1" in captured.out
    counts = {line.split()[0]: line.split()[1] for line in captured.out.splitlines() if len(line.split()) == 8}
    assert {name: counts[name] for name in ("bce", "focal", "ensemble", "vggish")} == {
        "bce": "2",
        "focal": "1",
        "ensemble": "1",
        "vggish": "1",
    }
    assert len(commands.done()) == 2 * 21 - 1
    commands.troubles.clear()
    assert run(folder, "--num_seeds=2") == 0
    assert commands.done() == [("evaluate", "vggish", "0"), ("train", "focal", "1"), ("evaluate", "focal", "1")]


def test_when_all_fail_the_tables_are_empty(folder, commands, capsys):
    commands.troubles["kerastag.train", "bce", 0] = 2
    assert run(folder, "--presets=bce") == 1
    assert ["bce", "0", "0.150", "-", "-", "0.766", "-", "-"] in [
        x.split() for x in capsys.readouterr().out.splitlines()
    ]


def test_training_that_ended_but_skipped_tracks_counts(folder, commands, monkeypatch, capsys):
    monkeypatch.setattr(experiments, "run_command", lambda line: commands(line) or int(line[0] == "kerastag.train"))
    assert run(folder, "--presets=bce") == 0
    assert capsys.readouterr().err == "bce, seed 0: training ended with exit status 1\n"
    assert commands.done() == [("train", "bce", "0"), ("evaluate", "bce", "0")]


def test_wrong_use_is_told_before_anything_is_run(folder, commands, capsys):
    assert run(folder, "--presets=bce,happy") == 2
    assert "no system 'happy'" in capsys.readouterr().err
    assert run(folder, "--num_seeds=0") == 2
    assert run(folder / "gone") == 1
    assert commands.done() == []


def test_a_process_is_asked_to_stop_once_and_waited_for(tmp_path, monkeypatch):
    ready, stopped = tmp_path / "ready", tmp_path / "stopped"
    (tmp_path / "slow_command.py").write_text(
        "import pathlib, signal, sys, time\n"
        "count = []\n"
        "signal.signal(signal.SIGINT, lambda *_: count.append(1))\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        "while not count: time.sleep(0.01)\n"
        "time.sleep(0.3)\n"
        f"pathlib.Path({str(stopped)!r}).write_text(str(len(count)))\n"
        "sys.exit(130)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def interrupt():
        while not ready.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        experiments.run_command(["slow_command"])
    assert stopped.read_text() == "1"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_process_uses_this_checkout_and_its_exit_status_comes_back(tmp_path, monkeypatch):
    (tmp_path / "where.py").write_text(
        "import sys, kerastag\nopen('where.txt', 'w').write(kerastag.__file__)\nsys.exit(int(sys.argv[1]))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kerastag.py").touch()  # `python -m` is kept from preferring the working folder
    (tmp_path / "elsewhere" / "where.txt").symlink_to(tmp_path / "where.txt")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert experiments.run_command(["where", "3"]) == 3
    assert (tmp_path / "where.txt").read_text() == str(ROOT / "kerastag" / "__init__.py")
