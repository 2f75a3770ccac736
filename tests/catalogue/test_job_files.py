"""Files of a job that are damaged, or that somebody else put there: one line, or as if they were not there."""

import dataclasses
import json
import pathlib

import pytest

from kerastag import errors
from kerastag.catalogue import job_files, leases, manifest, rows, shards

SHA256 = "0" * 64


@pytest.fixture
def table(tmp_path):
    (tmp_path / "tracks.txt").write_text("".join(f"{number}.mp3\n" for number in range(9)))
    return manifest.open_table(tmp_path / "tracks.txt")


@pytest.fixture
def job(table, tmp_path):
    return shards.open_job(tmp_path / "job", table, 3, {}, lease_seconds=60.0)


def test_shards_lead_back(job, tmp_path):
    job_files.write_shards(tmp_path / "s.tsv", job.shards)
    assert job_files.read_shards(tmp_path / "s.tsv") == job.shards and len(job.shards) == 3


@pytest.mark.parametrize(
    "change", [{"first_row": 1}, {"first_row": -3}, {"num_rows": 0}, {"offset": -1}, {"sha256": "x"}]
)
def test_shards_that_do_not_follow_each_other_are_refused(job, change):
    first, *others = job.shards
    with pytest.raises(ValueError, match="shard 0 does not follow"):
        job_files.checked_shards([dataclasses.replace(first, **change), *others])
    with pytest.raises(ValueError, match="shard 1 does not follow"):
        job_files.checked_shards([first, others[1]])


@pytest.mark.parametrize("content", ["[]", "{}", '{"id": 3}', '{"id": "../x"}', "{", "[" * 100_000])
def test_a_damaged_job_is_one_line(job, content):
    (job.folder / "job" / "job.json").write_text(content)
    with pytest.raises(errors.KerastagError, match=r"job(: damaged|/job\.json: not a JSON file)"):
        shards.Job(job.folder, 60.0)


@pytest.mark.parametrize("content", ["", "shard\n", "first\n1\t2\t3\t4\t5\n"])
def test_a_damaged_list_of_shards_is_one_line(job, content):
    (job.folder / "job" / "shards.tsv").write_text(content)
    with pytest.raises(errors.KerastagError, match="job: damaged"):
        shards.Job(job.folder, 60.0)


def test_files_of_others_in_the_folder_do_not_count(job):
    for name in ("Thumbs.db", "000001.json (conflicted copy)", "999999.json", "desktop.ini", ".nfs000"):
        (job.folder / "done" / name).write_text("x")
        (job.folder / "leases" / name).write_text("x")
    assert job.done() == set() and job.leases.terms() == {}
    assert job.status().shards_left == 3
    assert job.take(0, 1) is not None and job.leases.terms() == {0: 1}


@pytest.mark.parametrize("marker", ["{", "[]", "{}", '{"failed": -1}', '{"failed": "x"}'])
def test_a_damaged_marker_is_named(job, marker):
    job.marker(1).write_text(marker)
    with pytest.raises(errors.KerastagError, match=r"000001\.json: not "):
        job.status()


def test_results_that_are_damaged_or_of_others_are_none(job, tmp_path):
    pytest.importorskip("pyarrow", exc_type=ImportError)
    import numpy as np

    told = [None] * 2
    part = tmp_path / "part.parquet"
    rows.Rows(["a", "b"], np.zeros((2, 1), np.float32), told, told).write(part, ["calm"], {}, job.id)
    assert rows.counts_of(part, job.id) == {"rows": 2, "failed": 0} and rows.counts_of(part, SHA256) is None
    content = part.read_bytes()
    for damaged in (b"", content[:-20], bytes(len(content))):
        part.write_bytes(damaged)
        assert rows.counts_of(part, job.id) is None


def test_a_lease_is_named_by_shard_and_term(tmp_path):
    lease = leases.Leases(tmp_path, 60.0).take(12, 3)
    assert lease is not None and (lease.shard, lease.term) == (12, 3)
    assert json.loads((pathlib.Path(tmp_path) / "000012.3").read_text())["pid"] > 0
