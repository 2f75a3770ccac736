"""What the signatures of a served model refuse, each with one sentence in an InvalidArgumentError.

They are TensorFlow's own assertions, so a server's C++ makes them; what follows depends on them by its data too.
"""

import tensorflow as tf

from kerastag.tensors import Tensor

MAX_ROWS = 1024  # of a request: what a few bytes a row could ask for must not take a server's memory
MAX_MAGNITUDE = 1e12  # of a sample: music ends at 1, and the powers in a spectrogram at 1e38


def rows(value: Tensor, name: str) -> Tensor:
    """The value, any dtype, (batch, ...), of the rank that its static shape states.

    Raises:
      InvalidArgumentError: it has another rank, or over MAX_ROWS rows.
    """
    value = tf.ensure_shape(value, value.shape)  # a server does not compare shapes with the signature's
    size = tf.shape(value)[0]
    words = [f"{name}:", tf.strings.as_string(size), f"rows; at most {MAX_ROWS} expected"]
    return passed(value, tf.where(size <= MAX_ROWS, "", tf.strings.join(words, " ")))


def waveform(value: Tensor, name: str = "waveform") -> Tensor:
    """A waveform, float32 (batch, samples), whose peaks may be far above 1.

    Raises:
      InvalidArgumentError: see `rows`; there are no samples; one is NaN, infinite or beyond MAX_MAGNITUDE.
    """
    value = rows(value, name)
    low, high, total = (reduce(value, axis=1) for reduce in (tf.reduce_min, tf.reduce_max, tf.reduce_sum))
    # of NaN not every device's minimum is NaN; the sum always is, and that of sound samples cannot overflow
    sound = (low >= -MAX_MAGNITUDE) & (high <= MAX_MAGNITUDE) & tf.math.is_finite(total)
    row = _first_false(sound)
    words = [name, "[", tf.strings.as_string(row), f"]: a sample is NaN, infinite or beyond {MAX_MAGNITUDE:.0e}"]
    unsound = tf.where(row < tf.size(sound), tf.strings.join(words), "")
    return passed(value, tf.where(tf.shape(value)[1] > 0, unsound, f"{name}[0]: no samples"))


def numbers(value: Tensor, name: str, low: int, high: int, batch: Tensor) -> Tensor:
    """A number for each row, int32 (batch,).

    Raises:
      InvalidArgumentError: they are not as many as `batch`, or one is not in low .. high.
    """
    value = rows(value, name)
    size, first = tf.size(value), _first_false((value >= low) & (value <= high))
    outlier = tf.reduce_sum(tf.where(tf.equal(tf.range(size), first), value, 0))
    row, number, given, wanted = map(tf.strings.as_string, (first, outlier, size, batch))
    outside = tf.strings.join([name, "[", row, "]: ", number, f"; {low} to {high} expected"])
    other = tf.strings.join([name, ": ", given, " numbers for ", wanted, " rows"])
    return passed(value, tf.where(tf.equal(size, batch), tf.where(first < size, outside, ""), other))


def passed(value: Tensor, problem: Tensor) -> Tensor:
    """The value, if `problem`, a string scalar, is empty."""
    sound = tf.debugging.Assert(tf.equal(problem, ""), [problem])
    with tf.control_dependencies([] if sound is None else [sound]):
        return tf.identity(value)


def _first_false(values: Tensor) -> Tensor:
    """The position of the first False in (batch,), int32; not below `batch` if there is none."""
    size = tf.size(values)
    return tf.reduce_min(tf.where(values, size, tf.range(size)))  # argmin would refuse a batch of 0
