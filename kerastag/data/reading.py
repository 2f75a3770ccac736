"""How audio is read where tracks are scored."""

import dataclasses

DTYPES = ("int16", "float32")


@dataclasses.dataclass(frozen=True)
class Reading:
    """What becomes of a track before a network scores it.

    Attributes:
      num_chunks: evenly spaced chunks of each track whose scores are averaged.
      batch_size: chunks per step, over all devices together.
      decoder: one of audio.DECODERS.
      dtype: "int16", saturated, for half the memory and transfer, or "float32".
      whole: networks made for it hear all of a track, chunk after chunk, instead of `num_chunks`.
    """

    num_chunks: int = 16
    batch_size: int = 32
    decoder: str = "soundfile"
    dtype: str = "int16"
    whole: bool = True
