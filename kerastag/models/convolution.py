"""Convolutions: with a bias that batch normalisation may take, and at stride 2 a gradient that a CPU computes fast."""

import keras
import tensorflow as tf

from kerastag import precisions
from kerastag.models import bias
from kerastag.tensors import Tensor


@keras.saving.register_keras_serializable(package="kerastag")
class Conv2D(bias.LeavesBias, keras.layers.Conv2D):
    """keras.layers.Conv2D: the same weights and values. It bears the same name, since Keras files weights under it.

    Its bias may be left to the batch normalisation after it, see models.bias.

    In half precision on a CPU with AMX the gradient of the input of a 3x3 kernel at stride 2 without padding is
    computed by `input_gradient`: TensorFlow's own takes 2.5 times as long for the network's second block, and a
    training step of the network 8 % longer. Without AMX, where the seven of its sixteen taps that are zero cost as much
    as the others, TensorFlow's own takes half as long.
    """

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if training and self.leaves_bias:
            return self.convolution_op(inputs, self.kernel)
        return super().call(inputs)

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        halves = (self.kernel_size, self.strides, self.padding) == ((3, 3), (2, 2), "valid")
        if not halves or inputs.dtype == tf.float32 or precisions.has_gpu() or not precisions.has_amx():
            return super().convolution_op(inputs, kernel)
        return convolve(inputs, tf.convert_to_tensor(kernel))


@tf.custom_gradient
def convolve(x: Tensor, kernel: Tensor) -> Tensor:
    """x (batch, height, width, inputs) * kernel (3, 3, inputs, outputs) at stride 2, unpadded."""

    def gradient(dy: Tensor) -> tuple[Tensor, Tensor]:
        d_kernel = tf.raw_ops.Conv2DBackpropFilter(
            input=x, filter_sizes=tf.shape(kernel), out_backprop=dy, strides=[1, 2, 2, 1], padding="VALID"
        )
        return input_gradient(dy, kernel, tf.shape(x)), d_kernel

    return tf.nn.conv2d(x, kernel, 2, "VALID"), gradient


def input_gradient(dy: Tensor, kernel: Tensor, shape: Tensor) -> Tensor:
    """The gradient of `convolve`'s x as one 2x2 convolution at stride 1.

    Rows 2i and 2i + 1 of x, and columns alike, are reached by rows i - 1 and i of dy alone: each of the four phases of
    x is a convolution of dy with the taps of its parity, and all four are channels of one.

    Args:
      dy: (batch, rows, columns, outputs).
      kernel: (3, 3, inputs, outputs).
      shape: shape of x, (4,) int32.
    """
    inputs, outputs = kernel.shape[2:]
    taps = tf.pad(tf.transpose(kernel, [0, 1, 3, 2]), [[0, 1], [0, 1], [0, 0], [0, 0]])  # (4, 4, outputs, inputs)
    taps = tf.reshape(taps, [2, 2, 2, 2, outputs, inputs])  # (row i - step, parity, column alike, ...)
    taps = tf.transpose(tf.reverse(taps, [0, 2]), [0, 2, 4, 1, 3, 5])
    taps = tf.reshape(taps, [2, 2, outputs, 4 * inputs])
    phases = tf.nn.conv2d(tf.pad(dy, [[0, 0], [1, 1], [1, 1], [0, 0]]), taps, 1, "VALID")
    dx = tf.nn.depth_to_space(phases, 2)  # (batch, 2 * rows + 2, 2 * columns + 2, inputs)
    return dx[:, : shape[1], : shape[2]]
