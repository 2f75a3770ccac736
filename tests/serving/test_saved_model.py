"""The check of an export finds what is wrong with it."""

import numpy as np
import pytest

from kerastag import errors, tagger, tags
from kerastag.metrics import calibration
from kerastag.models import popularity
from kerastag.serving import saved_model

TAGS = ("a", "b", "c")


def test_scores_outside_of_what_the_members_make_are_found():
    rng = np.random.default_rng(0)
    members = [rng.random((4, 3)), rng.random((4, 3))]
    for how in (tagger.Combination("mean", (0.7, 0.3)), tagger.Combination("logit_mean", (0.7, 0.3))):
        assert saved_model._beyond(how(members), members, how) == 0
        other = tagger.Combination(how.method, (0.3, 0.7))(members)
        assert saved_model._beyond(other, members, how) > 0.01


def test_a_step_of_isotonic_regression_forgives_no_more_than_the_last_digit():
    step = calibration.Calibration("isotonic", {"a": calibration.Isotonic((0.5, 0.5 + 1e-9), (0.0, 1.0))})
    how = tagger.Combination(fitted=step)
    at_the_step, beside_it = np.full((1, 1), 0.5), np.full((1, 1), 0.499)
    for served in (0.0, 0.7, 1.0):
        assert saved_model._beyond(np.full((1, 1), served), [at_the_step], how) == 0
    assert saved_model._beyond(np.full((1, 1), 0.7), [beside_it], how) == pytest.approx(0.7)


def test_an_export_with_other_weights_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    networks = [popularity.Popular(shares) for shares in ([0.1, 0.2, 0.3], [0.3, 0.2, 0.1])]
    monkeypatch.setattr(saved_model.score_ops.ensembles, "normalised", lambda weights, number: np.array([0.9, 0.1]))
    combination = tagger.Combination("mean", (0.5, 0.5))
    monkeypatch.setattr(tagger.Combination, "__call__", lambda self, members: np.mean(members, axis=0))
    with pytest.raises(errors.KerastagError, match="scores differ by .* from the model's; not written"):
        saved_model.export(networks, tags.Vocabulary(TAGS), combination, tmp_path / "served" / "1", 2)
    assert not list(tmp_path.rglob("*.pb"))
