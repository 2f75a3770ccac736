"""The loss of a student: labels and soft labels by their shares, against NumPy in float64."""

import keras
import numpy as np
import pytest

from kerastag import losses
from kerastag.losses import taught

LOGITS = np.array([[2.0, -1.0, 0.5], [-3.0, 0.0, 4.0], [1.0, 1.0, -2.0]], np.float32)
LABELS = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 0]], np.float32)
SOFT = np.array([[0.9, 0.2, 0.4], [0.1, 0.5, 0.7], [0.6, 0.3, 0.05]], np.float32)


def cross_entropy(labels, logits):
    """By the definition, which is exact enough in float64 at these logits."""
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    return -labels * np.log(p) - (1 - labels) * np.log(1 - p)


def of_each(name, shares, weight=None):
    loss = taught.Taught(losses.get(name))
    weight = np.full(len(LOGITS), 1 / len(LOGITS), np.float32) if weight is None else weight
    rows = taught.targets(LABELS, SOFT, np.asarray(shares, np.float32))
    return np.asarray(loss.in_training(keras.ops.convert_to_tensor(rows), LOGITS, weight, np.int32(0)))


@pytest.mark.parametrize("soft_weight", [0.0, 0.5, 1.0])
def test_labels_and_soft_labels_have_their_shares(soft_weight):
    shares = np.array([1 - soft_weight, 1 - soft_weight, 0])  # the third is not labelled
    hard, soft = cross_entropy(LABELS, LOGITS).mean(axis=1), cross_entropy(SOFT, LOGITS).mean(axis=1)
    np.testing.assert_allclose(of_each("bce", shares), shares * hard + (1 - shares) * soft, rtol=1e-5)
    assert of_each("bce", shares)[2] == pytest.approx(soft[2], rel=1e-5)


def test_one_number_by_hand():
    """The first row: -log sigmoid(2) = 0.126928, softplus(-1) = 0.313262, softplus(0.5) = 0.974077, mean 0.471422;
    of its scores, 0.126928 + 0.1 * 2, 0.313262 + 0.2 * 1, 0.974077 - 0.4 * 0.5, mean 0.538089."""
    assert of_each("bce", [0.75, 0, 0])[0] == pytest.approx(0.75 * 0.471422 + 0.25 * 0.538089, rel=1e-5)


def test_soft_losses_are_sums_where_hard_ones_are():
    soft = cross_entropy(SOFT, LOGITS).sum(axis=1)
    np.testing.assert_allclose(of_each("focal", [0, 0, 0]), soft, rtol=1e-5)
    hard = np.asarray(losses.get("focal").call(LABELS, LOGITS))
    np.testing.assert_allclose(of_each("focal", [0.25] * 3), 0.25 * hard + 0.75 * soft, rtol=1e-5)


@pytest.mark.parametrize("name", (*losses.BEYOND, "bce", "focal"))
def test_with_labels_alone_it_is_the_hard_loss_to_the_bit(name):
    weight = np.full(3, 1 / 3, np.float32)
    hard = losses.get(name).in_training(LABELS, LOGITS, weight, np.int32(0))
    np.testing.assert_array_equal(of_each(name, [1, 1, 1]), np.asarray(hard))


def test_a_track_without_labels_is_no_part_of_a_hard_loss_over_the_batch():
    alone = np.asarray(losses.get("two_way").call(LABELS[:2], LOGITS[:2]))
    soft = cross_entropy(SOFT, LOGITS).mean(axis=1)
    values = of_each("two_way", [0.5, 0.5, 0])
    np.testing.assert_allclose(values[:2], 0.5 * alone + 0.5 * soft[:2], rtol=1e-5)
    assert values[2] == pytest.approx(soft[2], rel=1e-5)


def test_it_goes_round_by_its_config_and_validates_by_labels():
    loss = taught.Taught(losses.get("focal", gamma=1.5))
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert isinstance(again, taught.Taught) and again.loss.gamma == 1.5 and again.name == "focal"
    np.testing.assert_array_equal(again.call(LABELS, LOGITS), losses.get("focal", gamma=1.5).call(LABELS, LOGITS))
    assert taught.Taught(losses.get("two_way")).over_batch and not loss.over_batch
