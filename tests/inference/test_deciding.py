"""Which tags are given: the four rules with numbers worked out by hand, and which of them counts."""

import shutil

import numpy as np
import pytest

from kerastag import errors, tags
from kerastag.inference import deciding
from kerastag.metrics import calibration, decisions
from kerastag.metrics.split_scores import SplitScores
from kerastag.runs import ensemble_folder, run_folder
from kerastag.runs.model import Model

VOCABULARY = tags.Vocabulary(["high", "low", "mid"])
RAMP = np.arange(1, 21) / 20  # 20 scores, 0.05 to 1


def test_thresholds_are_reached_by_equal_scores_and_infinity_by_none():
    decider = deciding.Decider(thresholds=np.array([0.25, np.inf, 0.5]))
    given = decider.decide(np.float32([[0.25, 1.0, 0.49], [0.2, 0.9, 0.51]]))
    np.testing.assert_array_equal(given, [[True, False, False], [False, False, True]])


def test_a_usual_score_must_be_exceeded():
    decider = deciding.Decider(usual=np.array([0.25, 0.0, 0.5]))
    np.testing.assert_array_equal(decider.decide(np.array([[0.25, 0.01, 0.6]])), [[False, True, True]])


def test_thresholds_count_before_usual_scores_and_these_before_the_files():
    scores = np.tile([[0.3], [0.6]], (15, 1))  # 30 files
    levels = {"thresholds": np.array([0.6]), "usual": np.array([0.2])}
    assert deciding.Decider(**levels).decide(scores).sum() == 15
    assert deciding.Decider(usual=levels["usual"]).decide(scores).sum() == 30
    assert deciding.Decider().decide(scores).sum() == 0  # no score is above the 90th percentile, which is 0.6


def test_of_twenty_files_the_upper_tenth_stands_out():
    scores = np.stack([RAMP, RAMP[::-1], np.full(20, 0.9)], axis=1)  # the percentile of the ramp is 0.905
    given = deciding.Decider().decide(scores)
    assert np.flatnonzero(given[:, 0]).tolist() == [18, 19] and np.flatnonzero(given[:, 1]).tolist() == [0, 1]
    assert not given[:, 2].any()


def test_files_that_cannot_be_read_are_given_nothing_and_are_not_counted():
    scores = np.stack([RAMP, RAMP], axis=1)
    scores[4] = np.nan  # 19 are left, too few
    given = deciding.Decider().decide(scores)
    assert not given[4].any() and given[1].all() and not given[0].any()
    given = deciding.Decider().decide(np.concatenate([scores, [[0.01, 0.02]]]))
    assert not given[4].any() and given[:, 0].sum() == 2


def test_of_a_few_files_each_is_looked_at_alone():
    scores = np.array([[0.4, 0.2, 0.19], [0.09, 0.08, 0.01], [0.12, 0.1, 0.05], [0.9, 0.1, 0.2]])
    expected = [[True, True, False], [False] * 3, [True, True, False], [True, False, False]]
    np.testing.assert_array_equal(deciding.Decider().decide(scores), expected)


def test_fewer_tags_have_their_own_levels():
    decider = deciding.Decider(thresholds=np.array([0.1, 0.5, 0.9])).only([2, 0])
    np.testing.assert_array_equal(decider.decide(np.array([[0.8, 0.2]])), [[False, True]])
    assert deciding.Decider().only([1]) == deciding.Decider()


def validation(scores, num_present):
    labels = np.zeros((20, 3), bool)
    for column, count in enumerate(num_present):
        labels[:count, column] = True
    return SplitScores(scores, labels, VOCABULARY)


def test_usual_scores_leave_a_tenth_above_or_as_many_as_have_the_tag():
    usual = deciding.usual_scores(validation(np.stack([RAMP] * 3, axis=1), (0, 2, 10)))
    np.testing.assert_allclose(usual, [0.905, 0.905, 0.525])  # at the places 17.1, 17.1 and 9.5 from the lowest
    assert [(usual[column] < RAMP).sum() for column in range(3)] == [2, 2, 10]


def test_too_few_validation_tracks_tell_nothing():
    few = SplitScores(np.zeros((19, 3)), np.zeros((19, 3)), VOCABULARY)
    assert deciding.usual_scores(few) is None


@pytest.fixture
def tones(run, tmp_path):
    """A copy of a run that keeps scores of 20 validation tracks: a ramp for each tag, which none of them has."""
    folder = run_folder.RunFolder(tmp_path / "tones")
    shutil.copytree(run, folder.path)
    shutil.rmtree(folder.path / "tracks")
    keep(folder, np.stack([RAMP] * 3, axis=1))
    return folder


def keep(folder, scores):
    labels = np.zeros((20, 3), bool)
    folder.write_scores("validation", SplitScores(np.float32(scores), labels, folder.vocabulary()))


def test_a_run_has_the_rule_that_its_files_allow(tones):
    np.testing.assert_allclose(deciding.of_model(Model.load(tones.path)).usual, [0.905] * 3, atol=1e-6)
    decisions.write_thresholds(tones.thresholds_path, tones.vocabulary().names, np.array([0.25, 0.5, np.inf]))
    decider = deciding.of_model(Model.load(tones.path))
    np.testing.assert_array_equal(decider.thresholds, [0.25, 0.5, np.inf])
    assert decider.usual is None
    tones.thresholds_path.unlink()
    tones.labels_path("validation").unlink()
    assert deciding.of_model(Model.load(tones.path)) == deciding.Decider()


def test_levels_of_a_calibrated_model_are_those_of_probabilities(tones):
    names = tones.vocabulary().names
    decisions.write_thresholds(tones.thresholds_path, names, np.array([0.25, 0.5, np.inf]))
    maps = {names[0]: calibration.Platt(2.0, 0.0), names[1]: None, names[2]: calibration.Platt(1.0, 0.0)}
    calibration.Calibration("platt", maps).write(tones.calibration_path)
    model = Model.load(tones.path, calibrated=True)
    thresholds = deciding.of_model(model).thresholds
    np.testing.assert_allclose(thresholds, [0.1, 0.5, np.inf], rtol=1e-6)  # 1/4 has odds 1:3, squared 1:9
    served = model.combination([np.float32([[0.25, 0.5, 1.0]])])
    np.testing.assert_array_equal(deciding.of_model(model).decide(served), [[True, True, False]])


def test_an_ensemble_without_scores_takes_those_of_its_runs(tones, tmp_path):
    other = run_folder.RunFolder(tmp_path / "other")
    shutil.copytree(tones.path, other.path)
    keep(other, np.stack([RAMP / 2] * 3, axis=1))
    ensemble = ensemble_folder.Ensemble((tones, other), "mean", (0.5, 0.5))
    folder = ensemble_folder.write(tmp_path / "two", ensemble)
    np.testing.assert_allclose(deciding.of_model(Model.load(folder.path)).usual, [0.75 * 0.905] * 3, atol=1e-6)
    other.write_scores("validation", SplitScores(np.zeros((9, 3)), np.zeros((9, 3)), other.vocabulary()))
    assert deciding.of_model(Model.load(folder.path)) == deciding.Decider()


def test_damaged_levels_are_named(tmp_path):
    path = tmp_path / "usual_scores.tsv"
    decisions.write_thresholds(path, VOCABULARY.names, np.array([0.1, 0.2, 0.3]), deciding.USUAL_COLUMN)
    none = tmp_path / "thresholds.tsv"
    np.testing.assert_array_equal(deciding.of_files(none, path, VOCABULARY).usual, [0.1, 0.2, 0.3])
    path.write_text(path.read_text().replace("0.2", "x"))
    with pytest.raises(errors.KerastagError, match=r"usual_scores\.tsv:3: usual_score 'x' is not a number"):
        deciding.of_files(none, path, VOCABULARY)


def test_levels_are_the_lowest_scores_with_which_tags_are_given(rng):
    for decider, num_files in (
        (deciding.Decider(thresholds=np.array([0.25, np.inf, 0.5])), 3),
        (deciding.Decider(usual=np.array([0.25, 0.0, 0.5])), 3),
        (deciding.Decider(), 30),
        (deciding.Decider(), 4),
    ):
        scores = rng.uniform(size=(num_files, 3))
        levels = decider.levels(scores)
        assert levels.shape == scores.shape
        np.testing.assert_array_equal(scores >= levels, decider.decide(scores))
    levels = deciding.Decider(usual=np.array([0.25, 0.0, 0.5])).levels(np.zeros((1, 3)))[0]
    assert (levels > [0.25, 0.0, 0.5]).all() and (levels < [0.2500001, 1e-9, 0.5000001]).all()
    levels = deciding.Decider().levels(np.array([[0.8, 0.1, 0.0], [0.1, 0.05, 0.0]]))
    np.testing.assert_allclose(levels, [[0.4] * 3, [0.1] * 3])
