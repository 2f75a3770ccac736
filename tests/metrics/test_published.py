"""The published predictions of 16 models: intervals over artists, differences, selection, thresholds, calibration."""

import pathlib

import numpy as np
import pytest
from sklearn import metrics as reference

from kerastag import metrics, tags
from kerastag.data import splits
from kerastag.metrics import (
    calibration,
    card,
    comparison,
    decisions,
    ensembles,
    intervals,
    resampling,
    selection,
    weighted,
)

PUBLISHED = pathlib.Path(__file__).parents[3] / "shared/data/mediaeval2020"
LOSSES = ("bce", "focal", "cb_focal", "db_focal")

pytestmark = pytest.mark.skipif(not PUBLISHED.is_dir(), reason="needs the MediaEval 2020 data in ../shared")


@pytest.fixture(scope="module")
def vocabulary():
    return tags.Vocabulary.read(PUBLISHED / "moodtheme_tags.txt")


@pytest.fixture(scope="module")
def split(vocabulary):
    return splits.read(PUBLISHED / "autotagging_moodtheme-validation.tsv", vocabulary)


@pytest.fixture(scope="module")
def clusters(split):
    return resampling.by_artist([track.artist_id for track in split.tracks])


@pytest.fixture(scope="module")
def labels():
    return metrics.load_matrix(PUBLISHED / "validation_labels.npy").astype(bool)


@pytest.fixture(scope="module")
def scores():
    return {loss: metrics.load_matrix(PUBLISHED / f"all_data/standard/{loss}.npy") for loss in LOSSES}


def test_the_split_has_the_labels_in_their_order(split, vocabulary, labels):
    np.testing.assert_array_equal(split.labels(vocabulary), labels)


def test_resampled_areas_are_those_of_scikit_learn(labels, scores, clusters):
    weights = resampling.resamples(clusters.ids, 2, seed=1)
    areas = weighted.areas(labels, scores["bce"], weights)
    for number, row in enumerate(weights):
        rows = np.repeat(np.arange(len(labels)), row)
        for name, function in (("pr_auc", reference.average_precision_score), ("roc_auc", reference.roc_auc_score)):
            expected = [
                function(labels[rows, tag], scores["bce"][rows, tag]) if labels[rows, tag].any() else np.nan
                for tag in range(56)
            ]
            np.testing.assert_allclose(getattr(areas, name)[number], expected, rtol=0, atol=1e-12)


def test_artists_make_the_interval_three_times_as_wide_as_tracks(labels, scores, clusters):
    widths = []
    for ids in (clusters.ids, np.arange(len(labels))):
        weights = resampling.resamples(ids, 200)
        values = intervals.mean_defined(weighted.areas_by_tag(labels, scores["bce"], weights)[0])
        low, high = intervals.interval(values)
        assert low < 0.1238 < high
        widths.append(high - low)
    assert 2.5 < widths[0] / widths[1] < 4.5


def test_losses_differ_by_noise_and_their_mean_by_more(labels, scores, clusters, vocabulary):
    both = {"db_focal": scores["db_focal"], "bce": scores["bce"], "mean": ensembles.combine(list(scores.values()))}
    result = comparison.compare(labels, both, vocabulary.names, clusters, num_resamples=300)
    verdicts = {(pair["first"], pair["second"]): pair["means"][0]["verdict"] for pair in result["pairs"]}
    assert verdicts["db_focal", "bce"] == "noise"
    assert verdicts["db_focal", "mean"] == "second"


def test_choosing_among_sixteen_helps_on_random_folds_and_not_on_folds_of_artists(labels, clusters):
    members = {str(path): metrics.load_matrix(path) for path in sorted(PUBLISHED.glob("*/*/*.npy"))}
    assert len(members) == 16
    honest = selection.select(labels, members, clusters, num_resamples=100)
    leaking = selection.select(labels, members, resampling.by_track(len(labels)), num_resamples=100)
    assert honest.is_noise and not leaking.is_noise


def test_thresholds_reach_the_f1_of_the_organisers_script(labels, scores):
    thresholds = decisions.fit_thresholds(labels, scores["bce"])
    for tag in range(0, 56, 5):
        precision, recall, found = reference.precision_recall_curve(labels[:, tag], scores["bce"][:, tag])
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
        assert thresholds[tag] == found[np.argmax(f1)]


def test_platt_scaling_makes_probabilities_of_focal_scores(labels, scores, clusters, vocabulary):
    some = slice(0, 56, 7)
    fitted = calibration.fit_and_check(labels[:, some], scores["focal"][:, some], vocabulary.names[some], clusters)
    assert fitted.errors["after"] < 0.2 * fitted.errors["before"]


def test_the_card_trusts_few_tags(labels, scores, clusters, vocabulary):
    results = metrics.evaluate(labels, scores["bce"], vocabulary.names)
    results["intervals"] = intervals.bootstrap(labels, scores["bce"], vocabulary.names, clusters, num_resamples=200)
    thresholds = decisions.fit_thresholds(labels, scores["bce"])
    decided = decisions.evaluate(labels, decisions.decide(scores["bce"], thresholds), vocabulary.names)
    words = {tags.short_name(row.tag): row.word for row in card.build(results, decided, thresholds)}
    assert words["epic"] == words["happy"] == "reliable"
    assert words["emotional"] == words["background"] == "near chance"
    assert 2 <= sum(word == "reliable" for word in words.values()) <= 10
