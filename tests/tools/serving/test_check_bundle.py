"""tools.serving.check_bundle: how far two answers are apart, and what it makes of that."""

import numpy as np
import pytest

from kerastag import tags
from kerastag.inference import export_facts
from kerastag.serving import signatures
from kerastag.serving.bundle import saved_model
from kerastag.serving.check import bare_process
from tools.serving import check_bundle, comparing

FLOATS, NUMBERS = signatures.Tensor("float32", (None, None)), signatures.Tensor("int32", (None,))
FACTS = export_facts.ExportFacts(
    sample_rate=16_000,
    chunk_samples=100,
    num_chunks=16,
    precision="float32",
    calibrated=False,
    method="mean",
    weights=(1.0,),
    members=(export_facts.NetworkFacts("serving_default", 100, False),),
)
SERVED = {
    "serving_default": signatures.Signature({"waveform": FLOATS}, {}),
    "metadata": signatures.Signature({"request": NUMBERS}, {}),
}


@pytest.fixture
def saved(tmp_path):
    """A bundle whose newest version is 12."""
    for version in ("9", "12"):
        folder = tmp_path / "bundle" / version
        (folder / "assets.extra").mkdir(parents=True)
        (folder / "saved_model.pb").touch()
        tags.Vocabulary(["a", "b"]).write(folder / "assets.extra" / "tags.txt")
        FACTS.write(folder)
    return tmp_path / "bundle"


@pytest.fixture
def answer(monkeypatch):
    """A function that sets the scores which each interpreter gives; returns the requests that they get."""

    def set_answers(by_python):
        got = []

        def ask(folder, requests, python):
            got.append((folder.name, requests))
            own = by_python.get(python, [0.5, 0.25])
            outputs = {
                "serving_default": {"scores": np.array([own], np.float32)},
                "metadata": {"tags": np.array([["a", "b"]])},
            }
            return bare_process.Answers(outputs, ["a", "b"], "2.x", 1.0, 2.0)

        monkeypatch.setattr(bare_process, "ask", ask)
        monkeypatch.setattr(saved_model, "signatures_of", lambda folder: SERVED)
        return got

    return set_answers


def test_the_difference_is_absolute_below_one_and_relative_above():
    assert comparing.difference(np.array([0.5, 0.1]), np.array([0.5, 0.3])) == pytest.approx(0.2)
    assert comparing.difference(np.array([50.0, 0.0]), np.array([49.0, 0.0])) == pytest.approx(0.02)
    assert comparing.difference(np.array([True]), np.array([False])) == 1
    assert comparing.difference(np.array(["a"]), np.array(["a"])) == 0
    for other in (np.array([[0.5]]), np.array([np.nan])):
        assert comparing.difference(np.array([0.5]), other) == np.inf
    assert comparing.difference(np.array(["a", "b"]), np.array(["b", "a"])) == np.inf


def test_interpreters_get_the_same_requests_about_the_newest_version(saved, answer, capsys):
    got = answer({"/other/python": [0.5, 0.25 + 3e-5]})
    assert check_bundle.COMMAND.run([str(saved), "--python=/other/python"]) == 0
    printed = capsys.readouterr().out
    assert "TensorFlow 2.x (/other/python): loaded in 1.0 s, answered all in 2.0 s" in printed
    (row,) = [line.split() for line in printed.splitlines() if line.startswith("serving_default scores")]
    assert row[2] == "3.0e-05"
    (first, one), (second, other) = got
    assert first == second == "12"
    waveform = one["serving_default"]["waveform"]
    assert waveform.shape == (1, 250) and waveform.std() > 0.04
    assert (other["serving_default"]["waveform"] == waveform).all()


def test_a_difference_beyond_the_tolerance_is_an_error(saved, answer, capsys):
    answer({"/other/python": [0.5, 0.26]})
    assert check_bundle.COMMAND.run([str(saved / "9"), "--python=/other/python"]) == 1
    assert "9: serving_default scores differs by 0.01, more than 0.0001" in capsys.readouterr().err
    assert check_bundle.COMMAND.run([str(saved), "--python=/other/python", "--tolerance=0.02"]) == 0
    assert check_bundle.COMMAND.run([str(saved.parent / "none")]) == 1
    assert "no version of an exported model" in capsys.readouterr().err
    assert check_bundle.COMMAND.run([]) == 2
