"""tools.paper.reproduce: its tables, and the flags that it gives to each training and evaluation."""

import json

import numpy as np
import pytest

from kerastag import train
from kerastag.cli import presets
from kerastag.training import schedules
from tests.tools.paper.stand_in_commands import BAD, BAD_PR_AUC, GOOD, LABELS, run
from tools import experiments
from tools.paper import paper_tables, reproduce


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
    line = commands.arguments_of("vggish")
    for flag in (*given, "--precision=float32", "--epochs=20", "--adam_epochs=12", "--sgd_epochs=4", "--seed=0"):
        assert line.index(flag) > line.index("--preset=paper_vggish")
    assert train.COMMAND.parse(line[1:]) == []
    assert (train.FLAGS.model, train.FLAGS.num_channels, train.FLAGS.best_by) == ("vggish", 8, "roc_auc")
    assert not [flag for flag in commands.arguments_of("popular") if "epochs" in flag or "channels" in flag]
    measured = commands.arguments_of("vggish", "kerastag.evaluate")
    assert {"--num_chunks=3", "--batch_size=4", "--precision=float32", "--split=test"} <= set(measured)


def test_outside_data_goes_to_the_systems_that_the_paper_gives_it(folder, commands):
    split = folder / "train.tsv"
    assert run(folder, f"--train_split={split},{split}", "--train_dirs=A,B", "--pretrained=msd.pth") == 0
    both, one = {f"--train_split={split},{split}", "--train_dirs=A,B"}, {f"--train_split={split}", "--train_dirs=A"}
    for system in ("bce", "bce_mixup", "focal", "cb_focal", "db_focal", "class_aware"):
        assert both | {"--pretrained=msd.pth"} <= set(commands.arguments_of(system))
    for system in ("jamendo_only", "receptive_field_3s69", "receptive_field_4s6", "vggish", "popular"):
        assert one <= set(commands.arguments_of(system))
        assert "--pretrained=msd.pth" not in commands.arguments_of(system)


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


def test_wrong_use_is_told_before_anything_is_run(folder, commands, capsys):
    assert run(folder, "--presets=bce,happy") == 2
    assert "no system 'happy'" in capsys.readouterr().err
    assert run(folder, "--num_seeds=0") == 2
    assert run(folder / "gone") == 1
    assert commands.done() == []
