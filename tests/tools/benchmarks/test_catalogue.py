"""tools.benchmarks.catalogue: its figures by hand, its files, and whose memory it looks at."""

import os
import subprocess

import numpy as np
import pytest

from kerastag import errors, ray_actors
from tools.benchmarks import catalogue, catalogue_memory


@pytest.fixture
def bench(tmp_path):
    """A function from flags to a Bench that has files but no times."""

    def make(*flags):
        values = catalogue.COMMAND.flag_values
        values.unparse_flags()
        values(["catalogue", *flags])
        return catalogue.Bench(values, tmp_path, "model")

    return make


@pytest.fixture
def library(tmp_path):
    """Five files, in the way of a benchmark's."""
    (tmp_path / "library").mkdir()
    for number in range(5):
        (tmp_path / "library" / f"{number:05}.flac").write_bytes(bytes([number]))
    return tmp_path / "library"


def test_the_start_is_taken_off_the_rate(bench):
    made = bench("--num_files=102")
    made.starts = {"1 worker": [10.0], "Ray": [20.0, 26.0, 22.0], "2": [10.0]}
    made.times = {"1 worker": [60.5], "Ray": [80.0, 78.125, 1.0], "2": [60.0]}
    assert made.rate("1 worker", 1) == pytest.approx(2.0) and made.rate("2", 2) == pytest.approx(2.0)
    assert made.rate("Ray", 1) == pytest.approx(101 / 56.125)
    made.times["2"] = [9.0]
    assert np.isnan(made.rate("2", 2))
    words = made.line(catalogue.Way("Ray", 1, [], "1 worker")).split()
    assert words == ["Ray", "78.12", "s", "22.00", "s", "1.80", "+29.1", "%", "+11.1", "%", "1", "worker"]


def test_ways_are_the_command_workers_and_actors(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_actors, "require", lambda: None)
    ways = catalogue.ways()
    names = ("kerastag tag", "1 worker", "2 workers", "Ray, 1 actor", "Ray, 2 actors", "Ray, 3 actors")
    assert tuple(way.name for way in ways) == names
    assert {way.beside for way in ways} <= {None, *names}
    commands = [bench().commands(way, tmp_path / "library", tmp_path / "out", 7) for way in ways]
    assert list(map(len, commands)) == [1, 1, 2, 1, 1, 1]
    assert "--shards=7" not in commands[0][0] and "--shards=7" in commands[2][1] and "--ray_workers=3" in commands[5][0]


def test_files_of_music_are_copied_in_turn(bench, library, tmp_path):
    library.rename(tmp_path / "music")
    catalogue.write_files(bench(f"--music={tmp_path / 'music'}", "--num_files=7").values, library)
    assert [path.read_bytes() for path in sorted(library.glob("*.flac"))] == [bytes([n]) for n in (0, 1, 2, 3, 4, 0, 1)]
    assert len((library / "tracks.txt").read_text().split()) == 7
    catalogue.write_first(tmp_path, 2)
    assert (tmp_path / "first_2" / "tracks.txt").read_text().split() == ["00000.flac", "00001.flac"]


def test_no_file_comes_twice_in_a_shard(library, tmp_path):
    table, num_shards = catalogue_memory.write_table(library, tmp_path / "links", 12)
    names = table.read_text().split()
    assert len(set(names)) == 12 and num_shards == 3
    for shard in (names[:4], names[4:8], names[8:]):
        assert len({(table.parent / name).resolve() for name in shard}) == 4


def test_quarters_by_hand():
    memory = catalogue_memory.of_samples([100.0, 300.0, 101.0, 500.0, 99.0, 101.0, 1.0, 1.0, 1.0, 110.0, 120.0, 111.0])
    assert (memory.count, memory.quarters, memory.most) == (12, (101.0, 101.0, 1.0, 111.0), 500.0)
    assert "from the second to the last +9.9 %" in memory.text()
    with pytest.raises(errors.KerastagError, match="3 samples: more tracks are needed"):
        catalogue_memory.of_samples([1.0, 2.0, 3.0])


def test_actors_are_found_by_their_name_among_descendants():
    command = ["sh", "-c", "bash -c 'exec -a ray::Actor.do sleep 60' & sleep 60 & wait"]
    with subprocess.Popen(command, start_new_session=True) as parent:
        try:
            for _ in range(200):
                found = list(catalogue_memory.actors(os.getpid()))
                if found:
                    break
            (actor,) = found
            assert 0 < catalogue_memory._held(actor) < 100
        finally:
            os.killpg(parent.pid, 9)
    assert catalogue_memory._held(actor) == 0.0 or not list(catalogue_memory.actors(os.getpid()))
