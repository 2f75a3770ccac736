"""What MediaEval takes: written in official order, and checked with messages that say what to mend."""

import numpy as np
import pytest

from kerastag import errors, tags
from kerastag.metrics import decisions
from tools.paper import submission

ALL_NAN = np.full((90, 3), np.nan)
OFFICIAL = tags.Vocabulary(["mood/theme---calm", "mood/theme---dark", "mood/theme---sad"])


def example():
    rng = np.random.default_rng(0)
    labels = rng.random((90, 3)) < [0.2, 0.3, 0.4]
    scores = (rng.random(labels.shape) + labels).astype(np.float32) / 2
    return labels, scores, decisions.fit_thresholds(labels, scores)


def check(folder, labels=None, num_tracks=90):
    return submission.check(folder / "predictions.npy", folder / "decisions.npy", num_tracks, OFFICIAL, labels)


def test_what_is_written_is_what_the_organisers_read_and_passes_the_check(tmp_path):
    labels, scores, thresholds = example()
    submission.write(tmp_path, scores, thresholds)
    predictions, decided = (np.load(tmp_path / name) for name in ("predictions.npy", "decisions.npy"))
    assert predictions.dtype == np.float64 and decided.dtype == bool
    np.testing.assert_array_equal(predictions, scores)
    np.testing.assert_array_equal(decided, scores >= thresholds)
    assert check(tmp_path, labels) == submission.Report((), ())
    submission.write(tmp_path, scores, thresholds, strictly_above=True)
    np.testing.assert_array_equal(np.load(tmp_path / "decisions.npy"), scores > thresholds)


def test_columns_are_put_in_the_official_order():
    own = tags.Vocabulary(["sad", "extra", "calm", "dark"])
    np.testing.assert_array_equal(submission.in_order(np.array([[0, 1, 2, 3]]), own, OFFICIAL), [[2, 3, 0]])
    with pytest.raises(errors.KerastagError, match="unknown tag 'epic'"):
        submission.in_order(np.ones((1, 4)), own, tags.Vocabulary(["epic"]))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "predictions",
            np.ones((90, 3), np.float32),
            "numbers are float32, not float64; write them with .astype(float64)",
        ),
        (
            "predictions",
            np.ones((3, 90)),
            "shape (3, 90), not (90, 3) (tracks, tags); rows must be tracks, columns tags",
        ),
        ("predictions", np.ones((89, 3)), "shape (89, 3), not (90, 3) (tracks, tags)"),
        (
            "predictions",
            ALL_NAN,
            "270 scores are not finite, the first, nan, in row 0 (from 0), tag 'mood/theme---calm'",
        ),
        ("predictions", np.array([["a"] * 3] * 90), "<U1 is not a type of real numbers"),
        ("predictions", np.array([[None] * 3] * 90), "pickled objects are not loaded"),
        ("predictions", b"track\ttag\n", "not a .npy file"),
        ("predictions", None, "no such file or directory"),
        ("decisions", np.ones((90, 3), int), "numbers are int64, not bool; write them with .astype(bool)"),
        ("decisions", np.ones((90, 2), bool), "shape (90, 2), not (90, 3) (tracks, tags)"),
    ],
)
def test_faults_say_what_to_mend(tmp_path, name, content, message):
    _, scores, thresholds = example()
    paths = submission.write(tmp_path, scores, thresholds)
    path = paths[name == "decisions"]
    path.unlink()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        np.save(path, content, allow_pickle=True)
    report = check(tmp_path)
    assert [fault.removeprefix(f"{path}: ") for fault in report.faults] == [message]


def test_both_files_are_checked_at_once(tmp_path):
    np.save(tmp_path / "predictions.npy", np.ones((3, 90), np.float32))
    assert len(check(tmp_path).faults) == 3


def test_odd_files_are_warned_of_but_pass(tmp_path):
    labels, scores, thresholds = example()
    scores[:, 1] = 0.5
    submission.write(tmp_path, 3 * scores, 3 * np.where([False, True, False], np.inf, thresholds))
    warnings = [line.partition(".npy: ")[2] for line in check(tmp_path, labels).warnings]
    assert warnings == [
        "one and the same score on every track: dark",
        f"scores are {3 * scores.min():g} .. {3 * scores.max():g}; allowed, but they are no probabilities",
        "never decided: dark",
    ]


def test_other_orders_are_suspected(tmp_path):
    labels, scores, thresholds = example()
    submission.write(tmp_path, scores, thresholds)
    np.save(tmp_path / "decisions.npy", np.load(tmp_path / "decisions.npy")[:, ::-1])
    (warning,) = check(tmp_path, labels).warnings
    assert "decided on a track that scores lower than one that is not (other tag order?): calm, sad" in warning
    submission.write(tmp_path, scores[:, [1, 2, 0]], thresholds[[1, 2, 0]])
    (warning,) = check(tmp_path, labels).warnings
    assert "no better than chance; are tracks or tags in another order" in warning


def test_scores_that_are_not_finite_are_not_written(tmp_path):
    _, scores, thresholds = example()
    scores[4, 2] = np.nan
    with pytest.raises(errors.KerastagError, match=r"score in row 4, column 2 \(from 0\) is nan, not finite"):
        submission.write(tmp_path, scores, thresholds)
    assert not list(tmp_path.iterdir())
