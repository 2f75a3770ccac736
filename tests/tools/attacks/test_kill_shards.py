"""What the counting of `kill_shards` would find, were something wrong."""

import collections
import dataclasses
import pathlib

import pytest

from kerastag.catalogue import worker
from tools.attacks import kill_shards

parquet = pytest.importorskip("pyarrow.parquet", exc_type=ImportError, reason="pyarrow is missing or does not load")


@pytest.fixture
def spec(run, tmp_path):
    """A job of thirty tracks that is done, by the listener that makes scores up."""
    for number in range(30):
        (tmp_path / f"{number}.wav").touch()
    (tmp_path / "tracks.txt").write_text("".join(f"{number}.wav\n" for number in range(30)))
    spec = worker.Spec(str(tmp_path / "tracks.txt"), str(tmp_path / "job"), str(run), 3)
    collections.deque(kill_shards.Worker(spec).work(), maxlen=0)
    return spec


def counted(spec):
    totals = collections.Counter()
    kill_shards.count(spec, totals)
    return {kind: number for kind, number in totals.items() if number}


def test_a_whole_job_has_nothing_wrong(spec):
    assert counted(spec) == {"tracks": 30} and kill_shards.damaged(spec) == 0
    assert 0 < sum(kill_shards.fails(f"{number}.wav") for number in range(30)) < 30


def test_what_is_wrong_is_counted(spec):
    parts = sorted(pathlib.Path(spec.output, "parts").iterdir())
    parquet.write_table(parquet.read_table(parts[0]), parts[0].with_name("again.parquet"))
    parts[1].unlink()
    other = parquet.read_table(parts[2])
    names = [*other.column("path").to_pylist()[1:], "25.wav"]  # scores of the row before
    parquet.write_table(other.set_column(0, "path", [names]), parts[2])
    found = counted(spec)
    assert found["twice"] == 11 and found["missing"] == 11 and found["wrong scores"] >= 8
    parts[2].write_bytes(parts[2].read_bytes()[:-9])
    assert kill_shards.damaged(spec) == 1


def test_a_shard_that_was_taken_over_is_counted(spec):
    again = dataclasses.replace(spec, output=f"{spec.output}-2", lease_seconds=1.0)
    one = kill_shards.Worker(again)
    one.job.take(1, 1)
    one.job.leases.give_back(1, 1)
    collections.deque(one.work(), maxlen=0)
    assert counted(again) == {"tracks": 30, "taken over": 1}
