"""The check of an export finds what is wrong with it."""

import os

import numpy as np
import pytest

from kerastag import errors, tags
from kerastag.metrics import calibration
from kerastag.runs.model import Combination
from kerastag.serving.bundle import saved_model
from kerastag.serving.check import bare_process, checking, reference
from kerastag.serving.graph.served_model import ServedModel

TAGS = ("mood/theme---a", "mood/theme---b", "mood/theme---c")
TOLERANCE = 1e-5


def test_scores_outside_of_what_the_members_make_are_found():
    rng = np.random.default_rng(0)
    members = [rng.random((4, 3)), rng.random((4, 3))]
    for how in (Combination("mean", (0.7, 0.3)), Combination("logit_mean", (0.7, 0.3))):
        assert checking.beyond(how(members), members, how, 1e-6) == 0
        other = Combination(how.method, (0.3, 0.7))(members)
        assert checking.beyond(other, members, how, 1e-6) > 0.01
        assert checking.beyond(other[:1], members, how, 1e-6) == np.inf


def test_a_step_of_isotonic_regression_forgives_no_more_than_the_last_digit():
    step = calibration.Calibration("isotonic", {"a": calibration.Isotonic((0.5, 0.5 + 1e-9), (0.0, 1.0))})
    how = Combination(fitted=step)
    at_the_step, beside_it = np.full((1, 1), 0.5), np.full((1, 1), 0.499)
    for served in (0.0, 0.7, 1.0):
        assert checking.beyond(np.full((1, 1), served), [at_the_step], how, 1e-6) == 0
    assert checking.beyond(np.full((1, 1), 0.7), [beside_it], how, 1e-6) == pytest.approx(0.7)


def test_what_is_not_a_number_is_no_small_difference():
    nan = np.full((1, 1), np.nan)
    assert checking.apart(nan, nan) == np.inf
    assert checking.beyond(nan, [np.zeros((1, 1))], Combination(), 1) == np.inf
    assert checking.apart(np.zeros(3), np.array([0, 0.5, -1])) == 1


@pytest.fixture(scope="module")
def heard_once():
    """What is expected is worked out once for all answers that are compared with it."""
    of_chunks, known = reference.of_chunks, {}

    def remembered(model, chunks):
        key = id(model), chunks.tobytes()
        if key not in known:
            known[key] = of_chunks(model, chunks)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "of_chunks", remembered)
        yield


@pytest.fixture(scope="module")
def checked(heard_once, network, tmp_path_factory):
    """The check of a sound SavedModel and its answers: a calibrated ensemble of networks with chunks of two lengths."""
    rng = np.random.default_rng(0)
    scores = rng.random((200, 3))
    fitted = calibration.fit(rng.random((200, 3)) < scores, scores, TAGS, "isotonic")
    how = Combination("logit_mean", (2 / 3, 1 / 3), fitted)
    networks = [network(variant="4s6"), network(variant="3s69")]
    made = ServedModel(networks, tags.Vocabulary(TAGS), how, 3, np.array([0.2, np.inf, 0.6]))
    folder = tmp_path_factory.mktemp("served") / "1"
    saved_model.save(made, folder)
    found = checking.SignatureComparison(made, TOLERANCE)
    return found, bare_process.ask(folder, found.requests()).outputs


def test_a_sound_one_passes_with_all_its_signatures(checked):
    check, answers = checked
    found = check.differences(answers)
    signatures = {
        "network_1",
        "network_2",
        "serving_default",
        "classify_wav",
        "taggram",
        "embed",
        "top_tags",
        "metadata",
    }
    assert set(found) == signatures and max(found.values()) < TOLERANCE


CHANGES = {
    "network_2/scores": lambda array: array + 0.01,
    "serving_default/scores": lambda array: array[::-1],
    "classify_wav/scores": lambda array: 0.9 * array + 0.05,
    "taggram/chunk_scores": lambda array: array[:, :1],
    "taggram/start_seconds": lambda array: array + 0.01,
    "embed/embedding": lambda array: np.concatenate([array[:, 2:], array[:, :2]], axis=1),
    "top_tags/tags": lambda array: array[:, ::-1],
    "top_tags/scores": lambda array: array[:, ::-1],
    "top_tags/above": lambda array: ~array,
    "metadata/tags": lambda array: array[:, ::-1],
    "metadata/sample_rate": lambda array: array + 1,
    "metadata/thresholds": lambda array: np.where(array > 1, np.inf, array),
}


@pytest.mark.parametrize("place", CHANGES)
def test_a_wrong_answer_is_found(place, checked):
    check, answers = checked
    signature, name = place.split("/")
    changed = {
        call: {**answer, name: CHANGES[place](answer[name])} if call.startswith(f"{signature}:") else answer
        for call, answer in answers.items()
    }
    assert check.differences(changed)[signature] > 100 * TOLERANCE


def test_what_does_not_run_in_plain_tensorflow_is_refused(tmp_path):
    import tensorflow as tf

    def in_python(waveform):
        return {"scores": tf.numpy_function(lambda array: array, [waveform], tf.float32)}

    spec = tf.TensorSpec([None, None], tf.float32, name="waveform")
    module = tf.Module()
    tf.saved_model.save(module, str(tmp_path), tf.function(in_python, [spec]))
    with pytest.raises(errors.KerastagError, match="does not run in plain TensorFlow"):
        bare_process.ask(tmp_path, {"serving_default:one": {"waveform": np.zeros((1, 1), np.float32)}})


@pytest.mark.parametrize("package", ["keras", "kerastag", "kerastag.tags"])
def test_forked_processes_have_neither_keras_nor_kerastag(package, forks, tmp_path):
    (tmp_path / "script.py").write_text(f"import {package}")
    done = forks.run([str(tmp_path / "script.py")], os.environ)
    assert done.returncode == 1 and "ModuleNotFoundError" in done.stderr.splitlines()[-1]


def test_forked_processes_are_what_new_ones_would_be(forks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beside.py").write_text("import os, sys\nprint(sys.argv[1:], os.getcwd(), dict(os.environ))\n")
    (tmp_path / "script.py").write_text("import beside, sys, tensorflow\nsys.exit('badly')")
    done = forks.run([str(tmp_path / "script.py"), "a b"], {"ONE": "1"})
    assert (done.returncode, done.stderr) == (1, "badly\n")
    assert done.stdout == f"['a b'] {tmp_path} {{'ONE': '1'}}\n"
