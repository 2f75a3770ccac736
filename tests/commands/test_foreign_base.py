"""Probes on bases of other makers by `kerastag train`: runs like any other, which keep the base."""

import shutil

import numpy as np
import pytest

import kerastag
from kerastag import audio, ensemble, evaluate, export, train
from kerastag.models import saved
from tests import foreign_bases, run_states

PROBE = ("--model=probe", "--probe_units=4", "--epochs=4", "--loss=cb_focal", "--monitor=none")
LENGTH = ("--base_sample_rate=16000", "--base_chunk_seconds=1")


@pytest.fixture(scope="module")
def probe(music, run_train, tmp_path_factory):
    """A probe on a SavedModel that is not there any more; beside it `killed`, the run as it is after two epochs."""
    folder = tmp_path_factory.mktemp("foreign")
    base = foreign_bases.save_saved_model(folder / "bands")
    with pytest.MonkeyPatch.context() as patch:
        run_states.keep_as_killed(6, folder / "killed", patch)
        assert run_train(music, folder / "probe", *PROBE, f"--base={base}", *LENGTH) == 0
    shutil.rmtree(base)
    return folder / "probe"


@pytest.fixture(scope="module")
def onnx_probe(music, run_train, tmp_path_factory):
    """A probe on an ONNX file that is not there any more."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("foreign")
    base = foreign_bases.save_onnx(folder / "levels.onnx")
    assert run_train(music, folder / "probe", *PROBE, f"--base={base}", *LENGTH, "--xla=on") == 0
    base.unlink()
    return folder / "probe"


def chunks(music, track):
    """Two evenly spaced seconds of a track, float32 (2, 16000)."""
    return audio.read_chunks(music / "train" / f"{track}.wav", num_chunks=2, chunk_samples=16_000)


def test_a_probe_on_a_saved_model_is_a_run_like_any_other(probe, music):
    assert {"saved_model.pb", "variables"} <= {path.name for path in (probe / "base").iterdir()}
    kept = np.load(probe / "embeddings" / "train.npy")
    expected = foreign_bases.bands_of(chunks(music, 3))
    np.testing.assert_allclose(kept[6:8], expected, rtol=1e-4, atol=1e-4)  # two chunks of each track
    tagger = kerastag.load(probe)
    assert tagger.embed(music / "train" / "3.wav").shape == (4,)  # the head's hidden layer
    scores = np.load(probe / "predictions" / "validation.npy")
    row = tagger.score(music / "validation" / "0.wav", num_chunks=2)
    np.testing.assert_allclose(list(row.values()), scores[0], atol=1e-5)
    assert evaluate.COMMAND.run([f"--run_dir={probe}", "--split=validation", "--num_chunks=2"]) == 0
    np.testing.assert_allclose(np.load(probe / "predictions" / "validation.npy"), scores, atol=1e-5)


def test_a_probe_on_an_onnx_file_is_a_run_like_any_other(onnx_probe, probe, music, tmp_path):
    kept = np.load(onnx_probe / "embeddings" / "train.npy")
    np.testing.assert_allclose(kept[6:8], foreign_bases.levels_of(chunks(music, 3)), rtol=1e-4, atol=1e-6)
    scores = np.load(onnx_probe / "predictions" / "validation.npy")
    row = kerastag.load(onnx_probe, xla="on").score(music / "validation" / "0.wav", num_chunks=2)
    np.testing.assert_allclose(list(row.values()), scores[0], atol=1e-5)
    runs = (onnx_probe, probe)
    arguments = [f"--run_dirs={','.join(map(str, runs))}", f"--output_dir={tmp_path / 'all'}"]
    assert ensemble.COMMAND.run(arguments) == 0
    members = [list(kerastag.load(path).score(music / "test" / "0.wav").values()) for path in runs]
    together = kerastag.load(tmp_path / "all").score(music / "test" / "0.wav")
    np.testing.assert_allclose(list(together.values()), np.mean(members, axis=0), atol=1e-5)


def test_a_killed_probe_resumes_exactly_without_its_base(probe):
    assert train.COMMAND.run([f"--run_dir={probe.parent / 'killed'}", "--resume"]) == 0
    run_states.assert_same(probe, probe.parent / "killed")


def test_a_probe_on_two_devices_sees_the_same_embeddings(probe, music, run_train, tmp_path):
    two = ("--strategy=mirrored", "--num_devices=2", "--schedule=staged", "--adam_epochs=1", "--sgd_epochs=1")
    arguments = (*PROBE, f"--base={probe / 'base'}", *LENGTH, *two)
    assert run_train(music, tmp_path / "run", *arguments) == 0
    one, other = (np.load(folder / "embeddings" / "train.npy") for folder in (probe, tmp_path / "run"))
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_probe_stands_on_a_probe_and_keeps_what_that_stands_on(probe, music, run_train, tmp_path):
    assert run_train(music, tmp_path / "run", *PROBE, f"--pretrained={probe}") == 0
    assert saved.base_of(tmp_path / "run" / "model.keras") == "saved_model"
    assert (tmp_path / "run" / "base" / "saved_model.pb").is_file()
    assert kerastag.load(tmp_path / "run").embed(music / "test" / "0.wav").shape == (4,)


def test_all_that_is_monitored_is_there(probe, music, run_train, tmp_path):
    arguments = (*PROBE[:2], "--epochs=1", f"--base={probe / 'base'}", *LENGTH, "--monitor=full")
    assert run_train(music, tmp_path / "run", *arguments) == 0
    names = {path.name for path in (tmp_path / "run" / "examples").iterdir()}
    assert {"1.png", "1.flac"} <= names  # a spectrogram, though the network has none
    assert (tmp_path / "run" / "report.html").is_file()


def test_an_export_holds_a_saved_model(probe, music, tmp_path):
    assert export.COMMAND.run([f"--run_dir={probe}", f"--output_dir={tmp_path / 'served'}"]) == 0
    path = music / "test" / "1.wav"
    kept, exported = (kerastag.load(folder) for folder in (probe, tmp_path / "served"))
    np.testing.assert_allclose(list(exported.score(path).values()), list(kept.score(path).values()), atol=1e-5)
    np.testing.assert_allclose(exported.embed(path), kept.embed(path), rtol=1e-4, atol=1e-4)


def test_what_no_export_can_hold_is_refused_at_once(probe, onnx_probe, tmp_path, capsys):
    assert export.COMMAND.run([f"--run_dir={onnx_probe}", f"--output_dir={tmp_path / 'served'}"]) == 1
    assert "stands on an ONNX file, which no export can hold" in capsys.readouterr().err
    arguments = [f"--run_dir={probe}", f"--output_dir={tmp_path / 'served'}", "--formats=saved_model,onnx"]
    assert export.COMMAND.run(arguments) == 1
    assert "which cannot become onnx" in capsys.readouterr().err
    assert not (tmp_path / "served").exists()


def test_a_base_in_the_folder_that_is_overwritten_is_left_there(probe, music, run_train, capsys):
    assert run_train(music, probe, *PROBE, f"--base={probe / 'base'}", *LENGTH, "--overwrite") == 1
    assert "lies in the folder of the new run" in capsys.readouterr().err
    assert (probe / "base" / "saved_model.pb").is_file() and (probe / "model.keras").is_file()


BAD_USES = {
    "--base=x": "--base needs --model=probe",
    "--base=x --model=vggish --base_sample_rate=16000": "--base needs --model=probe",
    "--model=probe --base=x --pretrained=y": "--base and --pretrained contradict each other",
    "--model=probe --base=x --base_sample_rate=16000": "--base needs --base_sample_rate and --base_chunk_seconds",
    "--model=probe --base=x --base_chunk_seconds=1": "--base needs --base_sample_rate and --base_chunk_seconds",
    "--base_output=y": "--base_output needs --base",
    "--model=probe --pretrained=x --base_chunk_seconds=1": "--base_chunk_seconds needs --base",
    "--model=probe --base=x --base_sample_rate=1 --base_chunk_seconds=1": "base_sample_rate",
}


@pytest.mark.parametrize("arguments", BAD_USES)
def test_flags_that_contradict_each_other_die_at_once(arguments, die_at_once):
    die_at_once(arguments, BAD_USES[arguments])


def test_a_missing_base_leaves_nothing(music, run_train, tmp_path, capsys):
    assert run_train(music, tmp_path / "run", *PROBE, f"--base={tmp_path / 'gone'}", *LENGTH) == 1
    assert "gone: no such file or folder" in capsys.readouterr().err
    assert not (tmp_path / "run" / "run.json").exists()
