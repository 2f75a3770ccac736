"""What a served model is made of."""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np

from kerastag import errors, tagger, tags

DEFAULT = "serving_default"


@dataclasses.dataclass(frozen=True)
class Contents:
    """What a served model is made of.

    Attributes:
      models: waveform to logits, in the precision to serve in; several are an ensemble, at one sample rate.
      vocabulary: the tags of each.
      combination: of their scores.
      num_chunks: evenly spaced chunks whose scores are averaged, of each network's own length.
      thresholds: of each tag's score, before calibration, (num_tags,), from which it is decided; None: not known.

    Raises:
      KerastagError: sample rates differ, or there is not a threshold for each tag.
    """

    models: Sequence[keras.Model]
    vocabulary: tags.Vocabulary
    combination: tagger.Combination
    num_chunks: int
    thresholds: np.ndarray | None = None

    def __post_init__(self) -> None:
        rates = sorted({model.sample_rate for model in self.models})
        if len(rates) > 1:
            raise errors.KerastagError(
                f"members at {', '.join(map(str, rates))} Hz; a served model has one sample rate"
            )
        if self.thresholds is not None and np.shape(self.thresholds) != (len(self.vocabulary),):
            raise errors.KerastagError(f"thresholds are {np.shape(self.thresholds)} for {len(self.vocabulary)} tags")

    @property
    def sample_rate(self) -> int:
        """Of waveforms, in Hz."""
        return self.models[0].sample_rate

    @property
    def chunk_samples(self) -> int:
        """Of the longest chunk that a network takes."""
        return max(model.chunk_samples for model in self.models)

    @property
    def half_precision(self) -> bool:
        """Whether a network computes in it."""
        return any(model.precision != "float32" for model in self.models)

    @property
    def network_names(self) -> list[str]:
        """The signature of each network's own scores: network_N, where they are not simply those that are served.

        The tagger of an export needs them: it averages chunks of a file before it combines and calibrates.
        """
        if len(self.models) == 1 and self.combination.fitted is None:
            return [DEFAULT]
        return [f"network_{number}" for number in range(1, len(self.models) + 1)]
