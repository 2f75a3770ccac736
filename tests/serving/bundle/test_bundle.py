"""The bundle: numbers of versions, what a run's folder gives to one, and what an export that fails leaves behind."""

import json
import shutil

import numpy as np
import pytest

from kerastag import errors, export
from kerastag.inference import tagger
from kerastag.metrics import calibration, decisions
from kerastag.runs import run_folder
from kerastag.serving.bundle import bundle_folder, saved_model, texts
from kerastag.serving.check import bare_process

EMPTY = b"\x12\x00"  # a SavedModel's meta_graphs = 2, one of them, without signatures
FACTS = {
    **{"sample_rate": 16_000, "chunk_samples": 73_600, "num_chunks": 2, "precision": "float32"},
    **{"calibrated": True, "method": "mean", "weights": [1.0], "members": [{"centred": False}]},
}


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


def quick_export(models, vocabulary, combination, folder, *others):
    """Writes a SavedModel without signatures, in no time."""
    (folder / tagger.ASSETS).mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(EMPTY)
    (folder / tagger.ASSETS / tagger.MODEL_FACTS).write_text(json.dumps(FACTS))
    answers = bare_process.Answers({"serving_default": {"scores": np.array([[0.1, 0.7, 0.2]])}}, "2.x", 1.25, 2.0)
    return saved_model.Exported({}, b"RIFF", {}, answers, 0.0)


def test_names_that_are_whole_numbers_are_versions(tmp_path):
    for name in ("1", "007", "20", "x", "-3", "+4", ".export.9", "²", "1.5", str(2**63), "models.config"):
        (tmp_path / name).mkdir()
    assert bundle_folder.versions(tmp_path) == {1: "1", 7: "007", 20: "20"}
    assert bundle_folder.versions(tmp_path / "none") == {}


def test_a_plan_that_cannot_be_carried_out_is_refused(tmp_path):
    (tmp_path / "my model" / "007").mkdir(parents=True)
    assert bundle_folder.Plan(tmp_path / "moods").name == "moods"
    assert bundle_folder.Plan(tmp_path / "my model", "moods", 8).version == 8
    for name in ("a/b", "..", "a:b", "a b", "-a", "ä"):
        with pytest.raises(errors.KerastagError, match="--name takes letters"):
            bundle_folder.Plan(tmp_path / "my model", name)
    with pytest.raises(errors.KerastagError, match="my model: not a name"):
        bundle_folder.Plan(tmp_path / "my model")
    with pytest.raises(errors.KerastagError, match="007: exists already"):
        bundle_folder.Plan(tmp_path / "my model", "moods", 7)


def test_versions_may_be_named_in_any_order(source, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(saved_model, "export", quick_export)
    monkeypatch.setattr(tagger.Parts, "models", lambda self, precision: [])
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

    def fail(models, vocabulary, combination, folder, *others):
        quick_export(models, vocabulary, combination, folder)
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
    monkeypatch.setattr(tagger.Parts, "models", lambda self, precision: [])
    with pytest.raises(errors.KerastagError, match="its scores are others"):
        bundle_folder.write(source, tagger.Parts.of_folder(source), bundle_folder.Plan(tmp_path / "served"), refuse)
    assert not (tmp_path / "served").exists()


def test_an_error_of_the_saved_model_names_the_bundle(source, tmp_path, monkeypatch, capsys):
    def fail(models, vocabulary, combination, folder, *others):
        raise errors.KerastagError(f"{folder}: scores differ")

    (tmp_path / "served" / "1").mkdir(parents=True)
    monkeypatch.setattr(saved_model, "export", fail)
    assert run_export(source, tmp_path / "served") == 1
    assert capsys.readouterr().err == f"{tmp_path / 'served'}: scores differ\n"
    assert [path.name for path in (tmp_path / "served").iterdir()] == ["1"]


def test_two_exports_at_once_get_two_numbers(tmp_path, monkeypatch):
    for name in ("bundle/1", "made", "other"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "saved_model.pb").write_text(name)
    first, second = bundle_folder.Plan(tmp_path / "bundle"), bundle_folder.Plan(tmp_path / "bundle", version=2)
    seen = [{}, {1: "1"}]
    monkeypatch.setattr(writing, "versions", lambda folder: seen.pop(0))
    assert writing._place(tmp_path / "made", first) == tmp_path / "bundle" / "2"
    assert (tmp_path / "bundle" / "2" / "saved_model.pb").read_text() == "made"
    with pytest.raises(errors.KerastagError, match="bundle/2: exists already"):
        writing._place(tmp_path / "other", second)
    assert (tmp_path / "bundle" / "2" / "saved_model.pb").read_text() == "made"


def test_thresholds_decide_calibrated_scores_as_they_decided_scores(source, tmp_path, rng):
    parts = tagger.Parts.of_folder(source, calibrated=True)
    quick_export(None, None, None, tmp_path / "made")
    writing._add_assets(tmp_path / "made", source, parts, bundle_folder.Plan(tmp_path, "m", calibrated=True))
    vocabulary = source.vocabulary()
    before = decisions.read_thresholds(source.thresholds_path, vocabulary)
    after = decisions.read_thresholds(tmp_path / "made" / tagger.ASSETS / "thresholds.tsv", vocabulary)
    # by hand: sigmoid(2 logit(1/4) + 1/2), logit(1/4) = -ln 3
    assert after.tolist() == pytest.approx([1 / (1 + 9 * np.exp(-0.5)), 0.5, np.inf])
    scores = rng.random((200, 3))
    decided = decisions.decide(parts.combination([scores]), after)
    assert (decided == decisions.decide(scores, before)).all()
    assert 0 < decided.mean() < 1


def test_the_two_highest_versions_have_labels():
    assert texts.labels((4,)) == {"stable": 4}
    assert texts.labels((2, 4, 10)) == {"stable": 10, "previous": 4}


def test_a_folder_with_a_blank_is_one_word_to_a_shell():
    command = texts.docker_command("moods", texts.quoted("/my music/moods"))
    assert " -v '/my music/moods':/models/moods:ro tensorflow/serving:" in command and "\n" not in command


def test_a_python_that_cannot_answer_is_one_line(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(EMPTY)
    with pytest.raises(errors.KerastagError, match="none/python: cannot be run"):
        bare_process.ask(tmp_path, {}, str(tmp_path / "none" / "python"))
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho first >&2\necho 'No module named tensorflow' >&2\nexit 1\n")
    script.chmod(0o755)
    with pytest.raises(errors.KerastagError, match="does not run in plain TensorFlow by .*: No module named tens"):
        bare_process.ask(tmp_path, {}, str(script))
