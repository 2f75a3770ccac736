"""Every plot is written, whole, whatever is undefined; what it draws has been looked at, here only that it does."""

import itertools
import struct
import subprocess
import sys

import numpy as np
import pytest

from kerastag import metrics
from kerastag.metrics import comparison, decisions, groups, intervals, resampling
from kerastag.metrics.drawing import canvas, plots

TAGS = ("mood---calm", "mood---dark", "mood---happy", "mood---sad")


@pytest.fixture
def material():
    rng = np.random.default_rng(0)
    labels = rng.random((120, 4)) < [0.3, 0.1, 0.2, 0]  # the last tag has no positives
    scores = 1 / (1 + np.exp(-rng.normal(-2, 1, labels.shape) - 2 * labels))
    return labels, scores, resampling.by_artist([str(n // 3) for n in range(120)])


def is_png(path):
    data = path.read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    return data[:8] == b"\x89PNG\r\n\x1a\n" and min(width, height) > 400 and len(data) > 5000


def test_all_plots_are_written(material, tmp_path):
    labels, scores, clusters = material
    counts = np.array([900, 300, 50, 0])
    masks = groups.all_members(4, counts)
    results = metrics.evaluate(labels, scores, TAGS, counts)
    results["intervals"] = intervals.bootstrap(labels, scores, TAGS, clusters, masks, num_resamples=30)
    compared = comparison.compare(labels, {"a": scores, "b": scores**2}, TAGS, clusters, masks, num_resamples=30)
    decided = decisions.decide(scores, decisions.fit_thresholds(labels, scores))
    plots.pr_auc_by_frequency(tmp_path / "frequency.png", results, counts)
    plots.pr_curves(tmp_path / "curves.png", labels, scores, TAGS)
    plots.pr_curves(tmp_path / "chosen.png", labels, scores, TAGS, ["dark", "mood---calm"])
    plots.differences(tmp_path / "differences.png", compared)
    plots.reliability_diagram(tmp_path / "reliability.png", labels, scores, scores**1.2, "Platt")
    plots.confusion(tmp_path / "confusion.png", labels, decided, TAGS)
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == [
        f"{name}.png" for name in ("chosen", "confusion", "curves", "differences", "frequency", "reliability")
    ]
    assert all(is_png(path) for path in tmp_path.iterdir())


def test_names_beside_points_do_not_overlap(material, tmp_path):
    rng = np.random.default_rng(1)
    points = [(*rng.random(2), f"name {n}") for n in range(150)]
    with canvas.page(tmp_path / "names.png", 4, 3) as figure:
        axes = figure.subplots()
        axes.plot(*np.array([point[:2] for point in points]).T, "o")
        canvas.label_points(axes, points)
        boxes = [text.get_window_extent().extents for text in axes.texts]
    assert 20 < len(boxes) < 150
    for n, one in enumerate(boxes):
        for other in boxes[:n]:
            assert one[0] >= other[2] or other[0] >= one[2] or one[1] >= other[3] or other[1] >= one[3]


def test_similar_things_stand_together():
    chain = np.random.default_rng(2).permutation(8)
    similarity = np.zeros((8, 8))
    for one, other in itertools.pairwise(chain):
        similarity[one, other] = 1
    order = canvas.similar_order(similarity).tolist()
    assert order in (chain.tolist(), chain.tolist()[::-1])
    np.testing.assert_array_equal(similarity.sum(), 7)  # the argument is left alone


def test_importing_plots_imports_no_matplotlib():
    code = "import sys; from kerastag.metrics.drawing import plots; print('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
