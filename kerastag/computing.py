"""How a network is computed: in which precision, compiled or not, with TF32 or without."""

import dataclasses

from kerastag import precisions

XLA = ("auto", "on", "off")
TF32 = ("on", "off")

# Shorter work is over before XLA has compiled. On an H200 a training step of 32 chunks took 37 ms plain and 9 ms
# compiled, after 56 s; scoring a chunk 0.07 to 0.12 ms plain and 0.02 ms at the best, after 9 s.
TRAINING_STEPS = 5_000
SCORED_CHUNKS = 100_000


@dataclasses.dataclass(frozen=True)
class Computing:
    """How a network is computed.

    Attributes:
      precision: one of precisions.NAMES.
      xla: "on", "off", or "auto": XLA compiles on a GPU, where the work is long enough; on a CPU it is three times
        slower.
      tf32: "on" lets GPUs round the factors of float32 products to 11 bits, as TensorFlow does by default; "off" keeps
        float32. It is the process's, see `start`.
    """

    precision: str = "auto"
    xla: str = "auto"
    tf32: str = "on"

    @property
    def policy(self) -> str:
        """The Keras policy that `precision` stands for here."""
        return precisions.choose(self.precision)

    def start(self) -> None:
        """Makes TF32 what it is to be in this process; TensorFlow must have been started."""
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(self.tf32 == "on")

    def compiles_training(self, num_steps: int) -> bool:
        """Whether XLA compiles the step of a training of so many."""
        return self._compiles(num_steps >= TRAINING_STEPS)

    def compiles_scoring(self, num_chunks: int) -> bool:
        """Whether XLA compiles the network for scoring so many chunks."""
        return self._compiles(num_chunks >= SCORED_CHUNKS)

    def _compiles(self, is_long: bool) -> bool:
        return self.xla == "on" or (self.xla == "auto" and is_long and precisions.has_gpu())


AUTOMATIC = Computing()
