"""Bases of other makers: what they give is what comes out, and what is no base is refused before any work."""

import dataclasses
import sys
import weakref

import numpy as np
import pytest
import tensorflow as tf

from kerastag import errors, models
from kerastag.models import embedding, folding, loading
from kerastag.models.foreign import attaching, source
from kerastag.models.foreign import network as foreign_network
from tests import foreign_bases, networks

RATE, SECONDS = 16_000, 1.0


def of(path, **options):
    return source.Source(str(path), RATE, SECONDS, **options).network()


def embedded(base, waveform):
    return np.asarray(embedding.model_of(base)(waveform))


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    return foreign_bases.save_saved_model(tmp_path_factory.mktemp("bases") / "bands")


@pytest.mark.parametrize("batch", [(None,), (1,), ()])
def test_frames_of_a_saved_model_are_averaged_however_it_takes_waveforms(batch, tmp_path):
    base, waveform = of(foreign_bases.save_saved_model(tmp_path / "base", batch)), networks.sounds(RATE)
    expected = foreign_bases.bands_of(waveform)
    assert np.ptp(expected, axis=0).min() > 1  # it tells the sounds apart
    np.testing.assert_allclose(embedded(base, waveform), expected, rtol=1e-4, atol=1e-4)
    assert (base.chunk_samples, base.sample_rate, embedding.width_of(base)) == (RATE, RATE, foreign_bases.BANDS)


@pytest.mark.parametrize("batch", ["batch", 1])
def test_an_onnx_file_gives_what_it_computes(batch, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    base, waveform = of(foreign_bases.save_onnx(tmp_path / "levels.onnx", batch)), networks.sounds(RATE)
    np.testing.assert_allclose(embedded(base, waveform), foreign_bases.levels_of(waveform), rtol=1e-5, atol=1e-7)
    traced = tf.function(embedding.model_of(base))(waveform)
    np.testing.assert_array_equal(traced, embedded(base, waveform))


def test_one_of_several_outputs_is_named(tmp_path):
    path = foreign_bases.save_saved_model(tmp_path / "base", more=True)
    with pytest.raises(errors.KerastagError, match="which output is meant\\? There are embedding, level") as raised:
        of(path)
    assert raised.value.option == "base_output"
    with pytest.raises(errors.KerastagError, match="no output top; there are embedding, level"):
        of(path, output="top")
    with pytest.raises(errors.KerastagError, match="no input sound; there are audio"):
        of(path, output="embedding", input="sound")
    with pytest.raises(errors.KerastagError, match=r"level of silence is \(2,\), not \(2, width\) or \(2, frames, w"):
        of(path, output="level")
    waveform = networks.sounds(RATE)
    expected = foreign_bases.bands_of(waveform)
    np.testing.assert_allclose(embedded(of(path, output="embedding", input="audio"), waveform), expected, rtol=1e-4)


def test_outputs_of_an_onnx_file_are_named(tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    path = foreign_bases.save_onnx(tmp_path / "levels.onnx", more=True)
    with pytest.raises(errors.KerastagError, match="which output is meant\\? There are y, z"):
        of(path)
    assert embedding.width_of(of(path, output="z")) == 4


def test_another_length_than_the_base_takes_is_refused(tmp_path):
    path = foreign_bases.save_saved_model(tmp_path / "base", samples=8000)
    with pytest.raises(errors.KerastagError, match="audio takes 8000 samples, not the 16000 in 1 s at 16000 Hz"):
        of(path)
    with pytest.raises(errors.KerastagError, match=r"audio is \(3, any\), not \(batch, samples\)"):
        of(foreign_bases.save_saved_model(tmp_path / "three", (3,)))


@pytest.mark.parametrize(
    ("name", "said"),
    [("missing", "no such file or folder"), ("text.onnx", "as an ONNX file"), ("empty", "neither the folder of a")],
)
def test_what_is_no_base_is_refused(name, said, tmp_path):
    if name == "text.onnx":
        pytest.importorskip("onnxruntime")
    (tmp_path / "text.onnx").write_text("no protobuf")
    (tmp_path / "empty").mkdir()
    with pytest.raises(errors.KerastagError, match=said):
        of(tmp_path / name)


def test_an_onnx_file_needs_onnxruntime(tmp_path, monkeypatch):
    (tmp_path / "base.onnx").write_text("")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(errors.KerastagError, match=r"needs onnxruntime: pip install 'kerastag\[onnx\]'"):
        of(tmp_path / "base.onnx")


def save(folder, function, dtype=tf.float32, name="serving_default"):
    """A SavedModel of a function of waveforms."""
    module = tf.Module()
    module.serve = tf.function(function, input_signature=[tf.TensorSpec([None, None], dtype, name="x")])
    tf.saved_model.save(module, str(folder), {name: module.serve})
    return folder


BAD = {
    "not finite": {"function": lambda x: {"y": tf.math.log(x[:, :4])}},
    "cannot be run on silence": {"function": lambda x: {"y": tf.ensure_shape(x, [None, 7])}},
    "is int16, not float32": {"function": lambda x: {"y": x}, "dtype": tf.int16},
    "no signature serving_default; there is other": {"function": lambda x: {"y": x}, "name": "other"},
    r"y of silence is \(1, 16000\), not \(2, width\)": {"function": lambda x: {"y": x[:1]}},
}


@pytest.mark.parametrize("said", BAD)
def test_a_base_that_does_not_do_its_work_is_refused(said, tmp_path):
    with pytest.raises(errors.KerastagError, match=said):
        of(save(tmp_path / "base", **BAD[said]))


@pytest.fixture
def forget(monkeypatch):
    """A function after which no base is open, as in another process."""
    return lambda: monkeypatch.setattr(attaching, "_open", weakref.WeakValueDictionary())


def test_a_probe_reloads_with_the_copy_beside_it_alone(saved_model, tmp_path, forget):
    base, waveform = of(saved_model), networks.sounds(RATE)
    probe = models.probe(base, 3, units=4, precision="float32")
    expected = np.asarray(probe(waveform))
    foreign_network.keep(base, tmp_path)
    probe.save(tmp_path / "model.keras")
    for read in (loading.load, folding.load):
        forget()
        again = read(tmp_path / "model.keras")
        (layer,) = foreign_network.layers_in(again)
        assert layer.opened.path == tmp_path / "base"
        np.testing.assert_allclose(again(waveform), expected, rtol=1e-6, atol=1e-6)
    assert loading.load(tmp_path / "model.keras").get_config() == probe.get_config()


def test_a_layer_comes_back_from_its_configuration(saved_model):
    base = of(saved_model)
    (layer,) = foreign_network.layers_in(base)
    again = foreign_network.ForeignEmbedding.from_config(layer.get_config())
    assert again.get_config() == layer.get_config() and again.opened is layer.opened
    assert dataclasses.asdict(layer.description)["width"] == foreign_bases.BANDS


def test_a_copy_that_is_missing_or_another_is_refused(tmp_path, forget):
    base = of(foreign_bases.save_saved_model(tmp_path / "source"))
    models.probe(base, 3, precision="float32").save(tmp_path / "model.keras")
    forget()
    with pytest.raises(errors.KerastagError, match="base: missing"):
        loading.load(tmp_path / "model.keras")
    foreign_bases.save_saved_model(tmp_path / "base", more=True)
    with pytest.raises(errors.KerastagError, match="base: damaged, or not the base"):
        loading.load(tmp_path / "model.keras")
