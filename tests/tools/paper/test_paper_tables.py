"""The rows and figures of tools.paper.paper_tables, held to the presets, and means by hand."""

import pytest

from kerastag.cli import presets
from tools.paper import paper_tables


def test_every_preset_of_the_paper_is_a_row_and_every_row_but_the_ensemble_a_preset():
    of_paper = {name for name in presets.names() if name.startswith("paper_")}
    names = [name.removeprefix("paper_") for name in of_paper]
    systems = [system for table in paper_tables.TITLES for system in paper_tables.systems_of(table, names)]
    assert {system.preset for system in systems} - {"paper_ensemble"} == of_paper
    assert len(systems) == len(of_paper) + 1
    assert [system.name for system in paper_tables.systems_of(1, names)][4] == "ensemble"


def test_figures_and_needs_are_those_in_the_presets():
    for system in paper_tables.SYSTEMS:
        text = presets.find(system.preset).read_text()
        if system.published:
            assert "Expect: {:.3f} / {:.3f}".format(*system.published[:2]) in text
            groups = system.published[2:]
            assert not groups or "(head {:.3f}, middle {:.3f}, tail {:.3f})".format(*groups) in text
        elif system.name != "bce_mixup":
            assert "no figure in the paper" in text
        assert ("Music4All" in text) == system.outside_data


def test_mean_and_deviation_by_hand():
    runs = [{"pr_auc": 0.1, "tail": None}, {"pr_auc": 0.2, "tail": 0.5}, {"pr_auc": 0.6, "tail": 0.5}]
    # mean 0.9 / 3; squares 0.04 + 0.01 + 0.09 over n - 1 = 2
    assert paper_tables.summary(runs, "pr_auc") == pytest.approx((0.3, 0.07**0.5))
    assert paper_tables.summary(runs, "tail") == (None, None)
    assert paper_tables.summary(runs[:1], "pr_auc") == (0.1, None)
    assert paper_tables.summary([], "pr_auc") == (None, None)
