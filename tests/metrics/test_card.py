"""The reliability card: its word follows from its figures, and it comes back as it was."""

import numpy as np
import pytest

from kerastag import errors, metrics, tags
from kerastag.metrics import card, decisions, intervals, resampling

VOCABULARY = tags.Vocabulary(["mood---easy", "mood---random", "mood---none"])


def example():
    rng = np.random.default_rng(0)
    labels = rng.random((400, 3)) < [0.2, 0.2, 0]
    scores = rng.normal(size=labels.shape) + [3, 0, 0] * labels
    clusters = resampling.by_artist([str(n // 4) for n in range(400)])
    results = metrics.evaluate(labels, scores, VOCABULARY.names)
    results["intervals"] = intervals.bootstrap(labels, scores, VOCABULARY.names, clusters, num_resamples=300)
    thresholds = decisions.fit_thresholds(labels, scores)
    decided = decisions.evaluate(labels, decisions.decide(scores, thresholds), VOCABULARY.names)
    return results, decided, thresholds


def test_the_card_tells_a_tag_that_works_from_one_that_does_not():
    results, decided, thresholds = example()
    easy, random, none = card.build(results, decided, thresholds, np.array([True, False, False]))
    assert (easy.word, random.word, none.word) == ("reliable", "near chance", "unmeasured")
    assert easy.pr_auc == results["per_tag"]["mood---easy"]["pr_auc"]
    assert easy.lift == pytest.approx(easy.pr_auc * 400 / results["per_tag"]["mood---easy"]["positives"])
    assert easy.low < easy.pr_auc < easy.high and easy.lift_low < easy.lift
    assert (easy.calibrated, random.calibrated) == (True, False)
    assert easy.precision == decided["per_tag"]["mood---easy"]["precision"] and easy.threshold == thresholds[0]
    assert none.pr_auc is none.low is none.lift is None and none.threshold == np.inf and none.recall == 0


@pytest.mark.parametrize(
    ("low", "lift_low", "num_clusters", "word"),
    [
        (0.1, 2.0, 5, "reliable"),
        (0.099, 2.0, 5, "weak"),
        (0.1, 1.99, 5, "weak"),
        (0.1, 2.0, 4, "weak"),
        (0.01, 1.25, 50, "weak"),
        (0.5, 1.24, 50, "near chance"),
        (None, None, 0, "unmeasured"),
    ],
)
def test_the_word_follows_from_the_ends_of_intervals(low, lift_low, num_clusters, word):
    assert card.word(low, lift_low, num_clusters) == word


def test_a_card_comes_back_as_it_was(tmp_path):
    results, decided, thresholds = example()
    built = card.build(results, decided, thresholds)
    card.write(tmp_path / "tag_card.tsv", built)
    header, first, _, last = (tmp_path / "tag_card.tsv").read_text().splitlines()
    assert header == ("tag\tpr_auc\tlow\thigh\tlift\tlift_low\tthreshold\tprecision\trecall\tcalibrated\tword")
    assert first.startswith("mood---easy\t0.") and first.endswith("\tno\treliable")
    assert last == "mood---none\t\t\t\t\t\tinf\t0.0\t0.0\tno\tunmeasured"
    assert card.read(tmp_path / "tag_card.tsv", VOCABULARY) == {row.tag: row for row in built}


def test_the_table_begins_with_the_best():
    table = card.table(card.build(*example()), "validation")
    assert [row[0] for row in table.rows] == ["easy", "random", "none"]
    assert table.rows[0][-1] == "reliable" and len(table.header) == len(table.rows[0])
    assert (
        table.note
        == "1 reliable, 0 weak, 1 near chance. Precision and recall at the threshold, on the validation split."
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("sad\t1\t1\t1\t1\t1\t1\t1\t1\tyes\tweak", ":2: unknown tag 'sad'"),
        ("easy\tx\t1\t1\t1\t1\t1\t1\t1\tyes\tweak", ":2: could not convert string to float: 'x'"),
        ("easy\t1\t1\t1\t1\t1\t\t1\t1\tyes\tweak", ":2: could not convert"),
        ("easy\t1\t1\t1\t1\t1\t1\t1\t1\tmaybe\tweak", ":2: 'maybe', 'weak': not yes or no and a word of the card"),
        ("easy\t1", ":2: 2 cells, not tag pr_auc low"),
        ("easy\t1\t1\t1\t1\t1\t1\t1\t1\tyes\tweak", ": no line for the tag 'mood---"),
    ],
)
def test_faults_in_a_card_have_their_line(tmp_path, line, message):
    (tmp_path / "c.tsv").write_text("\t".join(card.HEADER) + f"\n{line}\n")
    with pytest.raises(errors.KerastagError, match=f"c.tsv{message}"):
        card.read(tmp_path / "c.tsv", VOCABULARY)
