"""Files of scores combined: as the library does, measured, selected from, and refused."""

import numpy as np
import pytest

from kerastag import ensemble
from kerastag.metrics import ensembles

TAGS = ("mood/theme---high", "mood/theme---low", "mood/theme---mid")


@pytest.fixture
def members(tmp_path):
    """Two files of scores of 40 tracks and their labels."""
    rng = np.random.default_rng(0)
    arrays = {
        "a": rng.random((40, 3)).astype(np.float32),
        "b": rng.random((40, 3)),
        "labels": rng.random((40, 3)) < 0.3,
    }
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    return arrays


def combine(folder, *arguments, names=("a", "b")):
    files_ = ",".join(str(folder / f"{name}.npy") for name in names)
    return ensemble.COMMAND.run([f"--predictions={files_}", *arguments])


@pytest.mark.parametrize("method", ensembles.METHODS)
def test_the_command_combines_as_the_library_does(method, members, tmp_path):
    assert combine(tmp_path, f"--method={method}", "--weights=3,1", f"--output={tmp_path / 'out.npy'}") == 0
    expected = ensembles.combine([members["a"], members["b"]], method, [3, 1])
    found = np.load(tmp_path / "out.npy")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, expected)


def test_the_mean_of_one_member_is_that_member(members, tmp_path):
    assert combine(tmp_path, f"--output={tmp_path / 'out.npy'}", names=["a"]) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), members["a"])


def test_with_labels_it_says_how_good_members_and_ensemble_are(members, tmp_path, capsys):
    from sklearn import metrics

    arguments = [f"--labels={tmp_path / 'labels.npy'}", f"--output={tmp_path / 'out.npy'}"]
    assert combine(tmp_path, *arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    mean = (members["a"] + members["b"]) / 2
    for line, scores in zip(lines[1:], (members["a"], members["b"], mean), strict=False):
        assert f"{metrics.average_precision_score(members['labels'], scores):.4f}" in line
        assert f"{metrics.roc_auc_score(members['labels'], scores):.4f}" in line


def write_split(path, artists):
    lines = [f"{row}\t{artist}\t\t{row}.wav\t5\t{TAGS[row % 3]}" for row, artist in enumerate(artists)]
    path.write_text("\n".join(["TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS", *lines]) + "\n")


@pytest.mark.parametrize("mode", ["members", "weights"])
def test_selection_says_when_it_is_within_noise(mode, members, tmp_path, capsys):
    write_split(tmp_path / "validation.tsv", [f"artist_{row // 4}" for row in range(40)])
    arguments = [f"--labels={tmp_path / 'labels.npy'}", f"--validation_split={tmp_path / 'validation.tsv'}"]
    arguments += [f"--select={mode}", f"--output={tmp_path / 'out.npy'}", "--num_resamples=50"]
    assert combine(tmp_path, *arguments) == 0
    printed = capsys.readouterr().out
    assert "within noise of the plain mean" in printed and "chosen on them, which flatters" in printed
    weights = next(line for line in printed.splitlines() if line.startswith("--weights="))
    assert combine(tmp_path, weights, f"--output={tmp_path / 'same.npy'}") == 0
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), np.load(tmp_path / "same.npy"), atol=1e-5)


def bad_uses(folder):
    """Arguments after two good members, and the line and status each must get."""
    out, labels = f"--output={folder / 'out.npy'}", f"--labels={folder / 'labels.npy'}"
    select = ["--select=members", labels]
    return [
        (["a", "shape"], [out], 1, "shape.npy: scores are (40, 2), those of"),
        (["a", "nan"], [out], 1, "nan.npy: score in row 3 (from 0), tag '1' is nan, not finite"),
        (["a", "words"], [out], 1, "words.npy: not a .npy file"),
        (["a", "pickle"], [out], 1, "pickle.npy: pickled objects are not loaded"),
        (["a", "missing"], [out], 1, "missing.npy: no such file"),
        (["a", "b"], [f"--output={folder / 'a.npy'}"], 1, "a.npy: exists already (see --overwrite)"),
        (["a", "b"], [out, "--weights=1"], 1, "1 weights for 2 members"),
        (["a", "b"], [out, "--weights=1,-1"], 1, "not 0 or more with a positive sum"),
        (["a", "above"], [out, "--method=logit_mean"], 1, "member 2 has scores outside 0 .. 1"),
        (["a", "b"], [*select, f"--validation_split={folder / 'few.tsv'}"], 1, "few.tsv: 3 tracks, but 40 rows"),
        (["a", "b"], [*select, f"--validation_split={folder / 'none.tsv'}"], 1, "none.tsv: names no artists"),
        (["a", "b"], [out, "--weights=1,heavy"], 2, "--weights=1,heavy: not numbers"),
        (["a", "b"], [], 2, "nothing to do"),
        (["a", "a"], [out], 2, "a member twice"),
        (["a", "b"], [f"--output={folder / 'out.tsv'}"], 2, "the suffix must be .npy"),
        (["a", "b"], ["--select=members"], 2, "--select needs --labels"),
        (["a", "b"], select, 2, "--select needs --validation_split"),
        (["a", "b"], [*select, "--weights=1,2"], 2, "leave --weights out"),
        (["a", "b"], [f"--output_dir={folder / 'new'}"], 2, "--output_dir needs --run_dirs"),
        (["a", "b"], [out, "--run_dirs=x"], 2, "either --predictions or --run_dirs"),
    ]


def test_bad_members_get_one_line_and_nothing_is_written(members, tmp_path, capsys):
    np.save(tmp_path / "shape.npy", members["a"][:, :2])
    np.save(tmp_path / "nan.npy", np.where(np.arange(40)[:, None] == 3, [[0, np.nan, 0]], members["a"]))
    np.save(tmp_path / "pickle.npy", np.array([[{}]]), allow_pickle=True)
    np.save(tmp_path / "above.npy", members["a"] + 1)
    (tmp_path / "words.npy").write_text("scores")
    write_split(tmp_path / "few.tsv", ["x", "y", "z"])
    write_split(tmp_path / "none.tsv", [""] * 40)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for names, arguments, status, message in bad_uses(tmp_path):
        assert combine(tmp_path, *arguments, names=names) == status, message
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and message in lines[0], (message, lines)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
