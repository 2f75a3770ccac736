"""musicnn in Keras: the published graphs' numbers, its front end by librosa, whole tracks chunk after chunk."""

import os
import pathlib

import keras
import librosa
import numpy as np
import pytest
import soundfile
import tensorflow as tf

from kerastag import audio, errors, models
from kerastag.data import pipeline
from kerastag.inference import scoring
from kerastag.models import folding, musicnn

pytestmark = pytest.mark.usefixtures("librosa_loaded")

RATE = 16_000
# a folder of the published checkpoints, model.index and so on in MSD_musicnn/, MTT_musicnn/, MSD_vgg/, MTT_vgg/
PUBLISHED = os.environ.get("KERASTAG_MUSICNN")


def network(kind):
    if "musicnn" in kind:
        return models.musicnn_net()
    return models.musicnn_vgg(poolings=kind[:3].lower())


def mel_of(waveform, center=True):
    """log10(10000 x + 1) of librosa's default mels, (num_frames, 96)."""
    mel = librosa.feature.melspectrogram(y=waveform, sr=RATE, n_fft=512, hop_length=256, n_mels=96, center=center)
    return np.log10(10_000 * mel.T + 1)


def test_the_front_end_is_librosas(rng):
    waveform = rng.normal(0, 0.1, musicnn.CHUNK_SAMPLES).astype(np.float32)
    model = models.musicnn_net()
    ours = keras.Model(model.input, model.get_layer("frames_first").output)(waveform[None])
    assert ours.shape == (1, 187, 96, 1)
    np.testing.assert_allclose(ours[0, :, :, 0], mel_of(waveform, center=False), atol=1e-4)


def test_the_chunks_of_a_track_have_the_frames_of_the_whole(rng, tmp_path):
    waveform = rng.normal(0, 0.1, 10 * RATE + 77).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", waveform, RATE, subtype="FLOAT")
    model = models.musicnn_net()
    chunk = pipeline.ChunkFormat.of_model(model, dtype="float32")
    (batch,) = pipeline.evaluation_batches(pipeline.Tracks([str(tmp_path / "a.wav")]), chunk, None, 32)
    front_end = keras.Model(model.input, model.get_layer("frames_first").output)
    ours = np.concatenate(front_end(batch["waveform"])[..., 0])
    theirs = mel_of(waveform)  # the whole file, centred, as musicnn's authors read it
    assert len(ours) == len(theirs) // 187 * 187 == 3 * 187
    np.testing.assert_allclose(ours, theirs[: len(ours)], atol=1e-4)


@pytest.mark.parametrize(
    ("length", "count"), [(100, 1), (47_616, 1), (48_128, 1), (95_487, 1), (95_488, 2), (200 * 47_872 - 256, 200)]
)
def test_as_many_chunks_as_their_frames_fill(length, count):
    consecutive, size = models.musicnn_net().consecutive, musicnn.CHUNK_SAMPLES
    starts = consecutive.starts(length, size)
    assert len(starts) == count == max(1, (1 + length // 256) // 187)
    assert starts[0] == -256 and np.all(np.diff(starts) == 187 * 256)


def test_long_tracks_come_in_parts_that_are_the_whole(rng, tmp_path):
    waveform = rng.normal(0, 0.1, 55 * 47_872).astype(np.float32)
    soundfile.write(tmp_path / "a.flac", waveform, RATE)
    (tmp_path / "noise.wav").write_bytes(b"not audio")
    read = audio.read(tmp_path / "a.flac")
    consecutive, size = models.musicnn_net().consecutive, musicnn.CHUNK_SAMPLES
    expected = audio.cut_at(read, consecutive.starts(len(read), size), size)
    np.testing.assert_array_equal(expected[0, :256], 0)
    np.testing.assert_array_equal(expected[1, :100], read[47_616:47_716])
    chunk = pipeline.ChunkFormat(size, dtype="float32", consecutive=consecutive)
    tracks = pipeline.Tracks([str(tmp_path / name) for name in ("noise.wav", "a.flac")])
    batches = list(pipeline.evaluation_batches(tracks, chunk, None, 20))
    assert [len(batch["row"]) for batch in batches] == [20, 20, 15]
    assert {int(row) for batch in batches for row in batch["row"]} == {1} and set(tracks.unreadable) == {0}
    np.testing.assert_allclose(np.concatenate([batch["waveform"] for batch in batches]), expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["MSD_musicnn", "MTT_vgg", "MSD_vgg"])
def test_networks_reload_and_compute_in_half_precision(kind, rng, tmp_path):
    keras.utils.set_random_seed(0)
    model = network(kind)
    for layer in model.layers:  # as after training: scales of both signs
        if layer.name.startswith("norm_"):
            layer.gamma.assign(rng.normal(size=layer.gamma.shape))
            layer.beta.assign(rng.normal(size=layer.beta.shape))
    model.save(tmp_path / "model.keras")
    waveform = rng.normal(0, 0.1, (2, musicnn.CHUNK_SAMPLES)).astype(np.float32)
    expected = scoring.scores_of(model(waveform, training=False))
    np.testing.assert_allclose(scoring.scores_of(folding.load(tmp_path / "model.keras")(waveform)), expected, atol=1e-6)
    half = folding.load(tmp_path / "model.keras", "mixed_bfloat16")
    assert half.get_layer("norm_input").compute_dtype == "bfloat16"
    np.testing.assert_allclose(scoring.scores_of(half(waveform)), expected, atol=0.05)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(waveform, training=True))
    assert all(gradient is not None for gradient in tape.gradient(loss, model.trainable_variables))


def test_the_mean_and_the_greatest_value_stand_side_by_side():
    pooled = musicnn.MaxAndMean()(np.array([[[1.0, -2.0], [3.0, 4.0]]], np.float32))
    np.testing.assert_array_equal(pooled, [[3, 2, 4, 1]])


def test_what_is_no_checkpoint_is_refused(tmp_path):
    (tmp_path / "model.index").write_bytes(b"nothing")
    with pytest.raises(errors.KerastagError, match="not a checkpoint of musicnn"):
        models.load_tf_checkpoint(models.musicnn_net(), tmp_path / "model")
    tf.train.Checkpoint(kernel=tf.Variable([1.0])).write(str(tmp_path / "other"))
    with pytest.raises(
        errors.KerastagError, match="has no timbral|has no conv2d/kernel; a checkpoint of another network"
    ):
        models.load_tf_checkpoint(models.musicnn_net(), tmp_path / "other")


@pytest.mark.parametrize("kind", ["MSD_musicnn", "MTT_musicnn", "MSD_vgg", "MTT_vgg"])
def test_scores_are_those_of_the_published_graphs(kind, rng):
    if PUBLISHED is None:
        pytest.skip("the published checkpoints are not here: KERASTAG_MUSICNN names their folder")
    prefix = pathlib.Path(PUBLISHED) / kind / "model"
    model = network(kind)
    models.load_tf_checkpoint(model, prefix)
    tones = np.sin(2 * np.pi * rng.uniform(80, 2000, (4, 1)) * np.arange(musicnn.CHUNK_SAMPLES) / RATE)
    mels = [np.abs(rng.normal(1, 1, (3, 187, 96))), [mel_of(0.3 * tone, center=False) for tone in tones]]
    network_of_mel = keras.Model(model.get_layer("frames_first").output, model.output)
    for mel in mels:
        mel = np.asarray(mel, np.float32)
        ours = tf.sigmoid(network_of_mel(mel[..., None]))
        np.testing.assert_allclose(ours, published_scores(prefix, mel), atol=1e-5)


def published_scores(prefix, mel):
    """What the graph beside a checkpoint gives of mels (batch, 187, 96), run as it is."""
    graph_file = tf.compat.v1.MetaGraphDef()
    graph_file.ParseFromString(prefix.with_suffix(".meta").read_bytes())
    for node in graph_file.graph_def.node:
        node.attr.pop("_output_shapes", None)  # which today's TensorFlow does not accept
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        saver = tf.compat.v1.train.import_meta_graph(graph_file, clear_devices=True)
        saver.restore(session, str(prefix))
        inputs = {"model/Placeholder:0": mel}
        flags = [op for op in graph.get_operations() if op.type == "Placeholder" and op.outputs[0].dtype == tf.bool]
        return session.run("model/Sigmoid:0", {**inputs, **{flag.outputs[0]: False for flag in flags}})
