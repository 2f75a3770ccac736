"""`published.get`: run folders with the published weights, once, whole or not at all; and names that stand for them."""

import json

import keras
import numpy as np
import pytest

import kerastag
from kerastag import errors, published
from kerastag.models import loading
from kerastag.published import catalogue, places
from kerastag.runs import ensemble_folder, run_folder
from tests.published import small_models
from tools.attacks import torch_writer

FILES = ["NOTICE.txt", "model.keras", "run.json", "tags.txt"]


@pytest.fixture
def known(monkeypatch):
    """A function that adds an entry to the catalogue."""
    return lambda entry: monkeypatch.setitem(catalogue.ENTRIES, entry.name, entry)


@pytest.fixture
def small(server, known, tmp_path):
    """The network of an entry `small` that the server has."""
    network = small_models.network()
    known(small_models.serve(server, "small", torch_writer.state_of(network), tmp_path / "small.pth"))
    return network


def failure(name, **options):
    with pytest.raises(errors.KerastagError) as caught:
        published.get(name, **options)
    return str(caught.value)


def same_weights(path, network):
    loaded = loading.load(path)
    assert loaded.get_config() == network.get_config()
    for ours, theirs in zip(loaded.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("write", [torch_writer.write_zip, torch_writer.write_sequence])
@pytest.mark.parametrize(("prefix", "variant"), [("", "4s6"), ("module.", "3s69")])
def test_a_model_comes_once_with_its_very_weights(server, known, tmp_path, write, prefix, variant):
    network = small_models.network(5, variant)
    state = torch_writer.state_of(network) | small_models.MEL | {"spec_bn.num_batches_tracked": np.int64(9)}
    state = {f"{prefix}{name}": array for name, array in state.items()}
    known(small_models.serve(server, "small", state, tmp_path / "a.pth", write, variant))
    said = []
    for _ in range(2):
        folder = published.get("small", say=said.append)
        assert folder == tmp_path / "cache" / "kerastag" / "models" / "small"
    assert len(said) == len(server.asked) == 1
    assert "no licence is stated there" in said[0] and "github.com/o/r" in said[0]
    same_weights(folder / "model.keras", network)
    assert names_in(folder) == FILES and names_in(places.downloads()) == []
    assert run_folder.RunFolder(folder).vocabulary().names == small_models.TAGS


def test_the_folder_says_where_it_is_from(small, server):
    folder = published.get("small")
    entry, record = catalogue.ENTRIES["small"], json.loads((folder / "run.json").read_text())
    blob = entry.source.digest.removeprefix("git:")
    assert record["source"] == {
        "name": "small",
        "repository": "o/r",
        "commit": small_models.COMMIT,
        "file": "models/small/best_model.pth",
        "git_blob": blob,
    }
    assert "licence" not in record and record["flags"] == {}
    notice = (folder / "NOTICE.txt").read_text()
    assert notice.startswith("small: the model small\n") and blob in notice and "the source states none" in notice


def test_a_name_stands_for_the_folder(small, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.KerastagError, match=r"small: not here yet; kerastag pretrained get small brings it \("):
        kerastag.load("small")
    published.get("small")
    assert kerastag.load("small", precision="float32").vocabulary.short_names == ("calm", "dark", "happy")
    (tmp_path / "small").mkdir()
    assert published.resolve("small") == (tmp_path / "small").relative_to(tmp_path)  # what exists wins
    assert str(published.resolve("runs/none")) == "runs/none"


def test_a_folder_of_ones_own(small, server, tmp_path):
    own = tmp_path / "own"
    for _ in range(2):
        assert published.get("small", own) == own
    same_weights(own / "model.keras", small)
    assert not places.folder("small").exists() and len(server.asked) == 1
    (tmp_path / "thesis").mkdir()
    assert failure("small", output=tmp_path / "thesis") == f"{tmp_path}/thesis: exists already and is not small"


def test_from_the_cache_nothing_is_fetched_and_nothing_else_copied(small, server, tmp_path):
    (published.get("small") / "thresholds.tsv").touch()
    folder = published.get("small", tmp_path / "own")
    assert names_in(folder) == FILES and len(server.asked) == 1


def test_an_ensemble_with_its_members(server, known, tmp_path):
    networks = {name: small_models.network(seed) for seed, name in enumerate(("one", "two"))}
    for name, network in networks.items():
        state = torch_writer.state_of(network)
        known(small_models.serve(server, name, state, tmp_path / f"{name}.pth"))
    known(small_models.entry("both", catalogue.Members(("one", "two"), "github.com/o/r", 2), builder=""))
    published.get("two")
    for folder in (published.get("both"), published.get("both", tmp_path / "own")):
        ensemble = ensemble_folder.EnsembleFolder(folder).ensemble()
        assert (ensemble.method, ensemble.weights) == ("mean", (0.5, 0.5))
        for member, network in zip(ensemble.members, networks.values(), strict=True):
            same_weights(member.model_path, network)
        assert places.holds(folder, catalogue.ENTRIES["both"])
    assert len(server.asked) == 2
    (tmp_path / "own").rename(tmp_path / "moved")  # its members are inside
    assert len(ensemble_folder.EnsembleFolder(tmp_path / "moved").ensemble().members) == 2
    published.get("both")
    assert len(server.asked) == 2


def test_an_ensemble_whose_second_member_fails_is_not_there(server, known, tmp_path):
    known(small_models.serve(server, "one", torch_writer.state_of(small_models.network()), tmp_path / "one.pth"))
    missing = catalogue.GitHubFile("o/r", small_models.COMMIT, "none.pth", f"git:{'0' * 40}", 1)
    known(small_models.entry("two", missing))
    known(small_models.entry("both", catalogue.Members(("one", "two"), "github.com/o/r", 2), builder=""))
    assert "none.pth: is not there (404)" in failure("both", output=tmp_path / "own")
    assert not (tmp_path / "own").exists() and not list(tmp_path.glob(".own*"))
    assert "404" in failure("both")
    assert names_in(places.folder("")) == ["one"]
    assert "404" in failure("both")
    assert len([path for path, _ in server.asked if "/one/" in path]) == 1  # verified, it need not come again


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lstm.weight": np.ones(3)}, "lstm.weight: the network has no such weight"),
        ({"dense_2.bias": np.ones(4)}, "dense_2.bias: shape"),
    ],
)
def test_weights_of_another_network_leave_nothing(server, known, tmp_path, change, message):
    state = torch_writer.state_of(small_models.network()) | change
    known(small_models.serve(server, "small", state, tmp_path / "a.pth"))
    assert failure("small").startswith(f"small: {message}")
    assert names_in(places.folder("")) == []
    failure("small")
    assert len(server.asked) == 1  # the file was right, and stays for a version that can read it


def test_a_full_disk_leaves_nothing(small, server, monkeypatch):
    def full(self, path, *arguments, **options):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(keras.Model, "save", full)
    assert failure("small") == f"{places.folder('small')}: cannot be written (no space left on device)"
    assert names_in(places.folder("")) == []


def test_a_new_model_starts_from_one_by_its_name(small):
    from kerastag.training import pretrained

    published.get("small")
    fresh = small_models.network(seed=3)
    report = pretrained.load(fresh, "small", small_models.TAGS)
    assert not report.fresh
    for ours, theirs in zip(fresh.get_weights(), small.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
