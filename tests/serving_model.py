"""A tiny model with the signatures of an export, whose scores are simple figures of the waveform."""

import functools
import pathlib
import shutil
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

RATE = 16_000
TAGS = ("mood/theme---loud", "mood/theme---peaky", "mood/theme---long")
CHUNK = RATE  # a taggram has a row per second


def scores_of(waveform: np.ndarray) -> list[float]:
    """What the model gives for a waveform (samples,): mean and largest magnitude, and minutes."""
    return [float(np.abs(waveform).mean()), float(np.abs(waveform).max()), len(waveform) / RATE / 60]


class Tiny(tf.Module):
    """Signatures by their names; every first dimension is the batch."""

    def __init__(self, tags: tuple[str, ...]):
        super().__init__()
        self._tags = tf.constant(tags)

    def signatures(self) -> dict[str, Callable]:
        """What tf.saved_model.save takes."""
        waveform = tf.TensorSpec([None, None], tf.float32, name="waveform")
        wav = tf.TensorSpec([None], tf.string, name="wav_bytes")
        number, numbers = tf.TensorSpec([None], tf.int32, name="k"), tf.TensorSpec([None], tf.int32, name="request")
        anything = tf.TensorSpec([None, None], tf.float32, name="x")
        specs = {
            "serving_default": ([waveform], lambda waveform: {"scores": self._scores(waveform)}),
            "classify_wav": ([wav], self._classify_wav),
            "taggram": ([waveform], self._taggram),
            "embed": ([waveform], lambda waveform: {"embedding": tf.tile(waveform[:, :1], [1, 256])}),
            "top_tags": ([waveform, number], self._top_tags),
            "metadata": ([numbers], self._metadata),
            "echo": ([anything], lambda x: {"y": tf.identity(x)}),
        }
        return {name: tf.function(call, input_signature=spec, autograph=False) for name, (spec, call) in specs.items()}

    def _scores(self, waveform):
        size = tf.reduce_sum(tf.ones_like(waveform), axis=1)
        loud, peak = tf.reduce_mean(tf.abs(waveform), axis=1), tf.reduce_max(tf.abs(waveform), axis=1)
        return tf.stack([loud, peak, size / (60.0 * RATE)], axis=1)

    def _classify_wav(self, wav_bytes):
        def score(wav):
            return self._scores(tf.audio.decode_wav(wav, desired_channels=1).audio[None, :, 0])[0]

        return {"scores": tf.map_fn(score, wav_bytes, fn_output_signature=tf.TensorSpec([3], tf.float32))}

    def _taggram(self, waveform):
        chunks = tf.signal.frame(waveform, CHUNK, CHUNK)  # (batch, chunks, CHUNK)
        batch, number = tf.shape(chunks)[0], tf.shape(chunks)[1]
        scores = tf.reshape(self._scores(tf.reshape(chunks, [-1, CHUNK])), [batch, number, 3])
        starts = tf.cast(tf.tile(tf.range(number)[None], [batch, 1]), tf.float32)
        return {"chunk_scores": scores, "start_seconds": starts}

    def _top_tags(self, waveform, k):
        best = tf.math.top_k(self._scores(waveform), tf.reduce_max(k))
        return {"tags": tf.gather(self._tags, best.indices), "scores": best.values}

    def _metadata(self, request):
        batch = tf.shape(request)[0]
        return {"tags": tf.tile(self._tags[None], [batch, 1]), "sample_rate": tf.fill([batch], RATE)}


@pytest.fixture(scope="session")
def tiny_scores() -> Callable[[np.ndarray], list[float]]:
    """`scores_of`: what every signature of the tiny model makes of a waveform."""
    return scores_of


@pytest.fixture(scope="session")
def write_tiny(tmp_path_factory) -> Callable[..., pathlib.Path]:
    """A function that writes the tiny model as a version: `write_tiny(base_path / "1", tags=TAGS)`."""

    @functools.cache
    def written(tags: tuple[str, ...]) -> pathlib.Path:
        module, folder = Tiny(tags), tmp_path_factory.mktemp("tiny")
        tf.saved_model.save(module, str(folder), signatures=module.signatures())
        return folder

    def write(folder: pathlib.Path, tags: tuple[str, ...] = TAGS) -> pathlib.Path:
        aside = folder.with_name(f"{folder.name}.partial")  # a server may look before all is written
        shutil.copytree(written(tags), aside)
        return aside.rename(folder)

    return write


CONFIG = """
model_config_list {{
  config {{ name: "tiny" base_path: "{folder}/tiny" model_platform: "tensorflow" }}
  config {{
    name: "labelled" base_path: "{folder}/labelled" model_platform: "tensorflow"
    model_version_policy {{ specific {{ versions: 1 versions: 2 }} }}
    version_labels {{ key: "stable" value: 1 }}
    version_labels {{ key: "canary" value: 2 }}
  }}
}}
"""


@pytest.fixture(scope="session")
def tiny_server(serving, write_tiny, tmp_path_factory):
    """A server of two tiny models: `tiny`, version 7, and `labelled`, 1 (stable) and 2 (canary, other tags).

    gRPC requests of over 1 MB are refused. Without tensorflow-serving-api it has `tiny` alone.
    """
    folder = tmp_path_factory.mktemp("served")
    write_tiny(folder / "tiny" / "7")
    write_tiny(folder / "labelled" / "1")
    write_tiny(folder / "labelled" / "2", ("a", "b", "c"))
    limit = "--grpc_channel_arguments=grpc.max_receive_message_length=1000000"
    try:
        import tensorflow_serving  # noqa: F401  only whether it is there
    except ImportError:
        return serving(folder / "tiny", "tiny", limit)
    config = folder / "models.config"
    config.write_text(CONFIG.format(folder=folder))
    return serving(None, "", limit, config_file=config)
