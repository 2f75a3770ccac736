"""tools.paper.convert_checkpoint: runs that the tagger takes, with the checkpoint's very weights, and refusals."""

import hashlib
import json
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import soundfile

from kerastag import models
from kerastag.data.reading import Reading
from kerastag.inference import opening
from kerastag.models import loading
from tools.attacks import torch_writer
from tools.paper import convert_checkpoint

ROOT = pathlib.Path(__file__).resolve().parents[3]
SHARED = ROOT.parent / "shared"

NETWORKS = {
    "4s6": (lambda: models.short_chunk_resnet(3, 2, "4s6", precision="float32"), "4.6 s"),
    "3s69": (lambda: models.short_chunk_resnet(3, 2, "3s69", precision="float32"), "3.69 s"),
    "vggish": (lambda: models.vggish(3, 2, precision="float32"), "VGG-ish"),
}


@pytest.fixture
def place(tmp_path):
    """A folder with tags.txt."""
    (tmp_path / "tags.txt").write_text("mood/theme---calm\nmood/theme---dark\nmood/theme---happy\n")
    return tmp_path


def _run(place, *flags, checkpoint="model.pth"):
    names = {"checkpoint": place / checkpoint, "tags": place / "tags.txt", "output": place / "run"}
    given = {flag.partition("=")[0] for flag in flags}
    return convert_checkpoint.COMMAND.run(
        [*(f"--{name}={path}" for name, path in names.items() if f"--{name}" not in given), *flags]
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_a_checkpoint_becomes_a_run_with_its_weights(name, place, capsys):
    keras.utils.set_random_seed(4)
    build, title = NETWORKS[name]
    original = build()
    front_end = {"spec.spectrogram.window": np.ones(512), "spec.mel_scale.fb": np.ones((257, 128))}
    state = (
        torch_writer.state_of(original)
        | {"bn_1.num_batches_tracked": np.int64(3)}
        | (front_end if name == "3s69" else {})
    )
    torch_writer.write_zip(place / "model.pth", {"state_dict": torch_writer.state_dict(state)})
    assert _run(place) == 0
    said = capsys.readouterr().out
    assert title in said and "2 channels, 3 tags" in said
    model = loading.load(place / "run" / "model.keras")
    assert type(model) is type(original) and model.get_config() == original.get_config()
    for ours, theirs in zip(model.get_weights(), original.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_record_says_where_the_run_is_from(place):
    torch_writer.write_sequence(
        place / "model.pth", torch_writer.state_dict(torch_writer.state_of(NETWORKS["vggish"][0]()))
    )
    assert _run(place) == 0
    assert sorted(path.name for path in (place / "run").iterdir()) == ["model.keras", "run.json", "tags.txt"]
    record = json.loads((place / "run" / "run.json").read_text())
    assert set(record) >= {"command", "versions", "git_commit"}
    assert (record["flags"], record["data_dir"], record["class_counts"]) == ({}, None, None)
    assert record["precision"] == "float32"
    digest = hashlib.sha256((place / "model.pth").read_bytes()).hexdigest()
    assert record["source"] == {"file": "model.pth", "sha256": digest}


def test_the_tagger_takes_the_run(place):
    original = NETWORKS["4s6"][0]()
    torch_writer.write_zip(place / "model.pth", torch_writer.state_dict(torch_writer.state_of(original)))
    assert _run(place) == 0
    loaded = opening.load(place / "run", precision="float32")
    assert loaded.vocabulary.short_names == ("calm", "dark", "happy")
    waveform = np.random.default_rng(0).normal(0, 0.1, 73_600).astype(np.float32)
    soundfile.write(place / "noise.wav", waveform, 16_000, subtype="FLOAT")
    expected = keras.ops.sigmoid(original(waveform[None], training=False))[0]
    scores, _ = loaded.score_files([place / "noise.wav"], Reading(num_chunks=2, dtype="float32"))
    np.testing.assert_allclose(scores[0], expected, atol=1e-6)


def test_a_run_is_replaced_only_when_asked_for(place, capsys):
    torch_writer.write_zip(place / "model.pth", torch_writer.state_dict(torch_writer.state_of(NETWORKS["vggish"][0]())))
    assert _run(place) == 0
    before = (place / "run" / "model.keras").stat().st_mtime_ns
    assert _run(place) == 1
    assert "holds a run already; use --overwrite" in capsys.readouterr().err
    assert (place / "run" / "model.keras").stat().st_mtime_ns == before
    assert _run(place, "--overwrite") == 0
    assert (place / "run" / "model.keras").stat().st_mtime_ns != before


def test_a_folder_that_is_no_run_is_never_replaced(place, capsys):
    (place / "run").mkdir()
    (place / "run" / "thesis.txt").touch()
    assert _run(place, "--overwrite") == 1
    assert "exists and is not a run" in capsys.readouterr().err
    assert (place / "run" / "thesis.txt").exists()


def test_refusals_name_the_file_and_leave_nothing(place, capsys):
    state = torch_writer.state_of(NETWORKS["vggish"][0]())
    cases = {
        "other": ({"fc.weight": np.ones((2, 2))}, "weights such as fc.weight are of no network known here"),
        "part": ({name: state[name] for name in state if "bn_3" not in name}, "bn_3.weight: missing"),
        "extra": (state | {"lstm.weight": np.ones(3)}, "lstm.weight: the network has no such weight"),
        "tags": (state | {"dense.bias": np.ones(4)}, "4 outputs, but 3 tags"),
    }
    for name, (content, message) in cases.items():
        torch_writer.write_zip(place / f"{name}.pth", torch_writer.state_dict(content))
        assert _run(place, checkpoint=f"{name}.pth") == 1
        said = capsys.readouterr().err
        assert said.startswith(f"{place}/{name}.pth: ") and message in said and said.count("\n") == 1
    assert not (place / "run").exists()


def test_a_missing_file_or_flag(place, capsys):
    assert _run(place) == 1
    assert "model.pth: no such file" in capsys.readouterr().err
    assert convert_checkpoint.COMMAND.run([f"--checkpoint={place}/model.pth"]) == 2
    assert "--tags is needed" in capsys.readouterr().err


def test_help_needs_no_tensorflow():
    command = [sys.executable, "-X", "importtime", "-m", "tools.paper.convert_checkpoint", "--help"]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--checkpoint" in process.stdout and "--[no]overwrite" in process.stdout
    assert "absl" in process.stderr and "tensorflow" not in process.stderr and "keras\n" not in process.stderr


def test_mtgs_own_checkpoint_gives_the_scores_of_mtgs_code(place, goldens):
    checkpoint = SHARED / "data" / "mtg_vggish_baseline.pth"
    tags = SHARED / "data" / "mediaeval2020" / "moodtheme_tags.txt"
    if not checkpoint.is_file() or not tags.is_file():
        pytest.skip("the checkpoint is not here")
    golden = goldens("mtg_vggish_baseline")
    assert _run(place, f"--checkpoint={checkpoint}", f"--tags={tags}") == 0
    model = loading.load(place / "run" / "model.keras")
    scores = keras.ops.sigmoid(model(golden["waveform"][None], training=False))
    np.testing.assert_allclose(scores, golden["scores"], atol=1e-4)
