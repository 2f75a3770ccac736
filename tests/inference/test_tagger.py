"""The Python API: a waveform and its file, the signatures of an export, and arithmetic on single chunks agree."""

import numpy as np
import pytest
import soundfile
import tensorflow as tf

import kerastag
from kerastag import audio, errors, tags
from kerastag.inference import deciding, loading, tagger
from kerastag.metrics import calibration, decisions
from kerastag.models import embedding, popularity
from kerastag.runs import run_folder
from kerastag.runs.model import Combination
from kerastag.serving.bundle import saved_model
from kerastag.serving.graph.served_model import ServedModel

VOCABULARY = tags.Vocabulary(["mood/theme---high", "mood/theme---low", "mood/theme---mid"])
RATE = 16_000
LONG, SHORT = 73_600, 59_049  # samples in a chunk of the two networks
NUM_CHUNKS = 2
USUAL = np.array([0.1, 0.2, 0.3])
ROUNDING = 1e-4  # of scores: chunks of a file travel as 16 bits, those of a signature do not


@pytest.fixture(scope="module")
def networks(network):
    """Chunks of two lengths, and the popularity baseline, which hears one chunk and has no embedding."""
    return [network(), network(variant="3s69", seed=1), popularity.Popular([0.1, 0.2, 0.3])]


@pytest.fixture(scope="module")
def combination():
    maps = {name: calibration.Platt(1.5, 0.25) for name in VOCABULARY.names}
    return Combination("mean", (0.5, 0.3, 0.2), calibration.Calibration("platt", maps))


@pytest.fixture(scope="module")
def of_networks(networks, combination):
    return tagger.Tagger(loading.of_networks(networks), VOCABULARY, combination)


@pytest.fixture(scope="module")
def exported(networks, combination, tmp_path_factory):
    """The folder of their SavedModel, which knows usual scores."""
    folder = tmp_path_factory.mktemp("served") / "1"
    saved_model.save(ServedModel(networks, VOCABULARY, combination, NUM_CHUNKS), folder)
    usual = run_folder.RunFolder(folder / "assets.extra").usual_scores_path
    decisions.write_thresholds(usual, VOCABULARY.names, USUAL, deciding.USUAL_COLUMN)
    return folder


@pytest.fixture(scope="module")
def signature(exported):
    """A function from the name of a signature and a waveform to what it gives, without the batch."""
    loaded = tf.saved_model.load(str(exported))

    def call(name, waveform):
        outputs = loaded.signatures[name](waveform=waveform[None])
        return {output: values.numpy()[0] for output, values in outputs.items()}

    return call


@pytest.fixture(scope="module")
def of_export(exported):
    return kerastag.load(exported)


@pytest.fixture(scope="module")
def waveform():
    """2.6 long chunks of noise of a level of its own in each half second, rounded to 16 bits."""
    rng = np.random.default_rng(3)
    num_samples = int(2.6 * LONG)
    levels = np.repeat(10 ** rng.uniform(-3, -1, 1 + num_samples // 8000), 8000)[:num_samples]
    return audio.from_int16(audio.to_int16(levels * rng.normal(size=num_samples)))


@pytest.fixture(scope="module", params=["networks", "export"])
def both(request):
    """Each in turn, for what must hold of either."""
    return request.getfixturevalue(f"of_{request.param}")


@pytest.mark.parametrize(("rate", "channels", "seconds"), [(16_000, 1, 12), (44_100, 2, 9), (22_050, 1, 2)])
def test_a_waveform_is_heard_as_its_file(of_networks, tmp_path, rng, rate, channels, seconds):
    samples = rng.normal(0, 0.2, (seconds * rate, channels)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    given = samples[:, 0] if channels == 1 else samples
    path, options = tmp_path / "a.wav", {"num_chunks": NUM_CHUNKS}
    expected = of_networks.score(path, **options)
    assert of_networks.score(given, rate, **options) == pytest.approx(expected, abs=1e-6)
    np.testing.assert_allclose(of_networks.embed(given, rate, **options), of_networks.embed(path, **options), atol=1e-6)
    for one, other in zip(of_networks.taggram(given, rate), of_networks.taggram(str(path)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_taggram_is_that_of_the_signature(both, signature, waveform):
    served = signature("taggram", waveform)
    starts, scores = both.taggram(waveform, RATE)
    assert starts.shape == (2,) and scores.shape == (2, 3) and scores.dtype == np.float32
    np.testing.assert_allclose(starts, [0, 4.6])
    np.testing.assert_allclose(served["start_seconds"][:2], starts, rtol=1e-6)
    np.testing.assert_allclose(served["chunk_scores"][:2], scores, atol=ROUNDING)  # its third one overlaps
    assert np.ptp(scores, axis=0).max() > 100 * ROUNDING


def test_an_embedding_is_that_of_the_signature(both, signature, waveform):
    served = signature("embed", waveform)["embedding"]
    embedded = both.embed(waveform, RATE, num_chunks=NUM_CHUNKS)
    assert embedded.shape == served.shape == (4 + 8,) and embedded.dtype == np.float32
    np.testing.assert_allclose(embedded, served, atol=1e-3 * np.abs(served).max())


def test_an_embedding_is_the_mean_over_evenly_spaced_chunks(of_networks, networks, waveform):
    parts = []
    for net in networks[:2]:
        chunks = audio.cut_chunks(waveform, 3, net.chunk_samples)
        parts.append(np.mean(embedding.model_of(net)(chunks, training=False), axis=0))
    embedded = of_networks.embed(waveform, RATE, num_chunks=3)
    np.testing.assert_allclose(embedded, np.concatenate(parts), rtol=1e-4, atol=1e-5)


def test_a_hop_sets_the_starts_and_chunks_end_within_the_track(of_networks, networks, combination, waveform):
    starts, scores = of_networks.taggram(waveform, RATE, hop_seconds=2.5)
    np.testing.assert_allclose(starts, [0, 2.5, 5.0])  # 2.6 chunks are 11.96 s, the last one may start at 7.36 s
    for start, row in zip(starts, scores, strict=True):
        first = round(start * RATE)
        chunks = [waveform[first : first + net.chunk_samples][None] for net in networks[:2]]
        logits = [np.float64(net(chunk, training=False)) for net, chunk in zip(networks[:2], chunks, strict=True)]
        members = [*(1 / (1 + np.exp(-values)) for values in logits), np.array([[0.1, 0.2, 0.3]])]
        np.testing.assert_allclose(row, combination(members)[0], atol=ROUNDING)


def test_a_track_shorter_than_a_chunk_is_heard_once(both, waveform):
    short = waveform[: SHORT // 3]
    starts, scores = both.taggram(short, RATE)
    assert starts.tolist() == [0.0]
    expected = both.score(short, RATE, num_chunks=1)
    np.testing.assert_allclose(scores[0], list(expected.values()), atol=1e-6)
    assert both.taggram(waveform[:LONG], RATE)[0].tolist() == [0.0]
    assert len(both.taggram(waveform[: 2 * LONG - 1], RATE)[0]) == 1
    assert len(both.taggram(waveform[: 2 * LONG], RATE)[0]) == 2


def test_what_cannot_be_heard_is_told(of_networks, tmp_path, waveform):
    (tmp_path / "a.mp3").write_bytes(b"not audio")
    for call in (of_networks.score, of_networks.taggram, of_networks.embed):
        with pytest.raises(audio.AudioError, match=r"a\.mp3: "):
            call(tmp_path / "a.mp3")
        with pytest.raises(errors.KerastagError, match="the waveform: its sample rate in Hz is needed"):
            call(waveform)
        with pytest.raises(errors.KerastagError, match=r"a\.mp3: a file has a sample rate of its own"):
            call(tmp_path / "a.mp3", RATE)
        with pytest.raises(audio.AudioError, match="the waveform: holds no samples"):
            call(waveform[:0], RATE)
    for hop in (0, -1.0, np.inf, np.nan):
        with pytest.raises(errors.KerastagError, match="is not above 0"):
            of_networks.taggram(waveform, RATE, hop_seconds=hop)


def test_without_an_embedding_the_error_says_so(waveform):
    popular = tagger.Tagger(loading.of_networks([popularity.Popular([0.1, 0.2, 0.3])]), VOCABULARY)
    with pytest.raises(errors.KerastagError, match="no network of the model has an embedding"):
        popular.embed(waveform, RATE)


def test_tags_are_given_by_the_rule_of_the_model(networks):
    decider = deciding.Decider(thresholds=np.array([0.25, 0.5, 0.1]))
    decides = tagger.Tagger(loading.of_networks(networks), VOCABULARY, read_decider=lambda: decider)
    assert decides.decide({"high": 0.3, "low": 0.49, "mid": 0.8}) == ["mid", "high"]
    assert decides.decide({"mid": 0.05}) == [] == decides.decide({"low": 0.4, "high": 0.2, "mid": 0.0})
    given = decides.decide_files(np.float32([[0.25, 0.5, 0.0], [0.0, 0.0, 0.1]]))
    np.testing.assert_array_equal(given, [[True, True, False], [False, False, True]])
    with pytest.raises(errors.KerastagError, match="unknown tag 'hi'"):
        decides.decide({"hi": 0.3})


def test_an_export_decides_by_the_levels_beside_it(of_export):
    np.testing.assert_array_equal(of_export.decider.usual, USUAL)
    assert of_export.decide({"high": 0.1, "low": 0.21, "mid": 0.9}) == ["mid", "low"]
