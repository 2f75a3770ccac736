"""What a served model is made of."""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np

from kerastag import errors, tags
from kerastag.inference import export_facts
from kerastag.models import embedding
from kerastag.runs.model import Combination

DEFAULT = "serving_default"


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """Networks, and what is done to their scores.

    Attributes:
      networks: waveform to logits, in the precision to serve in; several are an ensemble, at one sample rate.
      vocabulary: the tags of each.
      combination: how the networks' scores become the model's.
      num_chunks: evenly spaced chunks whose scores are averaged, of each network's own length.
      thresholds: the uncalibrated score from which each tag is decided, (num_tags,); None: not known.

    Raises:
      KerastagError: sample rates differ, or there is not one threshold for each tag.
    """

    networks: Sequence[keras.Model]
    vocabulary: tags.Vocabulary
    combination: Combination
    num_chunks: int
    thresholds: np.ndarray | None = None

    def __post_init__(self) -> None:
        rates = sorted({network.sample_rate for network in self.networks})
        if len(rates) > 1:
            raise errors.KerastagError(
                f"members at {', '.join(map(str, rates))} Hz; a served model has one sample rate"
            )
        if self.thresholds is not None and np.shape(self.thresholds) != (len(self.vocabulary),):
            raise errors.KerastagError(f"thresholds are {np.shape(self.thresholds)} for {len(self.vocabulary)} tags")

    @property
    def sample_rate(self) -> int:
        """Of waveforms, in Hz."""
        return self.networks[0].sample_rate

    @property
    def chunk_samples(self) -> int:
        """Samples in the longest chunk that a network takes."""
        return max(network.chunk_samples for network in self.networks)

    @property
    def half_precision(self) -> bool:
        """Whether a network computes in half precision."""
        return any(network.precision != "float32" for network in self.networks)

    @property
    def network_names(self) -> list[str]:
        """The signature of each network's own scores: network_N, where they are not simply those that are served.

        The tagger of an export needs them: it averages chunks of a file before it combines and calibrates.
        """
        if len(self.networks) == 1 and self.combination.fitted is None:
            return [DEFAULT]
        return [f"network_{number}" for number in range(1, len(self.networks) + 1)]

    def facts(self) -> export_facts.ExportFacts:
        """What model.json tells a program."""
        return export_facts.ExportFacts(
            sample_rate=self.sample_rate,
            chunk_samples=self.chunk_samples,
            num_chunks=self.num_chunks,
            precision=self.networks[0].precision,
            calibrated=self.combination.fitted is not None,
            method=self.combination.method,
            weights=self.combination.weights or (1.0,) * len(self.networks),
            members=tuple(
                export_facts.NetworkFacts(name, network.chunk_samples, network.centred, embedding.width_of(network))
                for name, network in zip(self.network_names, self.networks, strict=True)
            ),
        )
