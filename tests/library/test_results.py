"""Results are kept by file, model and way of reading, and survive what a disk and other processes do."""

import os
import shutil
import sqlite3
import threading

import numpy as np
import pytest

from kerastag import audio, errors
from kerastag.library import identity, results

SETTINGS = {"num_chunks": 3}


@pytest.fixture
def kept(tmp_path):
    opened = results.Results(tmp_path / "deep" / "results.sqlite", "model", SETTINGS)
    yield opened
    opened.close()


def result(*scores, **others):
    return results.Result(np.array(scores, np.float32), **others)


def test_what_is_kept_comes_back_to_the_bit(kept, rng):
    scores, embedding = rng.random(5, np.float32), rng.normal(size=7).astype(np.float32)
    account = audio.Account(19.5, ((3.25, 0.5), (7.0, 1.25)), 21.25)
    kept.keep({"a": results.Result(scores, embedding, account), "b": results.Result(failure="is empty", readers="x 1")})
    known = kept.find(["b", "a", "c", "a"])
    assert set(known) == {"a", "b"}
    np.testing.assert_array_equal(known["a"].scores, scores)
    np.testing.assert_array_equal(known["a"].embedding, embedding)
    assert known["a"].account == account and not known["a"].failure
    assert known["b"] == results.Result(failure="is empty", readers="x 1")


def test_a_later_result_takes_the_place_of_an_earlier_one(kept):
    kept.keep({"a": result(0.25)})
    kept.keep({"a": result(0.5)})
    assert kept.find(["a"])["a"].scores == [0.5]


def test_models_and_ways_of_reading_do_not_share_results(kept, tmp_path):
    kept.keep({"a": result(0.25)})
    path = tmp_path / "deep" / "results.sqlite"
    assert results.Results(path, "model", {"num_chunks": 3}).find(["a"])
    assert not results.Results(path, "other", SETTINGS).find(["a"])
    assert not results.Results(path, "model", {"num_chunks": 4}).find(["a"])


def test_more_files_than_one_question_takes(kept):
    kept.keep({str(number): result(number) for number in range(2500)})
    known = kept.find(str(number) for number in range(3000))
    assert len(known) == 2500 and known["2499"].scores == [2499]


def test_a_written_file_takes_its_results_of_all_models_along(kept, tmp_path):
    other = results.Results(tmp_path / "deep" / "results.sqlite", "other", SETTINGS)
    kept.keep({"old": result(0.25), "new": result(0.75)})
    other.keep({"old": result(0.5)})
    kept.carry("old", "new")
    assert not kept.find(["old"]) and kept.find(["new"])["new"].scores == [0.25]
    assert other.find(["new"])["new"].scores == [0.5]


def test_damaged_rows_are_as_if_they_were_not_there(kept, tmp_path):
    kept.keep({"a": result(0.25), "b": result(0.5)})
    with sqlite3.connect(tmp_path / "deep" / "results.sqlite") as database:
        database.execute("UPDATE results SET scores = ?, account = '{' WHERE file = 'a'", (b"abc",))
    assert set(kept.find(["a", "b"])) == {"b"}


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough to look like one" * 50, b"SQLite format 3\0" * 99]
)
def test_another_file_is_told_and_left_as_it_is(tmp_path, content):
    path = tmp_path / "results.sqlite"
    path.write_bytes(content)
    with pytest.raises(errors.KerastagError, match=r"results\.sqlite: results cannot be kept here \(") as caught:
        results.Results(path, "model", SETTINGS)
    assert caught.value.option == "results" and path.read_bytes() == content


def test_another_programs_database_is_told(tmp_path):
    path = tmp_path / "photos.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE photos (name TEXT)")
    with pytest.raises(errors.KerastagError, match="not results of this version"):
        results.Results(path, "model", SETTINGS)
    with pytest.raises(errors.KerastagError, match="cannot be kept here"):
        results.Results(tmp_path, "model", SETTINGS)  # a folder


def test_writers_at_a_time_lose_nothing(tmp_path):
    path = tmp_path / "results.sqlite"

    def write(writer):
        opened = results.Results(path, f"model {writer % 2}", SETTINGS)
        for number in range(20):
            opened.keep({f"{writer} {number}": result(number)})
        opened.close()

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(6)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    for model in range(2):
        files = [f"{writer} {number}" for writer in range(model, 6, 2) for number in range(20)]
        assert len(results.Results(path, f"model {model}", SETTINGS).find(files)) == 60


def test_an_identity_survives_a_rename_and_no_change(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"abc")
    before, digest = identity.of_file(path), identity.of_file(path, by_content=True)
    path = path.rename(tmp_path / "b.wav")
    assert identity.of_file(path) == before
    os.utime(path, ns=(0, 1))
    assert identity.of_file(path) != before
    copy = shutil.copy(path, tmp_path / "c.wav")
    assert identity.of_file(copy, by_content=True) == digest == identity.of_file(path, by_content=True)
    # of the three letters, by the standard's own example
    assert digest == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_processes_that_make_the_file_at_once_agree(tmp_path):
    """A second one, between the first one's look at the empty file and its tables."""
    path = tmp_path / "results.sqlite"
    version = results.Results._version

    class Late(results.Results):
        looks = 0

        def _version(self):
            Late.looks += 1
            seen = version(self)
            if Late.looks == 1:
                results.Results(path, "model", SETTINGS).keep({"a": result(0.5)})
            return seen

    first = Late(path, "model", SETTINGS)
    assert first.find(["a"])["a"].scores == [0.5] and Late.looks == 2
