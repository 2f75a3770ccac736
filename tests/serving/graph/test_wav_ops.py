"""A server's own WAV decoding: what the reader gives, or one sentence about what is wrong, whatever the bytes."""

import io
import re
import struct
import wave

import numpy as np
import pytest
import soxr
import tensorflow as tf

from kerastag import audio
from kerastag.audio import pcm, resampling
from kerastag.serving.graph import resampling_ops, wav_ops

COMMON = resampling_ops.COMMON_RATES
OTHERS = (4_001, 15_999, 44_101, 191_999)
BYTES = tf.TensorSpec([], tf.string)


@pytest.fixture(scope="module", params=[16_000, 12_000])
def sample_rate(request):
    return request.param


@pytest.fixture(scope="module")
def resample(sample_rate):
    """A function from a waveform and its rate to the waveform at the sample rate."""
    signature = [tf.TensorSpec([None], tf.float32), tf.TensorSpec([], tf.int32)]
    function = tf.function(resampling_ops.Resampler(sample_rate).__call__, input_signature=signature)
    return lambda waveform, rate: function(np.asarray(waveform, np.float32), rate).numpy()


@pytest.fixture(scope="module")
def decode():
    """A function from bytes to the waveform at 16 kHz."""
    resampler = resampling_ops.Resampler()
    function = tf.function(lambda wav_bytes: wav_ops.decode(wav_bytes, resampler), input_signature=[BYTES])
    return lambda wav_bytes: function(wav_bytes).numpy()


def middle(waveform):
    """The second half second of a second and a half; what lies beyond both ends, silence, does not reach there."""
    third = len(waveform) // 3
    return waveform[third : 2 * third]


def tone(frequency, rate, seconds=1.5):
    return np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", [*COMMON, *OTHERS])
def test_a_tone_stays_where_it_is_as_loud_as_it_is(resample, sample_rate, rate):
    found, expected = resample(tone(1000, rate), rate), tone(1000, sample_rate)
    assert len(found) == resampling.output_length(int(1.5 * rate), rate, sample_rate)
    size = min(len(found), len(expected))
    np.testing.assert_allclose(middle(found[:size]), middle(expected[:size]), atol=2e-3)  # soxr's ripple: 0.01 dB


@pytest.mark.parametrize("rate", [*COMMON, *OTHERS])
def test_a_level_stays_as_it_is(resample, rate):
    np.testing.assert_allclose(middle(resample(np.ones(3 * rate // 2), rate)), 1, atol=1e-5)


@pytest.mark.parametrize("rate", [20_000, 22_050, 37_799, 44_100, 48_000, 192_000])
def test_what_is_above_the_nyquist_frequency_is_gone(resample, sample_rate, rate):
    assert np.abs(middle(resample(tone(1.01 * sample_rate / 2, rate), rate))).max() < 1e-5


@pytest.mark.parametrize("rate", [4_000, 4_001, 8_000, 11_025])
def test_nothing_is_heard_above_the_file_s_own_nyquist_frequency(resample, sample_rate, rate):
    half_second = resample(tone(0.4 * rate, rate), rate)[sample_rate // 2 : sample_rate]
    spectrum = np.abs(np.fft.rfft(half_second * np.hanning(len(half_second)))) / len(half_second)
    frequencies = np.fft.rfftfreq(len(half_second), 1 / sample_rate)
    assert spectrum.max() > 0.2
    assert spectrum[frequencies > 0.5 * rate].max() < 1e-6


@pytest.mark.parametrize("rate", [*COMMON, *OTHERS])
def test_noise_in_the_pass_band_is_resampled_as_by_soxr(resample, sample_rate, rate, rng):
    """Over several blocks; soxr itself is off at the very beginning, and so the noise swells there."""
    size = 7 * rate
    spectrum = np.fft.rfft(rng.normal(0, 0.1, size) * np.minimum(1, np.arange(size) / (0.1 * rate)))
    spectrum[np.fft.rfftfreq(size, 1 / rate) >= 0.45 * min(rate, sample_rate)] = 0
    noise = np.fft.irfft(spectrum, size).astype(np.float32)
    expected = soxr.resample(noise, rate, sample_rate, quality="HQ") if rate != sample_rate else noise
    found = resample(noise, rate)
    assert len(found) == resampling.output_length(size, rate, sample_rate)
    size = min(len(found), len(expected))
    bound = 1e-5 if rate in COMMON else 3e-4
    np.testing.assert_allclose(found[64:size], expected[64:size], atol=bound)


@pytest.mark.parametrize("rate", [4_001, 7_107, 8_000, 24_000, 44_100, 48_000])
def test_noise_of_all_frequencies_too(resample, sample_rate, rate, rng):
    noise = (rng.normal(0, 0.1, 5 * rate) * np.minimum(1, np.arange(5 * rate) / rate)).astype(np.float32)
    expected = resampling.resample(noise, rate, sample_rate)
    np.testing.assert_allclose(resample(noise, rate)[64:], expected[64:], atol=1e-5)


@pytest.mark.parametrize("rate", [4_000, 11_025, 16_000, 44_100, 44_101, 192_000])
@pytest.mark.parametrize("size", [1, 2, 100, 98_303, 98_304])
def test_the_length_is_the_reader_s(resample, sample_rate, rate, size):
    assert len(resample(np.ones(size), rate)) == resampling.output_length(size, rate, sample_rate)


def wav(samples, rate=16_000, form=1, bits=16, before=b"", claim=None, after=b""):
    """A WAV file of int16 (frames, channels): chunks `before` its samples and `after`, a size that it claims."""
    channels = samples.shape[1]
    body = samples.astype("<i2").tobytes()
    fields = struct.pack("<HHIIHH", form, channels, rate, rate * channels * 2 % 2**32, channels * 2, bits)
    chunks = b"fmt " + struct.pack("<I", len(fields)) + fields + before
    chunks += b"data" + struct.pack("<I", len(body) if claim is None else claim) + body + after
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks


def noise(frames, channels=1, seed=0):
    return np.random.default_rng(seed).integers(-32_768, 32_768, (frames, channels))


def test_samples_at_the_model_s_rate_are_those_of_tensorflow(decode):
    content = wav(noise(70_000))
    np.testing.assert_array_equal(decode(content), tf.audio.decode_wav(content).audio[:, 0])


def test_stereo_is_mixed_down_to_the_mean(decode):
    samples = np.array([[100, 300], [-32_768, -32_768], [32_767, -32_768], [7, 8]])
    np.testing.assert_array_equal(decode(wav(samples)) * 32_768, [200, -32_768, -0.5, 7.5])


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_file_is_read_as_the_reader_reads_it(decode, rate, channels, tmp_path):
    content = wav(noise(3 * rate, channels) * np.linspace(0, 0.5, 3 * rate)[:, None], rate)
    (tmp_path / "noise.wav").write_bytes(content)
    np.testing.assert_allclose(decode(content), audio.read(tmp_path / "noise.wav"), atol=1e-5)


@pytest.mark.parametrize(
    "content",
    [
        wav(noise(50, 2), before=b"LIST" + struct.pack("<I", 3) + b"abc\0" + b"fact" + struct.pack("<I", 0)),
        wav(noise(50, 2), claim=2**32 - 1),
        wav(noise(50, 2), claim=2**31),
        wav(noise(51, 2))[:-1],
        wav(noise(50, 2), after=b"LIST" + struct.pack("<I", 4) + b"abcd"),
        wav(noise(50, 2)).replace(b"fmt " + struct.pack("<I", 16), b"junk\2\0\0\0\0\0fmt " + struct.pack("<I", 16)),
        b"RIFF" + bytes(4) + wav(noise(50, 2))[8:],
        wav(noise(50, 2), before=bytes(8) * 98),
    ],
    ids=[
        "other chunks",
        "a stream's size",
        "half of that",
        "cut off",
        "chunks after",
        "a chunk first",
        "no RIFF size",
        "many",
    ],
)
def test_files_that_are_a_little_odd_are_read(decode, content):
    # of the one that was cut off, the last frame is only three bytes
    np.testing.assert_allclose(decode(content), noise(51, 2)[:50].mean(axis=1) / 32_768)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no bytes; a WAV file expected"),
        (b"R", "not a RIFF/WAVE file; 16-bit PCM expected"),
        (b"RIFFxxxxWAVX" + bytes(50), "not a RIFF/WAVE file; 16-bit PCM expected"),
        (b"OggS" + bytes(50), "not a RIFF/WAVE file; 16-bit PCM expected"),
        (wav(noise(9))[:12], "no whole fmt chunk before the samples; 16-bit PCM expected"),
        (wav(noise(9))[:30], "no whole fmt chunk before the samples; 16-bit PCM expected"),
        (wav(noise(9)).replace(b"fmt ", b"tmf "), "no whole fmt chunk before the samples; 16-bit PCM expected"),
        (wav(noise(9), form=3, bits=32), "format 3 (float); 16-bit PCM expected"),
        (wav(noise(9), form=65_534), "format 65534 (extensible); 16-bit PCM expected"),
        (wav(noise(9), form=4711), "format 4711 (unknown); 16-bit PCM expected"),
        (wav(noise(9), bits=24), "24-bit; 16-bit PCM expected"),
        (wav(noise(9, 3)), "3 channels; 1 or 2 expected"),
        (wav(noise(9, 0)), "0 channels; 1 or 2 expected"),
        (wav(noise(9), rate=0), "sample rate 0 Hz; 4000 to 192000 Hz expected"),
        (wav(noise(9), rate=3_999), "sample rate 3999 Hz; 4000 to 192000 Hz expected"),
        (wav(noise(9), rate=192_001), "sample rate 192001 Hz; 4000 to 192000 Hz expected"),
        (wav(noise(9), rate=2**32 - 1), "sample rate 4294967295 Hz; 4000 to 192000 Hz expected"),
        (wav(noise(9), before=bytes(8) * 99), "over 100 chunks before the samples"),
        (wav(noise(9)).replace(b"data", b"atad"), "no data chunk, which holds the samples"),
        (wav(noise(9), before=b"LIST" + struct.pack("<I", 2**32 - 1)), "no data chunk, which holds the samples"),
        (wav(noise(0)), "no samples"),
        (wav(noise(9), claim=1), "no samples"),
        (wav(noise(9), claim=0), "no samples"),
    ],
)
def test_what_is_wrong_is_said(decode, content, words):
    with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape(f"[wav_bytes: {words}]")):
        decode(content)


def test_a_file_of_many_hours_is_refused(monkeypatch):
    monkeypatch.setattr(wav_ops, "MAX_SECONDS", 1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="over .* hours of audio"):
        wav_ops.decode(wav(noise(16_001)), resampling_ops.Resampler())
    assert len(wav_ops.decode(wav(noise(16_000)), resampling_ops.Resampler())) == 16_000


def mutations(generator):
    """Byte strings without end, each broken in another way."""
    extremes = (0, 1, 3, 16, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 8, 2**32 - 1)
    bases = [wav(noise(30, 2), 44_100), wav(noise(20), 8_000), wav(noise(1)), wav(noise(9), before=b"LIST\2\0\0\0ab")]
    while True:
        base = bytearray(bases[generator.integers(len(bases))])
        how = generator.integers(5)
        if how == 0:
            base = bytearray(generator.bytes(generator.integers(100)))
        elif how == 1:
            base[12:] = generator.bytes(generator.integers(100))
        elif how == 2:
            del base[generator.integers(len(base)) :]
        elif how == 3:
            struct.pack_into("<I", base, generator.integers(4, 43), extremes[generator.integers(len(extremes))])
        for _ in range(generator.integers(1, 4) if how == 4 else 0):
            base[generator.integers(len(base))] = generator.integers(256)
        yield bytes(base)


def others_read(content):
    """Whether Python's own module reads it as what is expected here."""
    try:
        with wave.open(io.BytesIO(content)) as file:
            fields = content[content.index(b"fmt ") + 8 :][:16]
            channels, one_frame = file.getnchannels(), file.readframes(1)
            plain = fields[:2] == b"\1\0" and fields[14:] == b"\20\0"
            whole = channels <= 2 and len(one_frame) == 2 * channels
            return plain and whole and 4_000 <= file.getframerate() <= 192_000
    except (wave.Error, EOFError, RuntimeError, struct.error, ValueError):
        return False


def test_broken_bytes_give_a_waveform_or_one_sentence(decode, rng):
    outcomes = {"read": 0, "refused": 0, "read by others": 0}
    for content, _ in zip(mutations(rng), range(2500), strict=False):
        try:
            waveform = decode(content)
        except tf.errors.InvalidArgumentError as error:
            assert re.search(r"assertion failed: \[wav_bytes: [^\[\]]+\]", str(error)), (content, error)
            assert not others_read(content), content
            outcomes["refused"] += 1
        else:
            assert 1 <= len(waveform) <= 2 * len(content) and np.isfinite(waveform).all(), content  # 4 kHz: 4 for 2
            outcomes["read"] += 1
            outcomes["read by others"] += others_read(content)
    assert min(outcomes.values()) > 300, outcomes


def test_rounding_is_that_of_int16():
    samples = np.array([0, 0.5, 1.5, -0.5, -2.5, 32_766.7, 32_768, 1e6, -32_768.5, -1e6, 123.4]) / 32_768
    expected = pcm.from_int16(pcm.to_int16(samples))
    np.testing.assert_array_equal(wav_ops.rounded(tf.constant(samples, tf.float32)), expected)


class Loudness(tf.Module):
    """Scores that tell two waveforms apart, under the signature of a server."""

    def __init__(self):
        self._resampler = resampling_ops.Resampler()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="wav_bytes")])
    def classify_wav(self, wav_bytes):
        def scores_of_waveform(waveform):
            return tf.stack([tf.reduce_mean(tf.abs(waveform), 1), tf.cast(tf.shape(waveform)[1:], tf.float32)], 1)

        return {"scores": wav_ops.scores(wav_bytes, self._resampler, scores_of_waveform, 2)}


def test_a_batch_is_its_files_one_by_one(decode):
    files = [wav(noise(50_000, 2), 44_100), wav(noise(10), 8_000), wav(noise(1, 2), 192_000)]
    waveforms = [pcm.from_int16(pcm.to_int16(decode(content))) for content in files]
    expected = [[np.abs(waveform).mean(), len(waveform)] for waveform in waveforms]
    served = Loudness()
    np.testing.assert_allclose(served.classify_wav(files)["scores"], expected, rtol=1e-5)
    assert served.classify_wav(tf.constant([], tf.string))["scores"].shape == (0, 2)


def test_a_saved_model_answers_and_refuses_in_a_session_as_on_a_server(tmp_path):
    served = Loudness()
    tf.saved_model.save(served, str(tmp_path), signatures=served.classify_wav)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.*")) < 500_000
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(tmp_path))
        signature = loaded.signature_def["serving_default"]
        wav_bytes, scores = signature.inputs["wav_bytes"].name, signature.outputs["scores"].name
        good = wav(np.full((100, 1), 16_384))
        np.testing.assert_array_equal(session.run(scores, {wav_bytes: [good]}), [[0.5, 100]])
        with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape("[wav_bytes[1]: no samples]")):
            session.run(scores, {wav_bytes: [good, wav(noise(0))]})
