"""Requests of every signature: the example's samples, the bytes of a PredictionLog, what each input gets."""

import io

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from kerastag import audio, errors
from kerastag.serving import signatures
from kerastag.serving.graph import warm_up

WAVEFORM = signatures.Tensor("float32", (None, None))


def test_a_prediction_log_has_the_bytes_of_its_messages():
    spec = b"\x0a\x01m" + b"\x1a\x01s"  # ModelSpec: name = 1, signature_name = 3
    entry = b"\x0a\x01x" + b"\x12\x03abc"  # a map's entry: key = 1, value = 2
    request = b"\x0a\x06" + spec + b"\x12\x08" + entry  # PredictRequest: model_spec = 1, inputs = 2
    expected = b"\x32\x14" + b"\x0a\x12" + request  # PredictionLog: predict_log = 6; PredictLog: request = 1
    assert warm_up.prediction_log("m", "s", {"x": b"abc"}) == expected


@pytest.mark.parametrize(
    ("length", "written"),
    [(0, b"\x00"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02"), (2**21, b"\x80\x80\x80\x01")],
)
def test_lengths_of_more_than_a_byte_keep_their_bits(length, written):
    """The tensor is the last field (number 2) of all: its key, its length, its bytes."""
    log = warm_up.prediction_log("m", "s", {"x": b"a" * length})
    assert log.endswith(b"\x12" + written + b"a" * length)


def test_a_file_of_requests_is_read_by_the_servers_own_classes(tmp_path, rng, needs_grpc):
    from tensorflow_serving.apis import prediction_log_pb2

    waveform = rng.normal(size=(1, 70_000)).astype(np.float32)
    made = {
        "serving_default": {"waveform": waveform},
        "top_tags": {"waveform": waveform[:, :3], "k": np.array([2], np.int32)},
        "classify_wav": {"wav_bytes": np.array([b"RIFF\0\xff"], object)},
    }
    warm_up.write(tmp_path / "requests", "mödel", made)
    logs = [
        prediction_log_pb2.PredictionLog.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(str(tmp_path / "requests"))
    ]
    asked = [log.predict_log.request for log in logs]
    assert [(one.model_spec.name, one.model_spec.signature_name) for one in asked] == [("mödel", name) for name in made]
    for one, inputs in zip(asked, made.values(), strict=True):
        assert set(one.inputs) == set(inputs)
        for name, array in inputs.items():
            found = tf.make_ndarray(one.inputs[name])
            assert found.dtype == array.dtype and (found == array).all()


def test_the_example_is_music_that_16_bits_hold_and_a_wav_file_of_it_has_the_same_samples():
    waveform = warm_up.example_waveform(24_000, 12_000)
    assert waveform.dtype == np.float32 and waveform.shape == (24_000,)
    assert (waveform * 32768 == np.rint(waveform * 32768)).all()
    assert 0.1 < np.abs(waveform).max() < 0.9
    spectrum = np.abs(np.fft.rfft(waveform[:6000]))  # the first half second: bins of 2 Hz
    assert np.argmax(spectrum) * 2 == pytest.approx(220, abs=2)
    assert (warm_up.example_waveform(24_000, 12_000) == waveform).all()
    assert (warm_up.example_waveform(5_000, 12_000)[:4_000] == waveform[:4_000]).all()
    samples, rate = soundfile.read(io.BytesIO(audio.wav_bytes(waveform, 12_000)), dtype="float32")
    assert rate == 12_000 and (samples == waveform).all()


def test_every_input_gets_one_row_of_its_type():
    numbers = signatures.Tensor("int64", (None,))
    served = {
        "top_tags": signatures.Signature({"waveform": WAVEFORM, "k": numbers}, {}),
        "metadata": signatures.Signature({"request": numbers}, {}),
    }
    made = warm_up.requests(served, np.zeros(10, np.float32), 16_000, num_tags=2)
    assert made["top_tags"]["waveform"].shape == (1, 10)
    assert made["top_tags"]["k"].tolist() == [2] and made["top_tags"]["k"].dtype == np.int64
    assert made["metadata"]["request"].shape == (1,)
    unknown = {"new": signatures.Signature({"pitch": numbers}, {})}
    with pytest.raises(errors.KerastagError, match="signature new: no request can be made for its input pitch"):
        warm_up.requests(unknown, np.zeros(10, np.float32), 16_000, num_tags=2)
