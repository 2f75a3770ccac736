"""`kerastag tag` along the time of tracks: pictures in their places, segments that are those of the scores."""

import csv
import json
import os
import shutil

import numpy as np
import pytest
import soundfile

import kerastag
from kerastag import tag
from kerastag.library import segments
from kerastag.metrics import decisions
from kerastag.runs import run_folder

RATE = 16_000
CHUNK = 4.6  # seconds, of the run's network


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Two tracks of the same name, low then high and high then low, 30 s each; and one that is no music."""
    folder = tmp_path_factory.mktemp("library")
    time = np.arange(15 * RATE) / RATE
    low, high = (0.3 * np.sin(2 * np.pi * pitch * time) for pitch in (200, 3000))
    for name, parts in (("a/x.wav", (low, high)), ("b/x.wav", (high, low))):
        (folder / name).parent.mkdir()
        soundfile.write(folder / name, np.concatenate(parts), RATE)
    (folder / "b" / "broken.wav").write_bytes(b"no music")
    return folder


@pytest.fixture(scope="module")
def model_dir(run, library, tmp_path_factory):
    """The run with thresholds that about half of the chunks reach."""
    folder = run_folder.RunFolder(tmp_path_factory.mktemp("model") / "tones")
    shutil.copytree(run, folder.path)
    model = kerastag.load(run, precision="float32")
    scores = np.concatenate([model.taggram(library / name / "x.wav", hop_seconds=2.0)[1] for name in "ab"])
    decisions.write_thresholds(folder.thresholds_path, model.vocabulary.names, np.median(scores, axis=0).astype(float))
    return folder.path


@pytest.fixture(scope="module")
def model(model_dir):
    return kerastag.load(model_dir, precision="float32")


@pytest.fixture
def tagged(model_dir, library, tmp_path, capsys):
    def call(*arguments, paths=(library,)):
        capsys.readouterr()
        flags = [f"--model={model_dir}", "--num_chunks=2", "--precision=float32", "--results=none", *arguments]
        status = tag.COMMAND.run([*map(str, paths), *flags])
        captured = capsys.readouterr()
        return status, captured.out, captured.err.splitlines()

    return call


@pytest.fixture
def no_work(monkeypatch):
    from kerastag.inference import opening

    def work(*arguments, **options):
        raise AssertionError("work began")

    monkeypatch.setattr(opening, "open_source", work)


def test_pictures_and_segments_of_a_folder(tagged, model, library, tmp_path):
    table, folder = tmp_path / "s.jsonl", tmp_path / "grams"
    status, out, err = tagged(f"--taggrams={folder}", f"--segments={table}", "--hop_seconds=2", "--quiet")
    assert status == 3 and len(out.splitlines()) == 2
    assert len(err) == 1 and err[0].startswith("skipped: ") and "broken.wav" in err[0]
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == [
        "a/x.wav.png",
        "b/x.wav.png",
    ]
    lines = [json.loads(line) for line in table.read_text().splitlines()]
    assert [os.path.relpath(line["path"], library) for line in lines] == ["a/x.wav", "b/x.wav"]
    means = np.array([list(model.score(line["path"], num_chunks=2).values()) for line in lines])
    assert sum(len(line["segments"]) for line in lines) > 1
    for line, levels in zip(lines, model.decider.levels(means), strict=True):
        starts, scores = model.taggram(line["path"], hop_seconds=2.0)
        expected = segments.find(starts, scores, scores >= levels, CHUNK, 30.0)
        assert [(one["tag"], one["start"], one["end"]) for one in line["segments"]] == [
            (model.vocabulary.short_names[one.tag], round(one.start, 3), round(one.end, 3)) for one in expected
        ]
        np.testing.assert_allclose([one["mean"] for one in line["segments"]], [one.mean for one in expected], atol=1e-5)


def test_words_stand_for_tags_and_a_second_run_replaces_what_it_made(tagged, library, tmp_path):
    (tmp_path / "words.tsv").write_text("low\ttonal\nmid\ttonal\n")
    flags = [f"--taggrams={tmp_path / 'g'}", f"--segments={tmp_path / 's.csv'}", f"--rename={tmp_path / 'words.tsv'}"]
    one = [library / "a" / "x.wav"]
    assert tagged(*flags, "--exclude=high", paths=one)[0] == 0
    with (tmp_path / "s.csv").open() as stream:
        assert {row["tag"] for row in csv.DictReader(stream)} == {"tonal"}
    picture = tmp_path / "g" / "x.wav.png"
    (tmp_path / "g" / "mine.png").write_bytes(b"mine")
    before = picture.read_bytes()
    status, _, err = tagged(flags[0], paths=one)
    assert status == 1 and err[0].endswith("g/x.wav.png: exists already (see --overwrite)")
    assert picture.read_bytes() == before
    assert tagged(flags[0], "--overwrite", paths=one)[0] == 0
    assert picture.read_bytes() != before and (tmp_path / "g" / "mine.png").read_bytes() == b"mine"
    picture.write_bytes(b"a cover")
    status, _, err = tagged(flags[0], "--overwrite", paths=one)
    assert status == 1 and "is not a picture that kerastag made" in err[0] and picture.read_bytes() == b"a cover"


def test_one_file_has_labels_and_its_notes_stand_beside_the_tags(tagged, library, tmp_path):
    status, out, err = tagged(f"--segments={tmp_path / 's.txt'}", paths=[library / "a" / "x.wav"])
    lines = [line.split("\t") for line in (tmp_path / "s.txt").read_text().splitlines()]
    assert status == 0 and len(out.splitlines()) == 1 and lines
    assert err == [f"{tmp_path / 's.txt'}: {len(lines)} segments of 1 files"]
    for start, end, _ in lines:
        assert 0 <= float(start) < float(end) <= 30


def test_embeddings_and_tables_of_the_same_files(tagged, model, library, tmp_path):
    flags = [f"--embeddings={tmp_path / 'e.npy'}", f"--output={tmp_path / 't.jsonl'}"]
    assert tagged(*flags)[0] == 3
    vectors, paths = np.load(tmp_path / "e.npy"), (tmp_path / "e.paths.txt").read_text().splitlines()
    lines = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert paths == [line["path"] for line in lines] == [str(library / "a" / "x.wav"), str(library / "b" / "x.wav")]
    for vector, line in zip(vectors, lines, strict=True):
        np.testing.assert_allclose(vector, model.embed(line["path"], num_chunks=2), rtol=1e-3, atol=1e-3)
        assert line["given"] == model.decide(model.score(line["path"], num_chunks=2))
    assert tagged(flags[0])[2][0].endswith("e.npy: exists already (see --overwrite)")


@pytest.mark.parametrize(
    ("flags", "status", "words"),
    [
        ("--taggrams=g --decoder=tfio", 2, "--taggrams and --decoder=tfio"),
        ("--segments=s.tsv --decoder=tfio", 2, "--segments and --decoder=tfio"),
        ("--segments=s.xml", 2, "the suffix must be one of .tsv"),
        ("--segments=s.txt", 1, "labels are of one file, and 3 were found"),
        ("--hop_seconds=1", 2, "--hop_seconds is for --taggrams and --segments"),
        ("--taggrams=g --watch=5", 2, "--taggrams and --watch"),
        ("--embeddings=e.txt", 2, "the suffix must be .npy"),
        ("--output=a.tsv --segments=a.tsv", 2, "two of them name the same file"),
        ("--output=a.feather", 2, ".jsonl, .parquet"),
    ],
)
def test_what_cannot_be_done_is_told_before_the_work(tagged, tmp_path, monkeypatch, no_work, flags, status, words):
    monkeypatch.chdir(tmp_path)
    told = tagged(*flags.split())
    assert told[0] == status and words in told[2][0] and len(told[2]) == 1
    assert not list(tmp_path.iterdir())


def test_a_hop_that_leaves_music_out_is_told_before_hearing(tagged, tmp_path):
    status, out, err = tagged(f"--segments={tmp_path / 's.tsv'}", "--hop_seconds=4.7")
    assert status == 1 and out == ""
    assert err == ["a hop of 4.7 s leaves out music: the model's chunks last 4.6 s (see --hop_seconds)"]


def test_a_tag_named_path_is_told_before_the_work(tagged, tmp_path, no_work):
    (tmp_path / "words.tsv").write_text("low\tpath\n")
    status, _, err = tagged(f"--output={tmp_path / 't.tsv'}", f"--rename={tmp_path / 'words.tsv'}")
    assert status == 1 and err[0].endswith("'path' is a tag and the name of a column beside the tags (see --rename)")
