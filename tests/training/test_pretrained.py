"""Weights of earlier models: what is taken from which kind of file, what stays fresh, and what is said about it."""

import shutil

import keras
import numpy as np
import pytest

from kerastag import errors, files, models
from kerastag.training import pretrained
from tools.attacks import torch_writer

TAGS = ("mood/theme---calm", "mood/theme---dark", "mood/theme---happy")
BLOCKS = [f"layer{number}" for number in range(1, 6)]


def weights_of(model):
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


@pytest.fixture(scope="module")
def _built():
    """A network to load into, and its initial weights."""
    keras.utils.set_random_seed(99)
    model = models.short_chunk_resnet(3, 2, precision="float32")
    return model, model.get_weights()


@pytest.fixture
def fresh(_built):
    """The network as it is before anything is loaded."""
    model, weights = _built
    model.set_weights(weights)
    return model


@pytest.fixture(scope="module")
def other():
    """A network of another kind."""
    return models.vggish(3, 1, precision="float32")


@pytest.fixture(scope="module")
def donor():
    """A network none of whose weights has its initial value."""
    keras.utils.set_random_seed(1)
    model = models.short_chunk_resnet(3, 2, precision="float32")
    generator = np.random.default_rng(1)
    model.set_weights([generator.normal(0, 1, weight.shape) for weight in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def files_of(donor, tmp_path_factory):
    """The donor in every kind of file, none with tags beside it."""
    folder = tmp_path_factory.mktemp("donor")
    donor.save(folder / "donor.keras")
    donor.save_weights(folder / "donor.weights.h5")
    torch_writer.write_zip(folder / "donor.pth", torch_writer.state_dict(torch_writer.state_of(donor)))
    run = folder / "run"
    run.mkdir()
    shutil.copy(folder / "donor.keras", run / "model.keras")
    (run / "tags.txt").write_text("".join(f"{tag}\n" for tag in TAGS))
    files.write_json(run / "run.json", {"flags": {}})
    return {kind: folder / name for kind, name in _names().items()}


def _names():
    return {"run": "run", "keras": "donor.keras", "weights": "donor.weights.h5", "torch": "donor.pth"}


def load(model, donor, path, tags=TAGS):
    """Loads and returns the report; the layers that it names must be the donor's, all others untouched."""
    before = weights_of(model)
    report = pretrained.load(model, path, tags)
    assert set(report.loaded) | set(report.fresh) == set(before)
    for name, found in weights_of(model).items():
        for ours, theirs in zip(found, weights_of(donor)[name] if name in report.loaded else before[name], strict=True):
            np.testing.assert_array_equal(ours, theirs)
    return report


@pytest.mark.parametrize("kind", ["keras", "weights", "torch"])
def test_a_bare_file_gives_everything_but_the_head(kind, files_of, donor, fresh):
    report = load(fresh, donor, files_of[kind])
    assert dict(report.fresh) == {"dense_2": pretrained.UNKNOWN_TAGS}
    assert set(report.loaded) == set(weights_of(donor)) - {"dense_2"}


def test_tags_beside_a_file_are_its_tags(files_of, donor, fresh, tmp_path):
    path = tmp_path / files_of["torch"].name
    shutil.copy(files_of["torch"], path)
    (tmp_path / "tags.txt").write_text("\n".join(TAGS))
    report = load(fresh, donor, path)
    assert not report.fresh


def test_a_run_with_the_same_tags_gives_everything(files_of, donor, fresh):
    report = load(fresh, donor, str(files_of["run"]), list(TAGS))
    assert not report.fresh
    assert (
        report.text()
        == (
            f"{files_of['run']}: 46 of 46 layers loaded: spec_bn, "
            "layer1, layer2, layer3, layer4, layer5, layer6_2_3, layer7_2_3, dense_1, bn_1, dense_2"
        )
        or "\n  " in report.text()
    )


def test_a_head_of_the_same_tags_in_another_order_stays_fresh(files_of, donor, fresh):
    report = load(fresh, donor, files_of["run"], TAGS[::-1])
    assert dict(report.fresh) == {"dense_2": pretrained.OTHER_TAGS}


def test_from_the_first_version_of_the_network_come_spec_bn_and_five_blocks(fresh, tmp_path):
    earlier = models.short_chunk_resnet(50, 2, "3s69", precision="float32")
    state = torch_writer.state_of(earlier) | {"spec.spectrogram.window": np.ones(512, np.float32)}
    torch_writer.write_sequence(tmp_path / "msd.pth", torch_writer.state_dict(state))
    assert_spec_bn_and_five_blocks(tmp_path / "msd.pth", fresh, earlier)


def test_from_the_published_code_come_spec_bn_and_five_blocks(goldens, tmp_path):
    golden = goldens("won_short_chunk_c8")
    state = {name.removeprefix("state/"): array for name, array in golden.items() if name.startswith("state/")}
    torch_writer.write_zip(tmp_path / "msd.pth", torch_writer.state_dict(state))
    earlier = models.short_chunk_resnet(50, 8, "3s69", precision="float32")
    models.load_torch_state(earlier, state)
    model = models.short_chunk_resnet(56, 8, precision="float32")
    assert_spec_bn_and_five_blocks(tmp_path / "msd.pth", model, earlier)


def assert_spec_bn_and_five_blocks(path, model, earlier):
    report = pretrained.load(model, path, TAGS)
    parts = [f"{kind}_{number}" for kind in ("conv", "bn") for number in (1, 2, 3)]
    assert set(report.loaded) == {"spec_bn", *(f"{block}_{part}" for block in BLOCKS for part in parts)}
    assert set(report.fresh.values()) == {pretrained.NO_SUCH_LAYER}
    for name in report.loaded:
        for ours, theirs in zip(weights_of(model)[name], weights_of(earlier)[name], strict=True):
            np.testing.assert_array_equal(ours, theirs)
    text = report.text()
    assert "31 of 46 layers loaded" in text and ", ".join(["spec_bn", *BLOCKS]) in text.replace("\n  ", " ")
    assert "fresh (no such layer in the file): layer6_2_3, layer7_2_3, dense_1, bn_1, dense_2" in text
    assert len(text.splitlines()) <= 4


def test_layers_of_another_width_and_parts_of_layers_stay_fresh(donor, fresh, tmp_path):
    state = torch_writer.state_of(donor)
    state["layer1.conv_1.weight"] = np.zeros((3, 1, 3, 3), np.float32)
    del state["layer2.bn_2.running_var"], state["layer3.conv_2.bias"]
    torch_writer.write_zip(tmp_path / "donor.pth", torch_writer.state_dict(state))
    report = load(fresh, donor, tmp_path / "donor.pth")
    assert dict(report.fresh) == {
        "layer1_conv_1": pretrained.OTHER_SHAPE,
        "layer2_bn_2": pretrained.INCOMPLETE,
        "layer3_conv_2": pretrained.INCOMPLETE,
        "dense_2": pretrained.UNKNOWN_TAGS,
    }
    lines = report.text().replace("\n  ", " ").splitlines()
    assert "layer1_conv_2, " in lines[0] and "layer4, layer5, " in lines[0]
    assert "fresh (another shape): layer1_conv_1" in lines
    assert "fresh (only a part of the layer in the file): layer2_bn_2, layer3_conv_2" in lines


def test_nothing_that_fits_is_an_error(files_of, other):
    before = other.get_weights()
    with pytest.raises(errors.KerastagError, match="none of its layers fits the network vggish"):
        pretrained.load(other, files_of["keras"], TAGS)
    for ours, theirs in zip(other.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_vggish_network_comes_back_from_its_own_run(tmp_path):
    keras.utils.set_random_seed(5)
    earlier = models.vggish(3, 2, precision="float32")
    earlier.save(tmp_path / "model.keras")
    (tmp_path / "tags.txt").write_text("\n".join(TAGS))
    files.write_json(tmp_path / "run.json", {"flags": {}})
    model = models.vggish(3, 2, precision="float32")
    assert not pretrained.load(model, tmp_path, TAGS).fresh
    for ours, theirs in zip(model.get_weights(), earlier.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.pth", None, "no such file"),
        ("notes.txt", b"", "not a run folder, a .keras, a .weights.h5 or a .pth file"),
        ("broken.pth", b"nothing", "no PyTorch checkpoint"),
        ("broken.keras", b"nothing", "not a model"),
        ("broken.weights.h5", b"nothing", "no weights of Keras"),
    ],
)
def test_what_is_no_model_is_refused(name, content, message, other, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(errors.KerastagError, match=message) as caught:
        pretrained.load(other, tmp_path / name, TAGS)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_no_run_is_refused(other, tmp_path):
    with pytest.raises(errors.KerastagError, match="not a run"):
        pretrained.load(other, tmp_path, TAGS)
