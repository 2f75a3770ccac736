"""What the published short-chunk residual CNNs are made of, readable without Keras."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Variant:
    """What differs between the two published networks.

    Attributes:
      chunk_samples: the input at 16 kHz that leaves `receptive field` and chunk of one length.
      blocks: per block its name, its channels as a multiple of num_channels, its stride (frequency, time).
      head: the names of the dense, batch norm and output layer, and the width of the first as a multiple.
    """

    chunk_samples: int
    blocks: tuple[tuple[str, int, tuple[int, int]], ...]
    head: tuple[str, str, str, int]


FIRST_BLOCKS = (
    ("layer1", 1, (2, 2)),
    ("layer2", 1, (2, 2)),
    ("layer3", 2, (2, 2)),
    ("layer4", 2, (2, 2)),
    ("layer5", 2, (2, 2)),
)
VARIANTS = {
    "4s6": Variant(
        chunk_samples=73_600,
        blocks=(
            *FIRST_BLOCKS,
            ("layer6_2_3", 2, (2, 3)),
            ("layer7_2_3", 4, (2, 3)),
        ),
        head=("dense_1", "bn_1", "dense_2", 2),
    ),
    "3s69": Variant(
        chunk_samples=59_049,
        blocks=(
            *FIRST_BLOCKS,
            ("layer6", 2, (2, 2)),
            ("layer7", 4, (2, 2)),
        ),
        head=("dense1", "bn", "dense2", 4),
    ),
}
