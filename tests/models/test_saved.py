"""A file's network is known without Keras; what is no network of this package is not built."""

import io
import json
import zipfile
from unittest import mock

import keras
import pytest

from kerastag import errors, models
from kerastag.models import folding, loading, saved


@pytest.mark.parametrize("name", ["short_chunk_resnet", "vggish", "musicnn", "musicnn_mtt_vgg"])
def test_each_network_is_known_by_its_file(name, tmp_path):
    made = {
        "short_chunk_resnet": lambda: models.short_chunk_resnet(2, 1, num_blocks=2),
        "vggish": lambda: models.vggish(2, 1),
        "musicnn": lambda: models.musicnn_net(2),
        "musicnn_mtt_vgg": lambda: models.musicnn_vgg(2, poolings="mtt"),
    }
    made[name]().save(tmp_path / "model.keras")
    assert saved.network_of(tmp_path / "model.keras") == name and name in models.NAMES


def test_of_anything_else_nothing_is_known(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"no zip")
    assert saved.network_of(tmp_path / "model.keras") is None
    assert saved.network_of(tmp_path / "missing.keras") is None
    models.popular([0.5]).save(tmp_path / "popular.keras")
    assert saved.network_of(tmp_path / "popular.keras") is None
    models.probe(models.short_chunk_resnet(2, 1, num_blocks=2), 3).save(tmp_path / "probe.keras")
    for name in ("model", "missing", "popular", "probe"):
        assert saved.base_of(tmp_path / f"{name}.keras") is None


def repacked(path, change=lambda about: about, compression=zipfile.ZIP_STORED, **more):
    """A file of a network with its configuration changed, and more files in it."""
    source = path.with_name("source.keras")
    models.popular([0.5]).save(source)
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w", compression) as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, json.dumps(change(json.loads(content))) if name == "config.json" else content)
        for name, content in more.items():
            new.writestr(name, content)
    return path


def check_refused(path, words):
    """Keras itself is not asked."""
    for read in (loading.load, folding.load):
        with (
            mock.patch.object(keras.saving, "load_model", side_effect=AssertionError),
            pytest.raises(errors.KerastagError, match=f"model.keras: not a model of kerastag .it {words}"),
        ):
            read(path)


def test_a_file_packed_anew_is_read(tmp_path):
    assert loading.load(repacked(tmp_path / "model.keras")).name == "popular"


def test_functions_in_a_file_are_refused(tmp_path):
    keras.Sequential([keras.Input([1]), keras.layers.Lambda(lambda x: 2 * x)]).save(tmp_path / "model.keras")
    check_refused(tmp_path / "model.keras", "holds Sequential, no network")
    (tmp_path / "model.keras").unlink()
    keras.Sequential([keras.Input([1])]).save(tmp_path / "model.keras")
    check_refused(tmp_path / "model.keras", "holds Sequential, no network")


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"module": "os", "class_name": "system", "registered_name": None}, "holds system, no network"),
        ({"module": "os", "class_name": "system", "registered_name": "kerastag>system"}, "holds kerastag>system, no"),
        ({"registered_name": "kerastag>Focal"}, "holds kerastag>Focal, no network"),
        ({"build_config": {"class_name": "Lambda", "config": {}}}, "holds Lambda inside kerastag>Popular"),
        ({"compile_config": [{"x": {"class_name": "a", "registered_name": "b"}}]}, "holds a inside kerastag>Popular"),
    ],
)
def test_classes_of_others_are_refused_unbuilt(about, words, tmp_path):
    check_refused(repacked(tmp_path / "model.keras", lambda old: {**old, **about}), words)


def test_what_unpacks_to_more_and_what_holds_more_is_refused(tmp_path):
    bomb = repacked(tmp_path / "model.keras", compression=zipfile.ZIP_DEFLATED, **{"assets/zeros": bytes(10**6)})
    check_refused(bomb, "unpacks to more than it is")
    check_refused(repacked(tmp_path / "model.keras", **{"assets/x.py": b""}), "holds the file assets/x.py")


def test_a_file_without_a_configuration_is_refused(tmp_path):
    without = repacked(tmp_path / "model.keras", lambda about: {k: v for k, v in about.items() if k != "config"})
    assert loading.read(without) is None
    with pytest.raises(errors.KerastagError, match=r"model\.keras: not a model of kerastag"):
        folding.load(without)


def test_weights_that_state_more_than_the_file_are_refused(tmp_path):
    import h5py

    made = repacked(tmp_path / "model.keras")
    with zipfile.ZipFile(made) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    weights = io.BytesIO(members["model.weights.h5"])
    with h5py.File(weights, "a") as file:
        file.create_dataset("more", (1 << 40,), "f4")
    members["model.weights.h5"] = weights.getvalue()
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    check_refused(tmp_path / "model.keras", "unpacks to more than it is")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_channels": 100_000}, "network is larger than the file"),
        ({"num_tags": 10**9}, "network is larger than the file"),
        ({"front_end": {"fft_size": 1 << 30}}, "fft_size is over 65536"),
        ({"base": {"config": {"num_channels": 100_000}}}, "network is larger than the file"),
    ],
)
def test_a_network_that_is_larger_than_its_file_is_not_built(change, words, tmp_path):
    def changed(about):
        return {**about, "registered_name": "kerastag>ShortChunkResNet", "config": {**about["config"], **change}}

    path = repacked(tmp_path / "model.keras", changed)
    with pytest.raises(errors.KerastagError, match=words):
        loading.load(path)
