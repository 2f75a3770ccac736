"""Paired comparison: what cancels, what is corrected, and what the tables say."""

import json

import numpy as np
import pytest

from kerastag import errors, metrics
from kerastag.metrics import comparison, comparison_tables, intervals, resampling, tables

TAGS = tuple(f"mood---{name}" for name in ("calm", "dark", "happy", "sad"))


def example(num_tracks=240, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.random((num_tracks, 4)) < 0.25
    noise = rng.normal(size=labels.shape)
    weak, strong = noise + 0.2 * labels, 0.5 * noise + 1.0 * labels
    clusters = resampling.by_artist([str(n) for n in rng.integers(60, size=num_tracks)])
    return labels, weak, strong, clusters


def rows_of(result, pair=0):
    return {(row["figure"], row["over"]): row for row in result["pairs"][pair]["means"]}


def test_differences_are_of_the_figures_that_evaluate_gives():
    labels, weak, strong, clusters = example()
    masks = {"odd": np.array([False, True, False, True])}
    result = comparison.compare(labels, {"a": strong, "b": weak}, TAGS, clusters, masks, num_resamples=200)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    first, second = (metrics.evaluate(labels, s, TAGS, named_groups=masks) for s in (strong, weak))
    row = rows_of(result)["pr_auc", "macro"]
    assert (row["first"], row["second"]) == pytest.approx((first["pr_auc_macro"], second["pr_auc_macro"]))
    assert row["difference"] == pytest.approx(row["first"] - row["second"])
    assert row["low"] < row["difference"] < row["high"]
    odd = rows_of(result)["roc_auc", "odd"]
    assert odd["difference"] == pytest.approx(first["groups"]["odd"]["roc_auc"] - second["groups"]["odd"]["roc_auc"])
    by_tag = [r for r in result["pairs"][0]["per_tag"] if r["figure"] == "pr_auc"]
    assert [r["over"] for r in by_tag] == list(TAGS)
    assert by_tag[2]["first"] == pytest.approx(first["per_tag"][TAGS[2]]["pr_auc"])


def test_a_clear_difference_is_told_and_turns_with_the_pair():
    labels, weak, strong, clusters = example()
    forth = comparison.compare(labels, {"weak": weak, "strong": strong}, TAGS, clusters, num_resamples=300)
    back = comparison.compare(labels, {"strong": strong, "weak": weak}, TAGS, clusters, num_resamples=300)
    one, other = (rows_of(result)["pr_auc", "macro"] for result in (forth, back))
    assert one["verdict"] == "second" and other["verdict"] == "first"
    assert one["probability_above_zero"] == 0 and other["probability_above_zero"] == 1
    assert (one["low"], one["high"]) == pytest.approx((-other["high"], -other["low"]))
    assert one["p"] == pytest.approx(2 / 301)


def test_scores_do_not_differ_from_themselves_in_another_scale():
    labels, weak, _, clusters = example()
    result = comparison.compare(labels, {"a": weak, "b": 3 * weak + 1}, TAGS, clusters, num_resamples=50)
    for row in result["pairs"][0]["per_tag"]:
        assert (row["difference"], row["low"], row["high"], row["verdict"]) == (0, 0, 0, "noise")
        assert (row["probability_above_zero"], row["p"]) == (0.5, 1)


def test_pairing_narrows_the_interval():
    labels, weak, _, clusters = example()
    nearly = weak + 0.05 * np.random.default_rng(9).normal(size=weak.shape)
    result = comparison.compare(labels, {"a": weak, "b": nearly}, TAGS, clusters, num_resamples=300)
    row = rows_of(result)["roc_auc", "macro"]
    alone = intervals.bootstrap(labels, weak, TAGS, clusters, num_resamples=300)["roc_auc_macro"]
    assert row["high"] - row["low"] < (alone["high"] - alone["low"]) / 3


def test_differences_of_nothing_are_noise_at_the_stated_rate():
    rng = np.random.default_rng(3)
    verdicts = []
    for _ in range(40):
        labels = rng.random((150, 3)) < 0.3
        scores = {name: rng.normal(size=labels.shape) + 0.5 * labels for name in "ab"}
        result = comparison.compare(labels, scores, TAGS[:3], resampling.by_track(150), num_resamples=200)
        verdicts.append([row["verdict"] for row in result["pairs"][0]["per_tag"] if row["figure"] == "roc_auc"])
    assert np.mean([set(names) != {"noise"} for names in verdicts]) <= 0.15  # 5 % expected, of families


def test_holm_by_hand():
    assert comparison.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert comparison.holm([0.5, 0.9]) == pytest.approx([1, 1])
    assert comparison.holm([]) == []


def test_tags_are_corrected_for_their_number_and_means_for_that_of_pairs():
    labels, weak, strong, clusters = example()
    scores = {"a": strong, "b": weak, "c": strong + 0.01 * weak}
    result = comparison.compare(labels, scores, TAGS, clusters, num_resamples=100)
    assert [(pair["first"], pair["second"]) for pair in result["pairs"]] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert rows_of(result)["pr_auc", "micro"]["p_holm"] == pytest.approx(3 * 2 / 101)
    lowest = min(row["p_holm"] for row in result["pairs"][0]["per_tag"])
    assert lowest == pytest.approx(4 * 2 / 101)


def test_one_can_stand_against_all_others():
    labels, weak, strong, clusters = example()
    scores = {"a": strong, "b": weak, "c": weak}
    result = comparison.compare(labels, scores, TAGS, clusters, against="b", num_resamples=20)
    assert [(pair["first"], pair["second"]) for pair in result["pairs"]] == [("a", "b"), ("c", "b")]


def test_tags_without_positives_have_no_difference():
    labels, weak, strong, clusters = example()
    labels[:, 1] = False
    result = comparison.compare(labels, {"a": strong, "b": weak}, TAGS, clusters, num_resamples=300)
    row = next(row for row in result["pairs"][0]["per_tag"] if row["over"] == "mood---dark")
    assert row["difference"] is row["p_holm"] is row["verdict"] is None
    table = comparison_tables.by_tag(result)
    assert table.rows[-1] == ("dark", *[None] * 6)
    assert "of 3 tags differ by more than noise" in table.note


def test_tables_say_which_differences_are_noise():
    labels, weak, strong, clusters = example()
    result = comparison.compare(labels, {"good": strong, "bad": weak}, TAGS, clusters, num_resamples=300)
    headline, by_tag = comparison_tables.of_comparison(result)
    assert headline.rows[0][:2] == ("PR-AUC macro", "good - bad")
    assert headline.rows[0][-1] == "good is better"
    assert {row[-1] for row in by_tag.rows} <= {"good is better", "bad is better", "noise"}
    assert by_tag.note.startswith(
        "PR-AUC, good - bad: 4 of 4 tags differ by more than noise. p is corrected for 4 tags"
    )
    assert "take more" not in by_tag.note
    assert "good is better" in tables.text([headline]) and "| good is better |" in tables.markdown([headline])
    same = comparison.compare(labels, {"a": weak, "b": weak}, TAGS, clusters, num_resamples=100)
    assert {row[-1] for row in comparison_tables.headline(same).rows} == {"noise"}


def test_too_few_resamples_for_the_correction_are_said():
    labels, weak, strong, clusters = example()
    result = comparison.compare(labels, {"a": strong, "b": weak}, TAGS, clusters, num_resamples=100)
    assert comparison_tables.by_tag(result).note.endswith("With 100 resamples no p can be below 0.079: take more.")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predictions": {"a": np.ones((240, 4))}}, "1 sets of scores, nothing to compare"),
        ({"against": "c"}, "no scores are called 'c'; there are a, b"),
        (
            {"predictions": {"a": np.ones((240, 4)), "b": np.ones((240, 3))}},
            r"b: labels are \(240, 4\), scores \(240, 3\)",
        ),
        ({"predictions": {"a": np.full((240, 4), np.nan), "b": np.ones((240, 4))}}, "a: score in row 0"),
        ({"clusters": resampling.by_track(7)}, "tracks of 7 tracks for 240 rows"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    labels, weak, strong, clusters = example()
    arguments = {"predictions": {"a": weak, "b": strong}, "clusters": clusters, **change}
    with pytest.raises(errors.KerastagError, match=message):
        comparison.compare(labels, tag_names=TAGS, num_resamples=10, **arguments)
