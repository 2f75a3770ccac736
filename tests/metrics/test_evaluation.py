"""What `evaluate` reports, held against scikit-learn, counting by hand, and the published predictions."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from sklearn import metrics as reference

from kerastag import errors, metrics, tags
from kerastag.data import splits
from kerastag.metrics import ensembles

ROOT = pathlib.Path(__file__).parents[2]
PUBLISHED = ROOT / "../shared/data/mediaeval2020"
TAGS = ("dark", "happy", "slow")

needs_published = pytest.mark.skipif(not PUBLISHED.is_dir(), reason="needs the MediaEval 2020 data in ../shared")


def example() -> tuple[np.ndarray, np.ndarray]:
    labels = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, 0]])
    scores = np.array([[0.9, 0.2, 0.5], [0.8, 0.7, 0.5], [0.7, 0.9, 0.5], [0.1, 0.1, 0.5]])
    return labels, scores


def test_areas_by_hand():
    results = metrics.evaluate(*example(), TAGS)
    assert results["per_tag"] == {
        "dark": {"pr_auc": pytest.approx(5 / 6), "roc_auc": 3 / 4, "positives": 2},
        "happy": {"pr_auc": 1 / 2, "roc_auc": pytest.approx(2 / 3), "positives": 1},
        "slow": {"pr_auc": 1 / 4, "roc_auc": 1 / 2, "positives": 1},
    }
    assert results["pr_auc_macro"] == pytest.approx((5 / 6 + 1 / 2 + 1 / 4) / 3)
    assert results["roc_auc_macro"] == pytest.approx((3 / 4 + 2 / 3 + 1 / 2) / 3)
    assert (results["num_tracks"], results["num_tags"]) == (4, 3)
    assert results["tags_without_positives"] == results["tags_without_negatives"] == []
    assert "groups" not in results


@pytest.mark.parametrize("average", ["macro", "micro"])
def test_averages_are_those_of_scikit_learn(average):
    rng = np.random.default_rng(0)
    labels = rng.random((400, 12)) < 0.1
    scores = np.round(rng.random((400, 12)) + 0.2 * labels, 2).astype(np.float32)
    results = metrics.evaluate(labels, scores, [str(n) for n in range(12)])
    for key, function in (
        ("pr_auc", reference.average_precision_score),
        ("roc_auc", reference.roc_auc_score),
    ):
        expected = function(labels, scores, average=average)
        assert results[f"{key}_{average}"] == pytest.approx(expected, rel=0, abs=1e-12)


def test_groups_are_means_of_their_tags():
    results = metrics.evaluate(*example(), TAGS, class_counts=np.array([900, 200, 60]))
    assert results["groups"] == {
        "head": {"pr_auc": pytest.approx(5 / 6), "roc_auc": 3 / 4, "num_tags": 1},
        "middle": {"pr_auc": None, "roc_auc": None, "num_tags": 0},
        "tail": {"pr_auc": 3 / 8, "roc_auc": pytest.approx(7 / 12), "num_tags": 2},
    }
    results = metrics.evaluate(*example(), TAGS, np.array([900, 200, 60]), head_over=199, tail_at_most=60)
    assert [group["num_tags"] for group in results["groups"].values()] == [2, 0, 1]


def test_tags_without_positives_are_named_and_left_out_of_the_means():
    labels, scores = example()
    labels[:, 1] = 0
    results = metrics.evaluate(labels, scores, TAGS, class_counts=np.array([1, 1, 1]))
    assert results["tags_without_positives"] == ["happy"]
    assert results["per_tag"]["happy"] == {"pr_auc": None, "roc_auc": None, "positives": 0}
    assert results["pr_auc_macro"] == pytest.approx((5 / 6 + 1 / 4) / 2)
    assert results["groups"]["tail"] == {
        "pr_auc": pytest.approx((5 / 6 + 1 / 4) / 2),
        "roc_auc": pytest.approx((3 / 4 + 1 / 2) / 2),
        "num_tags": 3,
    }


def test_tags_without_negatives_are_named_and_have_no_roc_auc():
    labels, scores = example()
    labels[:, 1] = 1
    results = metrics.evaluate(labels, scores, TAGS)
    assert results["tags_without_negatives"] == ["happy"]
    assert results["per_tag"]["happy"] == {"pr_auc": 1, "roc_auc": None, "positives": 4}
    assert results["pr_auc_macro"] == pytest.approx((5 / 6 + 1 + 1 / 4) / 3)
    assert results["roc_auc_macro"] == pytest.approx((3 / 4 + 1 / 2) / 2)


@pytest.mark.parametrize("value", [0, 1])
def test_results_are_json_without_nan_whatever_is_undefined(value):
    results = metrics.evaluate(np.full((4, 3), value), example()[1], TAGS, np.zeros(3))
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    assert results["roc_auc_macro"] is None and results["roc_auc_micro"] is None


def test_neither_input_is_changed():
    labels, scores = example()
    metrics.evaluate(labels, scores, TAGS)
    for got, expected in zip((labels, scores), example(), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.zeros((4, 2))}, "labels are (4, 2), scores (4, 3)"),
        ({"labels": np.zeros(3), "scores": np.zeros(3)}, "labels are (3,), not (tracks, tags)"),
        ({"labels": np.zeros((0, 3)), "scores": np.zeros((0, 3))}, "labels are (0, 3), not (tracks, tags)"),
        ({"tag_names": TAGS[:2]}, "2 tag names for 3 columns"),
        ({"tag_names": ("a", "b", "a")}, "a tag name stands for two columns"),
        ({"class_counts": np.zeros(4)}, "class counts are (4,) for 3 tags"),
        ({"labels": (2, 1, 0.5)}, "label in row 2 (from 0), tag 'happy' is 0.5, not 0 or 1"),
        ({"labels": (2, 1, np.nan)}, "label in row 2 (from 0), tag 'happy' is nan, not 0 or 1"),
        ({"scores": (3, 2, np.nan)}, "score in row 3 (from 0), tag 'slow' is nan, not finite"),
        ({"scores": (0, 0, -np.inf)}, "score in row 0 (from 0), tag 'dark' is -inf, not finite"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    arguments = dict(zip(("labels", "scores", "tag_names"), (*example(), TAGS), strict=True))
    for key, value in change.items():
        if key in ("labels", "scores") and isinstance(value, tuple):
            row, column, cell = value
            value = arguments[key].astype(float)
            value[row:, column] = cell
        arguments[key] = value
    with pytest.raises(errors.KerastagError) as caught:
        metrics.evaluate(**arguments)
    assert str(caught.value) == message


def test_popularity_ranks_tags_but_not_tracks():
    labels = (np.random.default_rng(0).random((200, 3)) < [0.5, 0.2, 0.1]).astype(int)
    scores = metrics.popularity_scores(np.array([50, 30, 20]), 200)
    assert scores.shape == (200, 3) and scores.dtype == np.float32
    np.testing.assert_allclose(scores[7], [0.5, 0.3, 0.2], rtol=1e-6)
    results = metrics.evaluate(labels, scores, TAGS)
    assert [tag["roc_auc"] for tag in results["per_tag"].values()] == [0.5, 0.5, 0.5]
    assert results["pr_auc_macro"] == pytest.approx(labels.mean())
    assert results["roc_auc_micro"] > 0.6
    assert metrics.popularity_scores(np.zeros(3), 2).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_measuring_needs_none_of_the_large_packages():
    code = "import sys; from kerastag import metrics; print([m for m in sys.modules if m in sys.argv])"
    heavy = ["tensorflow", "keras", "librosa", "sklearn", "scipy", "matplotlib"]
    command = [sys.executable, "-c", code, *heavy]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "[]\n"


def published_scores(loss: str) -> np.ndarray:
    return metrics.load_matrix(PUBLISHED / f"all_data/standard/{loss}.npy")


@needs_published
@pytest.mark.parametrize(
    ("losses", "pr_auc", "roc_auc"),
    [
        (("bce",), 0.1238, 0.7482),
        (("focal",), 0.1230, 0.7531),
        (("cb_focal",), 0.1224, 0.7495),
        (("db_focal",), 0.1204, 0.7454),
        (("bce", "focal", "cb_focal", "db_focal"), 0.1296, 0.7577),
    ],
)
def test_published_predictions_give_their_known_figures(losses, pr_auc, roc_auc):
    labels = metrics.load_matrix(PUBLISHED / "validation_labels.npy")
    scores = np.mean([published_scores(loss) for loss in losses], axis=0)
    results = metrics.evaluate(labels, scores, [str(n) for n in range(56)])
    assert (round(results["pr_auc_macro"], 4), round(results["roc_auc_macro"], 4)) == (pr_auc, roc_auc)


@needs_published
@pytest.mark.parametrize(
    ("setting", "pr_auc", "roc_auc"),
    [("all_data/class_aware", 0.1224, 0.7496), ("jamendo_only/standard", 0.1187, 0.7386)],
)
def test_published_means_of_four_give_their_known_figures(setting, pr_auc, roc_auc):
    labels = metrics.load_matrix(PUBLISHED / "validation_labels.npy")
    members = [metrics.load_matrix(path) for path in sorted((PUBLISHED / setting).glob("*.npy"))]
    results = metrics.evaluate(labels, ensembles.combine(members), [str(n) for n in range(56)])
    assert len(members) == 4
    assert (round(results["pr_auc_macro"], 4), round(results["roc_auc_macro"], 4)) == (pr_auc, roc_auc)


@needs_published
def test_published_groups_have_14_27_and_15_tags():
    vocabulary = tags.Vocabulary.read(PUBLISHED / "moodtheme_tags.txt")
    names = ("autotagging_moodtheme-train.tsv", "music4all_moodtheme-train.tsv")
    counts = splits.class_counts([splits.read(PUBLISHED / name) for name in names], vocabulary)
    labels = metrics.load_matrix(PUBLISHED / "validation_labels.npy")
    results = metrics.evaluate(labels, published_scores("bce"), vocabulary.names, counts)
    groups = results["groups"]
    assert [groups[name]["num_tags"] for name in ("head", "middle", "tail")] == [14, 27, 15]
    pr_aucs = [round(groups[name]["pr_auc"], 4) for name in ("head", "middle", "tail")]
    assert pr_aucs == [0.1778, 0.1179, 0.0840]
    assert (round(results["pr_auc_micro"], 4), round(results["roc_auc_micro"], 4)) == (0.1341, 0.7780)


def test_named_groups_stand_beside_those_of_counts():
    masks = {"both ends": np.array([True, False, True])}
    results = metrics.evaluate(*example(), TAGS, np.array([900, 200, 60]), named_groups=masks)
    assert list(results["groups"]) == ["head", "middle", "tail", "both ends"]
    assert results["groups"]["both ends"] == {
        "pr_auc": pytest.approx((5 / 6 + 1 / 4) / 2),
        "roc_auc": pytest.approx(5 / 8),
        "num_tags": 2,
    }
    assert list(metrics.evaluate(*example(), TAGS, named_groups=masks)["groups"]) == ["both ends"]


def test_label_ranking_and_constant_tags_are_reported():
    results = metrics.evaluate(*example(), TAGS)
    assert results["constant_tags"] == ["slow"]
    assert results["hit_rate_at_1"] == 1 / 3 and "hit_rate_at_5" not in results  # there are three tags
    assert results["lwlrap"] == pytest.approx((1 + 1 + 1 / 2 + 1 / 2) / 4)
