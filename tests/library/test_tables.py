"""Tables of embeddings and segments: read back by NumPy, csv and json, names and numbers as they were."""

import csv
import json
import os
import pathlib

import numpy as np
import pytest

from kerastag import errors, names
from kerastag.library import segment_table, tables
from kerastag.library.segments import Segment

ODD = pathlib.Path(os.fsdecode(b"a/na\xefve \x1b\nx.wav"))
TAGS = ["calm", "=1+1", "dark, slow"]
BY_PATH = {
    ODD: [Segment(2, 0.0, 7.25, 0.61, 0.9), Segment(0, 3.5, 12.0, 0.5, 0.75)],
    pathlib.Path("b.wav"): [],
    pathlib.Path("=c.wav"): [Segment(1, 1.0, 2.0, 0.25, 0.25)],
}


@pytest.mark.parametrize("name", ["e.npy", "e.NPY"])
def test_embeddings_come_back_with_their_names(tmp_path, rng, name):
    embeddings = rng.normal(size=(3, 5))
    tables.check_embeddings(tmp_path / name, False)
    tables.write_embeddings(tmp_path / name, list(BY_PATH), embeddings)
    assert {path.name for path in tmp_path.iterdir()} == {name, "e.paths.txt"}
    read = np.load(tmp_path / name)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, embeddings.astype(np.float32))
    lines = (tmp_path / "e.paths.txt").read_text(encoding="utf-8").splitlines()
    assert [pathlib.Path(names.path_of(line)) for line in lines] == list(BY_PATH)


def test_embeddings_are_refused_before_the_work(tmp_path):
    with pytest.raises(errors.UsageError, match=r"e\.npz: the suffix must be \.npy"):
        tables.check_embeddings(tmp_path / "e.npz", False)
    (tmp_path / "e.paths.txt").write_text("mine")
    with pytest.raises(errors.KerastagError, match=r"e\.paths\.txt: exists already") as caught:
        tables.check_embeddings(tmp_path / "e.npy", False)
    assert caught.value.option == "overwrite"
    tables.check_embeddings(tmp_path / "e.npy", True)
    with pytest.raises(errors.KerastagError, match=r"embeddings are \(2, 3\) of 1 files"):
        tables.write_embeddings(tmp_path / "e.npy", [ODD], np.zeros((2, 3)))


@pytest.mark.parametrize(("suffix", "delimiter"), [(".tsv", "\t"), (".csv", ",")])
def test_segments_as_lines(tmp_path, suffix, delimiter):
    segment_table.write(tmp_path / f"s{suffix}", BY_PATH, TAGS)
    with (tmp_path / f"s{suffix}").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=delimiter))
    assert list(rows[0]) == ["path", "tag", "start", "end", "mean", "peak"] and len(rows) == 3
    assert rows[0] == {
        "path": names.shown(ODD),
        "tag": "dark, slow",
        "start": "0.000",
        "end": "7.250",
        "mean": "0.610000",
        "peak": "0.900000",
    }
    last = ("./=c.wav", "'=1+1") if suffix == ".csv" else ("=c.wav", "=1+1")
    assert (rows[2]["path"], rows[2]["tag"]) == last


def test_segments_as_json_and_json_lines_are_the_same(tmp_path):
    segment_table.write(tmp_path / "s.json", BY_PATH, TAGS)
    segment_table.write(tmp_path / "s.jsonl", BY_PATH, TAGS)
    whole = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    lines = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {line["path"]: line["segments"] for line in lines} == whole
    assert list(map(names.path_of, whole)) == list(map(os.fspath, BY_PATH))
    assert whole["b.wav"] == []
    assert whole["=c.wav"] == [{"tag": "=1+1", "start": 1.0, "end": 2.0, "mean": 0.25, "peak": 0.25}]


def test_labels_are_those_of_audacity_and_of_one_file(tmp_path):
    segment_table.write(tmp_path / "s.txt", {ODD: BY_PATH[ODD]}, TAGS)
    assert (tmp_path / "s.txt").read_text() == "0.000000\t7.250000\tdark, slow\n3.500000\t12.000000\tcalm\n"
    with pytest.raises(errors.KerastagError, match=r"labels are of one file, and 3 were found; \.tsv, \.csv, "):
        segment_table.check_number(tmp_path / "s.txt", 3)
    segment_table.check_number(tmp_path / "s.tsv", 3)


def test_another_suffix_is_bad_use():
    with pytest.raises(errors.UsageError, match=r"s\.xml: the suffix must be one of \.tsv, "):
        segment_table.check_format(pathlib.Path("s.xml"))
    segment_table.check_format(pathlib.Path("S.JSONL"))
