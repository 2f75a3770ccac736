"""The losses beyond the paper: their laws, numbers by hand, and float64 numbers from the formulas."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastag import losses
from kerastag.losses import beyond, functions

PER_TAG = [name for name in losses.BEYOND if name != "two_way"]
# other values than the defaults too, so that each has its place
HYPERPARAMETERS = {
    "asl": [{}, {"gamma_negative": 2.0, "gamma_positive": 0.5, "clip": 0.2}],
    "hill": [{}, {"hill_lambda": 2.0, "margin": 0.5, "gamma": 1.0}],
    "splc": [{}, {"tau": 0.8, "margin": 0.5, "gamma": 1.0}],
    "ral": [{}, {"gamma_positive": 2.0, "clip": 0.1, "hill_lambda": 2.0, "first_coefficient": 0.5}],
    "two_way": [{}, {"positive_temperature": 2.0, "negative_temperature": 3.0}],
}
CASES = [(name, given) for name, all_given in HYPERPARAMETERS.items() for given in all_given]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def asl(y, x, gamma_negative=4.0, gamma_positive=1.0, clip=0.05):
    p = sigmoid(x)
    p_m = np.maximum(p - clip, 0)
    return -y * (1 - p) ** gamma_positive * np.log(p) - (1 - y) * p_m**gamma_negative * np.log(1 - p_m)


def focal_margin(x, margin, gamma):
    p_m = sigmoid(x - margin)
    return -((1 - p_m) ** gamma) * np.log(p_m)


def hill(y, x, hill_lambda=1.5, margin=1.0, gamma=2.0):
    p = sigmoid(x)
    return y * focal_margin(x, margin, gamma) + (1 - y) * (hill_lambda - p) * p**2


def splc(y, x, tau=0.6, margin=1.0, gamma=2.0):
    p = sigmoid(x)
    absent = np.where(p > tau, -((1 - p) ** gamma) * np.log(p), -(p**gamma) * np.log(1 - p))
    return y * focal_margin(x, margin, gamma) + (1 - y) * absent


def ral(
    y,
    x,
    gamma_negative=4.0,
    gamma_positive=0.0,
    clip=0.05,
    hill_lambda=1.5,
    first_coefficient=1.0,
    second_coefficient=-2.5,
):
    p = sigmoid(x)
    p_m = np.maximum(p - clip, 0)
    polynomial = np.log(p) + first_coefficient * (1 - p) + second_coefficient / 2 * (1 - p) ** 2
    regulariser = (hill_lambda - p) * p**2 * (hill_lambda - (1 - p_m))
    present, absent = (1 - p) ** gamma_positive * polynomial, p_m**gamma_negative * regulariser * np.log(1 - p_m)
    return -y * present - (1 - y) * absent


def two_way(y, x, positive_temperature=4.0, negative_temperature=1.0):
    """The loss of the whole batch, row by row and column by column."""
    total = 0.0
    for labels, logits in ((y, x), (y.T, x.T)):
        parts = []
        for label, logit in zip(labels, logits, strict=True):
            if label.any():
                present = np.sum(label * np.exp(-logit / positive_temperature)) ** positive_temperature
                absent = np.sum((1 - label) * np.exp(logit / negative_temperature)) ** negative_temperature
                parts.append(np.log(1 + absent * present))
        total += np.mean(parts)
    return total


OWN = {"asl": asl, "hill": hill, "splc": splc, "ral": ral, "two_way": two_way}


@pytest.fixture
def batch(rng):
    labels = (rng.random((12, 5)) < 0.3).astype(np.float64)
    labels[3], labels[:, 4] = 0, 0  # a track without tags, a tag without tracks
    labels[5] = 1  # all tags
    return labels, rng.normal(-1, 3, (12, 5))


def value_and_gradient(name, labels, logits, **hyperparameters):
    variable = tf.Variable(logits, dtype=tf.float32)
    with tf.GradientTape() as tape:
        loss = losses.get(name, **hyperparameters)(labels, variable)
    return float(loss), tape.gradient(loss, variable).numpy()


def of_formula(name, labels, logits, **hyperparameters):
    values = OWN[name](labels, logits, **hyperparameters)
    return float(values if name == "two_way" else values.sum(axis=-1).mean())


@pytest.mark.parametrize(("name", "given"), CASES)
@pytest.mark.parametrize("soft", [False, True])
def test_loss_and_gradient_are_those_of_the_formula(name, given, soft, batch, rng):
    labels, logits = batch
    if soft:
        labels = np.clip(labels + rng.normal(0, 0.3, labels.shape), 0, 1)
    loss, gradient = value_and_gradient(name, labels, logits, **given)
    assert loss == pytest.approx(of_formula(name, labels, logits, **given), rel=1e-5)
    slopes = np.zeros_like(logits)
    for place in np.ndindex(logits.shape):
        step = np.zeros_like(logits)
        step[place] = 1e-6
        ahead, behind = (of_formula(name, labels, logits + sign * step, **given) for sign in (1, -1))
        slopes[place] = (ahead - behind) / 2e-6
    np.testing.assert_allclose(gradient, slopes, atol=1e-5 * np.abs(slopes).max())


def test_asl_without_focusing_and_clip_is_the_sum_of_bce(batch):
    labels, logits = batch
    asl, gradient = value_and_gradient("asl", labels, logits, gamma_negative=0.0, gamma_positive=0.0, clip=0.0)
    bce, bce_gradient = value_and_gradient("bce", labels, logits)
    assert asl == pytest.approx(5 * bce, rel=1e-6)
    np.testing.assert_allclose(gradient, 5 * bce_gradient, atol=1e-6)


def test_asl_with_equal_gammas_and_no_clip_is_focal_without_alpha(batch):
    labels, logits = batch
    asl, gradient = value_and_gradient("asl", labels, logits, gamma_negative=2.0, gamma_positive=2.0, clip=0.0)
    focal, focal_gradient = value_and_gradient("focal", labels, logits, gamma=2.0, alpha=None)
    assert asl == pytest.approx(focal, rel=1e-6)
    np.testing.assert_allclose(gradient, focal_gradient, atol=1e-6)


def test_asl_of_two_tags_by_hand():
    # present at p = 3/4: 1/4 * log(4/3); absent at p = 3/4: p_m = 0.7, 0.7^4 * -log 0.3
    loss, _ = value_and_gradient("asl", [[1.0, 0.0]], [[math.log(3), math.log(3)]])
    assert loss == pytest.approx(math.log(4 / 3) / 4 - 0.2401 * math.log(0.3), rel=1e-6)


@pytest.mark.parametrize("name", ["asl", "ral"])
def test_easy_absent_tags_are_clipped(name):
    loss, gradient = value_and_gradient(name, [[0.0, 0.0]], [[math.log(0.04 / 0.96), -50.0]])
    assert loss == 0 and (gradient == 0).all()


def test_the_gradient_of_hill_is_a_hill():
    logits = np.linspace(-8, 8, 41)[None]
    _, gradient = value_and_gradient("hill", np.zeros_like(logits), logits)
    p = sigmoid(logits)
    np.testing.assert_allclose(gradient, 3 * p**2 * (1 - p) ** 2, atol=1e-6)
    assert gradient.argmax() == 20 and gradient[0, -1] < 0.01 * gradient.max()


def test_splc_of_a_missing_label_by_hand():
    # absent at p = 3/4: taken for present, (1/4)^2 log(4/3); else (3/4)^2 log 4
    labels, logits = tf.zeros([1, 1]), tf.constant([[math.log(3)]])
    corrected, plain = math.log(4 / 3) / 16, 9 / 16 * math.log(4)
    loss = losses.get("splc")
    assert float(loss(labels, logits)) == pytest.approx(corrected, rel=1e-6)
    assert float(losses.get("splc", tau=0.76)(labels, logits)) == pytest.approx(plain, rel=1e-6)
    for epoch, expected in ((0, plain), (1, corrected), (7, corrected)):
        assert float(loss.in_training(labels, logits, tf.ones([1]), tf.constant(epoch))[0]) == pytest.approx(expected)
    never_waits = losses.get("splc", start_epoch=0).in_training(labels, logits, tf.ones([1]), tf.constant(0))
    assert float(never_waits[0]) == pytest.approx(corrected, rel=1e-6)


def test_ral_without_what_it_adds_is_asl():
    logits = tf.constant(np.linspace(-6, 6, 25)[:, None], tf.float32)
    ours = beyond.robust_asymmetric(
        tf.ones([25, 1]), logits, gamma_positive=1.0, first_coefficient=0.0, second_coefficient=0.0
    )
    np.testing.assert_allclose(ours, beyond.asymmetric(tf.ones([25, 1]), logits), rtol=1e-6)


@pytest.mark.parametrize("name", PER_TAG)
def test_a_higher_score_costs_less_for_present_tags_and_more_for_absent_ones(name):
    logits = tf.constant(np.linspace(-20, 20, 401)[:, None], tf.float32)
    loss = losses.get(name)
    absent, present = (np.asarray(loss.per_tag(label * tf.ones_like(logits), logits))[:, 0] for label in (0.0, 1.0))
    assert (np.diff(present) <= 1e-7).all() and present[0] > present[-1]
    rises = np.diff(absent) >= -1e-6
    if name == "splc":  # but where it begins to doubt the label, at p = 0.6, from there on the loss is a present tag's
        doubted = sigmoid(np.asarray(logits)[1:, 0]) > 0.6
        assert rises[~doubted].all() and not rises[doubted][:20].any()
    else:
        assert rises.all() and absent[-1] > absent[0]


@pytest.mark.parametrize("name", losses.BEYOND)
def test_permuted_tags_and_tracks_have_permuted_gradients(name, batch, rng):
    labels, logits = batch
    rows, columns = rng.permutation(12), rng.permutation(5)
    loss, gradient = value_and_gradient(name, labels, logits)
    again, permuted = value_and_gradient(name, labels[rows][:, columns], logits[rows][:, columns])
    assert again == pytest.approx(loss, rel=1e-6)
    np.testing.assert_allclose(permuted, gradient[rows][:, columns], atol=1e-7)


@pytest.mark.parametrize("shape", [(1, 1), (12, 1)])
def test_two_way_does_not_see_what_all_logits_share(shape, batch, rng):
    labels, logits = batch
    loss, gradient = value_and_gradient("two_way", labels, logits)
    moved, moved_gradient = value_and_gradient("two_way", labels, logits + rng.normal(0, 2, shape))
    if shape == (1, 1):
        assert moved == pytest.approx(loss, rel=1e-5)
        np.testing.assert_allclose(moved_gradient, gradient, atol=1e-6)
    else:  # the same for all tags of a track: its own softmax does not see that, those over tracks do
        assert moved != pytest.approx(loss, rel=1e-3)
    assert gradient.sum() == pytest.approx(0, abs=1e-6)


def test_two_way_by_hand():
    # a track over its tags: log(1 + 1 * 1); each tag over the one track has nothing to be set against: 0
    assert value_and_gradient("two_way", [[1.0, 0.0]], [[0.0, 0.0]])[0] == pytest.approx(math.log(2), rel=1e-6)
    # half a label in both sums, in both ways: log(1 + (1/2)^4 * 1/2)
    assert value_and_gradient("two_way", [[0.5]], [[0.0]])[0] == pytest.approx(2 * math.log(33 / 32), rel=1e-6)


def test_rows_that_fill_a_batch_of_two_way_are_as_if_they_were_not_there(batch):
    labels, logits = (tf.constant(values, tf.float32) for values in batch)
    weight = tf.concat([tf.fill([7], 1 / 7), tf.zeros([5])], 0)
    parts = losses.get("two_way").in_training(labels, logits, weight, tf.constant(0)).numpy()
    assert (parts[7:] == 0).all()
    np.testing.assert_allclose(parts[:7], beyond.two_way(labels[:7], logits[:7]), rtol=1e-6)
    assert (parts * weight.numpy()).sum() == pytest.approx(two_way(batch[0][:7], batch[1][:7]), rel=1e-5)


def test_two_way_of_a_batch_without_any_tag_is_zero():
    loss, gradient = value_and_gradient("two_way", np.zeros((3, 4)), np.full((3, 4), 1e4))
    assert loss == 0 and (gradient == 0).all()


@pytest.mark.parametrize("name", losses.BEYOND)
@pytest.mark.parametrize("scale", [1e2, 1e4, 1e30])
def test_extreme_logits_of_a_batch_give_finite_gradients(name, scale, batch):
    labels, logits = batch
    loss, gradient = value_and_gradient(name, labels, scale * logits)
    assert math.isfinite(loss) and np.isfinite(gradient).all()


@pytest.mark.parametrize("name", losses.BEYOND)
def test_hyperparameters_survive_a_round_trip_and_no_other_is_taken(name, batch):
    given = HYPERPARAMETERS[name][1]
    loss = losses.get(name, **given)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert float(again(*batch)) == float(loss(*batch)) != float(losses.get(name)(*batch))
    config = loss.get_config()
    assert set(losses.HYPERPARAMETERS[name]) == set(config) - {"name", "reduction", "dtype"}
    with pytest.raises(TypeError):
        losses.get(name, kappa=0.1)
    assert losses.output_bias(name) is None


def test_a_temperature_of_zero_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        losses.get("two_way", positive_temperature=0.0)


def test_binary_crossentropy_of_label_zero_is_the_softplus():
    np.testing.assert_allclose(functions.binary_crossentropy(0.0, tf.constant([-1e4, 0.0, 1e4])), [0, math.log(2), 1e4])
