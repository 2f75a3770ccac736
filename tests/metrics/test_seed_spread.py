"""Seeds and tracks vary apart."""

import json

import numpy as np
import pytest

from kerastag import errors, metrics
from kerastag.metrics import resampling, seed_spread

TAGS = ("a", "b", "c")


def example(num_runs=4, seed_noise=0.3):
    rng = np.random.default_rng(0)
    labels = rng.random((200, 3)) < 0.2
    common = rng.normal(size=labels.shape) + labels
    scores = [common + seed_noise * rng.normal(size=labels.shape) for _ in range(num_runs)]
    return labels, scores, resampling.by_artist([str(n // 4) for n in range(200)])


def test_mean_and_deviation_are_over_runs():
    labels, scores, clusters = example()
    result = seed_spread.spread(labels, scores, TAGS, clusters, num_resamples=100)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    row = result["figures"][0]
    assert (row["figure"], row["over"]) == ("pr_auc", "macro")
    own = [metrics.evaluate(labels, one, TAGS)["pr_auc_macro"] for one in scores]
    assert row["mean"] == pytest.approx(np.mean(own))
    assert row["deviation_over_runs"] == pytest.approx(np.std(own, ddof=1))
    assert (row["lowest"], row["highest"]) == pytest.approx((min(own), max(own)))
    assert row["low"] < row["mean"] < row["high"]


def test_runs_that_agree_have_no_deviation_but_the_same_interval():
    labels, scores, clusters = example(seed_noise=0)
    row = seed_spread.spread(labels, scores, TAGS, clusters, num_resamples=100)["figures"][0]
    assert row["deviation_over_runs"] == pytest.approx(0, abs=1e-15)
    assert row["deviation_over_resamples"] > 0.01


def test_the_table_names_both_kinds_of_deviation():
    labels, scores, clusters = example()
    masks = {"none": np.zeros(3, bool)}
    table = seed_spread.table(seed_spread.spread(labels, scores, TAGS, clusters, masks, num_resamples=20))
    assert table.header[2] == "sd of runs" and table.header[-1] == "sd of tracks"
    assert table.rows[0][0] == "PR-AUC macro"
    assert ("PR-AUC none", *[None] * 7) in table.rows
    assert table.note.startswith("4 runs:") and "50 artists" in table.note


def test_one_run_is_refused():
    labels, scores, clusters = example(num_runs=1)
    with pytest.raises(errors.KerastagError, match="1 run has no deviation over runs"):
        seed_spread.spread(labels, scores, TAGS, clusters)
