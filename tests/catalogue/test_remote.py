"""Catalogues at URLs come to what the same catalogue on the disk comes to."""

import dataclasses
import shutil

import pytest

import kerastag
from kerastag import errors, retrying
from kerastag.catalogue import manifest, rows, shards, stored_job, worker
from kerastag.computing import Computing
from kerastag.data.reading import Reading

parquet = pytest.importorskip("pyarrow.parquet", exc_type=ImportError, reason="pyarrow is missing or does not load")
pa = pytest.importorskip("pyarrow", exc_type=ImportError, reason="pyarrow is missing or does not load")
HOW = {"reading": Reading(num_chunks=1), "computing": Computing("float32"), "lease_seconds": 60.0}


@pytest.fixture
def local(run, music, tmp_path):
    """A job of eight tracks on the disk, and its table."""
    folder = tmp_path / "library"
    shutil.copytree(music / "test", folder)
    (folder / "tracks.txt").write_text("".join(f"{number}.wav\n" for number in range(8)))
    return worker.Spec(str(folder / "tracks.txt"), str(tmp_path / "job"), str(run), num_shards=2, **HOW), folder


def result(spec, shard=0):
    return parquet.read_table(f"{spec.output}/parts/{shard:06d}.parquet").to_pydict()


def test_a_table_and_its_tracks_over_http(local, web, tmp_path):
    spec, folder = local
    list(worker.Worker(spec).work())
    for path in folder.iterdir():
        web.put(f"music/{path.name}", path.read_bytes())
        web.faults[f"/music/{path.name}"] += [("always", "slow")]
    tracks = f"{web.address}/music/tracks.txt?signature=secret"
    there = dataclasses.replace(spec, tracks=tracks, output=str(tmp_path / "there"))
    assert dict(worker.Worker(there).work()) == {0: {"rows": 4, "failed": 0}, 1: {"rows": 4, "failed": 0}}
    assert [result(there, shard) for shard in (0, 1)] == [result(spec, shard) for shard in (0, 1)]
    assert web.most_at_once == 4  # tracks of a shard


def test_urls_beside_paths_and_what_is_wrong_with_some(local, web, memory, tmp_path):
    spec, folder = local
    good = web.put("a b.wav", (folder / "0.wav").read_bytes())
    bad = web.put("bad.wav", b"not audio")
    web.put("closed.wav", b"")
    web.faults["/closed.wav"] += [("always", 403)]
    tracks = [
        *(good.replace(" ", "%20"), "0.wav", bad + "?key=secret", f"{web.address}/missing.wav?key=secret"),
        *(f"{web.address}/closed.wav", memory("a.wav", (folder / "0.wav").read_bytes()), "nothing://a.wav"),
    ]
    (folder / "tracks.txt").write_text("\n".join(tracks) + "\n")
    spec = dataclasses.replace(spec, num_shards=1)
    assert dict(worker.Worker(spec).work()) == {0: {"rows": 7, "failed": 4}}
    table = result(spec)
    assert table[rows.PATH] == tracks
    reasons = table[rows.REASON]
    assert [reason is None for reason in reasons] == [True, True, False, False, False, True, False]
    assert reasons[3:5] == ["no such file", "permission denied (403)"]
    assert "libsndfile" in reasons[2] and "nothing" in reasons[6]
    assert not any("secret" in reason or "http" in reason for reason in reasons if reason)
    assert table["high"][0] == table["high"][1] == table["high"][5]
    model = kerastag.load(spec.model)
    assert model.score(good) == model.score(str(folder / "0.wav"))


def test_a_store_that_is_down_stops_the_worker_and_the_shard_is_given_back(local, web):
    spec, folder = local
    urls = [web.put(f"{number}.wav", (folder / f"{number}.wav").read_bytes()) for number in range(8)]
    (folder / "tracks.txt").write_text("\n".join(urls) + "\n")
    spec = dataclasses.replace(spec, num_shards=1)
    one = worker.Worker(spec)
    web.faults["*"] += [("always", 503)]
    with pytest.raises(
        errors.KerastagError, match="none of the 8 files of shard 0 can be looked at .the server answers"
    ):
        list(one.work())
    assert one.job.status() == shards.Status(0, 0, 1, 0, 0, 8)
    web.faults.clear()
    retrying._SILENT.clear()
    assert dict(worker.Worker(spec).work()) == {0: {"rows": 8, "failed": 0}}


def test_a_store_that_goes_down_in_the_middle_stops_the_worker_too(local, web, monkeypatch):
    spec, folder = local
    urls = [web.put(f"{number}.wav", (folder / f"{number}.wav").read_bytes()) for number in range(8)]
    (folder / "tracks.txt").write_text("\n".join(urls) + "\n")
    one = worker.Worker(dataclasses.replace(spec, num_shards=1))
    hear = one._listener.hear

    def hear_nothing(*arguments):
        web.faults["*"] += [("always", "drop")]
        return hear(*arguments)

    monkeypatch.setattr(one._listener, "hear", hear_nothing)
    with pytest.raises(errors.KerastagError, match="gives no answer any more"):
        list(one.work())
    assert one.job.status().shards_left == 1


@pytest.mark.parametrize("suffix", [".tsv", ".txt", ".parquet"])
def test_a_table_at_a_url_is_read_by_shards(memory, tmp_path, suffix):
    tracks = [f"folder/{number}.mp3" for number in range(5_000)]
    path = tmp_path / f"a{suffix}"
    if suffix == ".parquet":
        parquet.write_table(pa.table({"path": tracks}), path, row_group_size=1_000)
    else:
        path.write_text("\n".join((["path"] if suffix == ".tsv" else []) + tracks) + "\n")
    table = manifest.open_table(memory(f"tables/a{suffix}", path.read_bytes()))
    here = manifest.open_table(path)
    cut = manifest.cut(table, 7)
    assert cut == manifest.cut(here, 7)
    again = manifest.open_table(f"memory://tables/a{suffix}")
    assert [track for shard in cut for track in manifest.read(again, shard)] == tracks
    assert again.file.folder == "memory://tables" and again.file.sha256() == here.file.sha256()


def test_results_in_a_store_by_workers_with_a_shard_each(local, memory, tmp_path):
    spec, _ = local
    list(worker.Worker(spec).work())
    there = dataclasses.replace(spec, output="memory://bucket/scores")
    first = worker.Worker(there)
    assert dict(first.work(only=1)) == {1: {"rows": 4, "failed": 0}}
    assert worker.job_in(there.output, 1.0).status() == shards.Status(1, 0, 1, 4, 0, 4)
    assert dict(worker.Worker(there).work(only=0)) == {0: {"rows": 4, "failed": 0}}
    assert list(worker.Worker(there).work(only=0)) == []
    import fsspec

    for shard in (0, 1):
        with fsspec.open(f"memory://bucket/scores/parts/{shard:06d}.parquet") as file:
            assert parquet.read_table(file).to_pydict() == result(spec, shard)
    with pytest.raises(errors.UsageError, match="--shard"):
        list(first.work())
    with pytest.raises(errors.KerastagError, match="another job's folder, which began with shards 2, here it is 4"):
        worker.Worker(dataclasses.replace(there, num_shards=4))
    with pytest.raises(errors.KerastagError, match="no job"):
        stored_job.StoredJob("memory://bucket/other")


def test_over_http_nothing_is_written(local, web):
    spec, _ = local
    with pytest.raises(errors.KerastagError, match="over http nothing is written"):
        worker.Worker(dataclasses.replace(spec, output=f"{web.address}/scores"))
