"""Results as text, Markdown and TSV."""

import numpy as np

from kerastag import metrics
from kerastag.metrics import groups, intervals, resampling, tables

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
4 tracks, 3 tags. Left out of the means (no positive track, no figures): slow. The same score on every track: slow.

group   tags  PR-AUC  ROC-AUC
head       1  0.8333   0.7500
middle     1  1.0000   1.0000
tail       1       -        -

ranking of a track's tags  figure
lwlrap                     1.0000
top-1 hit rate             1.0000

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

| ranking of a track's tags | figure |
| --- | ---: |
| lwlrap | 1.0000 |
| top-1 hit rate | 1.0000 |

| tag | positives | PR-AUC | ROC-AUC | lift |
| --- | ---: | ---: | ---: | ---: |
| happy | 2 | 1.0000 | 1.0000 | 2.0 |
| dark | 2 | 0.8333 | 0.7500 | 1.7 |
| slow | 0 | - | - | - |
"""
    )


def test_tsv_keeps_figures_in_full(tmp_path):
    tables.write_all(tmp_path, [tables.by_tag(results())])
    header, happy, dark, slow = (tmp_path / "01_tag.tsv").read_text().splitlines()
    assert header.split("\t") == ["tag", "positives", "PR-AUC", "ROC-AUC", "lift"]
    assert happy.split("\t") == ["happy", "2", "1.0", "1.0", "2.0"]
    assert float(dark.split("\t")[2]) == results()["per_tag"]["mood---dark"]["pr_auc"]
    assert slow.split("\t") == ["slow", "0", "", "", ""]


def test_results_without_groups_have_no_table_of_them():
    without = results()
    del without["groups"]
    assert [table.header[0] for table in tables.of_results(without)] == ["average", "ranking of a track's tags", "tag"]


def test_intervals_stand_beside_their_figures():
    with_intervals = results()
    labels = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0]])
    scores = np.array([[0.9, 0.2, 0.5], [0.8, 0.9, 0.5], [0.7, 0.1, 0.5], [0.1, 0.8, 0.5]])
    masks = groups.members(np.array([900, 300, 10]))
    clusters = resampling.by_artist(["a", "b", "a", "c"])
    with_intervals["intervals"] = intervals.bootstrap(labels, scores, NAMES, clusters, masks, num_resamples=50)
    headline, by_group, by_track, by_tag = tables.of_results(with_intervals)
    assert headline.header == ("average", "PR-AUC", "PR low", "PR high", "ROC-AUC", "ROC low", "ROC high")
    assert headline.note.endswith("low..high: 95 % intervals, 50 resamples of 3 artists.")
    for table, row, figure in ((headline, 0, 1), (by_group, 0, 2), (by_track, 0, 1), (by_tag, 1, 2)):
        _, middle, low, high = (table.rows[row][0], *table.rows[row][figure : figure + 3])
        assert low <= middle <= high
    assert by_tag.rows[-1] == ("slow", 0, *[None] * 7)
    assert by_group.rows[-1] == ("tail", 1, *[None] * 6)


def test_lift_of_chance_is_one():
    labels = np.array([[1, 0], [0, 1], [0, 0], [0, 0]])
    table = tables.by_tag(metrics.evaluate(labels, metrics.popularity_scores(np.ones(2), 4), ["a", "b"]))
    assert [row[-1] for row in table.rows] == [1, 1]


def test_odd_names_stay_in_their_cells():
    table = tables.Table(("tag", "n"), (("楽しい", 1), ("a|b", 20), ("e\u0301", 3)))
    assert tables.text([table]) == "tag      n\n楽しい   1\na|b     20\ne\u0301        3\n"
    assert "| a\\|b | 20 |" in tables.markdown([table])


def test_names_are_text_in_every_form():
    table = tables.Table(("run", "figure"), (("a\x1b[2J\n|<script>", 0.5),))
    assert r"a\x1b[2J\x0a|<script>  " in tables.text([table])
    assert r"| a\\x1b\[2J\\x0a\|\<script\> |" in tables.markdown([table])
