"""Calibrated scores are probabilities; what is stored needs no scikit-learn to apply."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from sklearn import isotonic, linear_model

from kerastag import errors
from kerastag.metrics import calibration, reliability, resampling

ROOT = pathlib.Path(__file__).parents[2]
TAGS = ("a", "b", "c")


def example(num_tracks=1500, seed=0):
    """Scores whose true probability is sigmoid(slope * logit(score) + intercept)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1, 1.5, (num_tracks, 3))
    slopes, intercepts = np.array([0.5, 1, 2]), np.array([-1.0, 0, 1])
    labels = rng.random(logits.shape) < 1 / (1 + np.exp(-(slopes * logits + intercepts)))
    return labels, 1 / (1 + np.exp(-logits)), resampling.by_artist([str(n // 5) for n in range(num_tracks)])


def test_platt_finds_slope_and_intercept():
    labels, scores, _ = example(20000)
    maps = calibration.fit(labels, scores, TAGS, "platt").maps
    np.testing.assert_allclose([m.slope for m in maps.values()], [0.5, 1, 2], rtol=0.1)
    np.testing.assert_allclose([m.intercept for m in maps.values()], [-1, 0, 1], atol=0.1)


def test_platt_minimises_the_loss_of_the_smoothed_targets():
    labels, scores, _ = example(60)
    fitted = calibration.fit(labels[:, :1], scores[:, :1], TAGS[:1]).maps["a"]
    positives = labels[:, 0].sum()
    target = np.where(labels[:, 0], (positives + 1) / (positives + 2), 1 / (60 - positives + 2))

    def loss(slope, intercept):
        z = slope * calibration.logit(scores[:, 0]) + intercept
        return np.sum(np.logaddexp(0, z) - target * z)

    best = loss(fitted.slope, fitted.intercept)
    for step in (-1e-2, 1e-2):
        assert best < loss(fitted.slope + step, fitted.intercept)
        assert best < loss(fitted.slope, fitted.intercept + step)


def test_tracks_in_perfect_order_give_no_step():
    labels = np.repeat([[0], [1]], 10, axis=0)
    fitted = calibration.fit(labels, np.linspace(0.1, 0.9, 20)[:, None], ["a"]).maps["a"]
    assert 0 < fitted.slope < 10
    assert 0.9 < fitted(np.array([0.9]))[0] < 0.999


def test_isotonic_is_that_of_scikit_learn():
    labels, scores, _ = example(300)
    scores = np.round(scores, 2)  # ties
    new = np.linspace(0, 1, 211)
    fitted = calibration.fit(labels, scores, TAGS, "isotonic")
    for column, tag in enumerate(TAGS):
        expected = isotonic.IsotonicRegression(out_of_bounds="clip").fit(scores[:, column], labels[:, column])
        np.testing.assert_allclose(fitted.maps[tag](new), expected.predict(new), atol=1e-12)


@pytest.mark.parametrize("method", calibration.METHODS)
def test_calibration_never_turns_an_order(method):
    labels, scores, _ = example(300)
    probabilities = calibration.fit(~labels, scores, TAGS, method).apply(scores)
    assert probabilities.min() >= 0 and probabilities.max() <= 1
    for before, after in zip(scores.T, probabilities.T, strict=True):
        assert (np.diff(after[np.argsort(before)]) >= -1e-12).all()
    if method == "platt":  # the labels are turned round: one probability for all, that of a positive
        np.testing.assert_allclose(probabilities.std(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(probabilities.mean(axis=0), (~labels).mean(axis=0), atol=0.01)


@pytest.mark.parametrize("method", calibration.METHODS)
def test_tags_with_one_kind_of_label_keep_their_scores(method):
    labels, scores, _ = example(100)
    labels[:, 0], labels[:, 2] = False, True
    fitted = calibration.fit(labels, scores, TAGS, method)
    assert fitted.calibrated.tolist() == [False, True, False]
    np.testing.assert_array_equal(fitted.apply(scores)[:, [0, 2]], scores[:, [0, 2]])


@pytest.mark.parametrize("method", calibration.METHODS)
def test_the_error_falls_on_artists_that_were_not_fitted_on(method):
    labels, scores, clusters = example(3000)
    fitted = calibration.fit_and_check(labels, scores, TAGS, clusters, method)
    assert fitted.errors["after"] < 0.6 * fitted.errors["before"]
    np.testing.assert_allclose(fitted.errors["before"], reliability.errors_by_tag(labels, scores).mean())


def test_held_out_probabilities_do_not_see_their_own_labels():
    labels, scores, clusters = example(200)
    before = calibration.held_out(labels, scores, TAGS, clusters, "isotonic")
    fold = resampling.folds(clusters.ids, 5) == 2
    turned = labels.copy()
    turned[fold] = ~turned[fold]
    after = calibration.held_out(turned, scores, TAGS, clusters, "isotonic")
    np.testing.assert_array_equal(before[fold], after[fold])
    assert (before[~fold] != after[~fold]).any()


@pytest.mark.parametrize("method", calibration.METHODS)
def test_a_calibration_comes_back_as_it_was(tmp_path, method):
    labels, scores, clusters = example(200)
    labels[:, 1] = False
    fitted = calibration.fit_and_check(labels, scores, TAGS, clusters, method)
    fitted.write(tmp_path / "calibration.json")
    content = json.loads((tmp_path / "calibration.json").read_text())
    assert content["method"] == method and content["tags"]["b"] is None
    assert set(content["tags"]["a"]) == ({"slope", "intercept"} if method == "platt" else {"x", "y"})
    again = calibration.Calibration.read(tmp_path / "calibration.json", TAGS)
    assert again == fitted
    turned = calibration.Calibration.read(tmp_path / "calibration.json", TAGS[::-1])
    np.testing.assert_array_equal(turned.apply(scores[:, ::-1]), fitted.apply(scores)[:, ::-1])


def test_applying_needs_no_scikit_learn(tmp_path):
    labels, scores, _ = example(100)
    calibration.fit(labels, scores, TAGS, "isotonic").write(tmp_path / "c.json")
    code = (
        "import sys, numpy; from kerastag.metrics import calibration;"
        f"calibration.Calibration.read({str(tmp_path / 'c.json')!r}, 'abc').apply(numpy.ones((2, 3)) / 2);"
        "print([m for m in sys.modules if m in ('sklearn', 'scipy', 'tensorflow')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_what_does_not_fit_is_named(tmp_path):
    labels, scores, _ = example(50)
    fitted = calibration.fit(labels, scores, TAGS)
    with pytest.raises(errors.KerastagError, match=r"score in row 0 \(from 0\), tag 'a' is 2.0, not in 0 .. 1"):
        calibration.fit(labels, np.full(scores.shape, 2.0), TAGS)
    with pytest.raises(errors.KerastagError, match="unknown calibration 'beta'; there are platt, isotonic"):
        calibration.fit(labels, scores, TAGS, "beta")
    with pytest.raises(errors.KerastagError, match=r"scores are \(50, 2\) for 3 calibrated tags"):
        fitted.apply(scores[:, :2])
    fitted.write(tmp_path / "c.json")
    with pytest.raises(errors.KerastagError, match=r"c.json: not a calibration of these tags \('d'\)"):
        calibration.Calibration.read(tmp_path / "c.json", ("a", "d"))
    a, more = '{"method": "isotonic", "tags": {"a": ', ', "expected_calibration_error": {}}'
    bent = [f'{a}{{"x": {x}, "y": {y}}}}}{more}' for x, y in (([], []), ([0.2, 0.1], [0, 1]), ([0, 1], [0.5]))]
    other = f'{a}{{"slope": 1, "intercept": 0}}}}{more}'
    refused = ("[]", '{"method": "beta", "tags": {}}', '{"method": "platt", "tags": {"a": {"slope": "x"}}}')
    for content in (*refused, *bent, other, other.replace("1", "1" + "0" * 400)):
        (tmp_path / "c.json").write_text(content)
        with pytest.raises(errors.KerastagError, match="c.json: not a calibration of these tags"):
            calibration.Calibration.read(tmp_path / "c.json", ("a",))


def test_extreme_scores_have_finite_logits():
    np.testing.assert_allclose(calibration.logit(np.array([0, 0.5, 1])), [-16.118, 0, 16.118], atol=1e-3)


def test_reliability_by_hand():
    labels, scores = np.array([0, 0, 1, 1, 1, 0]), np.array([0.1, 0.1, 0.1, 0.8, 0.9, 1.0])
    curve = reliability.curve(labels, scores, num_bins=2)
    np.testing.assert_allclose(curve.mean_score, [0.1, 0.9])
    np.testing.assert_allclose(curve.share, [1 / 3, 2 / 3])
    assert curve.count.tolist() == [3, 3]
    assert curve.error == pytest.approx(((1 / 3 - 0.1) + (0.9 - 2 / 3)) / 2)
    wide = reliability.curve(labels, scores, num_bins=10, equal_counts=False)
    assert wide.count.tolist() == [3, 1, 1, 1]


def test_equal_scores_share_a_bin_and_perfect_ones_have_no_error():
    curve = reliability.curve(np.array([0, 1, 1, 1]), np.full(4, 0.75))
    assert (curve.count.tolist(), curve.error) == ([4], 0)
    rng = np.random.default_rng(1)
    probabilities = rng.random(200_000)
    assert reliability.curve(rng.random(200_000) < probabilities, probabilities).error < 0.005


def test_platt_agrees_with_logistic_regression_where_there_is_much_data():
    labels, scores, _ = example(20000)
    fitted = calibration.fit(labels[:, :1], scores[:, :1], TAGS[:1]).maps["a"]
    plain = linear_model.LogisticRegression(C=np.inf).fit(calibration.logit(scores[:, :1]), labels[:, 0])
    assert fitted.slope == pytest.approx(plain.coef_[0, 0], rel=1e-2)
