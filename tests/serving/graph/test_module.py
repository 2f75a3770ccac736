"""The signatures in TensorFlow's C++ session, as a server calls them."""

import re

import numpy as np
import pytest
import tensorflow as tf

from kerastag import audio, tags
from kerastag.metrics import calibration, decisions
from kerastag.models import popularity
from kerastag.runs.model import Combination
from kerastag.serving.bundle import saved_model
from kerastag.serving.graph.served_model import ServedModel
from tests.graph_session import Session

TAGS = ("mood/theme---high", "mood/theme---été", "mood/theme---mid")
SHORT = [b"high", "été".encode(), b"mid"]
NUM_CHUNKS = 3
THRESHOLDS = np.array([0.5, np.inf, 0.4])


def saved(folder, networks, how=None, thresholds=None):
    """Networks and the session of their SavedModel."""
    made = ServedModel(networks, tags.Vocabulary(TAGS), how or Combination(), NUM_CHUNKS, thresholds)
    saved_model.save(made, folder / "1")
    return networks, Session(folder / "1")


@pytest.fixture(scope="module")
def single(network, tmp_path_factory):
    """A network with thresholds."""
    (one,), session = saved(tmp_path_factory.mktemp("single"), [network()], thresholds=THRESHOLDS)
    return one, session


@pytest.fixture(scope="module")
def ensemble(network, tmp_path_factory):
    """Two networks with chunks of two lengths and one that knows frequencies only, calibrated, with thresholds."""
    rng = np.random.default_rng(1)
    scores = rng.random((300, 3))
    fitted = calibration.fit(rng.random((300, 3)) < scores**2, scores, TAGS, "isotonic")
    networks = [network(), network(variant="3s69", seed=1), popularity.Popular([0.1, 0.2, 0.3])]
    how = Combination("mean", (0.5, 0.3, 0.2), fitted)
    return *saved(tmp_path_factory.mktemp("ensemble"), networks, how, THRESHOLDS), how


def waveforms(num_samples, batch=2, seed=0):
    """Noise of a level of its own in each row and each half second."""
    rng = np.random.default_rng(seed)
    levels = np.repeat(10 ** rng.uniform(-4, 0, (batch, 1 + num_samples // 8000)), 8000, axis=1)[:, :num_samples]
    return (levels * rng.normal(size=(batch, num_samples))).astype(np.float32)


def of_chunks(model, chunks):
    """Scores of a network, (chunks, num_tags)."""
    return 1 / (1 + np.exp(-np.float64(model(np.array(chunks), training=False))))


def of_tracks(model, waveform):
    """Mean scores over the reader's chunks, (batch, num_tags)."""
    if model.centred:
        return of_chunks(model, [audio.cut_chunk(row, 0.5, model.chunk_samples) for row in waveform])
    chunks = [audio.cut_chunks(row, NUM_CHUNKS, model.chunk_samples) for row in waveform]
    return np.array([of_chunks(model, one).mean(axis=0) for one in chunks])


def test_inputs_and_outputs_begin_with_the_batch(single, ensemble):
    waveform = {"waveform": ("float32", [-1, -1])}
    names = {"tags": ("string", [-1, 3]), "full_names": ("string", [-1, 3]), "thresholds": ("float32", [-1, 3])}
    numbers = {name: ("int32", [-1]) for name in ("sample_rate", "chunk_samples", "num_chunks")}
    best = {"tags": ("string", [-1, -1]), "scores": ("float32", [-1, -1]), "above": ("bool", [-1, -1])}
    scores = {"scores": ("float32", [-1, 3])}
    expected = {
        "serving_default": (waveform, scores),
        "classify_wav": ({"wav_bytes": ("string", [-1])}, scores),
        "taggram": (waveform, {"chunk_scores": ("float32", [-1, -1, 3]), "start_seconds": ("float32", [-1, -1])}),
        "embed": (waveform, {"embedding": ("float32", [-1, 4])}),
        "top_tags": ({**waveform, "k": ("int32", [-1])}, best),
        "metadata": ({"request": ("int32", [-1])}, {**names, **numbers}),
    }
    assert described(single[1]) == expected
    members = {f"network_{number}": (waveform, scores) for number in (1, 2, 3)}
    wide = {"embed": (waveform, {"embedding": ("float32", [-1, 4 + 8])})}
    assert described(ensemble[1]) == {**expected, **members, **wide}


def described(session):
    def side(infos):
        return {
            name: (tf.as_dtype(info.dtype).name, [size.size for size in info.tensor_shape.dim])
            for name, info in infos.items()
        }

    signatures = {name: one for name, one in session.signatures.items() if not name.startswith("__")}
    return {name: (side(one.inputs), side(one.outputs)) for name, one in signatures.items()}


def test_frequencies_alone_have_no_embedding(tmp_path):
    _, session = saved(tmp_path, [popularity.Popular([0.1, 0.2, 0.3])])
    assert "embed" not in session.signatures and "thresholds" not in session.signatures["metadata"].outputs
    assert "above" not in session.signatures["top_tags"].outputs
    np.testing.assert_allclose(
        session("taggram", waveform=np.zeros((1, 40_000)))["chunk_scores"][0, 2], [0.1, 0.2, 0.3]
    )


@pytest.mark.parametrize("num_samples", [1, 59_048, 73_600, 200_000])
def test_scores_are_those_of_the_chunks_combined_and_calibrated(num_samples, single, ensemble):
    waveform = waveforms(num_samples)
    expected = of_tracks(single[0], waveform)
    np.testing.assert_allclose(single[1]("serving_default", waveform=waveform)["scores"], expected, atol=1e-6)
    networks, session, how = ensemble
    members = [of_tracks(network, waveform) for network in networks]
    for number, member in enumerate(members, 1):
        np.testing.assert_allclose(session(f"network_{number}", waveform=waveform)["scores"], member, atol=1e-6)
    expected = how.fitted.apply(0.5 * members[0] + 0.3 * members[1] + 0.2 * members[2])
    np.testing.assert_allclose(session("serving_default", waveform=waveform)["scores"], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("num_samples", "starts"),
    [
        (1, [0]),
        (73_600, [0]),
        (73_601, [0, 1]),
        (2 * 73_600, [0, 73_600]),
        (2 * 73_600 + 1, [0, 73_600, 73_601]),
        (200_000, [0, 73_600, 126_400]),
    ],
)
def test_a_taggram_goes_from_chunk_to_chunk_and_ends_with_the_end(num_samples, starts, single, ensemble):
    waveform = waveforms(num_samples)
    padded = np.pad(waveform, [(0, 0), (0, 73_600)])
    networks, session, how = ensemble
    members = [
        np.stack([of_chunks(network, padded[:, start : start + network.chunk_samples]) for start in starts], axis=1)
        for network in networks
    ]  # (2, chunks, num_tags) each
    found = single[1]("taggram", waveform=waveform)
    np.testing.assert_allclose(found["start_seconds"], np.tile(np.array(starts) / 16_000, (2, 1)), rtol=1e-6)
    np.testing.assert_allclose(found["chunk_scores"], members[0], atol=1e-6)
    mean = (0.5 * members[0] + 0.3 * members[1] + 0.2 * members[2]).reshape(-1, 3)
    found = session("taggram", waveform=waveform)
    np.testing.assert_allclose(found["start_seconds"][0], np.array(starts) / 16_000, rtol=1e-6)
    np.testing.assert_allclose(found["chunk_scores"].reshape(-1, 3), how.fitted.apply(mean), atol=1e-4)


def test_embeddings_of_members_stand_side_by_side(single, ensemble):
    waveform = waveforms(100_000)
    own, both = single[1]("embed", waveform=waveform), ensemble[1]("embed", waveform=waveform)
    np.testing.assert_allclose(both["embedding"][:, :4], own["embedding"], atol=1e-6)  # seeds are the same
    assert np.ptp(both["embedding"], axis=0).max() > 0.01


def test_top_tags_are_the_highest_scores(single, ensemble):
    for _, session, *_ in (single, ensemble):
        waveform = waveforms(100_000, batch=3)
        scores = session("serving_default", waveform=waveform)["scores"]
        found = session("top_tags", waveform=waveform, k=[3, 1, 2])
        for row, k in enumerate([3, 1, 2]):
            order = np.argsort(-scores[row], kind="stable")[:k]
            assert found["tags"][row].tolist() == [SHORT[column] for column in order] + [b""] * (3 - k)
            np.testing.assert_allclose(found["scores"][row], [*scores[row, order], *[0] * (3 - k)], atol=1e-6)
    assert session("top_tags", waveform=waveform, k=[1, 1, 1])["tags"].shape == (3, 1)


def test_tags_are_above_by_their_scores_before_calibration(single, ensemble):
    waveform = waveforms(100_000, batch=6)
    for networks, session, how in ((single[:1], single[1], Combination()), ensemble):
        plain = Combination(how.method, how.weights)([of_tracks(one, waveform) for one in networks])
        expected = decisions.decide(plain, THRESHOLDS)
        found = session("top_tags", waveform=waveform, k=[3] * 6)
        columns = [[SHORT.index(name) for name in row] for row in found["tags"]]
        np.testing.assert_array_equal(found["above"], np.take_along_axis(expected, np.array(columns), axis=1))
        assert expected.any() and not expected[:, [0, 2]].all()


def test_metadata_say_what_clients_need(single, ensemble):
    _, session, how = ensemble
    for one, fitted in ((single[1], None), (session, how.fitted)):
        found = one("metadata", request=[0, 7])
        assert found["tags"].tolist() == [SHORT] * 2
        assert found["full_names"].tolist() == [[name.encode() for name in TAGS]] * 2
        numbers = [found[name].tolist() for name in ("sample_rate", "chunk_samples", "num_chunks")]
        assert numbers == [[16_000] * 2, [73_600] * 2, [NUM_CHUNKS] * 2]
        expected = THRESHOLDS if fitted is None else fitted.apply(np.array([[0.5, 0, 0.4]]))[0]
        np.testing.assert_allclose(found["thresholds"][1], [expected[0], 2, expected[2]], rtol=1e-6)


WAVEFORM_SIGNATURES = ("serving_default", "taggram", "embed", "network_1")


@pytest.mark.parametrize(
    ("waveform", "words"),
    [
        (np.zeros((2, 0)), "[waveform[0]: no samples]"),
        ([[0.0, 1.0], [0.0, np.nan]], "[waveform[1]: a sample is NaN, infinite or beyond 1e+12]"),
        ([[np.inf, -np.inf], [0.0, 1.0]], "[waveform[0]: a sample is NaN, infinite or beyond 1e+12]"),
        (np.zeros((1025, 1)), "[waveform: 1025 rows; at most 1024 expected]"),
        (np.zeros(5), "[5] is not compatible with expected shape [?,?]"),
        (np.zeros((1, 1, 5)), "[1,1,5] is not compatible with expected shape [?,?]"),
        (0.0, "[] is not compatible with expected shape [?,?]"),
    ],
)
def test_what_is_wrong_with_a_waveform_is_said(waveform, words, ensemble):
    for name in WAVEFORM_SIGNATURES:
        with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape(words)):
            ensemble[1](name, waveform=waveform)
    with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape(words)):
        ensemble[1]("top_tags", waveform=waveform, k=[1])


@pytest.mark.parametrize(
    ("name", "inputs", "words"),
    [
        ("top_tags", {"waveform": np.zeros((2, 9)), "k": [1, 0]}, "[k[1]: 0; 1 to 3 expected]"),
        ("top_tags", {"waveform": np.zeros((2, 9)), "k": [4, 1]}, "[k[0]: 4; 1 to 3 expected]"),
        ("top_tags", {"waveform": np.zeros((2, 9)), "k": [1]}, "[k: 1 numbers for 2 rows]"),
        ("top_tags", {"waveform": np.zeros((1, 9)), "k": 1}, "[] is not compatible with expected shape [?]"),
        ("metadata", {"request": np.zeros(1025)}, "[request: 1025 rows; at most 1024 expected]"),
        ("metadata", {"request": 0}, "[] is not compatible with expected shape [?]"),
        ("classify_wav", {"wav_bytes": [b"RIFF"]}, "[wav_bytes[0]: not a RIFF/WAVE file; 16-bit PCM expected]"),
        ("classify_wav", {"wav_bytes": [b""] * 1025}, "[wav_bytes: 1025 rows; at most 1024 expected]"),
    ],
)
def test_what_else_is_wrong_is_said(name, inputs, words, ensemble):
    with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape(words)):
        ensemble[1](name, **inputs)


def test_whatever_is_finite_is_scored(ensemble):
    generator = np.random.default_rng(0)
    for peak in (0, 1e-30, 1.5, 32_768, 1e12):
        waveform = peak * np.clip(generator.normal(size=(2, 80_000)), -1, 1)
        scores = ensemble[1]("serving_default", waveform=waveform)["scores"]
        assert ((scores >= 0) & (scores <= 1)).all()
        assert np.isfinite(ensemble[1]("embed", waveform=waveform)["embedding"]).all()


def test_no_rows_are_answered_with_none(ensemble):
    shapes = {"serving_default": (0, 3), "network_1": (0, 3), "embed": (0, 12), "taggram": (0, 1, 3)}
    for name, shape in shapes.items():
        found = ensemble[1](name, waveform=np.zeros((0, 10)))
        assert found.get("scores", found.get("embedding", found.get("chunk_scores"))).shape == shape
    assert ensemble[1]("classify_wav", wav_bytes=[])["scores"].shape == (0, 3)
    assert ensemble[1]("top_tags", waveform=np.zeros((0, 10)), k=[])["tags"].shape == (0, 1)


def test_rows_do_not_touch_each_other(single):
    waveform = waveforms(150_000, batch=5)
    together = single[1]("serving_default", waveform=waveform)["scores"]
    for row in range(5):
        alone = single[1]("serving_default", waveform=waveform[row : row + 1])["scores"]
        np.testing.assert_allclose(alone[0], together[row], atol=1e-6)
    assert np.ptp(together, axis=0).min() > 0.01
