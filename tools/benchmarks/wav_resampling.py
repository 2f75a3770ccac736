"""Compares a server's own WAV decoding and resampling with that of the reader, on real music.

    python -m tools.benchmarks.wav_resampling --data_dir=FOLDER [--run_dir=RUN] [--rates=44100,48000]

Clips from the middle of evenly chosen tracks are resampled to each rate and written as 16-bit stereo WAV. Each file is
read both ways, by serving.graph.wav_ops and by audio.read, and the waveforms and their log mel spectrograms are
compared. With --run_dir the scores of a run are compared as well: with chunks in float32 both ways; with the reader's
chunks in int16, as `kerastag tag` has them by default; and with the server's waveform rounded likewise.
"""

import pathlib
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import soundfile
import soxr
from absl import flags

from kerastag import audio, cli, errors, runtime
from kerastag.audio import pcm
from kerastag.cli import options
from kerastag.data import dataset
from kerastag.data.reading import Reading
from kerastag.inference import opening
from kerastag.runs.model import Model
from tools.benchmarks import machine

RATES = "44100,48000,22050,11025,8000,32000,96000,192000,12000,24000,88200,176400,37799,51234"

FLAGS = flags.FlagValues()
flags.DEFINE_string("data_dir", None, "Folder of music; left out: the built-in demo set.", flag_values=FLAGS)
flags.DEFINE_string("run_dir", None, "A run or an ensemble whose scores to compare; left out: none.", flag_values=FLAGS)
flags.DEFINE_list("rates", RATES, "Sample rates of the WAV files, in Hz, 4000 to 192000.", flag_values=FLAGS)
options.positive(FLAGS, "num_tracks", 12, "Tracks to take.")
options.positive(FLAGS, "seconds", 30, "Of each track.")
options.positive(FLAGS, "num_chunks", 16, "Evenly spaced chunks of each clip whose scores are averaged.")


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints a line for each rate."""
    rates = [int(rate) for rate in values.rates if rate.isdigit() and 4_000 <= int(rate) <= 192_000]
    if len(rates) < len(values.rates):
        raise errors.UsageError(f"--rates={','.join(values.rates)}: whole numbers from 4000 to 192000 are needed")
    folder = dataset.folder(values.data_dir)
    paths = choose(audio.find_audio([folder]).files, values.num_tracks, values.seconds)
    if not paths:
        raise errors.KerastagError(f"{folder}: no track of {values.seconds} s")
    runtime.start()
    print(machine.describe())
    scorer = Scorer(values.run_dir, values.num_chunks) if values.run_dir else None
    sample_rate = scorer.sample_rate if scorer else audio.SAMPLE_RATE
    decode = decoder(sample_rate)
    print(f"{len(paths)} clips of {values.seconds} s, to {sample_rate} Hz; differences of log mel, waveforms, scores")
    print(
        "   rate  mean dB   max dB  over 1 dB  waveform    ms a clip"
        + ("    float     int16   rounded" if scorer else "")
    )
    for rate in rates:
        print(line(rate, [clip(path, rate, values.seconds) for path in paths], decode, sample_rate, scorer), flush=True)
    return 0


def choose(paths: list[pathlib.Path], num_tracks: int, seconds: int) -> list[pathlib.Path]:
    """As many tracks, evenly over the list, as are long enough."""
    long_enough = [path for path in paths if audio.info(path).seconds >= seconds]
    places = np.linspace(0, len(long_enough), min(num_tracks, len(long_enough)), endpoint=False)
    return [long_enough[int(place)] for place in places]


def clip(path: pathlib.Path, rate: int, seconds: int) -> np.ndarray:
    """The middle of a track, int16 (frames, 2) at `rate` Hz."""
    with soundfile.SoundFile(path) as file:
        frames = seconds * file.samplerate
        file.seek(max(0, (file.frames - frames) // 2))
        stereo = file.read(frames, "float32", always_2d=True)[:, [0, -1]]
        return pcm.to_int16(soxr.resample(stereo, file.samplerate, rate, quality="VHQ"))


def decoder(sample_rate: int) -> Callable[[bytes], np.ndarray]:
    """Bytes of a WAV file to the waveform that a server would make of them."""
    import tensorflow as tf

    from kerastag.serving.graph import resampling_ops, wav_ops

    resampler = resampling_ops.Resampler(sample_rate)
    spec = [tf.TensorSpec([], tf.string)]
    function = tf.function(lambda wav_bytes: wav_ops.decode(wav_bytes, resampler), input_signature=spec)
    return lambda wav_bytes: function(wav_bytes).numpy()


class Scorer:
    """Scores of a run by both ways."""

    def __init__(self, folder: str, num_chunks: int):
        import tensorflow as tf

        from kerastag.serving.graph import module, served_model

        model = Model.load(folder)
        served = served_model.ServedModel(model.networks("float32"), model.vocabulary, model.combination, num_chunks)
        self.sample_rate: int = served.sample_rate
        spec = [tf.TensorSpec([1, None], tf.float32)]
        self._served = tf.function(module.ServingModule(served).serving_default, input_signature=spec)
        # one for each type of chunks: a tagger is traced for that of its first
        self._taggers = {dtype: opening.load(folder, "float32") for dtype in ("float32", "int16")}
        self._num_chunks = num_chunks

    def differences(self, waveforms: list[np.ndarray], paths: list[str]) -> list[float]:
        """The largest: float32 both ways, int16 only by the reader, int16 both ways."""
        as_float, as_int16 = (
            loaded.score_files(paths, Reading(self._num_chunks, dtype=dtype))[0]
            for dtype, loaded in self._taggers.items()
        )
        served = self._scores(waveforms)
        rounded = self._scores([pcm.from_int16(pcm.to_int16(waveform)) for waveform in waveforms])
        pairs = ((served, as_float), (served, as_int16), (rounded, as_int16))
        return [float(np.abs(by_server - by_reader).max()) for by_server, by_reader in pairs]

    def _scores(self, waveforms: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([self._served(waveform[None])["scores"].numpy() for waveform in waveforms])


def line(rate: int, clips: list[np.ndarray], decode: Any, sample_rate: int, scorer: Scorer | None) -> str:
    """The line of the table for a rate."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(pathlib.Path(folder) / f"{number}.wav") for number in range(len(clips))]
        for path, samples in zip(paths, clips, strict=True):
            soundfile.write(path, samples, rate, "PCM_16")
        wav_files = [pathlib.Path(path).read_bytes() for path in paths]
        waveforms = [decode(wav_bytes) for wav_bytes in wav_files]
        started = time.perf_counter()
        for wav_bytes in wav_files:
            decode(wav_bytes)
        milliseconds = 1000 * (time.perf_counter() - started) / len(wav_files)
        pairs = [(waveform, audio.read(path, sample_rate)) for waveform, path in zip(waveforms, paths, strict=True)]
        decibels = np.concatenate([mel_difference(*pair, sample_rate).ravel() for pair in pairs])
        largest = max(float(np.abs(by_server - by_reader).max()) for by_server, by_reader in pairs)
        text = f"{rate:7} {decibels.mean():8.5f} {decibels.max():8.2f} {np.mean(decibels > 1):10.1e} {largest:9.1e}"
        scores = scorer.differences(waveforms, paths) if scorer else []
    return f"{text} {milliseconds:12.1f}" + "".join(f"{score:10.1e}" for score in scores)


def mel_difference(first: np.ndarray, second: np.ndarray, sample_rate: int) -> np.ndarray:
    """How far apart two waveforms are in the mel bands that the model sees, in dB, (num_mels, frames, 1)."""
    from kerastag import models

    mel = models.LogMelSpectrogram(sample_rate)
    return np.abs(np.asarray(mel(first[None])) - np.asarray(mel(second[None])))[0]


COMMAND = cli.Command(
    "python -m tools.benchmarks.wav_resampling", "compares a server's WAV decoding with the reader's", FLAGS, main
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
