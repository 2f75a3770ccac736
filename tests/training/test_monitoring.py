"""What TensorBoard gets to show, read back from the event files of a tiny run."""

import io
import os
import types

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from PIL import Image
from sklearn import metrics as sklearn_metrics
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import plugin_data_pb2

from kerastag import losses, tags
from kerastag.metrics import split_scores
from kerastag.runs import examples, run_folder
from kerastag.training import validation
from kerastag.training.monitoring import callback, listening, scalars, tag_pictures
from tests import run_states


class Events:
    """The tensors of a run's event files by name."""

    def __init__(self, folder):
        everything = {"tensors": 0, "images": 0, "audio": 0, "scalars": 0}
        self._read = event_accumulator.EventAccumulator(str(folder), size_guidance=everything).Reload()
        self.names = set(self._read.Tags()["tensors"])

    def steps(self, name):
        return [event.step for event in self._read.Tensors(name)]

    def values(self, name):
        return [tf.make_ndarray(event.tensor_proto) for event in self._read.Tensors(name)]

    def metadata(self, name):
        return self._read.SummaryMetadata(name)


@pytest.fixture(scope="module")
def events(run):
    return Events(run / "events")


def history(run):
    lines = [line.split("\t") for line in (run / "history.tsv").read_text().splitlines()]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def made(seed=0, num_tracks=30, num_tags=4):
    generator = np.random.default_rng(seed)
    labels = (generator.random((num_tracks, num_tags)) < 0.3).astype(np.float32)
    labels[:2] = [[1] * num_tags, [0] * num_tags]
    scores = generator.random((num_tracks, num_tags)).astype(np.float32)
    counts = np.array([600, 300, 100, 5])[:num_tags]
    names = [f"mood/theme---{name}" for name in "abcd"[:num_tags]]
    measured = split_scores.SplitScores(scores, labels, tags.Vocabulary(names), None, counts)
    return validation.Validation(measured, np.arange(num_tracks), losses.get("focal"))


def test_curves_say_what_history_says(run, events):
    rows = history(run)
    for column, name in scalars.NAMES.items():
        values = [float(row[column]) for row in rows if row[column]]
        if not values:
            assert name not in events.names and column in ("loss_scale", "val_pr_auc_head", "val_pr_auc_middle")
            continue
        np.testing.assert_allclose(np.ravel(events.values(name)), values, rtol=1e-5)
        assert events.steps(name) == [1, 2, 3]


def test_figures_of_a_validation_are_scikit_learns():
    found = made()
    figures = found.logs()
    each = [sklearn_metrics.average_precision_score(found.labels[:, tag], found.scores[:, tag]) for tag in range(4)]
    assert figures["val_pr_auc"] == pytest.approx(np.mean(each))
    assert figures["val_pr_auc_head"] == pytest.approx(each[0])
    assert figures["val_pr_auc_middle"] == pytest.approx(each[1])
    assert figures["val_pr_auc_tail"] == pytest.approx(np.mean(each[2:]))
    micro = sklearn_metrics.roc_auc_score(found.labels.ravel(), found.scores.ravel())
    assert figures["val_roc_auc_micro"] == pytest.approx(micro)
    p, y = found.scores.astype(np.float64), found.labels
    focal = 0.25 * y * (1 - p) ** 2 * -np.log(p) + 0.75 * (1 - y) * p**2 * -np.log(1 - p)
    assert figures["val_loss"] == pytest.approx(focal.sum(axis=1).mean(), rel=1e-5)


def test_scores_of_0_and_1_give_a_finite_loss():
    found = made()
    found.scores[:] = found.labels.round()
    assert 0 <= found.mean_loss() < 1e-6
    found.scores[:] = 1 - found.labels
    assert 10 < found.mean_loss() < 1000


def test_the_layout_groups_curves_that_are_there(events):
    (layout,) = events.values("custom_scalars__config__")
    parsed = layout_pb2.Layout.FromString(layout.item())
    patterns = [tag for category in parsed.category for chart in category.chart for tag in chart.multiline.tag]
    plain = {pattern.strip("^$") for pattern in patterns if not pattern.endswith("*")}
    assert plain == set(scalars.NAMES.values())
    assert parsed.category[0].title == "Is it learning?"
    by_tag = [pattern for pattern in patterns if pattern.endswith("*")]
    assert by_tag == ["tag_pr_auc/tail/.*"]  # other groups have no tags here


def test_pr_curves_are_those_of_the_predictions(run, events):
    predictions, labels = (np.load(run / name / "validation.npy") for name in ("predictions", "labels"))
    best = max(history(run), key=lambda row: float(row["val_pr_auc"]))
    for column, tag in enumerate(("high", "low", "mid")):
        name = f"pr_curve/{tag}/pr_curves"
        step = events.steps(name).index(int(best["epoch"]))
        true_positives, *_, precision, recall = events.values(name)[step]
        place = 30  # of 101 thresholds: 0.3
        chosen = predictions[:, column] >= 0.3
        hits = (chosen & labels[:, column]).sum()
        assert true_positives[place] == hits
        assert recall[place] == pytest.approx(hits / labels[:, column].sum())
        if chosen.any():
            assert precision[place] == pytest.approx(hits / chosen.sum())


def test_pictures_are_pngs_of_their_stated_size(events):
    names = [name for name in events.names if events.metadata(name).plugin_data.plugin_name == "images"]
    assert {"tags/pr_auc_by_frequency", "tags/mean_score", "example_1/mel"} <= set(names)
    for name in names:
        width, height, png = events.values(name)[-1]
        picture = Image.open(io.BytesIO(png))
        assert picture.size == (int(width), int(height)) and len(np.unique(picture)) > 10, name
    assert events.steps("example_1/mel") == [0]


def test_sounds_are_written_once_and_are_the_middle_of_their_track(run, music, events):
    chosen = examples.read(run_folder.RunFolder(run))
    assert 1 <= len(chosen) <= 3 and len({example.row for example in chosen}) == len(chosen)
    for example in chosen:
        whole, rate = soundfile.read(music / example.path)
        start = round(example.start_seconds * rate)
        assert abs(2 * start + len(example.waveform()) - len(whole)) <= 1
        expected = whole[start : start + len(example.waveform())]
        np.testing.assert_allclose(example.waveform(), expected, atol=1e-4)
        name = f"example_{example.name}/sound"
        assert events.steps(name) == [0]
        heard, rate = soundfile.read(io.BytesIO(events.values(name)[0].ravel()[0]))
        assert rate == 16_000
        np.testing.assert_allclose(heard.ravel(), expected, atol=1e-3)


def test_top_tags_stand_beside_the_true_ones(run, events):
    predictions = np.load(run / "predictions" / "validation.npy")
    best = max(history(run), key=lambda row: float(row["val_pr_auc"]))
    for example in examples.read(run_folder.RunFolder(run)):
        name = f"example_{example.name}/tags"
        text = events.values(name)[events.steps(name).index(int(best["epoch"]))].ravel()[0].decode()
        top = ("high", "low", "mid")[predictions[example.row].argmax()]
        assert f"| 1 | {top} | {predictions[example.row].max():.3f} |" in text
        assert text.count("✓") == len(example.tags)


def test_a_true_tag_far_down_is_shown_too():
    names = [f"mood/theme---{number}" for number in range(9)]
    example = examples.Example(0, "t", "t.mp3", (names[0],), 0.0, 16_000, None, None)
    text = listening.answer(example, names, np.arange(9) / 10)
    assert text.splitlines()[-1] == "| 9 | 0 | 0.000 | ✓ |" and "| 1 | 8 | 0.800 |  |" in text


def test_settings_and_final_figures_are_there_to_compare(run, events):
    name = "_hparams_/session_start_info"
    content = events.metadata(name).plugin_data.content
    started = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    values = dict(started.hparams)
    assert values["loss"].string_value == "cb_focal" and values["num_channels"].number_value == 1
    assert values["precision"].string_value == "float32" and values["seed"].number_value == 0
    assert values["variant"].string_value == "4s6" and values["pretrained"].string_value == "default"
    best = max(float(row["val_pr_auc"]) for row in history(run))
    assert events.values("best/pr_auc_macro")[-1] == pytest.approx(best, rel=1e-5)
    assert "_hparams_/session_end_info" in events.names


def test_texts_hold_the_configuration_the_data_the_network_and_versions(run, events):
    texts = {
        name: events.values(f"run/{name}")[0].ravel()[0].decode()
        for name in ("configuration", "dataset", "network", "versions")
    }
    assert "| loss | cb_focal |" in texts["configuration"]
    assert "20 training and 8 validation tracks, 3 tags" in texts["dataset"]
    assert "| dense_2 | Dense | any × 3 | 9 |" in texts["network"]  # 2 x 3 weights and 3 biases
    assert f"| tensorflow | {tf.__version__} |" in texts["versions"]


def test_the_projector_has_a_labelled_point_for_each_track(run):
    vectors = np.loadtxt(run / "events" / "embeddings.tsv", ndmin=2)
    labels = (run / "events" / "embeddings_labels.tsv").read_text().splitlines()
    assert vectors.shape == (8, 2) and len(labels) == 9
    assert labels[1].split("\t")[2] == "validation/0.wav"
    assert 'tensor_path: "embeddings.tsv"' in (run / "events" / "projector_config.pbtxt").read_text()


def test_the_best_and_the_worst_tags_are_ranked():
    names, areas = [f"t{number}" for number in range(12)], np.linspace(0, 1.1, 12)
    areas[3] = np.nan
    lines = tag_pictures.best_and_worst(names, areas, areas / 2, np.arange(12)).splitlines()
    assert len(lines) == 2 + 10
    assert lines[2].startswith("| 1 | t11 | 1.100 | 0.550 | 11 |") and lines[-1].startswith("| 11 | t0 | 0.000 |")


class Stub:
    """As much of a model as the callback looks at."""

    stop_training = False


def test_pictures_that_take_too_long_are_left_out_but_the_first_and_the_last(tmp_path, monkeypatch):
    """By hand: an epoch takes 10 s and pictures 1 s, so at 1.5 % of the time one in seven is drawn."""
    monkeypatch.setattr(callback, "LOOKS_SHARE", 0.015)
    now, looks = [0.0], []
    monkeypatch.setattr(callback, "time", types.SimpleNamespace(perf_counter=lambda: now[0]))

    class Slow(callback.Panel):
        def on_look(self, validation):
            now[0] += 1
            looks.append(epoch + 1)

    one = callback.Monitoring(tmp_path, [Slow()], 30)
    one.set_model(Stub())
    one.on_train_begin()
    for epoch in range(30):
        now[0] += 10
        one.validated = object()
        one.on_epoch_end(epoch, {})
    assert looks == [1, 7, 14, 20, 27, 30]
    assert one.seconds == len(looks)


@pytest.mark.parametrize("every", [1, 3, 7])
@pytest.mark.parametrize("num_epochs", [1, 5, 40, 200, 1000])
def test_pictures_are_drawn_at_the_first_the_last_and_a_few_validations(num_epochs, every):
    one = callback.Monitoring("nowhere", [], num_epochs, every)
    one.set_model(Stub())
    validated = [epoch for epoch in range(1, num_epochs + 1) if epoch % every == 0 or epoch == num_epochs]
    looks = [epoch for epoch in validated if one._is_look(epoch)]
    assert looks[0] == validated[0] and looks[-1] == num_epochs
    assert len(looks) <= callback.MAX_LOOKS + 1 and len(looks) >= min(len(validated), callback.MAX_LOOKS) // 2


def test_event_files_of_200_epochs_on_56_tags_stay_small(tmp_path, monkeypatch):
    """The size of all panels' looks, from that of one look, and of every epoch's scalars, from those of one."""
    monkeypatch.setattr(callback, "LOOKS_SHARE", float("inf"))
    generator = np.random.default_rng(0)
    names = [f"mood/theme---tag{number}" for number in range(56)]
    labels = (generator.random((400, 56)) < 0.05).astype(np.float32)
    labels[0] = 1
    counts = generator.integers(60, 900, 56)
    scores = generator.random((400, 56)).astype(np.float32)
    measured = split_scores.SplitScores(scores, labels, tags.Vocabulary(names), None, counts)
    found = validation.Validation(measured, np.arange(400), losses.get("bce"))
    panels = [scalars.Scalars(counts), scalars.TagScalars(counts), tag_pictures.TagPictures()]
    sizes = []
    for num_epochs in (1, 2):
        folder = tmp_path / str(num_epochs)
        one = callback.Monitoring(folder, panels, num_epochs)
        one.set_model(Stub())
        one.on_train_begin()
        for epoch in range(num_epochs):
            one.validated = found
            one.on_epoch_end(epoch, {"loss": 1.0, **found.logs()})
        one.on_train_end()
        sizes.append(sum(os.path.getsize(file) for file in folder.iterdir()))
    each = sizes[1] - sizes[0]  # of an epoch with all pictures
    assert each * (callback.MAX_LOOKS + 1) + 160 * 20_000 + 6 * 400_000 < 50e6
    assert each > 100_000


@pytest.mark.parametrize("level", ["scalars", "none"])
def test_less_can_be_monitored_and_the_weights_are_the_same(level, run_begun, music, run_train, tmp_path):
    assert run_train(music, tmp_path / "run", "--loss=cb_focal", "--epochs=1", f"--monitor={level}") == 0
    run_states.assert_same(run_begun, tmp_path / "run")
    assert not (tmp_path / "run" / "examples").exists()
    if level == "none":
        assert not (tmp_path / "run" / "events").exists()
        assert history(tmp_path / "run")[0]["gradient_norm"] == ""
    else:
        found = Events(tmp_path / "run" / "events")
        assert "train/gradient_norm" in found.names and "tags/mean_score" not in found.names
