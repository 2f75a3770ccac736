"""Which optimiser trains an epoch, and at which learning rate."""

import dataclasses
import math
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Stage:
    """A stretch of epochs with one optimiser and, but for cosine, one learning rate.

    Attributes:
      number: counted from 0; a change of it restarts from the best weights so far.
      optimizer: "adam" or "sgd".
      learning_rate: learning rate of the epoch asked about.
    """

    number: int
    optimizer: str
    learning_rate: float


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Learning rates by epoch.

    Attributes:
      name: "constant"; "cosine", half a wave down to 0 at the last epoch's end; or "staged", Adam and then SGD at ever
        lower rates, as Won et al. 2020 and Knox et al. 2020 train.
      learning_rate: Adam's.
      epochs: epochs of the whole run.
      adam_epochs: staged: epochs before the first switch.
      sgd_epochs: staged: epochs at each of SGD's rates; the last one stays.
      sgd_learning_rates: staged: SGD's rates in turn.
    """

    name: str = "constant"
    learning_rate: float = 1e-4
    epochs: int = 200
    adam_epochs: int = 80
    sgd_epochs: int = 30
    sgd_learning_rates: Sequence[float] = (1e-2, 1e-3, 1e-4, 1e-5)

    def stage(self, epoch: int) -> Stage:
        """The stage of an epoch, counted from 0."""
        if self.name == "cosine":
            return Stage(0, "adam", self.learning_rate * (1 + math.cos(math.pi * epoch / self.epochs)) / 2)
        if self.name != "staged" or epoch < self.adam_epochs:
            return Stage(0, "adam", self.learning_rate)
        drop = min((epoch - self.adam_epochs) // self.sgd_epochs, len(self.sgd_learning_rates) - 1)
        return Stage(1 + drop, self.optimizer_of(1 + drop), self.sgd_learning_rates[drop])

    def optimizer_of(self, number: int) -> str:
        """The optimiser of a stage."""
        return "adam" if number == 0 else "sgd"
