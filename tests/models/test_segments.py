"""Networks that hear several chunks: what they make of the chunks' embeddings, by hand in float64."""

import numpy as np
import pytest
from scipy import special

from kerastag import errors, models
from kerastag.models import blocks, embedding, folding, loading
from kerastag.runs.model import Combination
from kerastag.serving.formats import portable
from tests import networks

HEARD = 3


@pytest.fixture(scope="module")
def made(network):
    """A network over three chunks with no weight of its start, and that of one chunk, with the same weights."""
    single = network(num_channels=4, precision="float32")
    several = models.short_chunk_attention(3, 4, heard_chunks=HEARD, num_layers=2, num_blocks=2, precision="float32")
    rng = np.random.default_rng(5)
    names = {layer.name for layer in single.layers}
    for layer in several.layers:
        if layer.name in names and layer is not several.output_layer:
            layer.set_weights(single.get_layer(layer.name).get_weights())
        elif layer.weights:
            layer.set_weights([rng.normal(0, 1, weight.shape) for weight in layer.get_weights()])
    return several, single


@pytest.fixture(scope="module")
def tracks():
    """float32 (4, 3 chunks): all of them sound, or not the last, or not the first, or none."""
    chunks = networks.sounds(73_600)[[0, 3, 4, 1, 5, 2]]
    order = [[0, 1, 2], [3, 1, 5], [5, 4, 0], [5, 5, 5]]
    return np.array([np.concatenate(chunks[row]) for row in order])


def chunk_embeddings(single, tracks):
    """float64 (tracks, chunks, width) and which of them sound, bool (tracks, chunks)."""
    chunks = tracks.reshape(-1, single.chunk_samples)
    values = np.asarray(embedding.model_of(single)(chunks), np.float64).reshape(len(tracks), HEARD, -1)
    heard = (chunks != 0).any(axis=1).reshape(len(tracks), HEARD)
    return values * heard[:, :, None], heard


def layer_norm(x, layer):
    gamma, beta = (np.asarray(weight, np.float64) for weight in layer.weights)
    mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta


def dense(x, layer):
    kernel, bias = (np.asarray(weight, np.float64) for weight in layer.weights)
    return x @ kernel + bias


def attention_by_hand(network, values, heard):
    """Track by track and head by head, over what is heard alone: float64 (tracks, tags)."""
    layer, logits = network.get_layer, []
    for track, sounds in zip(values, heard, strict=True):
        whole, positions = (np.asarray(weight, np.float64) for weight in layer("attention_tokens").weights)
        x = np.concatenate([whole[None], dense(track, layer("attention_in"))]) + positions
        x = x[[True, *sounds]]
        for name in ("attention_1", "attention_2"):
            normal = layer_norm(x, layer(f"{name}_norm_1"))
            query, key, value = (dense(normal, layer(f"{name}_{part}")) for part in ("query", "key", "value"))
            heads = []
            for columns in np.split(np.arange(8), 8):  # 8 units in 8 heads
                scores = query[:, columns] @ key[:, columns].T / np.sqrt(len(columns))
                heads.append(special.softmax(scores, axis=1) @ value[:, columns])
            x = x + dense(np.concatenate(heads, axis=1), layer(f"{name}_out"))
            inner = dense(layer_norm(x, layer(f"{name}_norm_2")), layer(f"{name}_dense_1"))
            x = x + dense(np.maximum(inner, 0), layer(f"{name}_dense_2"))
        logits.append(dense(layer_norm(x[0], layer("attention_norm")), layer("output")))
    return np.array(logits)


def test_scores_are_those_of_a_transformer_over_the_chunks_that_sound(made, tracks):
    several, single = made
    expected = attention_by_hand(several, *chunk_embeddings(single, tracks))
    assert np.ptp(expected, axis=0).min() > 0.1  # it tells the tracks apart
    np.testing.assert_allclose(several(tracks), expected, rtol=2e-3, atol=2e-3)


def test_what_is_silent_is_not_heard_and_what_is_heard_has_a_place(made, tracks):
    several, _ = made
    scores = np.asarray(several(tracks))
    turned = tracks.reshape(len(tracks), HEARD, -1)[:, ::-1].reshape(tracks.shape)
    assert np.abs(np.asarray(several(turned)) - scores)[:3].max(axis=1).min() > 1e-3
    assert np.isfinite(scores[3]).all()


def test_a_network_over_chunks_reloads_folds_and_changes_its_precision(made, tracks, tmp_path):
    several, _ = made
    several.save(tmp_path / "several.keras")
    again = loading.load(tmp_path / "several.keras")
    assert again.get_config() == several.get_config()
    np.testing.assert_array_equal(again(tracks), several(tracks))
    np.testing.assert_allclose(folding.load(tmp_path / "several.keras")(tracks), several(tracks), atol=2e-3)
    half = folding.load(tmp_path / "several.keras", "mixed_bfloat16")
    assert half.get_layer("layer1_conv_1").compute_dtype == "bfloat16"
    assert half.get_layer("attention_1_query").compute_dtype == "float32"
    assert np.isfinite(np.asarray(half(tracks))).all()


def test_its_blocks_are_those_of_the_chunks_network_its_embedding_and_the_rest(made):
    several, single = made
    names = [[layer.name for layer in block] for block in blocks.of(several)]
    assert names[:2] == [[layer.name for layer in block] for block in blocks.of(single)][:2]
    assert names[2] == ["dense_1", "bn_1"]
    assert names[3][0] == "attention_in" and names[3][-1] == "output"
    assert len(names) == 4
    whole = models.short_chunk_attention(3, 1, heard_chunks=2, num_layers=1)
    assert len(blocks.of(whole)) == models.NUM_BLOCKS["short_chunk_attention"] + 1
    assert several.chunk_samples == HEARD * 73_600 and several.sample_rate == 16_000


def pool_by_hand(pool, values, heard, units):
    """float64 (tracks, tags)."""
    weights = [np.asarray(weight, np.float64) for weight in pool.head().weights]
    gamma, beta, mean, variance, *others = weights
    pooled = []
    for track, sounds in zip(values, heard, strict=True):
        x = ((track - mean) / np.sqrt(variance + 1e-5) * gamma + beta)[sounds if sounds.any() else slice(None)]
        scores = np.tanh(x @ others[0] + others[1]) @ others[2] + others[3]
        pooled.append((special.softmax(scores, axis=0) * x).sum(axis=0))
    x = np.array(pooled)
    if units:
        x = np.maximum(x @ others[4] + others[5], 0)
    return x @ others[-2] + others[-1]


@pytest.mark.parametrize("units", [0, 5])
def test_a_pool_weighs_the_chunks_that_sound(units, made, tracks, tmp_path):
    _, single = made
    rng = np.random.default_rng(2)
    pool = models.probe(single, 4, units, precision="float32", heard_chunks=HEARD)
    for layer in pool.head().layers:
        if layer.weights:
            layer.set_weights([rng.uniform(-1, 1, weight.shape) ** 2 + 0.1 for weight in layer.get_weights()])
    values, heard = chunk_embeddings(single, tracks)
    expected = pool_by_hand(pool, values, heard, units)
    assert np.ptp(expected, axis=0).min() > 0.01
    np.testing.assert_allclose(pool(tracks), expected, rtol=2e-3, atol=2e-3)
    turned = tracks.reshape(len(tracks), HEARD, -1)[:, ::-1].reshape(tracks.shape)
    np.testing.assert_allclose(pool(turned), expected, rtol=2e-3, atol=2e-3)  # it knows no places
    embed = models.probing.embedder(single, HEARD)
    np.testing.assert_allclose(pool.head()(embed(tracks)), pool(tracks), rtol=1e-5, atol=1e-5)
    if not units:
        return
    pool.save(tmp_path / "pool.keras")
    again = loading.load(tmp_path / "pool.keras")
    np.testing.assert_array_equal(again(tracks), pool(tracks))
    np.testing.assert_allclose(folding.load(tmp_path / "pool.keras")(tracks), pool(tracks), atol=5e-3)
    assert next(layer.name for layer in pool.layers if layer.weights and layer.trainable) == "probe_norm"


def test_a_network_without_an_embedding_has_none_of_several_chunks():
    with pytest.raises(errors.KerastagError, match="popular has no embedding"):
        models.probe(models.popular([0.5, 0.1]), 2, heard_chunks=2)


def test_a_probe_stands_on_a_network_that_hears_several_chunks_and_a_pool_does_not(made, tracks):
    several, _ = made
    probe = models.probe(several, 2, precision="float32")
    assert probe.chunk_samples == several.chunk_samples
    embedded = np.asarray(embedding.model_of(several)(tracks))
    np.testing.assert_allclose(probe(tracks), probe.head()(embedded), rtol=1e-4, atol=1e-4)
    for network in (several, probe):
        portable_network = portable.Portable([folding.fold(network, "float32")], Combination("mean"), by_matrix=False)
        found = portable_network.function()(tracks)["scores"]
        np.testing.assert_allclose(found, special.expit(network(tracks)), atol=1e-4)
    with pytest.raises(errors.KerastagError, match="hears several chunks itself"):
        models.probe(several, 2, heard_chunks=2)
