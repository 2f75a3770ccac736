"""What a catalogue costs to tag: measured costs and rates in; time, machines, money and the bottleneck out.

    python -m tools.plan_catalogue [--num_tracks=1000000,100000000] [--hours=24] [--machine_price=0.4] ...

A machine fetches, decodes and scores at the same time, so that it is as fast as the slowest of: its network, its cores
(on which decoding, and the neural network where there is no GPU, add up) and its GPUs. All machines together are no
faster than the storage. Seeking touches a part of each file alone; where files are fetched whole, --read_share is 1.
"""

import dataclasses
import math
import sys

from absl import flags

from kerastag import cli, errors
from kerastag.cli import options
from kerastag.metrics import tables

SECONDS_AN_HOUR = 3600.0

FLAGS = flags.FlagValues()
flags.DEFINE_list("num_tracks", ["1000000", "10000000", "100000000"], "Sizes of catalogues.", flag_values=FLAGS)
flags.DEFINE_float("hours", 24.0, "Time in which a catalogue is to be done.", 0.01, flag_values=FLAGS)
options.positive(FLAGS, "num_machines", None, "Machines that there are, instead of --hours.")
options.positive(FLAGS, "machine_cores", 8, "Cores of a machine.")
flags.DEFINE_float("machine_price", 0.0, "Money for a machine and hour, in any currency.", 0.0, flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))
options.positive(FLAGS, "num_chunks", 16, "Chunks of a track that are heard.")
flags.DEFINE_float(
    "read_core_ms", 6.5, "Core-milliseconds to read a chunk: MP3s of 4 minutes, by seeking.", 0.0, flag_values=FLAGS
)
flags.DEFINE_float(
    "network_core_ms",
    32.0,
    "Core-milliseconds of the network for a chunk: 32 with AVX-512 bfloat16, 12 with AMX, 65 in float32.",
    0.0,
    flag_values=FLAGS,
)
flags.DEFINE_float(
    "gpu_chunks", 0.0, "Chunks a second that one GPU scores; 0: the cores do it.", 0.0, flag_values=FLAGS
)
options.positive(FLAGS, "machine_gpus", 1, "GPUs of a machine, where --gpu_chunks is given.")
flags.DEFINE_float("file_megabytes", 6.0, "Size of a file.", 0.0, flag_values=FLAGS)
flags.DEFINE_float("read_share", 1.0, "Share of a file's bytes that is fetched.", 0.0, 1.0, flag_values=FLAGS)
flags.DEFINE_float("machine_gbits", 10.0, "A machine's network, in Gbit/s.", 0.001, flag_values=FLAGS)
flags.DEFINE_float("storage_gbytes", 5.0, "What the storage gives to all machines, in GB/s.", 0.001, flag_values=FLAGS)
flags.DEFINE_float("egress_price", 0.0, "Money for a GB that leaves the storage.", 0.0, flag_values=FLAGS)
flags.DEFINE_float("start_seconds", 30.0, "From a worker's start to its first track.", 0.0, flag_values=FLAGS)
flags.DEFINE_float(
    "spare", 0.1, "Share of the work that is lost: stragglers, shards begun anew.", 0.0, flag_values=FLAGS
)
options.define_verbosity(FLAGS)


@dataclasses.dataclass(frozen=True)
class Costs:
    """Costs of a track and rates of machines.

    Attributes:
      core_seconds: of a track.
      gpu_seconds: of a track.
      gigabytes: of a track that are fetched.
      cores, gpus: of a machine.
      machine_gigabytes: a second into a machine.
      storage_gigabytes: a second out of the storage.
      machine_price: of an hour.
      egress_price: of a GB.
      start_seconds: of a worker.
      spare: share of the work on top.
    """

    core_seconds: float
    gpu_seconds: float
    gigabytes: float
    cores: int
    gpus: int
    machine_gigabytes: float
    storage_gigabytes: float
    machine_price: float = 0.0
    egress_price: float = 0.0
    start_seconds: float = 0.0
    spare: float = 0.0

    @property
    def machine_rates(self) -> dict[str, float]:
        """Tracks a second of one machine, by what limits them."""
        rates = {"its cores": self.cores, "its GPUs": self.gpus, "its network": self.machine_gigabytes}
        costs = {"its cores": self.core_seconds, "its GPUs": self.gpu_seconds, "its network": self.gigabytes}
        return {name: rates[name] / cost for name, cost in costs.items() if cost}

    @property
    def storage_rate(self) -> float:
        """Tracks a second of the storage."""
        return self.storage_gigabytes / self.gigabytes if self.gigabytes else math.inf


@dataclasses.dataclass(frozen=True)
class Plan:
    """What so many tracks come to.

    Attributes:
      num_tracks: of the catalogue.
      num_machines: that work.
      hours: that it takes.
      price: money.
      bottleneck: what would have to be faster.
    """

    num_tracks: int
    num_machines: int
    hours: float
    price: float
    bottleneck: str


def plan(costs: Costs, num_tracks: int, hours: float, num_machines: int | None = None) -> Plan:
    """The machines that do so many tracks in time, or the time that so many machines take.

    Where the storage cannot give that much, there are as many machines as it feeds, and the time is what it is.

    Raises:
      KerastagError: a worker's start alone takes longer.
    """
    name, rate = min(costs.machine_rates.items(), key=lambda item: item[1])
    work = num_tracks * (1 + costs.spare)
    seconds = hours * SECONDS_AN_HOUR - costs.start_seconds
    if seconds <= 0:
        raise errors.KerastagError(f"{hours:g} hours are less than a worker's start takes", "hours")
    machines = num_machines or math.ceil(work / seconds / rate)
    fed = costs.storage_rate / rate
    if machines > fed:
        name = "the storage"
        machines = num_machines or max(1, math.ceil(fed))
    needed = work / min(machines * rate, costs.storage_rate) + costs.start_seconds
    price = machines * needed / SECONDS_AN_HOUR * costs.machine_price
    price += num_tracks * costs.gigabytes * costs.egress_price
    return Plan(num_tracks, machines, needed / SECONDS_AN_HOUR, price, name)


def costs_of(values: flags.FlagValues) -> Costs:
    """What the flags say."""
    on_gpu = values.gpu_chunks > 0
    core_ms = values.read_core_ms + (0.0 if on_gpu else values.network_core_ms)
    return Costs(
        core_seconds=values.num_chunks * core_ms / 1e3,
        gpu_seconds=values.num_chunks / values.gpu_chunks if on_gpu else 0.0,
        gigabytes=values.file_megabytes * values.read_share / 1e3,
        cores=values.machine_cores,
        gpus=values.machine_gpus if on_gpu else 0,
        machine_gigabytes=values.machine_gbits / 8,
        storage_gigabytes=values.storage_gbytes,
        machine_price=values.machine_price,
        egress_price=values.egress_price,
        start_seconds=values.start_seconds,
        spare=values.spare,
    )


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints what a machine does, and a line for each size."""
    try:
        sizes = [int(size) for size in values.num_tracks]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 1:
        raise errors.UsageError(f"--num_tracks={','.join(values.num_tracks)}: not numbers of tracks")
    costs = costs_of(values)
    if not costs.machine_rates:
        raise errors.UsageError("a track that costs nothing needs no plan")
    rates = ", ".join(f"{name} {rate:.1f}" for name, rate in costs.machine_rates.items())
    note = f"Tracks a second that a machine could do by {rates}; the storage could feed {costs.storage_rate:.0f}."
    plans = [plan(costs, size, values.hours, values.num_machines) for size in sizes]
    rows = tuple(
        (f"{one.num_tracks:,}", one.num_machines, f"{one.hours:.1f}", f"{one.price:,.0f}", one.bottleneck)
        for one in plans
    )
    header = ("tracks", "machines", "hours", "money", "bottleneck")
    print(tables.text([tables.Table(header, rows, note)]))
    return 0


COMMAND = cli.Command(
    "python -m tools.plan_catalogue", "plan time, machines and money for a catalogue", FLAGS, main, MAIN_FLAGS
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
