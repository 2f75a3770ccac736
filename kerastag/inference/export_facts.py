"""model.json of an exported SavedModel: what a program has to know to use it."""

import dataclasses
import pathlib

from kerastag import errors, files, json_types

ASSETS = "assets.extra"  # the folder of a version that a model server leaves alone
FILE = "model.json"


@dataclasses.dataclass(frozen=True)
class NetworkFacts:
    """One network of the model.

    Attributes:
      signature: the signature with its own scores.
      chunk_samples: samples in one chunk.
      centred: whether a track is scored by one chunk from its middle, instead of evenly spaced ones.
      embedding_width: how many of the numbers of the signature `embed` are the network's; 0: it has none.
    """

    signature: str
    chunk_samples: int
    centred: bool
    embedding_width: int = 0


@dataclasses.dataclass(frozen=True)
class ExportFacts:
    """The whole model.

    Attributes:
      sample_rate: sample rate of waveforms, in Hz.
      chunk_samples: samples in the longest chunk that a network takes.
      num_chunks: evenly spaced chunks of a waveform whose scores are averaged.
      precision: the networks' policy.
      calibrated: whether scores are probabilities.
      method: how the networks' scores are combined.
      weights: the weight of each network.
      members: the networks.
    """

    sample_rate: int
    chunk_samples: int
    num_chunks: int
    precision: str
    calibrated: bool
    method: str
    weights: tuple[float, ...]
    members: tuple[NetworkFacts, ...]

    @classmethod
    def read(cls, version: pathlib.Path) -> "ExportFacts":
        """Reads model.json in the folder of a version.

        Raises:
          KerastagError: it is missing, damaged, or was written before ensembles could be exported.
        """
        path = version / ASSETS / FILE
        content = files.read_json(path)
        if not isinstance(content, dict) or "members" not in content:
            raise errors.KerastagError(f"{path}: written by an older version; export the run again")
        try:
            facts = json_types.build(cls, content)
        except TypeError as error:
            raise errors.KerastagError(f"{path}: not the facts of an export ({error})") from None
        sizes = (facts.sample_rate, facts.chunk_samples, facts.num_chunks, len(facts.members))
        if min(sizes) < 1 or any(network.chunk_samples < 1 for network in facts.members):
            raise errors.KerastagError(f"{path}: not the facts of an export (a rate or a number is not above 0)")
        return facts

    def write(self, version: pathlib.Path) -> None:
        """Writes model.json into the folder of a version."""
        files.write_json(version / ASSETS / FILE, dataclasses.asdict(self))
