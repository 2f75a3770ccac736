"""Whole runs of a small network with averaged weights: which weights are the model, restarts, interruptions."""

import types

import keras
import numpy as np
import pytest

from kerastag import files, losses, tags
from kerastag.computing import AUTOMATIC
from kerastag.data import embeddings
from kerastag.metrics import split_scores
from kerastag.models import bias, layers, norm
from kerastag.runs import run_folder
from kerastag.runs.record import RunRecord
from kerastag.training import averaging, build, devices, fit, inputs, loop, schedules, settings, state, validating
from kerastag.training.validation import Validation
from tests import run_states

EMA, MEAN = averaging.Averaging(ema=0.8), averaging.Averaging(swa_from=2)
NUM_TRACKS, VALIDATED, EPOCHS = 20, 10, 4
STAGED = schedules.Schedule("staged", 1e-2, EPOCHS, 1, 1, (1e-2, 1e-3))
rng = np.random.default_rng(3)
VECTORS = rng.normal(0.2, 1, (NUM_TRACKS + VALIDATED, 16)).astype(np.float32)
LABELS = (VECTORS[:, :3] + rng.normal(0, 0.5, (len(VECTORS), 3)) > 0).astype(np.float32)


class Tracks:
    """As pipeline.Tracks, of which every file can be read."""

    kept, unreadable = None, {}

    def __init__(self, labels):
        self.labels = self.targets = labels

    def __len__(self):
        return len(self.labels)

    def mark_missing(self, rows):
        assert not len(rows)


def splits():
    listed = [types.SimpleNamespace(identity=(str(row), "", f"{row}.wav")) for row in range(VALIDATED)]
    return settings.Splits(Tracks(LABELS[:NUM_TRACKS]), Tracks(LABELS[NUM_TRACKS:]), listed)


@keras.saving.register_keras_serializable(package="kerastag")
class Averaged(keras.Model):
    precision = "float32"

    def __init__(self):
        x = keras.Input((16,))
        y = norm.batch_norm(bias.Dense(8, name="dense", dtype="float32")(x), "bn", "float32")
        y = layers.Dropout(0.5, seed=3, dtype="float32")(keras.layers.ReLU()(y))
        super().__init__(x, bias.Dense(3, name="output", dtype="float32")(y))

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls()


def trainer(optimization, strategy, stage=0):
    keras.utils.set_random_seed(1)
    with strategy.scope():
        model = Averaged()
        optimizer = optimization.optimizer("adam" if stage == 0 else "sgd", "float32")
    average = optimization.average.start(model, strategy)
    return loop.Trainer(model, losses.get("bce"), optimizer, strategy, average=average)


def ready(path, average, schedule=STAGED, epochs=EPOCHS, num_devices=1):
    """A run in `path` from the start, or from where it stopped, and its trainer."""
    folder, vocabulary = run_folder.RunFolder(path), tags.Vocabulary(["high", "low", "mid"])
    resumed = folder.holds_checkpoint()
    at = state.read(folder.checkpoint_path) if resumed else state.TrainingState()
    optimization = build.Optimization(schedule, average=average)
    strategy = devices.strategy("one") if num_devices == 1 else devices.strategy("mirrored", num_devices)
    ours = trainer(optimization, strategy, at.stage)
    if resumed:
        state.restore(folder.checkpoint_path, ours.model, ours.optimizer, ours.average_variables)
    else:
        path.mkdir(exist_ok=True)
        folder.begin(RunRecord(flags={}), vocabulary)
    how, tracks = settings.Settings(epochs, batch_size=8), splits()
    counts = [np.ones(len(each), np.int64) for each in (tracks.training, tracks.validation)]
    parts = zip(np.split(VECTORS, [NUM_TRACKS]), counts, strict=True)
    every = inputs.EmbeddedInputs(tracks, *(embeddings.Embeddings(*part) for part in parts), how)
    return fit.Fit(ours, optimization, tracks, every, how, folder, at, vocabulary, AUTOMATIC), ours


def history(path):
    rows = run_folder.read_history(path / "history.tsv")
    return [{**row, "chunks_per_second": "", "input_wait": ""} for row in rows]


def weights_of(path):
    """Of the best model, without the seed of dropout."""
    return keras.saving.load_model(path / "model.keras", compile=False).get_weights()


@pytest.fixture(scope="module", params=[EMA, MEAN], ids=["ema", "swa"])
def whole(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "whole"
    ready(path, request.param)[0].run()
    return path, request.param


def test_both_are_validated_and_the_epoch_has_the_better_figure(whole):
    path, average = whole
    rows, at = history(path), state.read(path / "checkpoint")
    for number, row in enumerate(rows, 1):
        both = [row[f"val_pr_auc_{name}"] for name in ("raw", "averaged")]
        if average is MEAN and number < 2:  # the mean has not begun
            assert both == ["", ""]
        else:
            assert float(row["val_pr_auc"]) == max(map(float, both))
            assert row["val_roc_auc_raw"] and row["val_roc_auc_averaged"] and row["val_loss_raw"]
    assert at.best_score == pytest.approx(max(float(row["val_pr_auc"]) for row in rows), rel=1e-5)
    assert files.read_json(path / "run.json")["weights"] == ("averaged" if at.best_averaged else "raw")


@pytest.mark.parametrize("whole", [MEAN], ids=["swa"], indirect=True)
def test_a_run_that_is_interrupted_again_and_again_resumes_exactly(whole, tmp_path, monkeypatch):
    """Behind a change of the optimiser, while the raw weights are validated, and while the average is."""
    path, average = whole
    with monkeypatch.context() as patch:
        run_states.interrupt_in_step(4, patch)  # in the second epoch, the first in the mean
        with pytest.raises(loop.Interrupted):
            ready(tmp_path, average)[0].run()
    validate, seen = validating.Validator.validate, []
    for number in (1, 2):

        def interrupted(self, on_batch, number=number):
            seen.append(number)
            self._trainer.stop_requested = seen.count(number) == number
            return validate(self, on_batch)

        with monkeypatch.context() as patch:
            patch.setattr(validating.Validator, "validate", interrupted)
            with pytest.raises(loop.Interrupted):
                ready(tmp_path, average)[0].run()
        assert state.read(tmp_path / "checkpoint").epoch == 1
    assert seen == [1, 2, 2]
    ready(tmp_path, average)[0].run()
    assert_same_runs(path, tmp_path)


def assert_same_runs(one, other):
    run_states.assert_same(one, other)
    assert "average_0000" in run_states.variables(one)
    assert history(one) == history(other)
    assert files.read_json(one / "run.json") == files.read_json(other / "run.json")
    for ours, theirs in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("better", "average"), [("raw", EMA), ("averaged", EMA), ("averaged", averaging.Averaging(swa_from=1))]
)
def test_the_better_weights_are_the_model(better, average, tmp_path, monkeypatch):
    validate, seen = validating.Validator.validate, []

    def told(self, on_batch):
        """Perfect scores for one of them, the opposite for the other."""
        validation = validate(self, on_batch)
        seen.append(("raw", "averaged")[len(seen)])
        measured, rows = validation.measured, validation.rows
        scores = (measured.labels if seen[-1] == better else 1 - measured.labels).astype(np.float32)
        kept = (measured.labels, measured.vocabulary, measured.tracks, measured.class_counts)
        return Validation(split_scores.SplitScores(scores, *kept), rows, validation.loss)

    monkeypatch.setattr(validating.Validator, "validate", told)
    run, ours = ready(tmp_path, average, schedules.Schedule(learning_rate=1e-2), 1)
    at = run.run()
    assert seen == ["raw", "averaged"] and at.best_averaged == (better == "averaged") and at.best_score == 1
    assert files.read_json(tmp_path / "run.json")["weights"] == better
    np.testing.assert_array_equal(*(np.load(tmp_path / name / "validation.npy") for name in ("predictions", "labels")))
    raw = [np.array(weight) for weight in ours.model.weights]
    with ours.average.in_place():
        averaged = [np.array(weight) for weight in ours.model.weights]
    for saved, expected in zip(weights_of(tmp_path), averaged if better == "averaged" else raw, strict=True):
        np.testing.assert_array_equal(saved, expected)
    # the mean of one epoch differs in batch normalisation's statistics alone
    same = {weight.name: np.array_equal(*pair) for weight, *pair in zip(ours.model.weights, raw, averaged, strict=True)}
    assert same["kernel"] == same["gamma"] == (average is not EMA) and not same["moving_mean"]


def test_equal_figures_leave_the_weights_in_training(tmp_path, monkeypatch):
    validate, seen = validating.Validator.validate, []

    def told(self, on_batch):
        seen.append(validate(self, on_batch))
        return seen[0]

    monkeypatch.setattr(validating.Validator, "validate", told)
    at = ready(tmp_path, EMA, schedules.Schedule(), 1)[0].run()
    assert len(seen) == 2 and not at.best_averaged
    assert files.read_json(tmp_path / "run.json")["weights"] == "raw"


def test_a_new_stage_restarts_from_the_average_where_that_is_the_best(tmp_path, monkeypatch):
    validate, restarted, calls = validating.Validator.validate, [], []

    def told(self, on_batch):
        calls.append(1)
        validation = validate(self, on_batch)
        measured, perfect = validation.measured, len(calls) == 2
        scores = (measured.labels if perfect else 1 - measured.labels).astype(np.float32)
        kept = (measured.labels, measured.vocabulary, measured.tracks, measured.class_counts)
        return Validation(split_scores.SplitScores(scores, *kept), validation.rows, validation.loss)

    def after_restart(self):
        restarted.append([np.array(weight) for weight in ours.model.weights])

    monkeypatch.setattr(validating.Validator, "validate", told)
    monkeypatch.setattr(averaging.ExponentialMovingAverage, "after_restart", after_restart)
    run, ours = ready(tmp_path, EMA, STAGED, 2)
    at = run.run()
    assert at.best_averaged and at.best_epoch == 1 and len(restarted) == 1
    for weight, best in zip(restarted[0], weights_of(tmp_path), strict=True):
        np.testing.assert_array_equal(weight, best)


def test_a_run_over_two_devices_validates_both(tmp_path):
    run, ours = ready(tmp_path, MEAN, schedules.Schedule(learning_rate=1e-2), 2, num_devices=2)
    run.run()
    assert history(tmp_path)[1]["val_pr_auc_averaged"]
    assert all(np.isfinite(np.asarray(variable)).all() for variable in ours.average_variables)


def test_without_an_average_nothing_is_told_of_one(tmp_path):
    ready(tmp_path, averaging.NO_AVERAGE, epochs=2)[0].run()
    assert not any(row["val_pr_auc_raw"] or row["val_loss_averaged"] for row in history(tmp_path))
    assert "weights" not in files.read_json(tmp_path / "run.json")
    assert not any(name.startswith("average") for name in run_states.variables(tmp_path))
