"""Adam and SGD by their formulas: epsilon after the bias correction, a buffer without the rate, coupled decay."""

import keras
import numpy as np
import pytest

from kerastag.training import optimizers


def adam_by_hand(value, gradients, rate, decay, epsilon):
    first = second = 0.0
    for step, gradient in enumerate(gradients, 1):
        gradient = gradient + decay * value
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        corrected = first / (1 - 0.9**step), second / (1 - 0.999**step)
        value = value - rate * corrected[0] / (np.sqrt(corrected[1]) + epsilon)
    return value


@pytest.mark.parametrize("epsilon", [1e-8, 1e-2])
def test_adam_by_hand(epsilon):
    optimizer = optimizers.Adam(0.1, epsilon=epsilon, coupled_weight_decay=0.5)
    variable = keras.Variable([2.0, -1.0])
    gradients = [np.array([0.3, -0.001]), np.array([-0.2, 0.002]), np.array([0.1, 0.5])]
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")], [variable])
    expected = adam_by_hand(np.array([2.0, -1.0]), gradients, 0.1, 0.5, epsilon)
    np.testing.assert_allclose(np.asarray(variable), expected, rtol=1e-5)


def test_sgd_by_hand_with_a_drop_of_the_rate():
    optimizer = optimizers.SGD(0.1, momentum=0.9, coupled_weight_decay=0.5)
    variable = keras.Variable([2.0])
    # gradients with decay 0.3 + 1.0 = 1.3, then -0.2 + 0.8765 = 0.6765, of which the buffer is 1.3 and 1.8465
    for rate, gradient, expected in ((0.1, 0.3, 2 - 0.1 * (1.3 + 0.9 * 1.3)), (0.01, -0.2, 1.753 - 0.01 * 2.33835)):
        optimizer.learning_rate = rate
        optimizer.apply([keras.ops.convert_to_tensor([gradient], "float32")], [variable])
        np.testing.assert_allclose(np.asarray(variable), [expected], rtol=1e-6)


def test_config_round_trip():
    optimizer = optimizers.Adam(3e-4, beta_1=0.8, epsilon=1e-7, coupled_weight_decay=0.01)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
    assert again.get_config() == optimizer.get_config()
    assert again.coupled_weight_decay == 0.01
