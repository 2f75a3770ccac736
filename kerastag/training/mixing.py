"""mixup, Zhang et al. 2018, arXiv:1710.09412, on waveforms, with one lambda for the whole batch."""

import numpy as np
import tensorflow as tf

from kerastag.tensors import Tensor

_STREAM = 0x6D6978  # sets these draws apart from others of the same seed


def draw(alpha: float, seed: int, epoch: int, step: int) -> tuple[np.float32, np.ndarray]:
    """Lambda, from Beta(alpha, alpha), and a seed (2,) int32 for the permutation, by seed, epoch and step."""
    generator = np.random.default_rng([seed, epoch, step, _STREAM])
    return np.float32(generator.beta(alpha, alpha)), generator.integers(2**31 - 1, size=2, dtype=np.int32)


def partners(batch_size: Tensor, seed: Tensor) -> Tensor:
    """A random permutation of a replica's share of the batch, int32 (batch_size,), drawn on the device."""
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    seed = tf.cast(seed, tf.int32) + tf.stack([0, tf.cast(replica, tf.int32)])
    return tf.argsort(tf.random.stateless_uniform([batch_size], seed))


def mix(values: Tensor, partner: Tensor, share: Tensor) -> Tensor:
    """share * values + (1 - share) * their partners, along the first axis."""
    return share * values + (1 - share) * tf.gather(values, partner)
