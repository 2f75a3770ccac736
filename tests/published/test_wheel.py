"""Checkpoints in wheels, fetched by pip itself from a folder."""

import os

import numpy as np
import pytest
import tensorflow as tf

from kerastag import errors, models, published
from kerastag.models import loading
from kerastag.published import catalogue, wheel
from tests.published import small_models


@pytest.fixture
def index(monkeypatch, tmp_path):
    """A folder of wheels that is all that pip knows."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "index"
    folder.mkdir()
    settings = {"CONFIG_FILE": os.devnull, "NO_INDEX": "1", "FIND_LINKS": str(folder), "EXTRA_INDEX_URL": ""}
    for name, value in settings.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    return folder


@pytest.fixture
def source(index, tmp_path):
    """The source of a checkpoint with the bias 1, 2, 3 in a wheel there."""
    prefix = str(tmp_path / "saved")
    tf.train.Checkpoint(bias=tf.Variable([1.0, 2.0, 3.0])).write(prefix)
    suffixes = (".index", ".data-00000-of-00001")
    files = {f"smallnet/first/{suffix}": (tmp_path / f"saved{suffix}").read_bytes() for suffix in suffixes}
    path, sha256 = small_models.wheel(index, files)
    return catalogue.Wheel("smallnet", "1.0", sha256, path.stat().st_size, "first")


def failure(source, folder):
    with pytest.raises(errors.KerastagError) as caught:
        wheel.unpack(source, wheel.fetch(source, folder), folder)
    return str(caught.value)


def test_a_model_of_a_wheel(source, monkeypatch, tmp_path):
    monkeypatch.setattr(
        models,
        "musicnn_net",
        lambda num_tags, **options: models.short_chunk_resnet(num_tags, 2, num_blocks=2, **options),
        raising=False,
    )

    def load(model, prefix):
        (name,) = [name for name, _ in tf.train.list_variables(prefix) if name.startswith("bias")]
        model.output_layer.bias.assign(tf.train.load_variable(prefix, name))

    monkeypatch.setattr(models, "load_tf_checkpoint", load, raising=False)
    entry = small_models.entry("small", source, builder="musicnn_net", variant="4s6")
    monkeypatch.setitem(catalogue.ENTRIES, "small", entry)
    said = []
    folder = published.get("small", say=said.append)
    np.testing.assert_array_equal(loading.load(folder / "model.keras").output_layer.bias, [1, 2, 3])
    assert "Take it, and say whose it is." in (folder / "NOTICE.txt").read_text()
    assert "PyPI, smallnet 1.0" in said[0]


def test_a_wheel_of_other_bytes(source, index, tmp_path):
    with next(index.iterdir()).open("ab") as file:
        file.write(b"!")
    assert failure(source, tmp_path) == "smallnet 1.0: the index gives other bytes than those that were published"


def test_no_such_wheel(index, tmp_path):
    source = catalogue.Wheel("smallnet", "2.0", "0" * 64, 1, "first")
    assert failure(source, tmp_path).startswith("smallnet 2.0: pip cannot fetch it: No matching distribution found")


def test_no_such_checkpoint(source, tmp_path):
    other = catalogue.Wheel("smallnet", "1.0", source.sha256, 1, "second")
    assert "smallnet-1.0-py3-none-any.whl: no checkpoint second in it" in failure(other, tmp_path)


def test_no_pip(source, tmp_path, monkeypatch):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$0: No module named pip" >&2\nexit 1\n')
    python.chmod(0o755)
    monkeypatch.setattr(wheel.sys, "executable", str(python))
    assert "has no pip to fetch with" in failure(source, tmp_path)
