"""The check of an export finds what is wrong with it."""

import keras
import numpy as np
import pytest

from kerastag import errors, models, tagger, tags
from kerastag.metrics import calibration
from kerastag.serving import saved_model

TAGS = ("a", "b", "c")


@pytest.fixture(scope="module")
def networks():
    """Two networks that disagree."""
    made = []
    for seed in range(2):
        keras.utils.set_random_seed(seed)
        made.append(models.short_chunk_resnet(3, num_channels=1, precision="float32"))
        kernel = made[-1].output_layer.kernel
        kernel.assign(3 * np.random.default_rng(seed).normal(size=kernel.shape))
    return made


def test_scores_outside_of_what_the_members_make_are_found(networks):
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


def test_an_export_with_other_weights_is_refused_and_leaves_nothing(networks, tmp_path, monkeypatch):
    monkeypatch.setattr(saved_model.score_ops.ensembles, "normalised", lambda weights, number: np.array([0.9, 0.1]))
    combination = tagger.Combination("mean", (0.5, 0.5))
    monkeypatch.setattr(tagger.Combination, "__call__", lambda self, members: np.mean(members, axis=0))
    with pytest.raises(errors.KerastagError, match="scores differ by .* from the model's; not written"):
        saved_model.export(networks, tags.Vocabulary(TAGS), combination, tmp_path / "served" / "1", 2)
    assert not list(tmp_path.rglob("*.pb"))
