"""Scores beside their labels and tracks: what may be paired, and what every command makes of the rest."""

import json
import shutil

import numpy as np
import pytest

from kerastag import ensemble, errors, evaluate, report, tags, train
from kerastag.metrics import split_scores
from kerastag.runs import run_folder

TRACKS = [("t1", "a", "1.mp3"), ("t2", "a", "2.mp3"), ("t3", "b", "3.mp3")]


def made(labels, tracks=TRACKS, names=("x", "y"), name="one"):
    labels = np.array(labels, bool)
    return split_scores.SplitScores(np.zeros(labels.shape), labels, tags.Vocabulary(names), tracks, None, name)


ONE = made([[1, 0], [0, 1], [1, 1]])


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (made([[1, 0], [0, 1]], TRACKS[:2], name="two"), "two: 2 tracks, but 3 in one"),
        (
            made([[1, 0], [1, 1], [0, 1]], [TRACKS[0], TRACKS[2], TRACKS[1]], name="two"),
            "track 2 is 't3', but 't2' in one",
        ),
        (made([[1, 0], [0, 1], [0, 1]], name="two"), "other labels than one (track 3, tag 'x')"),
        (made([[1, 0], [0, 1], [0, 1]], None, name="two"), "other labels than one (track 3, tag 'x')"),
        (made([[1, 0], [0, 1], [1, 1]], names=("y", "x"), name="two"), "two: tag 1 is 'y', but 'x' in one"),
        (made([[1], [0], [1]], names=("x",), name="two"), "two: 1 tags, but 2 in one"),
    ],
)
def test_what_is_of_other_tracks_or_tags_is_not_paired(other, said):
    with pytest.raises(errors.KerastagError) as caught:
        ONE.check_same_tracks(other)
    assert said in str(caught.value) and str(caught.value).startswith("two: ")


def test_the_same_tracks_are_paired_also_where_one_does_not_know_them():
    ONE.check_same_tracks(ONE)
    ONE.check_same_tracks(made(ONE.labels, None))


def test_what_is_written_comes_back(tmp_path, rng):
    (tmp_path / "tags.txt").write_text("x\ny\n")
    (tmp_path / "run.json").write_text(json.dumps({"flags": {}, "class_counts": {"x": 3, "y": 5}}))
    folder = run_folder.RunFolder(tmp_path)
    scores = rng.random((3, 2)).astype(np.float32)
    folder.write_scores("test", split_scores.SplitScores(scores, ONE.labels, ONE.vocabulary, TRACKS))
    back = folder.read_scores("test")
    np.testing.assert_array_equal(back.scores, scores)
    np.testing.assert_array_equal(back.labels, ONE.labels)
    assert back.tracks == TRACKS and back.artists == ["a", "a", "b"]
    assert back.class_counts.tolist() == [3, 5] and back.vocabulary.names == ("x", "y")


@pytest.fixture
def shuffled(run, tmp_path):
    """A copy of the run whose validation tracks stand in another order, all three files alike."""
    copy = tmp_path / "shuffled"
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("events", "examples"))
    order = np.roll(np.arange(8), 3)
    for kind in ("predictions", "labels"):
        np.save(copy / kind / "validation.npy", np.load(run / kind / "validation.npy")[order])
    header, *lines = (run / "tracks" / "validation.tsv").read_text().splitlines()
    (copy / "tracks" / "validation.tsv").write_text("\n".join([header, *(lines[row] for row in order)]) + "\n")
    return copy


@pytest.mark.parametrize("flag", ["compare", "same_setting"])
@pytest.mark.parametrize("inside", ["", "predictions/validation.npy"])
def test_evaluate_pairs_no_tracks_in_another_order(run, shuffled, flag, inside, capsys):
    arguments = [f"--run_dir={run}", "--split=validation", "--num_chunks=2", "--num_resamples=20"]
    other = shuffled / inside if inside else shuffled
    assert evaluate.COMMAND.run([*arguments, f"--{flag}={other}"]) == 1
    err = capsys.readouterr().err.splitlines()[-1]
    assert err.startswith(f"{shuffled}: track 1 is 'validation_5', but 'validation_0' in {run}")


def test_evaluate_pairs_no_files_of_other_labels(run, shuffled, capsys):
    given = [f"--{name}={run / name / 'validation.npy'}" for name in ("predictions", "labels")]
    arguments = [*given, f"--tags={run / 'tags.txt'}", "--num_resamples=20", f"--compare={shuffled}"]
    assert evaluate.COMMAND.run([*arguments, "--split=validation"]) == 1
    assert "other labels than" in capsys.readouterr().err


def test_ensemble_and_report_pair_none_either(run, shuffled, tmp_path, capsys):
    output = tmp_path / "both.npy"
    assert ensemble.COMMAND.run([f"--run_dirs={run},{shuffled}", "--split=validation", f"--output={output}"]) == 1
    err = capsys.readouterr().err
    assert "track 1 is 'validation_5'" in err and "--rescore" in err and not output.exists()
    page = tmp_path / "report.html"
    arguments = [str(run), str(shuffled), "--split=validation", f"--output={page}", "--num_resamples=20"]
    assert report.COMMAND.run(arguments) == 0
    assert "cannot be compared" in page.read_text()


def test_artists_are_known_where_a_track_was_left_out(run, music, tmp_path, capsys):
    """Thresholds are fitted on the validation tracks that a run could read, by the artists of those."""
    copy = tmp_path / "run"
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("events", "examples"))
    for kind in ("predictions", "labels"):
        np.save(copy / kind / "validation.npy", np.load(run / kind / "validation.npy")[1:])
    header, _, *lines = (run / "tracks" / "validation.tsv").read_text().splitlines()
    (copy / "tracks" / "validation.tsv").write_text("\n".join([header, *lines]) + "\n")
    kept = run_folder.RunFolder(copy).read_scores("validation")
    assert kept.artists == ["artist_validation"] * 7
    arguments = [
        f"--run_dir={copy}",
        f"--data_dir={music}",
        "--num_chunks=1",
        "--num_resamples=20",
        "--resample=artist",
    ]
    assert evaluate.COMMAND.run(arguments) == 0
    assert "resamples of 1 artists" in capsys.readouterr().out


def test_the_popularity_baseline_knows_its_tracks(music, tmp_path):
    arguments = [f"--data_dir={music}", f"--run_dir={tmp_path / 'popular'}", "--model=popular"]
    assert train.COMMAND.run(arguments) == 0
    kept = run_folder.RunFolder(tmp_path / "popular").read_scores("validation")
    assert kept.artists == ["artist_validation"] * 8
    page = tmp_path / "report.html"
    assert report.COMMAND.run([str(tmp_path / "popular"), f"--output={page}", "--num_resamples=20"]) == 0
    assert "1 artist" in page.read_text()
