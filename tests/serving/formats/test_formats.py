"""Forms of one run: each gives the run's scores where neither TensorFlow nor this package is, or is not written."""

import dataclasses
import json
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import soundfile

import kerastag
from kerastag import errors, export
from kerastag.inference import split_scoring
from kerastag.runs import run_folder
from kerastag.runs.model import Model
from kerastag.serving import formats, plan
from kerastag.serving.bundle import bundle_folder
from kerastag.serving.check import bare_process
from kerastag.serving.formats import comparison_chunks, form_folder, litert, onnx_file, parity

pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed")
onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
pytest.importorskip("tf2onnx", reason="tf2onnx is not installed")

PORTABLE = (formats.LITERT, formats.LITERT_INT8, formats.ONNX)
SAME = 1e-5  # of scores in float32 by another runtime
BARRED = {"tensorflow", "keras", "kerastag"}


@pytest.fixture(scope="module")
def source(run, network, tmp_path_factory):
    """A run whose network listens, not too keenly to be told in 8 bits, on the music of the session's run."""
    made = run_folder.RunFolder(tmp_path_factory.mktemp("runs") / "tones")
    made.path.mkdir()
    for name in ("run.json", "tags.txt"):
        shutil.copy(run / name, made.path)
    listening = network(num_tags=3, num_channels=8, num_blocks=3, precision="float32")
    listening.output_layer.kernel.assign(0.2 * listening.output_layer.kernel)
    listening.save(made.model_path)
    return made


@pytest.fixture(scope="module")
def exported(source, tmp_path_factory):
    """A bundle of the forms that run without TensorFlow, and what the export printed."""
    import contextlib
    import io

    folder = tmp_path_factory.mktemp("forms") / "tones"
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert run_export(source, folder) == 0
    return folder, printed.getvalue()


@pytest.fixture
def onnx_is_converted(exported, monkeypatch):
    """Exports of the source have the ONNX form that was converted already."""
    whole = onnx.load(exported[0] / "onnx" / "1" / "model.onnx")
    del whole.metadata_props[:]
    monkeypatch.setattr(onnx_file, "convert", lambda *how: whole)


def run_export(source, folder, names=PORTABLE, *arguments):
    where = [f"--run_dir={source.path}", f"--output_dir={folder}", f"--formats={','.join(names)}"]
    return export.COMMAND.run([*where, "--num_chunks=2", "--check_chunks=16", *arguments])


def test_each_form_is_whole_and_has_its_tags_inside_and_beside(exported, source):
    folder, _ = exported
    names = list(source.vocabulary().names)
    assert {path.name for path in folder.iterdir()} == set(PORTABLE)
    for form in PORTABLE:
        version = folder / form / "1"
        model, script = ("model.onnx", "run_onnx.py") if form == "onnx" else ("model.tflite", "run_litert.py")
        assert {path.name for path in version.iterdir()} == {model, script, "tags.txt", "model.json", "parity.json"}
        assert (version / "tags.txt").read_text().splitlines() == names
        if form == "onnx":
            inside = {one.key: one.value for one in onnx.load(version / model).metadata_props}
        else:
            archive = zipfile.ZipFile(version / model)
            inside = {name: archive.read(name).decode() for name in archive.namelist()}
        assert inside["tags.txt"].splitlines() == names
        assert inside["model.json"] == (version / "model.json").read_text()
        facts = json.loads(inside["model.json"])
        assert (facts["form"], facts["version"], facts["tags"]) == (form, 1, ["high", "low", "mid"])
        assert (facts["sample_rate"], facts["chunk_samples"], facts["num_chunks"]) == (16_000, 73_600, 2)


def test_what_is_printed_is_what_was_measured(exported):
    folder, printed = exported
    header, *rows = printed.splitlines()
    assert header.split()[:3] == ["form", "MB", "load"]
    for form, row in zip(PORTABLE, rows[:3], strict=True):
        record = json.loads((folder / form / "1" / "parity.json").read_text())
        assert row.split()[0] == form and f"{record['largest']:.1e}" in row
        assert record["chunks"] == "16 chunks of 8 of 8 validation tracks"
        assert 0 <= record["mean"] <= record["largest"] <= record["bound"]["largest"]
        assert record["pr_auc_keras"] > 0.3 and f"python {folder / form / '1'}/run_" in printed
    float_sizes = [json.loads((folder / form / "1" / "parity.json").read_text())["num_bytes"] for form in PORTABLE]
    assert float_sizes[1] < float_sizes[0]


@pytest.fixture(scope="module")
def sounds(music, tmp_path_factory):
    """A file at the model's rate, one in stereo at another rate that is louder than 1, and one shorter than a chunk."""
    folder, rng = tmp_path_factory.mktemp("sounds"), np.random.default_rng(0)
    time = np.arange(8 * 44_100) / 44_100
    tone = np.sin(2 * np.pi * 800 * time)[:, None] * [0.5, 0.9] + rng.normal(0, 0.1, (len(time), 2))
    soundfile.write(folder / "stereo.flac", tone, 44_100)
    soundfile.write(folder / "short.wav", rng.normal(0, 0.1, 9_000), 16_000)
    return [music / "test" / "1.wav", folder / "stereo.flac", folder / "short.wav"]


@pytest.mark.parametrize("form", PORTABLE)
def test_the_script_gives_the_scores_of_the_tagger_without_tensorflow(form, exported, source, sounds):
    script = exported[0] / form / "1" / ("run_onnx.py" if form == "onnx" else "run_litert.py")
    model = kerastag.load(source.path, precision="float32")
    for path in sounds[1:2] if form == formats.LITERT_INT8 else sounds:  # its script is that of litert
        command = [sys.executable, "-X", "importtime", str(script), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/")
        assert done.returncode == 0, done.stderr[-500:]
        imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
        assert not imported & BARRED
        found = {tag: float(score) for score, tag in map(str.split, done.stdout.splitlines())}
        assert list(found.values()) == sorted(found.values(), reverse=True)
        slack = 0.05 if form == formats.LITERT_INT8 else SAME
        assert found == pytest.approx(model.score(path, num_chunks=2), abs=slack), path


def test_one_number_is_one_export_in_every_form(exported, source, tmp_path):
    folder = tmp_path / "tones"
    shutil.copytree(exported[0], folder)
    assert plan.next_version(folder) == 2
    (folder / "litert" / "7").mkdir()
    (folder / "3").mkdir()
    assert plan.next_version(folder) == 8
    with pytest.raises(errors.KerastagError, match="litert/7: exists already"):
        plan.Plan(folder, version=7)
    assert plan.Plan(folder, version=6).version == 6


def test_a_form_that_answers_with_another_output_is_refused_and_the_others_are_written(
    source, onnx_is_converted, network, tmp_path, monkeypatch, capsys
):
    convert, other = litert.convert, network(num_tags=3, num_channels=8, num_blocks=3, precision="float32", seed=1)
    monkeypatch.setattr(litert, "convert", lambda models, *how, **more: convert([other], *how, **more))
    folder = tmp_path / "served" / "tones"
    assert run_export(source, folder, ["litert", "onnx"]) == 1
    printed = capsys.readouterr()
    assert len(printed.err.splitlines()) == 1
    assert printed.err.startswith("litert: on 16 chunks of 8 of 8 validation tracks the largest difference of a score")
    assert "over 0.001; not written" in printed.err and "onnx" in printed.out
    assert [path.name for path in folder.iterdir()] == ["onnx"]


def test_a_form_with_tags_in_another_order_is_refused(source, onnx_is_converted, tmp_path, monkeypatch, capsys):
    facts_of = form_folder.facts_of

    def reversed_tags(*arguments):
        facts = facts_of(*arguments)
        return dataclasses.replace(facts, full_names=facts.full_names[::-1])

    monkeypatch.setattr(form_folder, "facts_of", reversed_tags)
    assert run_export(source, tmp_path / "tones", ["onnx"]) == 1
    assert capsys.readouterr().err == "onnx: its tags are not those of the run, in their order; not written\n"
    assert not (tmp_path / "tones").exists()


def test_a_form_that_does_not_load_is_refused(source, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(litert, "convert", lambda *how, **more: b"no model at all")
    assert run_export(source, tmp_path / "tones", ["litert"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("litert: does not run without kerastag: ") and len(error.splitlines()) == 1
    assert not (tmp_path / "tones").exists()


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({}, None),
        ({"largest": 2e-4}, "the largest difference of a score is 0.0002, over 0.0001"),
        ({"largest": float("nan")}, "the largest difference of a score is nan"),
        ({"mean": 2e-5}, "the mean difference of scores is 2e-05"),
        ({"pr_auc": 0.4}, "the change of macro PR-AUC is 0.1"),
        ({"pr_auc": 0.6}, "the change of macro PR-AUC is 0.1"),
        ({"pr_auc": 0.6, "num_tracks": 99}, None),
        ({"pr_auc": None, "pr_auc_keras": None}, None),
    ],
)
def test_how_far_a_form_may_be_off(figures, words):
    sound = {"largest": 1e-6, "mean": 1e-7, "num_tracks": 100, "pr_auc": 0.5, "pr_auc_keras": 0.5}
    found = parity.Parity("litert", 1, 0.1, 10, 2, **{**sound, **figures})
    if words is None:
        parity.check(found, formats.Bound(1e-4, 1e-5, 1e-3), "chunks")
        return
    with pytest.raises(errors.KerastagError, match=words):
        parity.check(found, formats.Bound(1e-4, 1e-5, 1e-3), "chunks")


@pytest.mark.parametrize(("form", "package"), [("litert", "ai-edge-litert"), ("onnx", "onnxruntime")])
def test_a_missing_package_is_one_line_before_any_work(form, package, source, tmp_path, monkeypatch, capsys):
    find = formats.importlib.util.find_spec
    monkeypatch.setattr(
        formats.importlib.util,
        "find_spec",
        lambda name: None if name in ("ai_edge_litert", "onnxruntime") else find(name),
    )
    monkeypatch.setattr(export.runtime, "start", lambda verbosity: pytest.fail("work was begun"))
    assert run_export(source, tmp_path / "tones", ["saved_model", form]) == 1
    assert capsys.readouterr().err == f"{form} needs {package}: pip install 'kerastag[{form}]'\n"
    assert not (tmp_path / "tones").exists()


@pytest.mark.parametrize("names", ["", "litert,tflite", "Onnx"])
def test_an_unknown_form_is_bad_use(names, source, tmp_path, capsys):
    assert run_export(source, tmp_path / "tones", [names]) == 2
    assert "there are saved_model, litert, litert_int8, onnx" in capsys.readouterr().err


def test_forms_are_compared_on_the_best_chunks_there_are(source, run, music, network):
    listening, model = network(num_tags=3, num_channels=2), Model.load(source.path)
    split = music, music / "validation.tsv"
    found = comparison_chunks.find(model, split, listening, 2, 16)
    assert found.chunks.shape == (16, 73_600) and found.rows.tolist() == [row for row in range(8) for _ in "ab"]
    assert found.labels.shape == (8, 3) and found.labels.sum(axis=1).min() >= 1
    np.testing.assert_array_equal(found.chunks * 32768, np.rint(found.chunks * 32768))
    np.testing.assert_allclose(found.of_tracks(np.arange(48.0).reshape(16, 3))[1], [7.5, 8.5, 9.5])
    few = comparison_chunks.find(model, split, listening, 2, 3)
    assert few.rows.tolist() == [0, 1, 2] and few.source == "3 chunks of 3 of 8 validation tracks"
    examples = comparison_chunks.find(Model.load(run), None, listening, 2, 16)
    assert "the run's" in examples.source and examples.labels is None and examples.chunks.shape[1] == 73_600
    made = comparison_chunks.find(model, None, listening, 2, 16)
    assert made.source == "6 chunks of synthesised sounds" and not made.chunks[-1].any()


def test_unreadable_tracks_are_left_out_of_what_is_compared(source, music, tmp_path, network):
    shutil.copytree(music / "validation", tmp_path / "validation")
    (tmp_path / "validation" / "3.wav").write_bytes(b"no sound")
    split = tmp_path, music / "validation.tsv"
    found = comparison_chunks.find(Model.load(source.path), split, network(num_tags=3), 2, 16)
    assert len(found.labels) == 7 and found.source == "14 chunks of 7 of 8 validation tracks"


def test_where_the_validation_tracks_are_gone_there_is_no_split(source, run, tmp_path):
    assert split_scoring.find_validation(source)[1].name == "validation.tsv"
    moved = run_folder.RunFolder(tmp_path)
    record = json.loads((run / "run.json").read_text())
    moved.record_path.write_text(json.dumps({**record, "data_dir": str(tmp_path / "gone")}))
    assert split_scoring.find_validation(moved) is None
    moved.record_path.write_text("{}")
    assert split_scoring.find_validation(moved) is None


def test_a_saved_model_is_compared_like_the_others_and_shares_their_number(source, tmp_path, monkeypatch, capsys):
    seen = []

    def written(model, plan, inspect):
        seen.append(plan.version)

    monkeypatch.setattr(bundle_folder, "write", written)
    (tmp_path / "tones" / "4").mkdir(parents=True)
    assert run_export(source, tmp_path / "tones", ["onnx", "saved_model"]) == 0
    assert seen == [5] and [path.name for path in (tmp_path / "tones" / "onnx").iterdir()] == ["5"]


@pytest.mark.usefixtures("bare_process_itself")
def test_a_saved_model_is_asked_in_plain_tensorflow(write_tiny, tiny_scores, tmp_path, rng):
    folder = write_tiny(tmp_path / "1")
    (folder / "assets.extra").mkdir()
    (folder / "assets.extra" / "tags.txt").write_text("a\nb\nc\n")
    chunks = rng.normal(0, 0.1, (25, 500)).astype(np.float32)
    found = bare_process.ask(folder, {"serving_default": {"waveform": chunks}}, seconds=0.01)
    scores = found.outputs["serving_default"]["scores"]
    np.testing.assert_allclose(scores, [tiny_scores(chunk) for chunk in chunks], rtol=1e-5)
    assert found.tags == ["a", "b", "c"] and found.load_seconds > 0 and found.chunks_per_second > 0
