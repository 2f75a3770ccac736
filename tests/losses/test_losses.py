"""Laws of the losses, hand-computed numbers, and the reference implementation's own."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastag import losses
from kerastag.losses import classes, functions

COUNTS = [900, 300, 60]


def loss_and_gradient(name, labels, logits, **hyperparameters):
    variable = tf.Variable(logits, dtype=tf.float32)
    with tf.GradientTape() as tape:
        loss = losses.get(name, **hyperparameters)(labels, variable)
    return float(loss), tape.gradient(loss, variable).numpy()


@pytest.fixture
def batch(rng):
    return (rng.random((8, 3)) < 0.3).astype(np.float32), rng.normal(-1, 3, (8, 3)).astype(np.float32)


@pytest.mark.parametrize("name", losses.OF_THE_PAPER)
def test_reference_loss_and_gradient(name, goldens):
    golden = goldens("reference_c8")
    loss, gradient = loss_and_gradient(name, golden["labels"], golden["logits"], class_counts=golden["class_counts"])
    assert loss == pytest.approx(float(golden[f"loss_{name}"]), rel=1e-6)
    reference = golden[f"grad_{name}"]
    assert np.abs(gradient - reference).max() / np.abs(reference).max() < 1e-6


def test_bce_of_two_tags_by_hand():
    # -log sigmoid(0) = log 2 and -log(1 - sigmoid(log 3)) = log 4; their mean is 1.5 log 2
    loss, _ = loss_and_gradient("bce", [[1.0, 0.0]], [[0.0, math.log(3)]])
    assert loss == pytest.approx(1.5 * math.log(2), rel=1e-6)


def test_focal_of_two_tags_by_hand():
    # present at p = 3/4: 1/4 * (1/4)^2 * log(4/3); absent at p = 3/4: 3/4 * (3/4)^2 * log 4
    loss, _ = loss_and_gradient("focal", [[1.0, 0.0]], [[math.log(3), math.log(3)]])
    assert loss == pytest.approx(math.log(4 / 3) / 64 + 27 / 64 * math.log(4), rel=1e-6)


def test_effective_number_weights_by_hand():
    # beta 0.5: (1 - b) / (1 - b^n) is 1 for n = 1 and 2/3 for n = 2; scaled to sum to 2
    np.testing.assert_allclose(functions.effective_number_weights([1, 2], beta=0.5), [1.2, 0.8])


def test_rebalancing_weights_by_hand():
    # counts 1 and 4, only the second tag: P = (1/n_c) / (1/4) = 4 and 1
    weights = functions.rebalancing_weights(tf.constant([[0.0, 1.0]]), [1, 4], alpha=0.1, beta=10, mu=0.2)
    expected = [0.1 + 1 / (1 + math.exp(-38)), 0.1 + 1 / (1 + math.exp(-8))]
    np.testing.assert_allclose(np.asarray(weights)[0], expected, rtol=1e-6)


def test_a_track_without_tags_has_the_largest_weight():
    weights = np.asarray(functions.rebalancing_weights(tf.zeros([1, 3]), COUNTS))
    np.testing.assert_allclose(weights, 1.1, rtol=1e-6)
    loss, gradient = loss_and_gradient("db_focal", np.zeros((1, 3)), [[0.5, -1, 2]], class_counts=COUNTS)
    assert math.isfinite(loss) and np.isfinite(gradient).all()


def test_focal_with_gamma_zero_and_no_alpha_is_the_sum_of_bce(batch):
    labels, logits = batch
    focal, _ = loss_and_gradient("focal", labels, logits, gamma=0.0, alpha=None)
    bce, _ = loss_and_gradient("bce", labels, logits)
    assert focal == pytest.approx(3 * bce, rel=1e-6)


def test_cb_focal_with_equal_weights_is_focal_without_alpha(batch):
    labels, logits = batch
    balanced, _ = loss_and_gradient("cb_focal", labels, logits, class_counts=[100_000, 200_000, 300_000])
    focal, _ = loss_and_gradient("focal", labels, logits, alpha=None)
    assert balanced == pytest.approx(focal, rel=1e-6)


def test_cb_bce_is_cb_focal_with_gamma_zero(batch):
    labels, logits = batch
    bce, _ = loss_and_gradient("cb_bce", labels, logits, class_counts=COUNTS)
    focal, _ = loss_and_gradient("cb_focal", labels, logits, class_counts=COUNTS, gamma=0.0)
    assert bce == pytest.approx(focal, rel=1e-6)


def test_rare_tags_weigh_more():
    weights = functions.effective_number_weights(COUNTS)
    assert list(weights) == sorted(weights)
    assert weights.sum() == pytest.approx(3)


def test_class_bias_shifts_the_logits(batch):
    # v_c = kappa / lambda * log(N / n - 1) is 0 where half of the tracks have the tag
    labels, logits = batch
    plain, _ = loss_and_gradient("db_focal", labels, logits, class_counts=[50, 50, 50])
    shifted, _ = loss_and_gradient("db_focal", labels, logits, class_counts=[50, 50, 50], kappa=0.1, num_tracks=100)
    assert shifted == pytest.approx(plain, rel=1e-6)
    np.testing.assert_allclose(functions.class_bias([20], 100, 0.1, 2.0), [0.05 * math.log(4)])
    assert np.isfinite(functions.class_bias([100], 100, 0.1, 2.0)).all()


@pytest.mark.parametrize("name", losses.NAMES)
@pytest.mark.parametrize("label", [0.0, 1.0, 0.3])
def test_extreme_logits_give_finite_gradients(name, label):
    logits = np.array([[-1e4, 0.0, 1e4]])
    loss, gradient = loss_and_gradient(
        name,
        np.full((1, 3), label),
        logits,
        **({"class_counts": COUNTS} if name in losses.NEED_CLASS_COUNTS else {}),
    )
    assert math.isfinite(loss) and np.isfinite(gradient).all()


def test_gamma_below_one_gives_finite_gradients():
    _, gradient = loss_and_gradient("focal", [[1.0, 0.0]], [[200.0, -200.0]], gamma=0.5)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", losses.NAMES)
def test_half_precision_logits_are_taken_to_float32(name, batch):
    labels, logits = batch
    half = logits.astype(np.float16)
    counts = {"class_counts": COUNTS} if name in losses.NEED_CLASS_COUNTS else {}
    loss = losses.get(name, **counts)
    assert float(loss(labels, tf.constant(half))) == pytest.approx(
        float(loss(labels, tf.constant(half.astype(np.float32)))), rel=1e-6
    )


@pytest.mark.parametrize("name", losses.NAMES)
def test_config_round_trip(name, batch):
    labels, logits = batch
    counts = {"class_counts": COUNTS} if name in losses.NEED_CLASS_COUNTS else {}
    loss = losses.get(name, **counts)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(again) is classes.CLASSES[name]
    assert float(again(labels, logits)) == float(loss(labels, logits))


@pytest.mark.parametrize("name", losses.NAMES)
def test_a_saved_model_keeps_its_loss(name, batch, tmp_path):
    labels, features = batch
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    counts = {"class_counts": COUNTS} if name in losses.NEED_CLASS_COUNTS else {}
    model.compile("sgd", loss=losses.get(name, **counts))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert type(again.loss) is classes.CLASSES[name] and again.loss.get_config() == model.loss.get_config()
    ours, theirs = (float(each.loss(labels, each(features))) for each in (model, again))
    assert ours == theirs


def test_keras_binary_focal_crossentropy_agrees(batch):
    labels, logits = batch
    theirs = keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=True, alpha=0.25, gamma=2, from_logits=True, reduction=None
    )(labels[..., None], logits[..., None])
    np.testing.assert_allclose(np.asarray(functions.focal(labels, logits)), np.asarray(theirs), atol=1e-6)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="unknown loss 'foo'"):
        losses.get("foo")
    with pytest.raises(ValueError, match="needs class_counts"):
        losses.get("cb_focal")
    with pytest.raises(ValueError, match=r"columns \[1\]"):
        losses.get("db_focal", class_counts=[3, 0, 1])
    with pytest.raises(ValueError, match="num_tracks"):
        losses.get("db_focal", class_counts=COUNTS, kappa=0.1)


def test_output_bias_is_the_prior_of_one_percent():
    assert losses.output_bias("focal") == pytest.approx(-math.log(99))
    assert losses.output_bias("cb_focal") == pytest.approx(-math.log(99))
    assert losses.output_bias("bce") is None and losses.output_bias("db_focal") is None


@pytest.mark.parametrize(
    ("name", "dtype"), [*((name, "bool") for name in losses.NAMES), ("bce", "int32"), ("two_way", "float32")]
)
def test_a_plain_keras_model_trains_with_it(name, dtype):
    """compile and fit, with labels of any type: the loss that Keras reports before training is the loss itself.

    Keras lets XLA compile it, which is tried with one loss of each kind.
    """
    rng = np.random.default_rng(0)
    features = rng.normal(size=(8, 4)).astype(np.float32)
    labels = (rng.random((8, len(COUNTS))) < 0.5).astype(dtype)
    counts = {"class_counts": COUNTS} if name in losses.NEED_CLASS_COUNTS else {}
    loss = losses.get(name, **counts)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(len(COUNTS))])
    compiled = False if dtype == "bool" else "auto"
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss=loss, jit_compile=compiled)
    before = model.evaluate(features, labels, batch_size=8, verbose=0)
    expected = float(loss(labels.astype(np.float32), model(features)))
    assert before == pytest.approx(expected, rel=1e-5)
    model.fit(features, labels, batch_size=8, epochs=5, verbose=0)
    assert model.evaluate(features, labels, batch_size=8, verbose=0) < before
