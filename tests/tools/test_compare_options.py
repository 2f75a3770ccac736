"""Options against each other: the statistics by hand, and the tool on real trainings of a tiny network."""

import importlib
import json
import shlex
import shutil
import types

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn_metrics

from kerastag.metrics import resampling
from tools import compare_options, experiments
from tools.options import differences


def macro_average_precision(labels, scores, weights):
    areas = [
        sklearn_metrics.average_precision_score(labels[:, tag], scores[:, tag], sample_weight=weights)
        for tag in range(labels.shape[1])
        if (labels[:, tag] * weights).any()
    ]
    return np.mean(areas)


def test_a_difference_has_the_variance_of_tracks_and_of_seeds(rng):
    labels = rng.integers(0, 2, (30, 3))
    clusters = resampling.by_artist([f"artist_{row % 10}" for row in range(30)])
    weights = resampling.weights_of(clusters, 30, 60, seed=1)
    runs = {name: [rng.normal(size=(30, 3)) + gain * labels for _ in range(3)] for name, gain in (("a", 1), ("b", 0))}
    tag_names = ("one", "two", "three")
    measured = {name: differences.measure(labels, scores, tag_names, weights) for name, scores in runs.items()}
    found = differences.compare(measured, ["b"], len(clusters))
    assert [(row.option, row.against, row.figure) for row in found] == [("a", "b", "pr_auc"), ("a", "b", "roc_auc")]

    ones = np.ones(30)
    by_seed = [
        macro_average_precision(labels, a, ones) - macro_average_precision(labels, b, ones)
        for a, b in zip(runs["a"], runs["b"], strict=True)
    ]
    by_resample = [
        np.mean(
            [
                macro_average_precision(labels, a, row) - macro_average_precision(labels, b, row)
                for a, b in zip(runs["a"], runs["b"], strict=True)
            ]
        )
        for row in weights
    ]
    of_tracks, of_seeds = np.var(by_resample, ddof=1), np.var(by_seed, ddof=1) / 3
    freedom = (of_tracks + of_seeds) ** 2 / (of_tracks**2 / 9 + of_seeds**2 / 2)
    t = stats.t(freedom, loc=np.mean(by_seed), scale=np.sqrt(of_tracks + of_seeds))
    row = found[0]
    assert row.difference == pytest.approx(np.mean(by_seed), abs=1e-9)
    assert (row.low, row.high) == pytest.approx(t.interval(0.95), abs=1e-9)
    assert (row.low_tracks, row.high_tracks) == pytest.approx(np.percentile(by_resample, [2.5, 97.5]), abs=1e-9)
    assert row.deviation_of_seeds == pytest.approx(np.std(by_seed, ddof=1), abs=1e-9)
    assert row.p == row.p_holm == pytest.approx(2 * min(t.cdf(0), t.sf(0)), abs=1e-9)
    assert row.verdict == "better"


def drawn(rng, seeds=3, num_clusters=15, num_resamples=200):
    """An option that differs from another by chance alone: by tracks and by seeds, equally much."""
    of_clusters = rng.normal(size=num_clusters)
    of_seeds = rng.normal(size=seeds) / np.sqrt(num_clusters)
    picks = rng.integers(num_clusters, size=(num_resamples, num_clusters))
    own = of_clusters.mean() + of_seeds
    measured = differences.Measured(own, of_clusters[picks].mean(axis=1) + of_seeds.mean())
    return {"pr_auc": measured, "roc_auc": measured}


def test_options_that_differ_by_chance_are_rarely_called_different(rng):
    """Of 600 such pairs one in twenty would be; over tracks alone as many again are."""
    zero = differences.Measured(np.zeros(3), np.zeros(200))
    nothing = {"pr_auc": zero, "roc_auc": zero}
    rows = [differences.compare({"a": drawn(rng), "b": nothing}, ["b"], 15)[0] for _ in range(600)]
    assert np.mean([row.p < 0.05 for row in rows]) < 0.075
    assert np.mean([not row.low_tracks < 0 < row.high_tracks for row in rows]) > 0.1
    many = {f"option_{n}": drawn(rng) for n in range(100)}
    verdicts = [row.verdict for row in differences.compare({**many, "b": nothing}, ["b"], 15)]
    assert verdicts.count("noise") >= 198  # corrected for a hundred


def test_one_seed_is_no_evidence_and_equal_scores_do_not_differ(rng):
    one = {name: drawn(rng, seeds=1) for name in "ab"}
    row = differences.compare(one, ["b"], 15)[0]
    assert row.verdict == "one seed" and row.low is None and row.low_tracks < row.high_tracks
    same = drawn(rng)
    row = differences.compare({"a": same, "b": same}, ["b"], 15)[0]
    assert (row.difference, row.low, row.high, row.p, row.verdict) == (0, 0, 0, 1, "noise")
    undefined = {
        figure: differences.Measured(np.full(3, np.nan), np.full(200, np.nan)) for figure in differences.FIGURES
    }
    assert differences.compare({"a": undefined, "b": same}, ["b"], 15)[0].verdict == "undefined"


def test_each_pair_is_compared_once(rng):
    measured = {name: drawn(rng) for name in "abcd"}
    pairs = {(row.option, row.against) for row in differences.compare(measured, ["a", "c"], 15)}
    assert pairs == {("b", "a"), ("c", "a"), ("d", "a"), ("b", "c"), ("d", "c")}


def run_in_this_process(patch):
    """Commands run here instead of in processes of their own; gives what is run."""
    lines = []

    def run(arguments):
        lines.append(arguments)
        return importlib.import_module(arguments[0]).COMMAND.run(arguments[1:])

    patch.setattr(experiments, "run_command", run)
    return lines


@pytest.fixture
def in_this_process(monkeypatch):
    """What was run since, in this process."""
    return run_in_this_process(monkeypatch)


FEW = "--num_resamples=50"
TINY = "--num_channels=1 --num_blocks=2 --batch_size=8 --validation_chunks=2 --precision=float32 --monitor=none"


@pytest.fixture(scope="module")
def compared(music, tmp_path_factory):
    """Two options that were trained and compared: the folder with all of it, the arguments, and what was run."""
    folder = tmp_path_factory.mktemp("compared")
    mine = folder / "mine.flags"
    mine.write_text("# an option\n--loss=focal\n--learning_rate=1e-3\n")
    arguments = [
        *(f"--data_dir={music}", "--epochs=1", "--num_chunks=2", f"--train_flags={TINY}", "--resample=track"),
        *(f"--output_dir={folder / 'out'}", "--num_seeds=2", f"--options=paper_bce,{mine},paper_bce+{mine}"),
    ]
    with pytest.MonkeyPatch.context() as patch:
        lines = run_in_this_process(patch)
        assert compare_options.COMMAND.run([*arguments, FEW]) == 0
    return types.SimpleNamespace(folder=folder, mine=mine, arguments=[*arguments, FEW], lines=lines)


def test_presets_and_files_of_flags_are_trained_measured_and_compared(compared, in_this_process, capsys):
    folder = compared.folder
    modules = [line[0] for line in compared.lines]
    assert modules == ["kerastag.train", "kerastag.evaluate"] * 4  # the mean is of the same runs
    document = json.loads((folder / "out" / "options.json").read_text())
    assert list(document["figures"]) == ["paper_bce", "mine", "paper_bce+mine"]
    pairs = [(row["option"], row["against"], row["figure"]) for row in document["differences"]]
    assert pairs == [
        (name, "paper_bce", figure) for figure in differences.FIGURES for name in ("mine", "paper_bce+mine")
    ]
    own = json.loads((folder / "out" / "mine" / "seed_1" / "metrics.json").read_text())["pr_auc_macro"]
    assert document["figures"]["mine"]["pr_auc"][1] == pytest.approx(own, abs=1e-9)
    page = (folder / "out" / "options.md").read_text()
    assert "| paper_bce+mine | paper_bce |" in page and "8 tracks and 2 seeds together" in page
    command = shlex.split(page.split("`")[1])
    assert command[:3] == ["python", "-m", "tools.compare_options"] and f"--train_flags={TINY}" in command
    assert (folder / "out" / "options.png").read_bytes().startswith(b"\x89PNG")

    assert compare_options.COMMAND.run(compared.arguments) == 0
    assert in_this_process == []  # all is there
    capsys.readouterr()
    assert compare_options.COMMAND.run([*compared.arguments, "--train_flags=--num_channels=2"]) == 1
    assert "the run was started with --num_channels=1, not --num_channels=2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--options=paper_bce"], "two or more"),
        (["--options=paper_bce,paper_bce"], "named twice"),
        (["--options=paper_bce,paper_bec"], "no preset 'paper_bec'"),
        (["--options=paper_bce,absent.flags"], "absent.flags: no such file"),
        (["--options=paper_bce,paper_focal", "--against=beyond_asl"], "beyond_asl is none of"),
        (["--options=paper_bce,paper_focal", "--train_flags=--seed=3"], "--seed is not the same"),
        (["--options=paper_bce,paper_focal", "--train_flags=num_channels"], "is not --name=value"),
        (["--options=paper_bce,paper_focal", "--train_flags=--num_chanels=3"], "num_chanels"),
        (["--options=paper_bce,paper_focal", "--train_flags=--loss=best"], "loss"),
        (["--options=paper_bce,paper_focal", '--train_flags="--loss'], "No closing quotation"),
    ],
)
def test_what_cannot_be_trained_is_said_before_any_work(music, in_this_process, tmp_path, capsys, arguments, message):
    given = [f"--data_dir={music}", f"--output_dir={tmp_path / 'out'}", *arguments]
    assert compare_options.COMMAND.run(given) == 2
    assert message in capsys.readouterr().err
    assert in_this_process == [] and not (tmp_path / "out").exists()


def test_two_options_of_one_name_would_share_a_folder(music, in_this_process, tmp_path, capsys):
    other = tmp_path / "paper_bce.flags"
    other.write_text("--loss=focal\n")
    given = [f"--data_dir={music}", f"--output_dir={tmp_path / 'out'}", f"--options=paper_bce,paper_focal+{other}"]
    assert compare_options.COMMAND.run(given) == 2
    assert f"{other} is called as another one" in capsys.readouterr().err
    assert in_this_process == [] and not (tmp_path / "out").exists()


def test_a_run_that_fails_is_told_and_the_others_are_compared(compared, tmp_path, capsys, monkeypatch):
    shutil.copytree(compared.folder / "out", tmp_path / "out")
    tried = []
    monkeypatch.setattr(experiments, "run_command", lambda arguments: tried.append(arguments) or 1)
    other = [f"--output_dir={tmp_path / 'out'}", "--num_seeds=1", f"--options=paper_bce,beyond_asl,{compared.mine}"]
    assert compare_options.COMMAND.run([*compared.arguments, *other]) == 1
    assert [any("beyond_asl" in word for word in arguments) for arguments in tried] == [True]
    assert "beyond_asl, seed 0: training failed with exit status 1" in capsys.readouterr().err
    document = json.loads((tmp_path / "out" / "options.json").read_text())
    assert list(document["figures"]) == ["paper_bce", "mine"]
    assert document["failures"] == ["beyond_asl, seed 0: training failed with exit status 1"]
    assert {row["verdict"] for row in document["differences"]} == {"one seed"}
