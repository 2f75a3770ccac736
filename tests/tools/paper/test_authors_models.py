"""tools.paper.reproduce --published, with checkpoints of two channels from a server, evaluated in this process."""

import json

import numpy as np
import pytest
import soundfile

from kerastag import evaluate
from kerastag.published import catalogue
from kerastag.runs import run_folder
from tests import serving_files
from tests.published import small_models
from tools import experiments
from tools.attacks import torch_writer
from tools.paper import authors_models, reproduce

SYSTEMS = ("bce", "focal", "cb_focal", "db_focal")


@pytest.fixture
def server(monkeypatch, tmp_path):
    with serving_files.of_a_test(monkeypatch, tmp_path / "cache") as state:
        yield state


@pytest.fixture
def checkpoints(server, monkeypatch, tmp_path):
    """The networks behind usc_*, by system."""
    networks = {}
    for seed, system in enumerate(SYSTEMS):
        name = authors_models.CHECKPOINTS[system]
        networks[system] = small_models.network(seed)
        state = torch_writer.state_of(networks[system])
        state |= {"spec_bn.running_mean": np.float32([-10]), "spec_bn.running_var": np.float32([30])}  # of noise
        entry = small_models.serve(server, name, state, tmp_path / f"{name}.pth")
        monkeypatch.setitem(catalogue.ENTRIES, name, entry)
    return networks


@pytest.fixture
def evaluations(monkeypatch):
    """The arguments of every evaluation."""
    lines = []

    def run_command(arguments):
        lines.append(arguments)
        assert arguments[0] == "kerastag.evaluate"
        return evaluate.COMMAND.run(arguments[1:])

    monkeypatch.setattr(experiments, "run_command", run_command)
    return lines


@pytest.fixture
def folder(tmp_path):
    """Three training and six test tracks of noise, in MTG-Jamendo's smaller form."""
    (tmp_path / "data" / "00").mkdir(parents=True)
    for split, count in (("train", 3), ("test", 6)):
        rows = ["TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"]
        for number in range(count):
            waveform = np.random.default_rng(number).uniform(-0.5, 0.5, 16_000 * (1 + number))
            soundfile.write(tmp_path / "data" / "00" / f"{split}{number}.low.mp3", waveform, 16_000)
            rows.append(f"{split}{number}\ta{number}\tb\t00/{split}{number}.mp3\t1\t{small_models.TAGS[number % 3]}")
        (tmp_path / "data" / f"{split}.tsv").write_text("\r\n".join(rows) + "\r\n")
    return tmp_path / "data"


def run(folder, *arguments):
    options = ("--published", "--num_chunks=1", "--precision=float32", "--head_over=2", "--tail_at_most=1")
    return reproduce.COMMAND.run(
        [f"--data_dir={folder}", f"--output_dir={folder.parent / 'out'}", *options, *arguments]
    )


def test_checkpoints_are_scored_and_set_beside_the_paper(checkpoints, evaluations, server, folder, capsys):
    path = next(path for path in server.files if "usc_bce" in path)
    content = server.files.pop(path)
    assert run(folder, "--presets=bce,focal") == 1
    shown = capsys.readouterr()
    assert "bce, seed 0: " in shown.err and "is not there (404)" in shown.err
    assert "failed: bce, seed 0" in shown.out and len(evaluations) == 1  # the other went on
    server.files[path] = content
    chosen = "--presets=bce,paper_focal,cb_focal,db_focal"
    assert run(folder, chosen) == 0 and len(evaluations) == 4
    shown = capsys.readouterr().out
    assert "[2 of 4] focal, seed 0: finished before" in shown
    check_figures(folder.parent / "out" / "published", shown)


def check_figures(out, shown):
    """The scores are those of four networks and their mean; the distances are those of their figures to the paper's."""
    results = json.loads((out / "results.json").read_text())["runs"]
    assert [result["system"] for result in results] == [*SYSTEMS, "ensemble"]
    scores = [run_folder.RunFolder(out / f"usc_{system}").read_scores("test").scores for system in SYSTEMS]
    assert len({array.tobytes() for array in scores}) == 4 and any(np.ptp(array, axis=0).all() for array in scores)
    mean = run_folder.RunFolder(out / "ensemble" / "seed_0").read_scores("test").scores
    np.testing.assert_allclose(mean, np.mean(scores, axis=0), atol=1e-6)
    areas, groups, distances = (line.split() for line in shown.splitlines() if line.startswith("ensemble "))
    assert areas[2] == "0.161" and groups[1] == "0.182"
    figures = results[-1]["figures"]
    assert float(distances[1]) == pytest.approx(figures["pr_auc_macro"] - 0.161, abs=6e-5)
    assert float(distances[2]) == pytest.approx(figures["roc_auc_macro"] - 0.781, abs=6e-5)
    assert float(distances[5]) == pytest.approx(figures["groups"]["tail"]["pr_auc"] - 0.109, abs=6e-5)


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("--presets=bce,popular", "nobody published 'popular'"),
        ("--epochs=3", "--epochs: with --published nothing is trained"),
        ("--num_seeds=2", "--num_seeds: with --published nothing is trained"),
        ("--pretrained=usc_msd", "--pretrained: with --published nothing is trained"),
    ],
)
def test_what_is_of_training_alone_is_wrong_use(evaluations, folder, capsys, argument, told):
    assert run(folder, argument) == 2
    assert told in capsys.readouterr().err and evaluations == []
