"""What `kerastag tag` prints: the tags that are given and no others, your words, and what is wrong with a wish."""

import json
import shutil

import numpy as np
import pytest

import kerastag
from kerastag import tag
from kerastag.metrics import decisions
from kerastag.runs import run_folder

FILES = ("0.wav", "1.wav", "2.wav")


@pytest.fixture(scope="module")
def scores(run, music):
    """Scores of the three files, (3, num_tags), tags in the order high, low, mid."""
    of_run = kerastag.load(run, precision="float32")
    return np.array([list(of_run.score(music / "test" / name, num_chunks=1).values()) for name in FILES])


@pytest.fixture
def tagged(run, music, tmp_path, capsys):
    """A function from a run's thresholds and flags to the exit status, the lines printed and the errors."""

    def call(thresholds, *arguments):
        folder = run_folder.RunFolder(tmp_path / "tones")
        if not folder.path.exists():
            shutil.copytree(run, folder.path)
        if thresholds is not None:
            decisions.write_thresholds(folder.thresholds_path, folder.vocabulary().names, np.array(thresholds))
        paths = [str(music / "test" / name) for name in FILES]
        capsys.readouterr()
        flags = [f"--model={folder.path}", "--num_chunks=1", "--precision=float32", *arguments]
        status = tag.COMMAND.run([*paths, *flags])
        captured = capsys.readouterr()
        lines = [line.partition(".wav")[2].split() for line in captured.out.splitlines()]
        return status, lines, captured.err

    return call


def pairs(row, names=("high", "low", "mid")):
    """What stands in a line for these scores, highest first; NaN for a tag that is not given."""
    order = [column for column in np.argsort(-np.nan_to_num(row), kind="stable") if not np.isnan(row[column])]
    return [word for column in order for word in (names[column], f"{row[column]:.2f}")] or ["nothing", "sure"]


def test_tags_at_their_threshold_are_printed_and_nothing_where_none_is(scores, tagged):
    thresholds = [scores[1, 0], np.inf, scores[:, 2].max() + 0.1]  # tag high, as the second file has it
    status, lines, err = tagged(thresholds)
    expected = np.where(scores >= np.float32(thresholds), scores, np.nan)
    assert (status, err) == (0, "") and not np.isnan(expected[1, 0]) and np.isnan(expected[:, 1:]).all()
    assert lines == [pairs(row) for row in expected]
    assert tagged([np.inf] * 3)[1] == [["nothing", "sure"]] * 3


def test_top_prints_the_best_whether_they_are_sure_or_not(scores, tagged):
    assert tagged([np.inf] * 3, "--top=2")[1] == [pairs(row)[:4] for row in scores]


def test_without_thresholds_and_few_validation_tracks_files_are_looked_at_alone(scores, tagged):
    best = scores.max(axis=1, keepdims=True)
    expected = np.where((scores >= 0.1) & (scores >= best / 2), scores, np.nan)
    assert tagged(None)[1] == [pairs(row) for row in expected]


def test_scores_and_numbers_of_tags_can_be_bounded(scores, tagged):
    middle = float(np.median(scores))
    kept = np.where(scores >= middle, scores, np.nan)
    assert tagged([0.0] * 3, f"--min_score={middle}")[1] == [pairs(row) for row in kept]
    assert tagged([0.0] * 3, "--max_tags=1")[1] == [pairs(row)[:2] for row in scores]
    assert tagged([0.0] * 3, "--top=1", "--min_score=1")[1] == [["nothing", "sure"]] * 3


def test_words_and_exclusions_hold_on_the_screen_and_in_tables(scores, tagged, tmp_path):
    words = tmp_path / "words.tsv"
    words.write_text("low\ttonal\nmood/theme---mid\ttonal\n")
    wishes = ("--exclude=high", f"--rename={words}")
    tonal = scores[:, 1:].max(axis=1)
    assert tagged([0.0] * 3, *wishes)[1] == [["tonal", f"{score:.2f}"] for score in tonal]
    assert tagged([0.0, np.inf, np.inf], *wishes)[1] == [["nothing", "sure"]] * 3
    output = tmp_path / "t.json"
    assert tagged([np.inf] * 3, *wishes, f"--output={output}", "--min_score=1")[0] == 0
    rows = list(json.loads(output.read_text()).values())
    assert [list(row) for row in rows] == [["tonal"]] * 3
    np.testing.assert_allclose([row["tonal"] for row in rows], tonal, atol=1e-6)
    assert tagged(None, *wishes, f"--output={tmp_path / 't.tsv'}")[0] == 0
    assert (tmp_path / "t.tsv").read_text().splitlines()[0] == "path\ttonal"


def test_a_wish_that_cannot_be_met_is_a_line(tagged, tmp_path):
    words = tmp_path / "words.tsv"
    words.write_text("low\ttonal\nmidd\ttonal\n")
    status, lines, err = tagged(None, f"--rename={words}")
    assert (status, lines) == (1, []) and err == f"{words}:2: unknown tag 'midd'; did you mean 'mid'?\n"
    assert tagged(None, "--exclude=hi")[2] == "unknown tag 'hi'; did you mean 'high'? (see --exclude)\n"
    status, _, err = tagged(None, "--top=2", "--max_tags=2")
    assert status == 2 and "--top and --max_tags: give one of them" in err
    assert tagged(None, "--min_score=2")[0] == 2


def test_damaged_thresholds_are_told_before_the_work_where_they_count(run, music, tmp_path, capsys):
    folder = run_folder.RunFolder(tmp_path / "tones")
    shutil.copytree(run, folder.path)
    folder.thresholds_path.write_text("tag\tthreshold\n")
    arguments = [str(music / "test" / "0.wav"), f"--model={folder.path}", "--num_chunks=1"]
    assert tag.COMMAND.run(arguments) == 1
    assert "thresholds.tsv: no threshold for tag 'mood/theme---high'" in capsys.readouterr().err
    assert tag.COMMAND.run([*arguments, "--top=1"]) == 0
