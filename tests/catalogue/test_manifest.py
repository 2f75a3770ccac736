"""A table of tracks is read shard by shard, whatever its form, and known again."""

import functools
import hashlib
import pathlib

import pytest

from kerastag import errors
from kerastag.catalogue import manifest

pa = pytest.importorskip("pyarrow", exc_type=ImportError, reason="pyarrow is missing or does not load")
TRACKS = [f"folder/{number}.mp3" for number in range(23)]
TRACKS[5] = "https://example.org/a b.mp3"
TRACKS[7] = "Ünïcode/ß.flac"


@pytest.fixture(params=["tsv", "tsv_crlf", "txt", "txt_without_end", "parquet"])
def table(request, tmp_path):
    """The tracks in a file of each form; the TSV has other columns around, the Parquet several row groups."""
    from pyarrow import parquet

    kind = request.param
    path = tmp_path / f"tracks.{kind.partition('_')[0]}"
    if kind == "parquet":
        parquet.write_table(pa.table({"id": list(range(23)), "URL": TRACKS}), path, row_group_size=4)
    elif kind.startswith("tsv"):
        end = "\r\n" if kind == "tsv_crlf" else "\n"
        lines = ["ID\tPATH\tLENGTH", *(f"{number}\t{track}\t3" for number, track in enumerate(TRACKS))]
        path.write_bytes("".join(line + end for line in lines).encode())
    else:
        path.write_bytes("\n".join(TRACKS).encode() + (b"" if kind == "txt_without_end" else b"\n"))
    return manifest.open_table(path)


@pytest.mark.parametrize("num_shards", [1, 3, 5, 23])
def test_shards_follow_each_other_and_hold_every_row_once(table, num_shards):
    assert table.num_rows == 23
    shards = manifest.cut(table, num_shards)
    assert [manifest.read(table, shard) for shard in shards] == [
        TRACKS[shard.first_row : shard.first_row + shard.num_rows] for shard in shards
    ]
    assert [track for shard in shards for track in manifest.read(table, shard)] == TRACKS
    sizes = [shard.num_rows for shard in shards]
    assert len(sizes) == num_shards and max(sizes) - min(sizes) <= 1
    expected = hashlib.sha256("".join(f"{track}\n" for track in TRACKS[: sizes[0]]).encode()).hexdigest()
    assert shards[0].sha256 == expected


def test_rows_that_changed_are_refused(tmp_path):
    path = tmp_path / "tracks.txt"
    path.write_text("a\nb\nc\nd\n")
    shards = manifest.cut(manifest.open_table(path), 2)
    path.write_text("a\nb\nc\nX\n")
    assert manifest.read(manifest.open_table(path), shards[0]) == ["a", "b"]
    with pytest.raises(errors.KerastagError, match="rows 3 to 4 are not those that the job began with"):
        manifest.read(manifest.open_table(path), shards[1])


def test_bad_tables_are_told_in_a_line(tmp_path):
    for name, content, words in (
        ("a.csv", b"path\n", "must be one of .tsv, .txt, .parquet"),
        ("a.tsv", b"TRACK_ID\tTAGS\n1\thappy\n", "no column is called path or url"),
        ("a.parquet", b"nothing", "no Parquet file"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(errors.KerastagError, match=words):
            manifest.open_table(tmp_path / name)
    with pytest.raises(errors.KerastagError, match="no such file"):
        manifest.open_table(tmp_path / "missing.tsv")
    (tmp_path / "empty.txt").write_bytes(b"")
    with pytest.raises(errors.KerastagError, match="no tracks"):
        manifest.cut(manifest.open_table(tmp_path / "empty.txt"), 1)
    (tmp_path / "few.txt").write_bytes(b"a\n")
    with pytest.raises(errors.UsageError, match="1 tracks are fewer than 2 shards"):
        manifest.cut(manifest.open_table(tmp_path / "few.txt"), 2)


def test_a_table_that_is_damaged_behind_its_beginning_is_told_in_a_line(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"path": [f"{number}.mp3" for number in range(2000)]}), tmp_path / "a.parquet")
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    content[20:400] = bytes(380)
    (tmp_path / "a.parquet").write_bytes(content)
    table = manifest.open_table(tmp_path / "a.parquet")
    with pytest.raises(errors.KerastagError, match=r"a\.parquet: cannot be read as Parquet \("):
        manifest.cut(table, 2)


def test_a_table_that_unpacks_to_far_more_than_it_is_is_refused(tmp_path):
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    def column(text, times):
        return pa.DictionaryArray.from_arrays(pa.array(np.zeros(times, np.int32)), pa.array([text]))

    zeros = pa.array(["y" * 60_000 + str(number) for number in range(5_000)])
    for values, words in (
        (column("x" * 100_000, 1_000), "more than 65536 bytes"),
        (column("x", 5_000_000), "more rows than it has bytes"),
        (zeros, "unpacks to more than a table of tracks has"),
    ):
        parquet.write_table(pa.table({"path": values}), tmp_path / "a.parquet", compression="gzip")
        with pytest.raises(errors.KerastagError, match=rf"a\.parquet: .*{words}"):
            manifest.cut(manifest.open_table(tmp_path / "a.parquet"), 2)


def test_a_place_that_a_dictionary_lacks_is_told_in_a_line(tmp_path, monkeypatch):
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"path": ["a.mp3", "b.mp3"]}), tmp_path / "a.parquet")
    table = manifest.open_table(tmp_path / "a.parquet")
    bent = pa.DictionaryArray.from_arrays(pa.array([0, 5], pa.int32()), pa.array(["a.mp3"]), safe=False)
    monkeypatch.setattr(manifest, "_cells", functools.partial(lambda cells, column: cells(bent), manifest._cells))
    with pytest.raises(errors.KerastagError, match=r"a\.parquet: cannot be read as Parquet \("):
        manifest.cut(table, 2)


def test_urls_are_known_from_paths(tmp_path):
    assert manifest.location("s3://bucket/a.mp3", tmp_path) == "s3://bucket/a.mp3"
    assert manifest.location("b c.mp3", "https://example.org/a") == "https://example.org/a/b%20c.mp3"
    assert manifest.location("/b.mp3", "s3://bucket") == pathlib.Path("/b.mp3")
    assert manifest.location("a.mp3", tmp_path) == tmp_path / "a.mp3"
    assert str(manifest.location("/b.mp3", tmp_path)) == "/b.mp3"
