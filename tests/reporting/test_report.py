"""The report of runs: what it says, that it says no more than it knows, and that it needs nothing but itself."""

import html.parser
import importlib.metadata
import json
import os
import re
import shutil

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from kerastag import errors, names, report, reporting
from kerastag.reporting import charts, views

NUM_RESAMPLES = 50


class Page(html.parser.HTMLParser):
    """Checks that elements are nested and closed; keeps the text and every address."""

    EMPTY = ("meta", "img", "br")

    def __init__(self, text):
        super().__init__()
        self.texts, self.addresses, self._open = [], [], []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        if tag not in self.EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.addresses += [value for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def other_run(run, tmp_path_factory):
    """The same run under another name and loss, with scores that rank every track the other way round."""
    folder = tmp_path_factory.mktemp("others") / "other"
    shutil.copytree(run, folder)
    record = json.loads((folder / "run.json").read_text())
    record["flags"]["loss"] = "bce"
    (folder / "run.json").write_text(json.dumps(record))
    scores = folder / "predictions" / "validation.npy"
    np.save(scores, 1 - np.load(scores))
    return folder


@pytest.fixture(scope="module")
def single(run, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "one.html"
    return Page(reporting.write([run], path, num_resamples=NUM_RESAMPLES).read_text())


@pytest.fixture(scope="module")
def double(run, other_run, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "two.html"
    return Page(reporting.write([run, other_run], path, num_resamples=NUM_RESAMPLES).read_text())


def test_figures_are_scikit_learns(run, single):
    labels, scores = (np.load(run / kind / "validation.npy") for kind in ("labels", "predictions"))
    areas = [sklearn_metrics.average_precision_score(labels[:, tag], scores[:, tag]) for tag in range(3)]
    assert f"macro PR-AUC {np.mean(areas):.3f} [" in single.text
    for area in areas:
        assert f" {area:.3f} [" in single.text


def test_a_page_needs_nothing_but_itself(single, double):
    for page in (single, double):
        assert page.addresses
        assert all(re.match(r"#[a-z]+$|data:(image/png|audio/flac);base64,", address) for address in page.addresses)


def test_a_page_says_what_it_was_measured_on(single, run):
    assert "Measured on the validation split, which also chose the best epoch" in single.text
    header, *rows = [line.split("\t") for line in (run / "history.tsv").read_text().splitlines()]
    areas = [float(row[header.index("val_pr_auc")]) for row in rows]
    assert f"epoch {areas.index(max(areas)) + 1} of 3" in single.text
    assert "loss cb_focal" in single.text and f"tensorflow {importlib.metadata.version('tensorflow')}" in single.text


def test_several_runs_are_compared_in_pairs(double):
    assert "Which is better" in double.text
    assert "whole − other" in double.text
    assert "loss cb_focal bce" in double.text


def test_runs_of_different_labels_are_not_compared(run, other_run, tmp_path):
    shutil.copytree(other_run, tmp_path / "changed")
    labels = tmp_path / "changed" / "labels" / "validation.npy"
    np.save(labels, np.roll(np.load(labels), 1, axis=0))
    written = reporting.write([run, tmp_path / "changed"], tmp_path / "r.html", num_resamples=NUM_RESAMPLES)
    page = Page(written.read_text())
    assert "cannot be compared" in page.text and "other labels than" in page.text
    assert "Which is better" not in page.text


def test_the_same_runs_give_the_same_bytes(run, tmp_path):
    pages = [
        reporting.write([run], tmp_path / name, num_resamples=NUM_RESAMPLES).read_bytes()
        for name in ("a.html", "b.html")
    ]
    assert pages[0] == pages[1]


def test_names_cannot_break_out_of_the_page(run, tmp_path):
    folder = tmp_path / os.fsdecode(b"<b>&'\"run\xef\xe2\x80\xae")
    shutil.copytree(run, folder)
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "command": "train \u202e\x1b </script><b>"}))
    title = "\u202e<b>"
    page = reporting.write([folder], tmp_path / "r.html", num_resamples=NUM_RESAMPLES, title=title).read_text()
    assert "<b>" not in page and all(names.hidden_letter(line) is None for line in page.split("\n"))
    assert "&lt;b&gt;&amp;" in page
    Page(page)


def test_figures_are_rounded_with_their_intervals():
    assert views.interval(0.5, {"low": 0.25, "high": 0.75, "bias": 0.0}, 2) == "0.50 [0.25, 0.75]"
    assert views.number(None) == views.interval(None, None) == "–"


def test_a_line_is_where_its_values_are():
    """By hand: 0 and 10 at the ends of the vertical axis, whose middle is then 5."""
    (line,) = charts.lines("t", "epoch", [("a", [(0, 0.0), (1, 5.0), (2, 10.0)])]).series
    points = line.points.split()
    heights = [float(point.split(",")[1]) for point in points]
    assert heights[0] > heights[1] > heights[2]
    assert heights[1] == pytest.approx((heights[0] + heights[2]) / 2)


@pytest.mark.parametrize("values", [[3.0, 3.0], [0.0, 0.0], [1e-9, 2e-9], [-5.0, 1e6]])
def test_any_values_can_be_drawn(values):
    chart = charts.lines("t", "epoch", [("a", list(enumerate(values))), ("none", [])])
    (line,) = chart.series
    places = [float(place) for point in line.points.split() for place in point.split(",")]
    assert len(places) == 2 * len(values) and all(0 <= place <= chart.width for place in places)
    assert len(chart.y_ticks) >= 2


def test_command_writes_into_the_run(run, other_run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert report.COMMAND.run([str(other_run), f"--num_resamples={NUM_RESAMPLES}", "--title=A colleague's copy"]) == 0
    assert "report.html: " in capsys.readouterr().out
    assert "A colleague&#39;s copy" in (other_run / "report.html").read_text()
    assert report.COMMAND.run([str(run), str(other_run), f"--num_resamples={NUM_RESAMPLES}"]) == 0
    assert (tmp_path / "report.html").is_file()


def test_training_leaves_a_report(run):
    assert "kerastag report" in (run / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "no run given"),
        (["nowhere"], 1, "nowhere: no such folder"),
        (["{run}", "--split=test"], 1, "no predictions of the test split; kerastag evaluate writes them"),
        (["{run}", "--split=tset"], 2, "should be one of"),
    ],
)
def test_bad_use_gets_one_line(run, tmp_path, capsys, arguments, status, message):
    output = tmp_path / "r.html"
    given = [argument.format(run=run) for argument in arguments]
    assert report.COMMAND.run([*given, f"--output={output}"]) == status
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1
    assert not output.exists()


def test_damaged_history_is_named(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "history.tsv").write_text("epoch\tloss\n1\tlots\n")
    with pytest.raises(errors.KerastagError, match=r"history.tsv: not a history"):
        reporting.write([tmp_path / "run"], tmp_path / "r.html")
