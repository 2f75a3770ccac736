"""Probes by `kerastag train`: embeddings computed once, a run like any other, exact resumption."""

import numpy as np
import pytest

import kerastag
from kerastag import evaluate, train
from kerastag.inference import embedding, scoring
from kerastag.models import loading
from tests import run_states

PROBE = ("--model=probe", "--probe_units=4", "--epochs=6", "--loss=cb_focal", "--monitor=none")


@pytest.fixture(scope="module")
def probe(run, music, run_train, tmp_path_factory):
    """A probe on the whole run."""
    run_dir = tmp_path_factory.mktemp("probes") / "probe"
    assert run_train(music, run_dir, *PROBE, f"--pretrained={run}") == 0
    return run_dir


def test_a_probe_is_a_run_like_any_other(probe, music):
    written = {str(path.relative_to(probe)) for path in probe.rglob("*") if path.is_file()}
    assert {f"embeddings/{name}" for name in ("base.keras", "train.npy", "train.tsv", "validation.npy")} <= written
    assert {"model.keras", "predictions/validation.npy", "checkpoint/variables.npz"} <= written
    lines = (probe / "embeddings" / "train.tsv").read_text().splitlines()
    assert lines[:2] == ["TRACK_ID\tARTIST_ID\tPATH\tCHUNKS", "train_0\tartist_train\ttrain/0.wav\t2"]
    kept = np.load(probe / "predictions" / "validation.npy")
    assert evaluate.COMMAND.run([f"--run_dir={probe}", "--split=validation", "--num_chunks=2"]) == 0
    np.testing.assert_allclose(np.load(probe / "predictions" / "validation.npy"), kept, atol=1e-5)
    row = kerastag.load(probe).score(music / "validation" / "0.wav", num_chunks=2)
    np.testing.assert_allclose(list(row.values()), kept[0], atol=1e-5)


def test_the_base_in_a_probe_is_the_run_that_it_stands_on(run, probe):
    base, whole = (loading.load(folder / "model.keras") for folder in (run, probe))
    names = {layer.name for layer in whole.layers if layer.weights and not layer.trainable}
    assert len(names) == 15  # all but the output layer
    for name in names:
        for weight, was in zip(whole.get_layer(name).get_weights(), base.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(weight, was)


def test_a_probe_stopped_while_it_embedded_and_while_it_trained_goes_on_exactly(
    run, probe, music, run_train, tmp_path, monkeypatch
):
    batches, calls = scoring.Scorer.batches, []

    def killed(self, *arguments):
        calls.append(1)
        if len(calls) == 2:  # the validation split
            raise KeyboardInterrupt
        return batches(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(scoring.Scorer, "batches", killed)
        assert run_train(music, tmp_path / "run", *PROBE, f"--pretrained={run}") == 130
    before = (tmp_path / "run" / "embeddings" / "train.npy").stat().st_mtime_ns
    with monkeypatch.context() as patch:
        run_states.interrupt_in_step(4, patch)
        assert train.COMMAND.run([f"--run_dir={tmp_path / 'run'}", "--resume"]) == 130
    monkeypatch.setattr(embedding, "of_tracks", None)  # no audio is read again
    assert train.COMMAND.run([f"--run_dir={tmp_path / 'run'}", "--resume"]) == 0
    assert (tmp_path / "run" / "embeddings" / "train.npy").stat().st_mtime_ns == before
    run_states.assert_same(probe, tmp_path / "run")
    for name in ("predictions/validation.npy", "embeddings/train.npy"):
        assert (probe / name).read_bytes() == (tmp_path / "run" / name).read_bytes()


def test_a_compiled_probe_sees_the_same_embeddings(run, probe, music, run_train, tmp_path):
    assert run_train(music, tmp_path / "run", *PROBE, f"--pretrained={run}", "--xla=on") == 0
    for name in ("train", "validation"):
        one, other = (np.load(folder / "embeddings" / f"{name}.npy") for folder in (probe, tmp_path / "run"))
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_unreadable_tracks_have_no_embedding_and_are_named(run, music, run_train, tmp_path, capsys):
    lines = (music / "train.tsv").read_text().splitlines()
    gone = lines[1].replace("train_0", "gone").replace("train/0", "train/gone")
    (tmp_path / "train.tsv").write_text("\n".join([*lines, gone]) + "\n")
    arguments = (*PROBE, f"--pretrained={run}", f"--train_split={tmp_path / 'train.tsv'}")
    assert run_train(music, tmp_path / "run", *arguments) == 1
    assert "1 unreadable tracks were skipped" in capsys.readouterr().err
    kept = (tmp_path / "run" / "embeddings" / "train.tsv").read_text().splitlines()
    assert kept[-1].endswith("train/gone.wav\t0")


@pytest.mark.parametrize(
    ("pretrained", "said"), [("missing", "no such file"), ("train.tsv", "stands on a run folder or a .keras file")]
)
def test_a_probe_needs_a_whole_network(pretrained, said, music, run_train, tmp_path, capsys):
    assert run_train(music, tmp_path / "run", "--model=probe", f"--pretrained={music / pretrained}") == 1
    assert said in capsys.readouterr().err
