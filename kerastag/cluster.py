"""Which of several processes this is, by what a scheduler left in the environment; known without TensorFlow."""

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

from kerastag import errors

TF_CONFIG = "TF_CONFIG"
# of a job step: srun sets them for each of its tasks
SLURM_PLACE, SLURM_COUNT = "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"
ROLES = ("chief", "worker")  # in the order in which processes are counted


@dataclasses.dataclass(frozen=True)
class Place:
    """One process among those that train together.

    Attributes:
      index: from 0; process 0 is the chief, which writes.
      count: how many there are.
      scheduler: who told it: TF_CONFIG or "Slurm".
    """

    index: int = 0
    count: int = 1
    scheduler: str = ""

    @property
    def is_chief(self) -> bool:
        return self.index == 0


ALONE = Place()


def place(environment: Mapping[str, str] = os.environ) -> Place:
    """The place of this process, by TF_CONFIG, else by Slurm's variables.

    Raises:
      KerastagError: neither tells it, or what they say contradicts itself.
    """
    if environment.get(TF_CONFIG):
        return _by_tf_config(environment[TF_CONFIG])
    if SLURM_PLACE in environment and SLURM_COUNT in environment:
        try:
            return Place(int(environment[SLURM_PLACE]), int(environment[SLURM_COUNT]), "Slurm")
        except ValueError:
            told = f"{SLURM_PLACE}={environment[SLURM_PLACE]} and {SLURM_COUNT}={environment[SLURM_COUNT]}"
            raise errors.KerastagError(f"{told}: two numbers are expected", "strategy") from None
    raise errors.KerastagError(
        f"nothing says which worker this is: set {TF_CONFIG}, or start the workers by Slurm's srun", "strategy"
    )


def _by_tf_config(text: str) -> Place:
    try:
        config = json.loads(text)
        cluster, role, number = config["cluster"], config["task"]["type"], int(config["task"]["index"])
        addresses = {name: _addresses(cluster[name]) for name in ROLES if name in cluster}
    except (ValueError, TypeError, KeyError) as error:
        form = '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'
        raise errors.KerastagError(f"{TF_CONFIG} is not as {form}: {error!r}", "strategy") from None
    if role not in addresses or len(addresses.get("chief", [""])) != 1:
        raise errors.KerastagError(f"{TF_CONFIG}: a task is one of the workers, or the one chief", "strategy")
    if not 0 <= number < len(addresses[role]):
        raise errors.KerastagError(f"{TF_CONFIG}: there is no {role} {number} of {len(addresses[role])}", "strategy")
    before = len(addresses["chief"]) if role == "worker" and "chief" in addresses else 0
    return Place(before + number, sum(map(len, addresses.values())), TF_CONFIG)


def _addresses(given: Any) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(address, str) for address in given):
        raise TypeError("a list of addresses is expected")
    return given
