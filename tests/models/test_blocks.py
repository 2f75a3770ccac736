"""Blocks of a network: each layer in one, frozen ones as at inference, learning rates by depth."""

import keras
import numpy as np
import pytest

from kerastag import models
from kerastag.models import blocks, convolution, norm

NETWORKS = {
    "4s6": lambda: models.short_chunk_resnet(3, 1, "4s6"),
    "3s69": lambda: models.short_chunk_resnet(3, 1, "3s69"),
    "vggish": lambda: models.vggish(3, 1),
    "musicnn": lambda: models.musicnn_net(3),
    "musicnn_msd_vgg": lambda: models.musicnn_vgg(3, name="musicnn_msd_vgg"),
}


@pytest.fixture(scope="module", params=NETWORKS)
def network(request):
    return NETWORKS[request.param]()


def test_every_layer_with_weights_is_in_one_block_in_order(network):
    names = [layer.name for block in blocks.of(network) for layer in block]
    assert sorted(names) == sorted(layer.name for layer in network.layers if layer.weights)
    first, *_, last = ([layer.name for layer in block] for block in blocks.of(network))
    assert first[0] in ("spec_bn", "bn_init", "norm_input") and network.output_layer.name in last
    assert len(blocks.of(network)) == 1 + models.NUM_BLOCKS[network.name]


def test_the_blocks_of_the_residual_network():
    by_block = [{layer.name for layer in block} for block in blocks.of(NETWORKS["4s6"]())]
    parts = [f"{kind}_{number}" for kind in ("conv", "bn") for number in (1, 2, 3)]
    assert by_block[0] == {"spec_bn", *(f"layer1_{part}" for part in parts)}
    assert by_block[5] == {f"layer6_2_3_{part}" for part in parts}
    assert by_block[7] == {"dense_1", "bn_1", "dense_2"}


def test_parameters_and_rates_by_hand():
    network = NETWORKS["vggish"]()
    # 3x3 kernels with bias of 1 1 2 2 2 1 channels, two numbers of a batch norm for each, 96 bands are one channel
    sizes = [2 + 10 + 2, 20 + 4, 38 + 4, 38 + 4, 19 + 2, 3 + 3]
    assert blocks.count_text(network) == f"parameters: {sum(sizes)} trained, 0 frozen"
    blocks.freeze(network, 2)
    assert blocks.count_text(network) == f"parameters: {sum(sizes[2:])} trained, {sum(sizes[:2])} frozen"
    factors = blocks.rate_factors(network, 0.5)
    assert factors == [0.125] * 4 + [0.25] * 4 + [0.5] * 4 + [1.0] * 2  # kernel, bias, gamma, beta each; then dense
    assert set(blocks.rate_factors(network, 1.0)) == {1.0}


@pytest.mark.parametrize("precision", ["float32", "float64", "mixed_bfloat16", "mixed_float16"])
def test_a_frozen_batch_norm_is_its_inference_form_and_takes_no_bias(precision, rng):
    x = keras.Input((6, 6, 2))
    convolved = convolution.Conv2D(3, 3, name="conv", dtype=precision, bias_initializer="random_normal")(x)
    model = keras.Model(x, norm.batch_norm(convolved, "bn", precision))
    layer = model.get_layer("bn")
    layer.set_weights([rng.uniform(0.5, 2, 3), rng.normal(size=3), rng.normal(size=3), rng.uniform(0.5, 2, 3)])
    before, batch = layer.get_weights(), rng.normal(size=(4, 6, 6, 2)).astype(np.float32)
    assert np.abs(np.asarray(model(batch, training=True) - model(batch), np.float32)).max() > 0.1
    layer.set_weights(before)
    layer.trainable = False
    np.testing.assert_array_equal(
        np.asarray(model(batch, training=True), np.float32), np.asarray(model(batch), np.float32)
    )
    for weight, was in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, was)
