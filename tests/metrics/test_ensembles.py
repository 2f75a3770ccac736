"""What an ensemble's score is, and that choosing members is measured honestly."""

import numpy as np
import pytest
from scipy import stats

from kerastag import errors, metrics
from kerastag.metrics import ensembles, resampling, selection


def example(num_tracks=60, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.random((num_tracks, 3)).astype(np.float32) for _ in range(3)]


def test_means_by_hand():
    members = [np.array([[0.2, 0.5]]), np.array([[0.4, 0.5]])]
    np.testing.assert_allclose(ensembles.combine(members), [[0.3, 0.5]])
    np.testing.assert_allclose(ensembles.combine(members, weights=[3, 1]), [[0.25, 0.5]])
    odds = np.sqrt(0.2 / 0.8 * 0.4 / 0.6)
    np.testing.assert_allclose(ensembles.combine(members, "logit_mean"), [[odds / (1 + odds), 0.5]])


def test_ranks_are_those_of_scipy_ties_included():
    scores = np.round(np.random.default_rng(0).random((50, 4)), 1)
    np.testing.assert_allclose(ensembles.ranks(scores), stats.rankdata(scores, axis=0) / 50)


def test_rank_mean_sees_only_the_order_within_each_tag():
    members = example()
    distorted = [members[0] ** 3, np.log(members[1]), 5 * members[2] + 1]
    np.testing.assert_allclose(ensembles.combine(distorted, "rank_mean"), ensembles.combine(members, "rank_mean"))


@pytest.mark.parametrize("method", ensembles.METHODS)
def test_an_ensemble_of_one_ranks_as_its_member_and_weight_zero_leaves_out(method):
    members = example()
    alone = ensembles.combine(members[:1], method)
    assert alone.dtype == np.float64
    assert (np.argsort(alone, axis=0) == np.argsort(members[0], axis=0)).all()
    np.testing.assert_allclose(ensembles.combine(members, method, [2, 0, 0]), alone)
    np.testing.assert_allclose(ensembles.combine(members, method, [2, 2, 2]), ensembles.combine(members, method))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], "mean"), "an ensemble needs members"),
        (([np.ones((2, 3)), np.ones((2, 4))],), r"member 2 is \(2, 4\), member 1 \(2, 3\)"),
        (([np.ones((2, 3)), np.full((2, 3), np.nan)],), "member 2 has scores that are not finite"),
        (([np.full((2, 3), 1.1)], "logit_mean"), "member 1 has scores outside 0 .. 1, which have no logit"),
        (([np.ones((2, 3))], "median"), "unknown ensemble 'median'; there are mean, rank_mean, logit_mean"),
        (([np.ones((2, 3))], "mean", [1, 2]), "2 weights for 1 members"),
        (([np.ones((2, 3))] * 2, "mean", [1, -1]), "weights 1, -1: not 0 or more with a positive sum"),
        (([np.ones((2, 3))] * 2, "mean", [0, 0]), "weights 0, 0: not 0 or more"),
    ],
)
def test_what_does_not_fit_is_named(arguments, message):
    with pytest.raises(errors.KerastagError, match=message):
        ensembles.combine(*arguments)


def voters(num_good, num_bad, num_tracks=300, seed=1):
    """Labels; members that know something, each with its own noise, and members that know nothing."""
    rng = np.random.default_rng(seed)
    labels = rng.random((num_tracks, 5)) < 0.2
    good = {f"good{n}": rng.normal(size=labels.shape) + 1.0 * labels for n in range(num_good)}
    bad = {f"bad{n}": 3 * rng.normal(size=labels.shape) for n in range(num_bad)}
    return labels, {**good, **bad}, resampling.by_artist([str(n // 3) for n in range(num_tracks)])


@pytest.mark.parametrize("mode", selection.MODES)
def test_members_that_know_nothing_are_left_out(mode):
    labels, members, clusters = voters(3, 3)
    chosen = selection.select(labels, members, clusters, mode, num_resamples=200)
    assert sum(chosen.weights.values()) == pytest.approx(1)
    assert sum(weight for name, weight in chosen.weights.items() if "good" in name) > 0.9
    assert chosen.difference["verdict"] == "first" and not chosen.is_noise
    assert chosen.summary.endswith("better than the plain mean")
    assert all(chosen.chosen_in_folds[name] == chosen.num_folds for name in ("good0", "good1", "good2"))


def test_the_plain_mean_is_measured_as_it_stands():
    labels, members, clusters = voters(3, 1)
    chosen = selection.select(labels, members, clusters, num_resamples=20)
    plain = metrics.evaluate(labels, np.mean(list(members.values()), axis=0), "abcde")
    assert chosen.plain == pytest.approx(plain["pr_auc_macro"])
    assert chosen.difference["difference"] == pytest.approx(chosen.selected - chosen.plain)


def test_a_choice_among_equals_is_within_noise():
    labels, members, clusters = voters(4, 0)
    chosen = selection.select(labels, members, clusters, num_resamples=200)
    assert chosen.is_noise
    assert "within noise of the plain mean, which is the safer choice" in chosen.summary


def test_modes_by_weights():
    labels, members, clusters = voters(3, 1)
    chosen = selection.select(labels, members, clusters, "members", num_resamples=20)
    assert len(set(chosen.weights.values()) - {0.0}) == 1  # each in with the same weight, or out


def test_selection_refuses_what_it_cannot_choose_from():
    labels, members, clusters = voters(2, 0)
    with pytest.raises(errors.KerastagError, match="1 members leave nothing to select"):
        selection.select(labels, {"a": members["good0"]}, clusters)
    with pytest.raises(errors.KerastagError, match="unknown selection 'best'; there are members, weights"):
        selection.select(labels, members, clusters, "best")
    with pytest.raises(errors.KerastagError, match="b: score in row 0"):
        selection.select(labels, {"a": members["good0"], "b": np.full(labels.shape, np.inf)}, clusters)
    with pytest.raises(errors.KerastagError, match="tracks of 3 tracks for 300 rows"):
        selection.select(labels, members, resampling.by_track(3))
