"""Shards come to what `kerastag tag` says, each track once, whoever stops, dies or comes late."""

import dataclasses
import shutil

import numpy as np
import pytest

from kerastag import audio, errors
from kerastag.catalogue import leases, rows, shards, worker
from kerastag.computing import Computing
from kerastag.data.reading import Reading
from kerastag.inference import model_source
from kerastag.library import listening

parquet = pytest.importorskip("pyarrow.parquet", exc_type=ImportError, reason="pyarrow is missing or does not load")
dataset = pytest.importorskip("pyarrow.dataset", exc_type=ImportError, reason="pyarrow is missing or does not load")
HOW = {"reading": Reading(num_chunks=1), "computing": Computing("float32"), "lease_seconds": 1.0}


@pytest.fixture
def library(music, tmp_path):
    """Eight tracks, a broken one, two that are missing, an empty line and one that stands there twice."""
    folder = tmp_path / "library"
    shutil.copytree(music / "test", folder)
    (folder / "broken.wav").write_bytes(b"not audio")
    tracks = [*(f"{number}.wav" for number in range(8)), "broken.wav", "missing.wav", "gone/a.mp3", "", "0.wav"]
    (folder / "tracks.txt").write_text("\n".join(tracks) + "\n")
    return folder, tracks


@pytest.fixture
def spec(run, library, tmp_path):
    folder, _ = library
    return worker.Spec(str(folder / "tracks.txt"), str(tmp_path / "job"), str(run), num_shards=3, **HOW)


def result(spec):
    return dataset.dataset(f"{spec.output}/parts").to_table().to_pydict()


def test_the_table_is_that_of_the_listener(spec, run, library):
    folder, tracks = library
    counts = dict(worker.Worker(dataclasses.replace(spec, embeddings=True)).work())
    assert counts == {0: {"rows": 4, "failed": 0}, 1: {"rows": 4, "failed": 0}, 2: {"rows": 5, "failed": 4}}
    table = result(spec)
    assert table[rows.PATH] == tracks
    listener = listening.Listener(model_source.find(run), HOW["reading"], HOW["computing"])
    heard = listener.hear([folder / f"{number}.wav" for number in range(8)], embeddings=True)
    for column, tag in enumerate(["high", "low", "mid"]):
        expected = [*heard.scores[:, column], None, None, None, None, heard.scores[0, column]]
        assert [None if value is None else np.float32(value) for value in table[tag]] == pytest.approx(expected)
    np.testing.assert_allclose(table[rows.EMBEDDING][:8], heard.embeddings, atol=1e-6)
    assert table[rows.EMBEDDING][8:12] == [None] * 4
    reasons = table[rows.REASON]
    assert reasons[:8] == [None] * 8 and reasons[12] is None
    assert reasons[9:12] == ["no such file or directory"] * 2 + [worker.NO_NAME]
    assert reasons[8] and str(folder) not in reasons[8]
    assert table[rows.IN_PART] == [None] * 13
    about = parquet.read_schema(f"{spec.output}/parts/000000.parquet").metadata
    assert about[b"kerastag_model"] == b"whole" and about[b"kerastag_version"]


def test_a_second_worker_goes_on_and_a_third_finds_nothing(spec, library):
    first, second = worker.Worker(spec), worker.Worker(spec)
    assert [shard for shard, _ in first.work(only=1)] == [1]
    assert sorted(shard for shard, _ in second.work()) == [0, 2]
    assert list(worker.Worker(spec).work()) == []
    assert result(spec)[rows.PATH] == library[1]
    assert first.job.status() == shards.Status(3, 0, 0, 13, 4, 0)


def test_who_is_stopped_gives_the_shard_back(spec):
    one = worker.Worker(dataclasses.replace(spec, lease_seconds=1000.0))

    def stop(shard, count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(one.work(only=0, on_files=stop))
    assert one.job.status().shards_left == 3
    assert dict(worker.Worker(spec).work(only=0)) == {0: {"rows": 4, "failed": 0}}


def test_a_dead_workers_shard_is_taken_over_and_its_remains_are_swept(spec, library):
    one = worker.Worker(spec)
    dead = one.job.take(0, 1)  # and then nothing
    one.job.work_file(0, 1).write_bytes(b"half a file")
    assert sorted(shard for shard, _ in worker.Worker(spec).work()) == [0, 1, 2]  # it waits for the lease to be over
    assert result(spec)[rows.PATH] == library[1]
    assert list((one.job.folder / "work").iterdir()) == list((one.job.folder / "leases").iterdir()) == []
    with pytest.raises(leases.LeaseLost):
        dead.check()


def test_without_waiting_a_worker_leaves_what_others_hold(spec):
    one = worker.Worker(dataclasses.replace(spec, lease_seconds=1000.0))
    one.job.take(0, 1)
    assert sorted(shard for shard, _ in one.work(wait=False)) == [1, 2]


def test_who_slept_through_its_lease_drops_its_work(spec):
    one, other = worker.Worker(spec), worker.Worker(spec)

    def sleep(shard, count):
        """The other one takes over and is done, while this one hears on."""
        term = other.job.leases.terms().get(shard)
        if term == 1:
            one.job.leases.give_back(shard, 1)
            other.do(shard, 2)

    assert one.do(0, 1, sleep) is None
    assert one.job.done() == {0} and result(spec)[rows.PATH] == ["0.wav", "1.wav", "2.wav", "3.wav"]
    assert list((one.job.folder / "work").iterdir()) == []


def test_results_of_who_died_before_the_marker_are_marked_and_not_heard_again(spec, monkeypatch):
    one = worker.Worker(spec)
    list(one.work(only=2))
    one.job.marker(2).unlink()
    monkeypatch.setattr(worker.Worker, "_heard", None)
    assert worker.Worker(spec).do(2, 1) is None
    assert one.job.done() == {2} and one.job.status().rows_failed == 4


def test_results_of_another_job_are_heard_again(spec):
    one = worker.Worker(spec)
    list(one.work(only=2))
    one.job.marker(2).unlink()
    one.job.id = "another"
    assert one.do(2, 1) == {"rows": 5, "failed": 4}


def test_a_machine_without_the_music_says_so_and_writes_nothing(spec, tmp_path):
    one = worker.Worker(dataclasses.replace(spec, root=str(tmp_path / "nowhere")))
    with pytest.raises(errors.KerastagError, match="none of the . files of shard . is here"):
        list(one.work())
    assert one.job.status() == shards.Status(0, 0, 3, 0, 0, 13)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_shards": 4}, "which began with shards 3, here it is 4"),
        ({"reading": Reading(num_chunks=2)}, "which began with num_chunks 1, here it is 2"),
        ({"embeddings": True}, "which began with embeddings False, here it is True"),
    ],
)
def test_another_jobs_folder_is_refused(spec, change, words):
    worker.Worker(spec)
    with pytest.raises(errors.KerastagError, match=words):
        worker.Worker(dataclasses.replace(spec, **change))


def test_another_table_and_a_folder_of_other_things_are_refused(spec, library, tmp_path):
    worker.Worker(spec)
    table = library[0] / "tracks.txt"
    table.write_text(table.read_text().replace("7.wav", "6.wav"))
    with pytest.raises(errors.KerastagError, match="which began with table_sha256"):
        worker.Worker(spec)
    with pytest.raises(errors.KerastagError, match="holds something else"):
        worker.Worker(dataclasses.replace(spec, output=str(library[0])))
    with pytest.raises(errors.UsageError, match="the shards are 0 to 2"):
        table.write_text(table.read_text().replace("6.wav\nb", "7.wav\nb"))
        list(worker.Worker(spec).work(only=3))


def test_of_two_who_begin_a_job_the_first_ones_holds(spec, monkeypatch):
    """The second one has seen no job, and comes to write its own with another number of shards."""
    begin = shards._begin

    def late(folder, table, num_shards, facts):
        begin(folder, table, 3, facts)
        begin(folder, table, 5, facts)

    monkeypatch.setattr(shards, "_begin", late)
    assert len(worker.Worker(dataclasses.replace(spec, num_shards=None)).job.shards) == 3
    assert [path.name for path in (worker.Worker(spec).job.folder).glob(".*")] == []


def test_of_a_damaged_track_the_row_says_what_is_missing_and_nothing_is_remembered(spec, library):
    """The header of a WAV file states five seconds; two and a half are there."""
    path = library[0] / "1.wav"
    path.write_bytes(path.read_bytes()[:80_044])
    list(worker.Worker(spec).work(only=0))
    in_part = parquet.read_table(f"{spec.output}/parts/000000.parquet").to_pydict()[rows.IN_PART]
    assert in_part[1] == "2.5 of 5.0 s cannot be read (at 0:02)" and in_part[::2] == [None, None]
    assert audio.heard_in_part() == {}
