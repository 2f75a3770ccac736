"""WAV files in memory to waveforms to scores, in plain TensorFlow operations: what `classify_wav` runs on a server.

The header is read here field by field, since TensorFlow's own operation for WAV files lets rates such as 0 Hz pass,
refuses cut-off files, and says little about what it refuses. Whatever the bytes are, the result is a waveform or an
InvalidArgumentError with one sentence about what is wrong, and no more memory is taken than the bytes there are call
for, whatever the header claims.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import tensorflow as tf

from kerastag.audio import pcm
from kerastag.serving.graph import resampling_ops
from kerastag.tensors import Tensor

MAX_SECONDS = 6 * 3600  # of audio in a file, so that a small rate does not turn into much memory
MAX_CHUNKS = 100  # of a RIFF file before its samples
_EXPECTED = "16-bit PCM expected"  # no quotes in messages: TensorFlow would put backslashes before them
_PCM = 1
_FORMAT_BYTES = 16  # of a 'fmt ' chunk that says all that is needed
_Check: TypeAlias = tuple[Tensor, Sequence[Tensor]]  # whether it is passed, a boolean scalar; the words if not
_FORMAT_NAMES = {2: "ADPCM", 3: "float", 6: "A-law", 7: "mu-law", 17: "ADPCM", 85: "MP3", 65534: "extensible"}


class Header(NamedTuple):
    """What the bytes hold; int64 scalars.

    Attributes:
      rate: in Hz.
      num_channels: 1 or 2.
      start: the byte that the samples begin at.
      num_frames: that are really there, at least 1.
    """

    rate: Tensor
    num_channels: Tensor
    start: Tensor
    num_frames: Tensor


class _Chunks(NamedTuple):
    """Where a walk over the chunks of a RIFF file came; int64 scalars, -1: not found."""

    position: Tensor  # of the next chunk
    count: Tensor  # of chunks passed
    format_at: Tensor  # the body of 'fmt '
    format_size: Tensor
    data_at: Tensor  # the body of 'data'
    data_size: Tensor


def header(wav_bytes: Tensor, name: Tensor = "wav_bytes") -> Header:
    """Reads and checks the header of a WAV file.

    Args:
      wav_bytes: string scalar.
      name: what an error calls it, a string scalar.

    Raises:
      InvalidArgumentError: these bytes are not 16-bit PCM with one or two channels at MIN_RATE to MAX_RATE of
        resampling_ops, or hold no samples, or over MAX_SECONDS. A file that was cut off is taken as far as it goes.
    """
    length = _length(wav_bytes)
    chunks = _walk(wav_bytes)
    fields = _numbers(wav_bytes, chunks.format_at, _FORMAT_BYTES // 2)
    form, num_channels, bits = fields[0], fields[1], fields[7]
    rate = fields[2] + fields[3] * 2**16
    num_frames = tf.minimum(chunks.data_size, length - chunks.data_at) // tf.maximum(2 * num_channels, 1)
    problem = _first_problem(
        (length > 0, ("no bytes; a WAV file expected",)),
        (tf.equal(_text(wav_bytes, 0) + _text(wav_bytes, 8), b"RIFFWAVE"), ("not a RIFF/WAVE file;", _EXPECTED)),
        (
            (chunks.format_size >= _FORMAT_BYTES) & (chunks.format_at + _FORMAT_BYTES <= length),
            ("no whole fmt chunk before the samples;", _EXPECTED),
        ),
        *_format_checks(form, bits, num_channels, rate),
        ((chunks.data_at >= 0) | (chunks.count < MAX_CHUNKS), (f"over {MAX_CHUNKS} chunks before the samples",)),
        (chunks.data_at >= 0, ("no data chunk, which holds the samples",)),
        (num_frames > 0, ("no samples",)),
        (num_frames <= rate * MAX_SECONDS, (f"over {MAX_SECONDS // 3600} hours of audio",)),
    )
    sound = tf.debugging.Assert(tf.equal(problem, ""), [tf.strings.join([name, problem], ": ")])
    # what follows depends on the check by its data too: no pruning of the graph can part them
    with tf.control_dependencies([sound] if sound is not None else []):
        return Header(*(tf.identity(field) for field in (rate, num_channels, chunks.data_at, num_frames)))


def decode(wav_bytes: Tensor, resampler: resampling_ops.Resampler, name: Tensor = "wav_bytes") -> Tensor:
    """A WAV file to a waveform, as `audio.read` reads it.

    Args:
      wav_bytes: string scalar.
      resampler: to the rate that is wanted.
      name: what an error calls it, a string scalar.

    Returns:
      float32 (samples,), the mean of the channels.

    Raises:
      InvalidArgumentError: see `header`.
    """
    with tf.device("/CPU:0"):  # strings live there, and FFTs of ever new sizes cost accelerators more
        wav_header = header(wav_bytes, name)
        frame_bytes = 2 * wav_header.num_channels

        def read(start: Tensor, count: Tensor) -> Tensor:
            piece = tf.strings.substr(wav_bytes, wav_header.start + start * frame_bytes, count * frame_bytes)
            samples = tf.reshape(tf.io.decode_raw(piece, tf.int16), tf.stack([count, wav_header.num_channels]))
            return tf.reduce_mean(tf.cast(samples, tf.float32), axis=1) / pcm.FULL_SCALE

        return resampler.stream(read, wav_header.num_frames, wav_header.rate)


def scores(
    wav_bytes: Tensor,
    resampler: resampling_ops.Resampler,
    scores_of_waveform: Callable[[Tensor], Tensor],
    num_tags: int,
    as_int16: bool = True,
) -> Tensor:
    """The scores of a batch of WAV files of any lengths and rates, one file after the other.

    Args:
      wav_bytes: string (batch,).
      resampler: to the rate of the model.
      scores_of_waveform: float32 (1, samples) to float32 (1, num_tags).
      num_tags: number of tags of the scores.
      as_int16: waveforms are `rounded` first, as they are by default where the model was trained and `kerastag tag`
        runs it.

    Returns:
      float32 (batch, num_tags).

    Raises:
      InvalidArgumentError: one of them is refused, see `header`; "wav_bytes[2]: ..." says which one.
    """

    def of_file(position: Tensor) -> Tensor:
        name = tf.strings.join(["wav_bytes[", tf.strings.as_string(position), "]"])
        waveform = decode(wav_bytes[position], resampler, name)
        waveform = rounded(waveform) if as_int16 else waveform
        return tf.ensure_shape(scores_of_waveform(waveform[tf.newaxis])[0], [num_tags])

    positions = tf.range(tf.size(wav_bytes))
    spec = tf.TensorSpec([num_tags], tf.float32)
    return tf.map_fn(of_file, positions, fn_output_signature=spec, parallel_iterations=1)


def rounded(waveform: Tensor) -> Tensor:
    """A waveform, float32 of any shape, after it was int16: what `kerastag train` and `tag` make of it by default.

    Where a file's rate is below the model's, the bands above hold nothing but this rounding: without it scores differ
    from theirs by up to 0.1.
    """
    steps = tf.round(waveform * pcm.FULL_SCALE)  # to even, as NumPy's rint
    return tf.clip_by_value(steps, -pcm.FULL_SCALE, pcm.FULL_SCALE - 1) / pcm.FULL_SCALE


def _walk(wav_bytes: Tensor) -> _Chunks:
    """Goes from chunk to chunk until 'data', the end, or MAX_CHUNKS."""
    length = _length(wav_bytes)

    def step(*values: Tensor) -> _Chunks:
        at = _Chunks(*values)
        kind, body = _text(wav_bytes, at.position), at.position + 8
        halves = _numbers(wav_bytes, at.position + 4, 2)
        size = halves[0] + halves[1] * 2**16  # unsigned, as the format has it
        is_format, is_data = tf.equal(kind, b"fmt ") & (at.format_at < 0), tf.equal(kind, b"data")
        return _Chunks(
            position=body + size + size % 2,
            count=at.count + 1,
            format_at=tf.where(is_format, body, at.format_at),
            format_size=tf.where(is_format, size, at.format_size),
            data_at=tf.where(is_data, body, at.data_at),
            data_size=tf.where(is_data, size, at.data_size),
        )

    def goes_on(*values: Tensor) -> Tensor:
        at = _Chunks(*values)
        return (at.data_at < 0) & (at.position + 8 <= length) & (at.count < MAX_CHUNKS)

    begin = (tf.constant(value, tf.int64) for value in (12, 0, -1, -1, -1, -1))
    return _Chunks(*tf.while_loop(goes_on, step, tuple(begin), parallel_iterations=1))


def _text(wav_bytes: Tensor, position: Tensor) -> Tensor:
    """The four bytes at `position`, fewer at the end."""
    return _piece(wav_bytes, position, 4)


def _numbers(wav_bytes: Tensor, position: Tensor, count: int) -> Tensor:
    """`count` numbers of two bytes, unsigned, at `position`, int64 (count,); zeros where there are no bytes."""
    padded = tf.strings.join([_piece(wav_bytes, position, 2 * count), b"\0" * 2 * count])
    return tf.cast(tf.io.decode_raw(tf.strings.substr(padded, 0, 2 * count), tf.uint16), tf.int64)


def _piece(wav_bytes: Tensor, position: Tensor, count: int) -> Tensor:
    begin = tf.clip_by_value(tf.cast(position, tf.int64), 0, _length(wav_bytes))
    return tf.strings.substr(wav_bytes, begin, tf.constant(count, tf.int64))


def _length(wav_bytes: Tensor) -> Tensor:
    return tf.cast(tf.strings.length(wav_bytes), tf.int64)


def _format_checks(form: Tensor, bits: Tensor, num_channels: Tensor, rate: Tensor) -> list[_Check]:
    """What the 'fmt ' chunk must say."""
    low, high = resampling_ops.MIN_RATE, resampling_ops.MAX_RATE
    stated_form, stated_bits, stated_channels, stated_rate = map(tf.strings.as_string, (form, bits, num_channels, rate))
    return [
        (tf.equal(form, _PCM), ("format", stated_form, _format_name(form) + ";", _EXPECTED)),
        (tf.equal(bits, 16), (stated_bits + "-bit;", _EXPECTED)),
        ((num_channels >= 1) & (num_channels <= 2), (stated_channels, "channels; 1 or 2 expected")),
        ((rate >= low) & (rate <= high), ("sample rate", stated_rate, f"Hz; {low} to {high} Hz expected")),
    ]


def _first_problem(*checks: _Check) -> Tensor:
    """The words of the first check that is False, "" if none is."""
    problem = tf.constant("")
    for passed, words in reversed(checks):
        problem = tf.where(passed, problem, tf.strings.join(words, " "))
    return problem


def _format_name(form: Tensor) -> Tensor:
    name = tf.constant("(unknown)")
    for number, known in _FORMAT_NAMES.items():
        name = tf.where(tf.equal(form, number), f"({known})", name)
    return name
