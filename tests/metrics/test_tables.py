"""Results as text, Markdown and TSV."""

import numpy as np

from kerastag import metrics
from kerastag.metrics import tables

NAMES = ("mood---dark", "mood---happy", "mood---slow")


def results(**changes):
    labels = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0]])
    scores = np.array([[0.9, 0.2, 0.5], [0.8, 0.9, 0.5], [0.7, 0.1, 0.5], [0.1, 0.8, 0.5]])
    return metrics.evaluate(labels, scores, NAMES, np.array([900, 300, 10]), **changes)


def test_text_is_aligned():
    # Micro by hand: PR-AUC (2 * 1 + 3/4 + 4/5) / 4, ROC-AUC (16 + 7.5 + 7) / 32.
    assert (
        tables.text(tables.of_results(results()))
        == """\
average  PR-AUC  ROC-AUC
macro    0.9167   0.8750
micro    0.8875   0.9531
4 tracks, 3 tags. Left out of the means (no positive track, no figures): slow.

group   tags  PR-AUC  ROC-AUC
head       1  0.8333   0.7500
middle     1  1.0000   1.0000
tail       1       -        -

tag    positives  PR-AUC  ROC-AUC  lift
happy          2  1.0000   1.0000   2.0
dark           2  0.8333   0.7500   1.7
slow           0       -        -     -
"""
    )


def test_markdown_has_the_same_cells():
    assert (
        tables.markdown(tables.of_results(results())[1:])
        == """\
| group | tags | PR-AUC | ROC-AUC |
| --- | ---: | ---: | ---: |
| head | 1 | 0.8333 | 0.7500 |
| middle | 1 | 1.0000 | 1.0000 |
| tail | 1 | - | - |

| tag | positives | PR-AUC | ROC-AUC | lift |
| --- | ---: | ---: | ---: | ---: |
| happy | 2 | 1.0000 | 1.0000 | 2.0 |
| dark | 2 | 0.8333 | 0.7500 | 1.7 |
| slow | 0 | - | - | - |
"""
    )


def test_tsv_keeps_figures_in_full():
    header, happy, dark, slow = tables.tsv(tables.by_tag(results())).splitlines()
    assert header.split("\t") == ["tag", "positives", "PR-AUC", "ROC-AUC", "lift"]
    assert happy.split("\t") == ["happy", "2", "1.0", "1.0", "2.0"]
    assert float(dark.split("\t")[2]) == results()["per_tag"]["mood---dark"]["pr_auc"]
    assert slow.split("\t") == ["slow", "0", "", "", ""]


def test_results_without_groups_have_two_tables():
    without = results()
    del without["groups"]
    assert [table.header[0] for table in tables.of_results(without)] == ["average", "tag"]


def test_lift_of_chance_is_one():
    labels = np.array([[1, 0], [0, 1], [0, 0], [0, 0]])
    table = tables.by_tag(metrics.evaluate(labels, metrics.popularity_scores(np.ones(2), 4), ["a", "b"]))
    assert [row[-1] for row in table.rows] == [1, 1]


def test_odd_names_stay_in_their_cells():
    table = tables.Table(("tag", "n"), (("楽しい", 1), ("a|b", 20), ("e\u0301", 3)))
    assert tables.text([table]) == "tag      n\n楽しい   1\na|b     20\ne\u0301        3\n"
    assert "| a\\|b | 20 |" in tables.markdown([table])
