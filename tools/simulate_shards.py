"""The shard queue at a size at which nobody tries it: workers, claims, stragglers and lost leases on paper.

    python -m tools.simulate_shards [--num_workers=10000] [--num_shards=10000] [--death_rate=0.01] ...

Events in the order of their time, with the rules of kerastag.catalogue: a worker lists what is free, tries it in an
order of its own until it gets a shard, works, lists again; a dead worker's shard is free when its lease is over; a
worker that sleeps longer than its lease loses the shard. All file operations go through one server, one after the
other. A worker that died is replaced.
"""

import dataclasses
import heapq
import math
import random
import sys
from collections import Counter

from absl import flags

from kerastag import cli
from kerastag.catalogue import leases, worker
from kerastag.cli import options
from kerastag.metrics import tables

HOUR = 3600.0
NAMES_AN_OPERATION = 500  # of a folder that is listed
CLAIM_OPERATIONS = 4  # making and writing the lease, looking for marker and results
FINISH_OPERATIONS = 8  # results, two renames, markers, the lease removed

FLAGS = flags.FlagValues()
options.positive(FLAGS, "num_workers", 10_000, "Workers at a time.")
options.positive(FLAGS, "num_shards", 10_000, "Shards.")
flags.DEFINE_float("shard_hours", 1.0, "That a shard takes a worker of usual speed.", 0.001, flag_values=FLAGS)
flags.DEFINE_float("spread", 0.2, "Standard deviation of the logarithm of a shard's time.", 0.0, flag_values=FLAGS)
flags.DEFINE_float("start_seconds", 60.0, "Workers start within so many seconds.", 0.0, flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))
flags.DEFINE_float("lease_seconds", 300.0, "Of a lease.", leases.MIN_LEASE_SECONDS, flag_values=FLAGS)
flags.DEFINE_float("death_rate", 0.01, "Deaths of a worker in an hour.", 0.0, flag_values=FLAGS)
flags.DEFINE_float("sleep_rate", 0.001, "Times an hour that a worker sleeps through its lease.", 0.0, flag_values=FLAGS)
flags.DEFINE_float("operation_ms", 0.2, "That the file server takes for an operation.", 0.0, flag_values=FLAGS)
flags.DEFINE_integer("seed", 0, "Random seed.", 0, flag_values=FLAGS)
options.define_verbosity(FLAGS)


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is simulated; times in seconds, rates in events a second of a worker."""

    num_workers: int
    num_shards: int
    shard_seconds: float
    spread: float
    start_seconds: float
    lease_seconds: float
    death_rate: float
    sleep_rate: float
    operation_seconds: float


class Simulation:
    """A job from its beginning to its end.

    Args:
      setting: what is simulated.
      dice: all chance.

    Attributes:
      counts: of claims, refusals, takeovers, deaths, lost leases.
      seconds: that the job took.
      done_at: when each shard was done first, in their order of time.
    """

    def __init__(self, setting: Setting, dice: random.Random):
        self.setting, self._dice = setting, dice
        self.counts, self.done_at = Counter[str](), list[float]()
        self.claims_in, self.operations_in = Counter[int](), Counter[int]()
        self._free = set(range(setting.num_shards))
        self._freed: list[tuple[float, int]] = []  # when leases are over, and of which shard
        self._taken_at = [-1.0] * setting.num_shards  # when the last term began
        self._terms = [0] * setting.num_shards
        self._events: list[tuple[float, int, str, int, int]] = []
        self._number, self._server_free = 0, 0.0
        for _ in range(setting.num_workers):
            self._at(dice.uniform(0, setting.start_seconds), "look")

    def run(self) -> "Simulation":
        while self._events and len(self.done_at) < self.setting.num_shards:
            now, _, what, shard, term = heapq.heappop(self._events)
            if what == "look":
                self._look(now)
            elif what == "finish":
                self._finish(now, shard, term)
            else:
                self._lose(now, what, shard)
        return self

    @property
    def seconds(self) -> float:
        return self.done_at[-1]

    def _at(self, moment: float, what: str, shard: int = 0, term: int = 0) -> None:
        self._number += 1
        heapq.heappush(self._events, (moment, self._number, what, shard, term))

    def _operate(self, now: float, count: int) -> float:
        """When the server has done so many operations that are asked for now."""
        self.operations_in[int(now)] += count
        self._server_free = max(now, self._server_free) + count * self.setting.operation_seconds
        return self._server_free

    def _look(self, now: float) -> None:
        """Lists, then tries shard after shard; what was taken since it listed costs an operation."""
        size = self.setting.num_shards
        listed = now
        now = self._operate(now, 2 + (size - len(self._free)) // NAMES_AN_OPERATION)
        while self._freed and self._freed[0][0] <= now:
            self._free.add(heapq.heappop(self._freed)[1])
        if not self._free:
            self._at(now + self.setting.lease_seconds / worker.LOOKS, "look")
            return
        first, step = self._dice.randrange(size), self._stride()
        for place in range(size):
            shard = (first + place * step) % size
            if shard in self._free:
                self._claim(self._operate(now, CLAIM_OPERATIONS), shard)
                return
            if self._taken_at[shard] > listed:
                self.counts["refused"] += 1
                now = self._operate(now, 1)

    def _stride(self) -> int:
        while math.gcd(step := self._dice.randrange(1, self.setting.num_shards + 1), self.setting.num_shards) > 1:
            pass
        return step

    def _claim(self, now: float, shard: int) -> None:
        setting = self.setting
        self.counts["claims"] += 1
        self.counts["taken over"] += self._terms[shard] > 0
        self.claims_in[int(now)] += 1
        self._terms[shard] += 1
        self._taken_at[shard] = now
        self._free.remove(shard)
        end = now + setting.shard_seconds * self._dice.lognormvariate(0, setting.spread)
        ends = {
            "finish": end,
            "die": self._chance(now, setting.death_rate),
            "sleep": self._chance(now, setting.sleep_rate),
        }
        what = min(ends, key=lambda name: ends[name])
        self._at(ends[what], what, shard, self._terms[shard])

    def _chance(self, now: float, rate: float) -> float:
        return now + self._dice.expovariate(rate) if rate else math.inf

    def _finish(self, now: float, shard: int, term: int) -> None:
        now = self._operate(now, FINISH_OPERATIONS)
        self.done_at.append(now)
        self._at(now, "look")

    def _lose(self, now: float, what: str, shard: int) -> None:
        """A worker dies, and another one starts; or it sleeps, and looks again when it wakes."""
        self.counts["deaths" if what == "die" else "lost leases"] += 1
        # the last renewal was up to a quarter of the lease ago
        renewed = now - self._dice.uniform(0, self.setting.lease_seconds / leases.RENEWALS)
        heapq.heappush(self._freed, (renewed + self.setting.lease_seconds, shard))
        self._at(now + (self.setting.start_seconds if what == "die" else 2 * self.setting.lease_seconds), "look")


def table_of(simulation: Simulation) -> tables.Table:
    """The figures of a simulation that has run."""
    setting, counts, done = simulation.setting, simulation.counts, sorted(simulation.done_at)
    mean = setting.shard_seconds * math.exp(setting.spread**2 / 2)
    ideal = setting.num_shards * mean / setting.num_workers
    renewals = setting.num_workers * leases.RENEWALS / setting.lease_seconds
    rows = (
        ("hours", f"{simulation.seconds / HOUR:.2f}"),
        ("the work divided by the workers, hours", f"{ideal / HOUR:.2f}"),
        (
            "hours until half, 99 %, all is done",
            " ".join(f"{_share(done, share) / HOUR:.2f}" for share in (0.5, 0.99, 1)),
        ),
        ("claims", counts["claims"]),
        ("claims a second at the most", max(simulation.claims_in.values())),
        ("refused: another one was faster", counts["refused"]),
        ("deaths", counts["deaths"]),
        ("lost leases", counts["lost leases"]),
        ("taken over", counts["taken over"]),
        ("file operations asked for in a second at the most, but for renewals", max(simulation.operations_in.values())),
        ("renewals a second", f"{renewals:.0f}"),
    )
    return tables.Table((f"{setting.num_workers:,} workers, {setting.num_shards:,} shards", ""), rows)


def _share(done: list[float], share: float) -> float:
    return done[math.ceil(share * len(done)) - 1]


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints the table."""
    setting = Setting(
        values.num_workers,
        values.num_shards,
        values.shard_hours * HOUR,
        values.spread,
        values.start_seconds,
        values.lease_seconds,
        values.death_rate / HOUR,
        values.sleep_rate / HOUR,
        values.operation_ms / 1e3,
    )
    print(tables.text([table_of(Simulation(setting, random.Random(values.seed)).run())]))
    return 0


COMMAND = cli.Command(
    "python -m tools.simulate_shards", "simulate the shard queue of kerastag tag --tracks", FLAGS, main, MAIN_FLAGS
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
