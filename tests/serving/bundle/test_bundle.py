"""The bundle: numbers of versions, what a run's folder gives to one, and what an export that fails leaves behind."""

import json
import shutil
import types

import numpy as np
import pytest

from kerastag import errors, export, names
from kerastag.inference import deciding, export_facts
from kerastag.metrics import calibration, decisions, split_scores
from kerastag.runs import run_folder
from kerastag.runs.model import Model
from kerastag.serving import plan
from kerastag.serving.bundle import bundle_folder, saved_model, texts
from kerastag.serving.check import bare_process

EMPTY = b"\x12\x00"  # a SavedModel's meta_graphs = 2, one of them, without signatures
FACTS = {
    **{"sample_rate": 16_000, "chunk_samples": 73_600, "num_chunks": 2, "precision": "float32"},
    **{"calibrated": True, "method": "mean", "weights": [1.0]},
    "members": [{"signature": "network_1", "chunk_samples": 73_600, "centred": False}],
}


def network():
    """As much of a network as an export looks at that is not written."""
    return types.SimpleNamespace(
        sample_rate=16_000, chunk_samples=73_600, centred=False, consecutive=None, precision="float32"
    )


@pytest.fixture
def source(run, tmp_path):
    """A copy of a run with thresholds and a calibration; the last tag is never decided."""
    made = run_folder.RunFolder(tmp_path / "tones")
    shutil.copytree(run, made.path)
    names = made.vocabulary().names
    decisions.write_thresholds(made.thresholds_path, names, np.array([0.25, 0.5, np.inf]))
    maps = dict(zip(names, (calibration.Platt(2.0, 0.5), None, calibration.Platt(1.5, -1.0)), strict=True))
    calibration.Calibration("platt", maps).write(made.calibration_path)
    return made


def run_export(source, folder, *arguments):
    return export.COMMAND.run([f"--run_dir={source.path}", f"--output_dir={folder}", *arguments])


def quick_export(served, folder):
    """Writes a SavedModel without signatures, in no time."""
    (folder / export_facts.ASSETS).mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(EMPTY)
    (folder / export_facts.ASSETS / export_facts.FILE).write_text(json.dumps(FACTS))
    answers = bare_process.Answers({"serving_default": {"scores": np.array([[0.1, 0.7, 0.2]])}}, [], "2.x", 1.25, 2.0)
    return saved_model.Exported({}, b"RIFF", {}, answers, 0.0)


def test_names_that_are_whole_numbers_are_versions(tmp_path):
    for name in ("1", "007", "20", "x", "-3", "+4", ".export.9", "²", "1.5", str(2**63), "models.config"):
        (tmp_path / name).mkdir()
    assert plan.versions(tmp_path) == {1: "1", 7: "007", 20: "20"}
    assert plan.versions(tmp_path / "none") == {}


def test_a_plan_that_cannot_be_carried_out_is_refused(tmp_path):
    (tmp_path / "my model" / "007").mkdir(parents=True)
    assert plan.Plan(tmp_path / "moods").name == "moods"
    assert plan.Plan(tmp_path / "my model", "moods", 8).version == 8
    for name in ("a/b", "..", "a:b", "a b", "-a", "ä"):
        with pytest.raises(errors.KerastagError, match="has letters, digits"):
            plan.Plan(tmp_path / "my model", name)
    with pytest.raises(errors.KerastagError, match="my model: not a name"):
        plan.Plan(tmp_path / "my model")
    with pytest.raises(errors.KerastagError, match="007: exists already"):
        plan.Plan(tmp_path / "my model", "moods", 7)


def test_versions_may_be_named_in_any_order(source, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(saved_model, "export", quick_export)
    monkeypatch.setattr(Model, "networks", lambda self, precision: [network()])
    folder = tmp_path / "served"
    for arguments, version in ((["--version=7"], 7), (["--version=3"], 3), ([], 8)):
        assert run_export(source, folder, *arguments, "--name=tones") == 0
        printed = capsys.readouterr().out
        assert f"{folder / str(version)}: version {version} of tones" in printed and "loaded in 1.2 s" in printed
        assert ("a server goes on answering with version 7, the highest" in printed) == (version == 3)
        assert f"version {version} is that of `low` with 0.7000" in (folder / "README.md").read_text()
    assert 'key: "stable" value: 8' in (folder / "models.config").read_text()
    assert run_export(source, folder, "--version=3", "--name=tones") == 1
    assert capsys.readouterr().err == f"{folder / '3'}: exists already\n"


def test_a_version_that_does_not_answer_leaves_nothing(source, tmp_path, monkeypatch, capsys):
    seen = []

    def fail(served, folder):
        quick_export(served, folder)
        seen.extend(child.name for child in (tmp_path / "served").iterdir())
        raise errors.KerastagError(f"{folder}: does not run")

    monkeypatch.setattr(saved_model, "export", fail)
    assert run_export(source, tmp_path / "served") == 1
    assert capsys.readouterr().err == f"{tmp_path / 'served'}: does not run\n"
    assert len(seen) == 1 and not seen[0].isdigit()
    assert not (tmp_path / "served").exists()


def test_a_version_that_an_inspection_refuses_leaves_nothing(source, tmp_path, monkeypatch):
    def refuse(made):
        assert (made / "saved_model.pb").is_file()
        raise errors.KerastagError("its scores are others")

    monkeypatch.setattr(saved_model, "export", quick_export)
    monkeypatch.setattr(Model, "networks", lambda self, precision: [network()])
    with pytest.raises(errors.KerastagError, match="its scores are others"):
        bundle_folder.write(Model.load(source.path), plan.Plan(tmp_path / "served"), refuse)
    assert not (tmp_path / "served").exists()


def test_an_error_of_the_saved_model_names_the_bundle(source, tmp_path, monkeypatch, capsys):
    def fail(served, folder):
        raise errors.KerastagError(f"{folder}: scores differ")

    (tmp_path / "served" / "1").mkdir(parents=True)
    monkeypatch.setattr(saved_model, "export", fail)
    assert run_export(source, tmp_path / "served") == 1
    assert capsys.readouterr().err == f"{tmp_path / 'served'}: scores differ\n"
    assert [path.name for path in (tmp_path / "served").iterdir()] == ["1"]


def test_two_exports_at_once_get_two_numbers(source, tmp_path, monkeypatch):
    """Another export takes the number between choosing it and renaming."""
    bundle = tmp_path / "bundle"

    def other_export(version):
        (bundle / "1").mkdir()
        (bundle / "1" / "saved_model.pb").write_text("the other's")

    numbers = iter((1, 2))
    monkeypatch.setattr(saved_model, "export", quick_export)
    monkeypatch.setattr(Model, "networks", lambda self, precision: [network()])
    monkeypatch.setattr(plan, "next_version", lambda folder: next(numbers))
    written = bundle_folder.write(Model.load(source.path), plan.Plan(bundle), other_export)
    assert written.path == bundle / "2" and (bundle / "2" / "saved_model.pb").read_bytes() == EMPTY
    assert (bundle / "1" / "saved_model.pb").read_text() == "the other's"


def test_a_number_that_was_asked_for_and_is_taken_meanwhile_is_refused(source, tmp_path, monkeypatch):
    bundle = tmp_path / "bundle"

    def other_export(version):
        (bundle / "2").mkdir()
        (bundle / "2" / "saved_model.pb").write_text("the other's")

    monkeypatch.setattr(saved_model, "export", quick_export)
    monkeypatch.setattr(Model, "networks", lambda self, precision: [network()])
    with pytest.raises(errors.KerastagError, match="bundle/2: exists already"):
        bundle_folder.write(Model.load(source.path), plan.Plan(bundle, version=2), other_export)
    assert (bundle / "2" / "saved_model.pb").read_text() == "the other's"


def test_thresholds_decide_calibrated_scores_as_they_decided_scores(source, tmp_path, monkeypatch, rng):
    monkeypatch.setattr(saved_model, "export", quick_export)
    monkeypatch.setattr(Model, "networks", lambda self, precision: [network()])
    model = Model.load(source.path, calibrated=True)
    written = bundle_folder.write(model, plan.Plan(tmp_path / "served"))
    thresholds = written.path / export_facts.ASSETS / "thresholds.tsv"
    before, after = (decisions.read_thresholds(path, model.vocabulary) for path in (source.thresholds_path, thresholds))
    # by hand: sigmoid(2 logit(1/4) + 1/2), logit(1/4) = -ln 3
    assert after.tolist() == pytest.approx([1 / (1 + 9 * np.exp(-0.5)), 0.5, np.inf])
    scores = rng.random((200, 3))
    decided = decisions.decide(model.combination([scores]), after)
    assert (decided == decisions.decide(scores, before)).all()
    assert 0 < decided.mean() < 1


def test_the_two_highest_versions_have_labels():
    assert texts.labels((4,)) == {"stable": 4}
    assert texts.labels((2, 4, 10)) == {"stable": 10, "previous": 4}


def test_a_folder_with_a_blank_is_one_word_to_a_shell():
    command = texts.docker_command("moods", names.shell_word("/my music/moods"))
    assert " -v '/my music/moods':/models/moods:ro tensorflow/serving:" in command and "\n" not in command


def test_a_python_that_cannot_answer_is_one_line(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(EMPTY)
    with pytest.raises(errors.KerastagError, match="none/python: cannot be run"):
        bare_process.ask(tmp_path, {}, python=str(tmp_path / "none" / "python"))
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho first >&2\necho 'No module named tensorflow' >&2\nexit 1\n")
    script.chmod(0o755)
    with pytest.raises(errors.KerastagError, match="does not run in plain TensorFlow by .*: No module named tens"):
        bare_process.ask(tmp_path, {}, python=str(script))


def test_an_export_has_thresholds_or_else_the_usual_scores(source, tmp_path, monkeypatch):
    monkeypatch.setattr(saved_model, "export", quick_export)
    monkeypatch.setattr(Model, "networks", lambda self, precision: [network()])
    source.thresholds_path.unlink()
    shutil.rmtree(source.path / "tracks")
    ramp = np.float32(np.tile(np.arange(1, 21)[:, None] / 20, (1, 3)))
    source.write_scores("validation", split_scores.SplitScores(ramp, np.zeros((20, 3)), source.vocabulary()))
    assert run_export(source, tmp_path / "served") == 0
    assets = run_folder.RunFolder(tmp_path / "served" / "1" / export_facts.ASSETS)
    usual = decisions.read_thresholds(assets.usual_scores_path, source.vocabulary(), deciding.USUAL_COLUMN)
    np.testing.assert_allclose(usual, [0.905] * 3, atol=1e-6)
    decisions.write_thresholds(source.thresholds_path, source.vocabulary().names, np.array([0.25, 0.5, np.inf]))
    assert run_export(source, tmp_path / "served") == 0
    assets = run_folder.RunFolder(tmp_path / "served" / "2" / export_facts.ASSETS)
    assert assets.thresholds_path.is_file() and not assets.usual_scores_path.exists()
