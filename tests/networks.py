"""Networks that were never trained, and yet listen."""

from collections.abc import Callable

import keras
import numpy as np
import pytest

from kerastag import models
from kerastag.models import variants


def sounds(num_samples: int, seed: int = 0) -> np.ndarray:
    """float32 (6, num_samples): noise, soft noise, silence, two tones and a buzz."""
    rng, time = np.random.default_rng(seed), np.arange(num_samples) / 16_000
    tones = [0.3 * np.sin(2 * np.pi * pitch * time) for pitch in (220, 3000)]
    rows = [rng.normal(0, 0.1, num_samples), rng.normal(0, 0.001, num_samples), 0 * time, *tones]
    return np.array([*rows, 0.5 * np.sign(np.sin(2 * np.pi * 50 * time))], np.float32)


@pytest.fixture(scope="session")
def network() -> Callable[..., keras.Model]:
    """A function to a short-chunk network whose scores depend on what it hears: `network(variant="3s69")`.

    As initialised it would give nearly the same scores for noise and silence. Here the input of the first block is
    near 0, each convolution twice as strong, and batch normalisation before the output knows how the features vary.
    """

    def make(
        num_tags: int = 3, num_channels: int = 2, variant: str = "4s6", seed: int = 0, num_blocks: int = 2, **options
    ) -> keras.Model:
        keras.utils.set_random_seed(seed)
        made = models.short_chunk_resnet(num_tags, num_channels, variant, num_blocks=num_blocks, **options)
        dense, norm, output, _ = variants.VARIANTS[variant].head
        _set_statistics(made.get_layer("spec_bn"), np.array([-40.0]), np.array([400.0]))
        for layer in made.layers:
            if isinstance(layer, keras.layers.Conv2D):
                layer.kernel.assign(2 * layer.kernel)
        features = keras.Model(made.input, made.get_layer(dense).output)(sounds(made.chunk_samples))
        _set_statistics(made.get_layer(norm), np.mean(features, axis=0), np.var(features, axis=0) + 1e-6)
        kernel = made.get_layer(output).kernel
        kernel.assign(np.random.default_rng(seed).normal(size=kernel.shape))
        return made

    return make


def _set_statistics(layer: keras.layers.Layer, mean: np.ndarray, variance: np.ndarray) -> None:
    layer.moving_mean.assign(mean)
    layer.moving_variance.assign(variance)
