"""Actors on Ray: how many there are, who does which part, and what happens when they die."""

import os
import pathlib
import time

import pytest

from kerastag import errors, ray_actors


def test_without_ray_a_line_names_the_extra(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(ray_actors.importlib, "import_module", missing)
    with pytest.raises(errors.KerastagError, match=r"Ray is missing: pip install 'kerastag\[ray\]'"):
        list(ray_actors.each_part(ray_actors.Cluster(), object, [], ["item"]))


def test_actors_are_as_many_as_the_cluster_carries():
    def of(**cluster):
        return ray_actors.num_actors({"CPU": 8.0, "GPU": 2.0}, ray_actors.Cluster(**cluster))

    assert of() == 8 and of(cpus=3.0) == 2
    assert of(gpus=0.4) == 5 and of(gpus=0.5, cpus=4.0) == 2
    assert of(num_workers=3) == 3
    with pytest.raises(errors.KerastagError, match="8 CPUs and 2 GPUs, an actor is to have 16 and 0"):
        of(cpus=16.0)


@pytest.mark.parametrize(("num_items", "num_actors", "unit"), [(1, 3, 1), (100, 2, 1), (1000, 3, 32), (9000, 2, 100)])
def test_parts_are_all_items_in_multiples_of_the_unit(num_items, num_actors, unit):
    parts = ray_actors.cut(num_items, num_actors, unit)
    assert [item for part in parts for item in part] == list(range(num_items))
    assert all(len(part) % unit == 0 for part in parts[:-1])
    assert max(map(len, parts)) <= max(unit, ray_actors.LARGEST_PART)


def test_parts_by_hand():
    assert list(map(len, ray_actors.cut(100, 2, 1))) == [6] * 16 + [4]
    assert list(map(len, ray_actors.cut(100, 2, 32))) == [32, 32, 32, 4]
    assert set(map(len, ray_actors.cut(12_800, 2, 1))) == {128}


def test_paths_are_told_as_they_were_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole = f"{tmp_path}/music/a.mp3: no such file"
    assert ray_actors.as_given(whole, "out", "music") == "music/a.mp3: no such file"
    assert ray_actors.as_given(whole, pathlib.Path("music/a.mp3")) == "music/a.mp3: no such file"
    assert ray_actors.as_given(whole, tmp_path / "music") == ray_actors.as_given(whole, "mus") == whole


def squares(folder, deadly=(), always=False):
    """A kind of actor that squares numbers, notes what it began, and dies of some of them, once or always."""

    class Squares:
        def do(self, numbers):
            for number in numbers:
                seen = pathlib.Path(folder) / str(number)
                is_first = not seen.exists()
                seen.touch()
                if number in deadly and (is_first or always):
                    os._exit(1)
            if -1 in numbers:
                raise errors.KerastagError("-1: not squared", "option")
            return [number**2 for number in numbers]

    return Squares


def test_every_part_is_done_whoever_dies(two_actors, tmp_path):
    kind = squares(tmp_path, deadly=(0, 7))
    done = dict(ray_actors.each_part(two_actors, kind, [], range(50)))
    assert sorted(number for part in done for number in part) == list(range(50))
    assert all(answer == [number**2 for number in part] for part, answer in done.items())


def test_what_ends_several_actors_is_named(two_actors, tmp_path):
    with pytest.raises(errors.KerastagError, match="item 6 or up to 2 after it ended 3 actors: "):
        parts = ray_actors.each_part(two_actors, squares(tmp_path, [7], True), [], range(50), 3, name="item {}".format)
        list(parts)


def test_an_error_is_told_as_it_was_raised(two_actors, tmp_path):
    with pytest.raises(errors.KerastagError, match="^-1: not squared$") as told:
        list(ray_actors.each_part(two_actors, squares(tmp_path), [], [1, 2, -1]))
    assert told.value.option == "option"


def test_no_more_is_begun_than_there_are_actors(two_actors, tmp_path):
    parts = ray_actors.each_part(two_actors, squares(tmp_path), [], range(10))
    next(parts)
    time.sleep(0.3)
    assert len(list(tmp_path.iterdir())) <= 2
    parts.close()
