"""Thresholds and decisions, held against scikit-learn and trying every threshold."""

import numpy as np
import pytest
from sklearn import metrics as reference

from kerastag import errors, tags
from kerastag.metrics import decisions

VOCABULARY = tags.Vocabulary(["mood---calm", "mood---dark", "mood---sad"])


def example(num_distinct=10**6, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.random((80, 6)) < 0.2
    scores = np.floor((rng.random(labels.shape) + 0.3 * labels) * num_distinct) / num_distinct
    return labels, scores.astype(np.float32)


@pytest.mark.parametrize("num_distinct", [1, 4, 10**6])
def test_no_threshold_has_a_higher_f1(num_distinct):
    labels, scores = example(num_distinct)
    thresholds = decisions.fit_thresholds(labels, scores)
    for tag in range(labels.shape[1]):
        tried = {t: reference.f1_score(labels[:, tag], scores[:, tag] >= t) for t in np.unique(scores[:, tag])}
        best = [t for t, f1 in tried.items() if f1 >= max(tried.values()) - 1e-12]
        assert thresholds[tag] == best[0]  # the lowest, as the organisers' script takes it


def test_thresholds_are_those_of_the_organisers_script():
    labels, scores = example()
    thresholds = decisions.fit_thresholds(labels, scores)
    for tag in range(labels.shape[1]):
        precision, recall, found = reference.precision_recall_curve(labels[:, tag], scores[:, tag])
        f1 = np.nan_to_num(2 * precision * recall / (precision + recall))
        assert thresholds[tag] == found[np.argmax(f1)]


def test_the_track_that_sets_the_threshold_is_in_unless_strictly_above():
    labels, scores = example()
    thresholds = decisions.fit_thresholds(labels, scores)
    inclusive, strict = (decisions.decide(scores, thresholds, strictly) for strictly in (False, True))
    assert inclusive.dtype == strict.dtype == bool
    np.testing.assert_array_equal(inclusive & ~strict, scores == thresholds.astype(np.float32))
    assert (inclusive.sum(axis=0) > strict.sum(axis=0)).all()


def test_a_tag_without_positives_is_never_decided():
    labels, scores = example()
    labels[:, 2] = False
    thresholds = decisions.fit_thresholds(labels, scores)
    assert thresholds[2] == np.inf
    assert not decisions.decide(scores, thresholds)[:, 2].any()
    assert np.isfinite(np.delete(thresholds, 2)).all()


def test_by_hand():
    labels, scores = np.array([[1], [0], [1], [0]]), np.array([[0.9], [0.8], [0.7], [0.1]])
    assert decisions.fit_thresholds(labels, scores).tolist() == [0.7]  # F1 0.8, against 2/3 at 0.9
    figures = decisions.evaluate(labels, decisions.decide(scores, np.array([0.7])), ["a"])
    assert figures["per_tag"]["a"] == {"precision": pytest.approx(2 / 3), "recall": 1, "f1": 0.8, "decided": 3}


@pytest.mark.parametrize("average", ["macro", "micro"])
def test_figures_are_those_of_scikit_learn(average):
    labels, scores = example()
    decided = scores > 0.8
    labels[:, 1], decided[:, 2], decided[:, 3] = False, False, True
    labels[:, 4] = decided[:, 4] = False
    expected = reference.precision_recall_fscore_support(labels, decided, average=average, zero_division=0)[:3]
    figures = decisions.evaluate(labels, decided, "abcdef")
    got = [figures[f"{name}_{average}"] for name in ("precision", "recall", "f1")]
    assert got == pytest.approx(expected, abs=1e-12)


def test_thresholds_come_back_as_they_were(tmp_path):
    thresholds = np.array([np.float32(0.1), np.inf, 1 / 3])
    decisions.write_thresholds(tmp_path / "thresholds.tsv", VOCABULARY.names, thresholds)
    assert (tmp_path / "thresholds.tsv").read_text().splitlines()[:3] == [
        "tag\tthreshold",
        "mood---calm\t0.10000000149011612",
        "mood---dark\tinf",
    ]
    np.testing.assert_array_equal(decisions.read_thresholds(tmp_path / "thresholds.tsv", VOCABULARY), thresholds)


def test_thresholds_are_read_in_any_order_by_short_names(tmp_path):
    (tmp_path / "t.tsv").write_text("tag\tthreshold\nsad\t0.3\ndark\t.2\r\nmood---calm\t1e-1\n\n")
    assert decisions.read_thresholds(tmp_path / "t.tsv", VOCABULARY).tolist() == [0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("sad\t0.3\ndark\t0.2\n", "t.tsv: no threshold for tag 'mood---calm'"),
        ("sad\t0.3\nsad\t0.2\n", "t.tsv:3: tag 'sad' has a threshold already"),
        ("sat\t0.3\n", r"t.tsv:2: unknown tag 'sat'; did you mean 'sad'\?"),
        ("sad\thigh\n", "t.tsv:2: threshold 'high' is not a number"),
        ("sad\tnan\n", "t.tsv:2: threshold 'nan' is not a number"),
        ("sad\n", "t.tsv:2: 1 cells, not tag threshold"),
    ],
)
def test_faults_in_a_file_of_thresholds_have_their_line(tmp_path, lines, message):
    (tmp_path / "t.tsv").write_text("tag\tthreshold\n" + lines)
    with pytest.raises(errors.KerastagError, match=message):
        decisions.read_thresholds(tmp_path / "t.tsv", VOCABULARY)


def test_other_files_are_no_thresholds(tmp_path):
    (tmp_path / "a.tsv").write_bytes(b"tag\xff")
    (tmp_path / "b.tsv").write_text("happy\t0.1\n")
    for name, message in (("a", "not UTF-8"), ("b", r":1: the header is 'happy\\t0.1'"), ("c", "no such file")):
        with pytest.raises(errors.KerastagError, match=message):
            decisions.read_thresholds(tmp_path / f"{name}.tsv", VOCABULARY)


def test_shapes_must_fit():
    with pytest.raises(errors.KerastagError, match=r"thresholds are \(2,\) for scores \(5, 3\)"):
        decisions.decide(np.ones((5, 3)), np.ones(2))
