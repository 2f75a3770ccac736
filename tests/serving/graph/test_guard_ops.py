"""Requests that make no sense get one sentence, the others pass unchanged."""

import re

import numpy as np
import pytest
import tensorflow as tf

from kerastag.serving.graph import guard_ops


def refused(words):
    return pytest.raises(tf.errors.InvalidArgumentError, match=re.escape(f"[{words}]"))


def samples(*values):
    return np.array(values, np.float32)


def rows(value, name):
    return in_graph(lambda value: guard_ops.rows(value, name), value)


def waveform(value):
    return in_graph(guard_ops.waveform, value)


def numbers(values, batch):
    return in_graph(lambda value: guard_ops.numbers(value, "k", 1, 3, batch), np.array(values, np.int32))


def in_graph(guard, value):
    """On a value whose sizes the graph does not know."""
    value = tf.constant(value)
    return tf.function(guard, [tf.TensorSpec([None] * len(value.shape), value.dtype)])(value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2e12, -2e12, 3e38])
@pytest.mark.parametrize("row", [0, 1, 2])
def test_a_sample_that_is_no_sound_names_its_row(value, row):
    noise = np.random.default_rng(0).normal(size=(3, 1000)).astype(np.float32)
    noise[row:, 123] = value
    with refused(f"waveform[{row}]: a sample is NaN, infinite or beyond 1e+12"):
        waveform(noise)


def test_infinities_that_cancel_out_and_sums_that_overflow_are_found():
    for row in (samples(np.inf, -np.inf), samples(3e38, 3e38), samples(np.nan, np.inf)):
        with refused("waveform[1]: a sample is NaN, infinite or beyond 1e+12"):
            waveform(np.stack([samples(1, 1), row]))


@pytest.mark.parametrize(
    "sound",
    [samples([0]), samples([32_768, -32_768]), samples([1e12, -1e12]), np.zeros((0, 5), "f"), np.zeros((1024, 1), "f")],
)
def test_other_waveforms_pass_unchanged(sound):
    np.testing.assert_array_equal(waveform(sound), sound)


@pytest.mark.parametrize("batch", [0, 1, 2])
def test_a_waveform_needs_samples(batch):
    with refused("waveform[0]: no samples"):
        waveform(np.zeros((batch, 0), np.float32))


def test_too_many_rows_are_refused_whatever_they_hold():
    with refused("waveform: 1025 rows; at most 1024 expected"):
        waveform(np.zeros((1025, 1), np.float32))
    with refused("wav_bytes: 1025 rows; at most 1024 expected"):
        rows([b"x"] * 1025, "wav_bytes")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1, 0, 3], "k[1]: 0; 1 to 3 expected"),
        ([3, 3, 4], "k[2]: 4; 1 to 3 expected"),
        ([-5, 0, 4], "k[0]: -5; 1 to 3 expected"),
        ([1, 2], "k: 2 numbers for 3 rows"),
        ([], "k: 0 numbers for 3 rows"),
        ([9, 9, 9, 9], "k: 4 numbers for 3 rows"),
    ],
)
def test_numbers_out_of_range_or_number_are_named(values, words):
    with refused(words):
        numbers(values, 3)


def test_numbers_in_range_pass():
    for values in ([1, 2, 3], [3, 3, 3], []):
        np.testing.assert_array_equal(numbers(values, len(values)), values)
