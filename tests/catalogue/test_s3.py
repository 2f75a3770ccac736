"""A catalogue in S3, as moto imitates it, comes to what it comes to on the disk."""

import dataclasses
import shutil

import pytest

from kerastag import audio, errors
from kerastag.catalogue import shards, worker
from kerastag.computing import Computing
from kerastag.data.reading import Reading

parquet = pytest.importorskip("pyarrow.parquet", exc_type=ImportError, reason="pyarrow is missing or does not load")
s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")
moto_server = pytest.importorskip("moto.server", reason="moto's server is not installed")


@pytest.fixture
def bucket(quick, monkeypatch):
    """An empty bucket on a server of this process, as the environment of a user names it."""
    import fsspec

    server = moto_server.ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setitem(fsspec.config.conf, "s3", {"endpoint_url": "http://{}:{}".format(*server.get_host_and_port())})
    s3fs.S3FileSystem.clear_instance_cache()
    store = s3fs.S3FileSystem()
    store.mkdir("bucket")
    yield store
    store.rm("bucket", recursive=True)  # moto's buckets outlive its server
    s3fs.S3FileSystem.clear_instance_cache()
    audio.forget_files()
    server.stop()


@pytest.fixture
def spec(run, music, tmp_path):
    """A job of eight tracks in two shards on the disk, which is done."""
    folder = tmp_path / "library"
    shutil.copytree(music / "test", folder)
    (folder / "tracks.txt").write_text("".join(f"{number}.wav\n" for number in range(8)))
    how = {"reading": Reading(num_chunks=1), "computing": Computing("float32"), "lease_seconds": 60.0}
    spec = worker.Spec(str(folder / "tracks.txt"), str(tmp_path / "job"), str(run), num_shards=2, **how)
    list(worker.Worker(spec).work())
    return spec


def test_table_tracks_and_results_in_a_bucket(spec, bucket, tmp_path):
    bucket.put(str(tmp_path / "library"), "bucket/music", recursive=True)
    there = dataclasses.replace(spec, tracks="s3://bucket/music/tracks.txt", output="s3://bucket/scores")
    for shard in (1, 0):
        assert dict(worker.Worker(there).work(only=shard)) == {shard: {"rows": 4, "failed": 0}}
        assert list(worker.Worker(there).work(only=shard)) == []
    assert worker.job_in(there.output, 1.0).status() == shards.Status(2, 0, 0, 8, 0, 0)
    for shard in (0, 1):
        with bucket.open(f"bucket/scores/parts/{shard:06d}.parquet") as file:
            assert parquet.read_table(file).equals(parquet.read_table(f"{spec.output}/parts/{shard:06d}.parquet"))


def test_what_is_missing_in_a_bucket(spec, bucket, tmp_path):
    with pytest.raises(errors.KerastagError, match=r"s3://bucket/none\.txt: no such file"):
        worker.Worker(dataclasses.replace(spec, tracks="s3://bucket/none.txt", output=str(tmp_path / "other")))
    bucket.put(str(tmp_path / "library"), "bucket/music", recursive=True)
    bucket.rm("bucket/music/2.wav")
    there = dataclasses.replace(spec, tracks="s3://bucket/music/tracks.txt", output=str(tmp_path / "there"))
    assert sum(done["failed"] for _, done in worker.Worker(there).work()) == 1
    reasons = parquet.read_table(f"{there.output}/parts/000000.parquet").to_pydict()["reason"]
    assert reasons == [None, None, "no such file", None]
