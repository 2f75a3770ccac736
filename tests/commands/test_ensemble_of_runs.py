"""Ensembles of runs: as scores, as a tagger, as one SavedModel; and calibrated scores of all three."""

import shutil

import keras
import numpy as np
import pytest
import soundfile
import tensorflow as tf

import kerastag
from kerastag import ensemble, errors, export, files, models, tags
from kerastag.computing import Computing
from kerastag.data.reading import Reading
from kerastag.inference import split_scoring
from kerastag.metrics import calibration, decisions, ensembles
from kerastag.models import popularity
from kerastag.runs import ensemble_folder, run_folder
from kerastag.runs.model import Combination, Model

TAGS = ("mood/theme---high", "mood/theme---low", "mood/theme---mid")
NETWORKS = {  # name of a run: its network; none is trained, all have scores that spread
    "one": lambda: models.short_chunk_resnet(3, num_channels=1, num_blocks=2),
    "two": lambda: models.short_chunk_resnet(3, num_channels=1, num_blocks=2),
    "short": lambda: models.short_chunk_resnet(3, num_channels=1, num_blocks=2, variant="3s69"),
    "slow": lambda: models.vggish(3, num_channels=1),
    "rare": lambda: popularity.Popular([0.1, 0.2, 0.3]),  # these two are quick: a constant each
    "often": lambda: popularity.Popular([0.8, 0.7, 0.4]),
}


def make_run(path, network, music):
    """A run's folder as training leaves it, without the training."""
    path.mkdir(parents=True)
    if hasattr(network, "output_layer"):
        kernel = network.output_layer.kernel
        kernel.assign(3 * np.random.default_rng(0).normal(size=kernel.shape))
    network.save(path / "model.keras")
    tags.Vocabulary(TAGS).write(path / "tags.txt")
    record = {"flags": {}, "data_dir": str(music), "class_counts": dict.fromkeys(TAGS, 8)}
    files.write_json(path / "run.json", record)


@pytest.fixture(scope="module")
def runs(music, tmp_path_factory):
    """By name, folders of NETWORKS."""
    folder = tmp_path_factory.mktemp("members")
    for number, (name, network) in enumerate(NETWORKS.items()):
        keras.utils.set_random_seed(number)
        make_run(folder / name, network(), music)
    return {name: folder / name for name in NETWORKS}


def of_runs(runs, names, *arguments):
    folders = ",".join(str(runs[name]) for name in names)
    return ensemble.COMMAND.run([f"--run_dirs={folders}", "--precision=float32", "--num_chunks=2", *arguments])


def calibrate(folder, method="platt", seed=0):
    """Writes a calibration.json of a few hundred made-up tracks; gives it."""
    rng = np.random.default_rng(seed)
    scores = rng.random((300, 3))
    fitted = calibration.fit(rng.random((300, 3)) < scores**2, scores, TAGS, method)
    fitted.write(folder / "calibration.json")
    return fitted


def scored(folder, path, **options):
    return np.array(list(kerastag.load(folder, "float32", **options).score(path, num_chunks=2).values()))


def test_runs_are_scored_once_and_their_scores_combined(runs, tmp_path, capsys):
    for name in ("rare", "often"):
        shutil.copytree(runs[name], tmp_path / name)
    own = {name: tmp_path / name for name in ("rare", "often")}
    assert of_runs(own, own, "--split=validation", f"--output={tmp_path / 'out.npy'}") == 0
    assert "validation split, 8 tracks" in capsys.readouterr().out
    found = [np.load(folder / "predictions" / "validation.npy") for folder in own.values()]
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), np.mean(found, axis=0), rtol=1e-6)
    np.save(own["rare"] / "predictions" / "validation.npy", np.full((8, 3), 0.25))  # what is there is taken
    arguments = ["--select=weights", "--resample=track", "--num_folds=2", "--num_resamples=20"]
    assert of_runs(own, own, *arguments, "--split=validation", f"--output_dir={tmp_path / 'both'}") == 0
    note = files.read_json(tmp_path / "both" / "ensemble.json")["note"]
    assert note.startswith("weights: chosen") and note in capsys.readouterr().out
    np.save(own["rare"] / "labels" / "validation.npy", np.zeros((8, 3), bool))
    assert of_runs(own, own, "--split=validation", f"--output={tmp_path / 'other.npy'}") == 1
    assert "often: other labels than" in capsys.readouterr().err
    assert of_runs(own, own, "--split=validation", "--rescore", f"--output={tmp_path / 'again.npy'}") == 0
    np.testing.assert_array_equal(np.load(tmp_path / "again.npy"), np.load(tmp_path / "out.npy"))


@pytest.mark.parametrize(
    ("names", "method", "weights"),
    [
        (("rare", "often"), "mean", (3, 1)),
        (("one", "slow", "two"), "logit_mean", (1, 2, 3)),  # two share their chunks, one has another sample rate
    ],
)
def test_an_ensemble_tags_as_its_members_combined(names, method, weights, runs, music, tmp_path):
    arguments = [f"--method={method}", f"--weights={','.join(map(str, weights))}"]
    assert of_runs(runs, names, *arguments, f"--output_dir={tmp_path / 'all'}") == 0
    path = music / "test" / "1.wav"
    own = [scored(runs[name], path)[None] for name in names]
    assert np.ptp(own, axis=0).max() > 0.01  # the members differ
    expected = ensembles.combine(own, method, weights)[0]
    np.testing.assert_allclose(scored(tmp_path / "all", path), expected, atol=1e-6)


def test_networks_that_take_the_same_chunks_share_them(runs, tmp_path):
    assert of_runs(runs, ["one", "two", "short", "rare"], f"--output_dir={tmp_path / 'all'}") == 0
    model, counted = kerastag.load(tmp_path / "all", "float32"), []
    soundfile.write(tmp_path / "a.wav", np.zeros(100_000), 16_000)
    model.score_files([tmp_path / "a.wav"], Reading(3), on_chunks=counted.append)
    assert (
        sum(map(len, counted)) == model.num_chunks(3) == 3 + 3 + 1
    )  # one and two; short; rare takes one from the middle


def test_a_file_that_cannot_be_read_is_named_and_the_others_scored(runs, music, tmp_path):
    assert of_runs(runs, ["rare", "slow"], f"--output_dir={tmp_path / 'all'}") == 0
    (tmp_path / "broken.wav").write_bytes(b"not audio")
    paths = [music / "test" / "0.wav", tmp_path / "broken.wav", music / "test" / "1.wav"]
    both = kerastag.load(tmp_path / "all", "float32")
    scores, unreadable = both.score_files(paths, Reading(2))
    assert list(unreadable) == [1] and "broken.wav" in unreadable[1]
    assert np.isnan(scores[1]).all()
    np.testing.assert_array_equal(scores[[0, 2]], both.score_files([paths[0], paths[2]], Reading(2))[0])
    assert np.isnan(both.score_files(paths[1:2], Reading(2))[0]).all()


def test_an_ensemble_is_measured_like_a_run(runs, tmp_path):
    for name in ("one", "two"):
        shutil.copytree(runs[name], tmp_path / name)
    own = {name: tmp_path / name for name in ("one", "two")}
    assert of_runs(own, own, f"--output={tmp_path / 'out.npy'}", f"--output_dir={tmp_path / 'both'}") == 0
    folder = ensemble_folder.existing(tmp_path / "both")
    done = split_scoring.score_run(folder, "test", reading=Reading(2), computing=Computing("float32")).scores
    np.testing.assert_allclose(done.scores, np.load(tmp_path / "out.npy"), atol=1e-6)
    np.testing.assert_array_equal(np.load(folder.predictions_path("test")), done.scores)
    assert done.class_counts.tolist() == [8] * len(TAGS)
    assert len(done.tracks) == len(done.labels) == 8


def test_an_ensemble_moves_with_its_members(runs, music, tmp_path):
    for name in ("rare", "often"):
        shutil.copytree(runs[name], tmp_path / "here" / name)
    own = {name: tmp_path / "here" / name for name in ("rare", "often")}
    assert of_runs(own, own, "--weights=1,0", f"--output_dir={tmp_path / 'here' / 'both'}") == 0
    (tmp_path / "here").rename(tmp_path / "there")
    content = files.read_json(tmp_path / "there" / "both" / "ensemble.json")
    assert content["members"] == ["../rare"] and content["weights"] == [1]  # without weight, without a place
    path = music / "test" / "1.wav"
    np.testing.assert_array_equal(scored(tmp_path / "there" / "both", path), scored(runs["rare"], path))


def test_what_makes_no_ensemble_is_refused(runs, tmp_path, capsys):
    for name in ("two", "three"):
        shutil.copytree(runs["two"], tmp_path / name)
    tags.Vocabulary([TAGS[0], TAGS[2], TAGS[1]]).write(tmp_path / "two" / "tags.txt")
    tags.Vocabulary(TAGS[:2]).write(tmp_path / "three" / "tags.txt")
    (tmp_path / "full").mkdir()
    folders = {**runs, "order": tmp_path / "two", "number": tmp_path / "three", "none": tmp_path / "none"}
    new = f"--output_dir={tmp_path / 'new'}"
    cases = [
        (["one", "order"], [new], "two/tags.txt: tag 2 is 'mood/theme---mid', but 'mood/theme---low' in"),
        (["one", "number"], [new], "three/tags.txt: 2 tags, but 3 in"),
        (["one", "none"], [new], "none: no such folder"),
        (["one", "two"], [new, "--method=rank_mean"], "rank_mean ranks tracks among each other"),
        (["one", "two"], [f"--output_dir={tmp_path / 'full'}"], "full: exists already"),
        (["one", "two"], [f"--output_dir={runs['one']}", "--overwrite"], "one: is not an ensemble"),
        (["one", "two"], [new, f"--output={tmp_path / 'two' / 'tags.txt'}.npy", "--weights=1"], "1 weights for 2"),
    ]
    for names, arguments, message in cases:
        assert of_runs(folders, names, *arguments) == 1, message
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and message in lines[0], (message, lines)
    assert not (tmp_path / "new").exists() and (runs["one"] / "model.keras").is_file()


def test_a_damaged_ensemble_is_one_line(runs, tmp_path):
    folder = tmp_path / "all"
    assert of_runs(runs, ["one", "two"], f"--output_dir={folder}") == 0
    good = files.read_json(folder / "ensemble.json")
    for change, message in (
        ({"members": ["../gone", "../gone"]}, "ensemble.json: .*gone: no such folder"),
        ({"weights": [1]}, "ensemble.json: 1 weights for 2 members"),
        ({"weights": ["a", "b"]}, "ensemble.json: not an ensemble"),
        ({"method": "rank_mean"}, "ensemble.json: rank_mean ranks tracks among each other"),
        ({"method": None}, "ensemble.json: not an ensemble .'method' is None"),
    ):
        files.write_json(folder / "ensemble.json", {**good, **change})
        with pytest.raises(errors.KerastagError, match=message):
            kerastag.load(folder)


def run_export(folder, target, *arguments):
    return export.COMMAND.run([f"--run_dir={folder}", f"--output_dir={target}", "--num_chunks=2", *arguments])


@pytest.fixture(scope="module")
def served(runs, tmp_path_factory):
    """A calibrated ensemble of two networks with chunks of two lengths, and its export."""
    folder = tmp_path_factory.mktemp("served")
    assert (
        of_runs(runs, ["one", "short"], "--method=logit_mean", "--weights=2,1", f"--output_dir={folder / 'all'}") == 0
    )
    calibrate(folder / "all", "isotonic")
    assert run_export(folder / "all", folder / "export", "--calibrated") == 0
    return folder


@pytest.fixture(scope="module")
def saved(served):
    """The export as TensorFlow loads it."""
    return tf.saved_model.load(str(served / "export" / "1"))


def test_an_export_of_an_ensemble_gives_the_ensembles_calibrated_scores(served, saved, music):
    path = music / "test" / "1.wav"
    plain = scored(served / "all", path)
    expected = calibration.Calibration.read(served / "all" / "calibration.json", TAGS).apply(plain[None])[0]
    assert not np.allclose(plain, expected, atol=1e-2)
    exported = kerastag.load(served / "export")
    assert exported.calibrated
    np.testing.assert_allclose(list(exported.score(path, num_chunks=2).values()), expected, atol=1e-5)
    waveform, _ = soundfile.read(path, dtype="float32")
    whole = saved.signatures["serving_default"](waveform=waveform[None])["scores"].numpy()[0]
    np.testing.assert_allclose(whole, expected, atol=1e-4)  # not by way of int16


def test_an_export_says_what_it_is_and_is_plain_tensorflow(served, saved):
    facts = files.read_json(served / "export" / "1" / "assets.extra" / "model.json")
    assert facts["calibrated"] and facts["method"] == "logit_mean" and facts["sample_rate"] == 16_000
    assert facts["weights"] == pytest.approx([2 / 3, 1 / 3])
    assert [one["chunk_samples"] for one in facts["members"]] == [73_600, 59_049]
    scoring = {"serving_default", "classify_wav", "network_1", "network_2"}
    assert set(saved.signatures) == scoring | {"taggram", "embed", "top_tags", "metadata"}
    for name, signature in saved.signatures.items():
        assert (list(signature.structured_outputs) == ["scores"]) == (name in scoring)
        nodes = {node.op for node in signature.graph.as_graph_def().node}
        nodes |= {node.op for body in signature.graph.as_graph_def().library.function for node in body.node_def}
        assert not {name for name in nodes if "PyFunc" in name or "Dropout" in name}


def test_an_export_of_a_calibrated_run_is_calibrated_by_itself(runs, music, tmp_path, capsys):
    shutil.copytree(runs["one"], tmp_path / "run")
    fitted = calibrate(tmp_path / "run")
    path = music / "test" / "1.wav"
    plain, calibrated = scored(tmp_path / "run", path), scored(tmp_path / "run", path, calibrated=True)
    np.testing.assert_allclose(calibrated, fitted.apply(plain[None])[0], atol=1e-6)  # the mean of chunks, not each
    assert run_export(tmp_path / "run", tmp_path / "export", "--calibrated") == 0
    assert "calibrated scores" in capsys.readouterr().out
    np.testing.assert_allclose(scored(tmp_path / "export", path, calibrated=True), calibrated, atol=1e-5)


def test_calibrated_scores_need_a_calibration(runs, tmp_path, capsys):
    shutil.copytree(runs["one"], tmp_path / "run")
    calibrate(tmp_path / "run")
    own = {"run": tmp_path / "run", "two": runs["two"]}
    assert of_runs(own, own, f"--output_dir={tmp_path / 'all'}") == 0  # members' calibrations are not the ensemble's
    for folder in (runs["two"], tmp_path / "all"):
        with pytest.raises(errors.KerastagError, match=r"no calibration\.json; kerastag evaluate writes it"):
            kerastag.load(folder, calibrated=True)
        assert run_export(folder, tmp_path / "export", "--calibrated") == 1
        assert "no calibration.json" in capsys.readouterr().err
    assert not (tmp_path / "export").exists()


def test_an_export_has_one_sample_rate(runs, tmp_path, capsys):
    assert of_runs(runs, ["one", "slow"], f"--output_dir={tmp_path / 'all'}") == 0
    assert run_export(tmp_path / "all", tmp_path / "export") == 1
    assert "members at 12000, 16000 Hz; a served model has one sample rate" in capsys.readouterr().err


def test_an_ensemble_has_no_model_to_resume_or_convert(runs, tmp_path):
    assert of_runs(runs, ["one", "two"], f"--output_dir={tmp_path / 'all'}") == 0
    with pytest.raises(errors.KerastagError, match="an ensemble has no model of its own"):
        ensemble_folder.existing(tmp_path / "all").trained_model_path()
    with pytest.raises(errors.KerastagError, match="not a run"):
        run_folder.RunFolder.existing(tmp_path / "all")


def test_a_model_of_a_run_is_the_run(runs):
    model = Model.load(runs["one"])
    assert [run.path for run in model.runs] == [runs["one"]] and model.combination == Combination()


def test_a_model_reads_what_evaluate_wrote_once(runs, tmp_path):
    shutil.copytree(runs["one"], tmp_path / "run")
    decisions.write_thresholds(tmp_path / "run" / "thresholds.tsv", TAGS, np.array([0.1, np.inf, 0.3]))
    model = Model.load(tmp_path / "run")
    assert model.thresholds.tolist() == [0.1, np.inf, 0.3] and model.card == {}
    (tmp_path / "run" / "thresholds.tsv").unlink()
    assert model.thresholds.tolist() == [0.1, np.inf, 0.3]  # as it was loaded
    assert Model.load(tmp_path / "run").thresholds is None
