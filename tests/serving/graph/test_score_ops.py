"""What a graph does to scores is what NumPy does."""

import numpy as np
import pytest
import tensorflow as tf

from kerastag.metrics import calibration, ensembles
from kerastag.serving.graph import score_ops

TAGS = ("a", "b", "c")


def extremes(seed=0):
    """Scores of three tags, the ends of 0 .. 1 and what float32 has next to them included."""
    rng = np.random.default_rng(seed)
    edges = np.array([0, 1e-30, 1e-8, 1e-7, 0.5, 1 - 1e-7, np.nextafter(np.float32(1), np.float32(0)), 1])
    column = np.concatenate([edges, rng.random(50)]).astype(np.float32)
    return np.stack([column, column[::-1], rng.permutation(column)], axis=1)


@pytest.mark.parametrize("method", ["mean", "logit_mean"])
@pytest.mark.parametrize("weights", [None, (3, 1)])
def test_members_combine_as_in_numpy(method, weights):
    members = [extremes(0), extremes(1)]
    found = score_ops.combine([tf.constant(member) for member in members], method, weights).numpy()
    np.testing.assert_allclose(found, ensembles.combine(members, method, weights), rtol=1e-12)


def fitted(method):
    """A calibration whose second tag has no positives, and so no map."""
    rng = np.random.default_rng(0)
    scores = rng.random((200, 3))
    return calibration.fit(rng.random((200, 3)) < scores * [1, 0, 0.3], scores, TAGS, method)


@pytest.mark.parametrize("method", calibration.METHODS)
def test_scores_are_calibrated_as_in_numpy(method):
    one = fitted(method)
    assert list(one.calibrated) == [True, False, True]
    scores = extremes().astype(np.float64)
    found = score_ops.calibrate(tf.constant(scores), one).numpy()
    np.testing.assert_allclose(found, one.apply(scores), rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(found[:, 1], scores[:, 1])
    assert score_ops.largest_error(one) < 1e-12


def test_a_level_a_step_and_knots_of_different_number():
    maps = {
        "a": calibration.Isotonic((0.3,), (0.2,)),
        "b": calibration.Isotonic((0.5, 0.5 + 1e-9), (0.0, 1.0)),
        "c": calibration.Isotonic((0.0, 0.25, 0.5, 1.0), (0.1, 0.1, 0.7, 0.7)),
    }
    one = calibration.Calibration("isotonic", maps)
    scores = tf.constant([[0.1, 0.5, 0.0], [0.3, 0.6, 0.375], [1.0, 0.0, 1.0]], tf.float64)
    np.testing.assert_allclose(score_ops.calibrate(scores, one), [[0.2, 0, 0.1], [0.2, 1, 0.4], [0.2, 0, 0.7]])
    assert score_ops.largest_error(one) < 1e-6


def test_the_error_of_another_calibration_shows():
    one, other = fitted("platt"), fitted("isotonic")
    assert not np.allclose(score_ops.calibrate(tf.constant(extremes(), tf.float64), one), other.apply(extremes()))


def test_the_highest_scores_come_first_and_of_equal_ones_the_first_column():
    scores = tf.constant([[0.2, 0.9, 0.2, 0.5], [0.3, 0.1, 0.3, 0.3]])
    found = score_ops.top(scores, tf.constant([3, 2]), ("a", "b", "c", "d"))
    assert set(found) == {"tags", "scores"}
    assert found["tags"].numpy().tolist() == [[b"b", b"d", b"a"], [b"a", b"c", b""]]
    np.testing.assert_allclose(found["scores"], [[0.9, 0.5, 0.2], [0.3, 0.3, 0]])


def test_what_is_above_its_threshold_goes_with_its_tag():
    scores, above = tf.constant([[0.2, 0.9], [0.8, 0.1]]), tf.constant([[True, False], [True, True]])
    found = score_ops.top(scores, tf.constant([2, 1]), ("a", "b"), above)
    assert found["above"].numpy().tolist() == [[False, True], [True, False]]


def test_no_rows_have_no_tags():
    found = score_ops.top(tf.zeros([0, 2]), tf.zeros([0], tf.int32), ("a", "b"), tf.zeros([0, 2], bool))
    assert {name: array.shape for name, array in found.items()} == dict.fromkeys(("tags", "scores", "above"), (0, 1))


@pytest.mark.parametrize("method", calibration.METHODS)
def test_thresholds_follow_the_scores_that_are_served(method):
    one, thresholds = fitted(method), np.array([0.5, 0.25, np.inf])
    np.testing.assert_array_equal(score_ops.served_thresholds(thresholds, None), [0.5, 0.25, 2])
    served = score_ops.served_thresholds(thresholds, one)
    assert served.dtype == np.float32
    expected = one.apply(np.array([[0.5, 0.25, 0.0]]))[0, :2]
    np.testing.assert_allclose(served, [*expected, 2], rtol=1e-6)
    scores = extremes()
    reached = one.apply(scores).astype(np.float32) >= served
    if method == "platt":  # isotonic regression makes unequal scores equal
        np.testing.assert_array_equal(reached, scores >= thresholds)
    assert not reached[:, 2].any()
