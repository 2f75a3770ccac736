"""A file's network is known without Keras."""

import pytest

from kerastag import models
from kerastag.models import saved


@pytest.mark.parametrize("name", ["short_chunk_resnet", "vggish", "musicnn", "musicnn_mtt_vgg"])
def test_each_network_is_known_by_its_file(name, tmp_path):
    made = {
        "short_chunk_resnet": lambda: models.short_chunk_resnet(2, 1),
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
    models.probe(models.short_chunk_resnet(2, 1), 3).save(tmp_path / "probe.keras")
    for name in ("model", "missing", "popular", "probe"):
        assert saved.base_of(tmp_path / f"{name}.keras") is None
