"""The signatures of a served model: what a server computes of a waveform or a WAV file, and what it says of itself."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from kerastag.serving.graph import guard_ops, network, resampling_ops, score_ops, wav_ops
from kerastag.serving.graph.served_model import DEFAULT, ServedModel
from kerastag.tensors import Tensor


class ServingModule(tf.Module):
    """The networks of a model, and its signatures.

    The batch is the first dimension of every input and output, as TensorFlow Serving's batching and its row form of
    requests need it. Waveforms are float32 (batch, samples) at the model's rate, of one sample or more. What is wrong
    with a request is an InvalidArgumentError of one sentence, see guard_ops.

    Args:
      served: what it is made of.
    """

    def __init__(self, served: ServedModel):
        super().__init__()
        self.networks = [network.ServedNetwork(model, served.num_chunks) for model in served.networks]
        self._model = served  # a SavedModel keeps variables of lists and modules, not what is in here
        self._resampler = resampling_ops.Resampler(served.sample_rate)

    def signatures(self) -> dict[str, Tensor]:
        """What tf.saved_model.save takes: the methods by their names, and each network's own scores."""
        waveform = tf.TensorSpec([None, None], tf.float32, name="waveform")
        wav_bytes = tf.TensorSpec([None], tf.string, name="wav_bytes")
        k, request = (tf.TensorSpec([None], tf.int32, name=name) for name in ("k", "request"))
        named = zip(self._model.network_names, self.networks, strict=True)
        table: dict[str, tuple[Callable[..., Tensor], list[Tensor]]] = {
            **{name: (_scores_of(served), [waveform]) for name, served in named},
            DEFAULT: (self.serving_default, [waveform]),
            "classify_wav": (self.classify_wav, [wav_bytes]),
            "taggram": (self.taggram, [waveform]),
            "top_tags": (self.top_tags, [waveform, k]),
            "metadata": (self.metadata, [request]),
        }
        if any(served.embedding_width for served in self.networks):
            table["embed"] = (self.embed, [waveform])
        return {name: tf.function(call, spec, autograph=False) for name, (call, spec) in table.items()}

    def serving_default(self, waveform: Tensor) -> dict[str, Tensor]:
        """waveform to `scores`, float32 (batch, num_tags): of the means over evenly spaced chunks."""
        return {"scores": self._served(self._combined(guard_ops.waveform(waveform)))}

    def classify_wav(self, wav_bytes: Tensor) -> dict[str, Tensor]:
        """wav_bytes, string (batch,), to the same `scores`: WAV files of 16-bit PCM, one or two channels, 4 to 192 kHz.

        They are mixed down, resampled and rounded to 16 bits, as where the model was trained; see wav_ops.
        """
        return {
            "scores": wav_ops.scores(
                guard_ops.rows(wav_bytes, "wav_bytes"),
                self._resampler,
                lambda waveform: self._served(self._combined(waveform)),
                len(self._model.vocabulary),
            )
        }

    def taggram(self, waveform: Tensor) -> dict[str, Tensor]:
        """waveform to `chunk_scores`, float32 (batch, chunks, num_tags), and `start_seconds`, float32 (batch, chunks).

        Chunks follow each other without overlap from the first sample on; only the last one, which begins a chunk
        before the end, may share samples with the one before. What is not longer than a chunk has a single one. In an
        ensemble the longest chunk sets the starts. Calibration was fitted on means over chunks; single chunks go
        through the same.
        """
        waveform = guard_ops.waveform(waveform)
        starts = self._consecutive_starts(waveform)
        members = [served.chunk_scores(waveform, starts) for served in self.networks]
        batch, count, num_tags = tf.shape(waveform)[0], tf.size(starts), len(self._model.vocabulary)
        flat = [tf.reshape(scores, [batch * count, num_tags]) for scores in members]
        seconds = tf.cast(starts / self._model.sample_rate, tf.float32)
        return {
            "chunk_scores": tf.reshape(self._served(self._combine(flat)), [batch, count, num_tags]),
            "start_seconds": tf.tile(seconds[tf.newaxis], [batch, 1]),
        }

    def embed(self, waveform: Tensor) -> dict[str, Tensor]:
        """waveform to `embedding`, float32 (batch, width): what a network's output layer takes, mean over the chunks.

        Those of an ensemble's members stand side by side; a member that has none is left out.
        """
        waveform = guard_ops.waveform(waveform)
        parts = [served.embedding(waveform) for served in self.networks if served.embedding_width]
        return {"embedding": tf.concat(parts, axis=1)}

    def top_tags(self, waveform: Tensor, k: Tensor) -> dict[str, Tensor]:
        """waveform and k, int32 (batch,), to the `tags` with the highest `scores`, by short names; see score_ops.top.

        Where thresholds are known, `above` says which of these scores reach them.
        """
        waveform = guard_ops.waveform(waveform)
        names = self._model.vocabulary.short_names
        k = guard_ops.numbers(k, "k", 1, len(names), tf.shape(waveform)[0])
        combined, above = self._combined(waveform), None
        if self._model.thresholds is not None:  # of scores before calibration, which may make unequal ones equal
            decided = tf.cast(
                tf.cast(combined, tf.float32), tf.float64
            )  # the scores of `kerastag evaluate` are float32
            above = decided >= np.asarray(self._model.thresholds, np.float64)
        return score_ops.top(self._served(combined), k, names, above)

    def metadata(self, request: Tensor) -> dict[str, Tensor]:
        """request, int32 (batch,), whatever it holds, to what clients need to know, the same in every row.

        `tags`, short names, and `full_names`, string (batch, num_tags) in column order; `sample_rate` of waveforms in
        Hz, `chunk_samples`, the longest of the networks', and `num_chunks`, int32 (batch,); where they are known,
        `thresholds` of the served scores, float32 (batch, num_tags), 2 for a tag that is never decided.
        """
        served = self._model
        facts: dict[str, Tensor] = {
            "tags": tf.constant(served.vocabulary.short_names),
            "full_names": tf.constant(tuple(served.vocabulary.names)),
            "sample_rate": served.sample_rate,
            "chunk_samples": served.chunk_samples,
            "num_chunks": served.num_chunks,
        }
        if served.thresholds is not None:
            facts["thresholds"] = score_ops.served_thresholds(served.thresholds, served.combination.fitted)
        batch = tf.shape(guard_ops.rows(request, "request"))[:1]
        return {name: tf.broadcast_to(fact, tf.concat([batch, np.shape(fact)], 0)) for name, fact in facts.items()}

    def _combined(self, waveform: Tensor) -> Tensor:
        return self._combine([served.scores(waveform) for served in self.networks])

    def _combine(self, members: Sequence[Tensor]) -> Tensor:
        """The networks' scores, float32 (rows, num_tags), to one, not yet calibrated, float32 or float64."""
        how = self._model.combination
        return score_ops.combine(members, how.method, how.weights) if len(members) > 1 else members[0]

    def _served(self, combined: Tensor) -> Tensor:
        """Combined scores, (rows, num_tags), to those that are served, float32."""
        fitted = self._model.combination.fitted
        if fitted is not None:
            combined = score_ops.calibrate(tf.cast(combined, tf.float64), fitted)
        return tf.cast(combined, tf.float32)

    def _consecutive_starts(self, waveform: Tensor) -> Tensor:
        """First samples of chunks without overlap, int32 (chunks,); the last chunk ends with the waveform."""
        num_samples, size = tf.shape(waveform)[1], self._model.chunk_samples
        return tf.minimum(tf.range(-(-num_samples // size)) * size, tf.maximum(num_samples - size, 0))


def _scores_of(served: network.ServedNetwork) -> Callable[[Tensor], dict[str, Tensor]]:
    def scores(waveform: Tensor) -> dict[str, Tensor]:
        return {"scores": served.scores(guard_ops.waveform(waveform))}

    return scores
