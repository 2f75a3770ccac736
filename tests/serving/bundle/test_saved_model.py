"""An export appears checked or not at all, and holds what it needs once."""

import collections

import numpy as np
import pytest
from tensorflow.core.protobuf import saved_model_pb2

from kerastag import errors, tags
from kerastag.models import folding, popularity
from kerastag.runs.model import Combination
from kerastag.serving.bundle import saved_model
from kerastag.serving.check import checking
from kerastag.serving.graph.served_model import ServedModel

TAGS = ("a", "b", "c")
EMPTY = b"\x12\x00"  # a SavedModel's meta_graphs = 2, one of them, without signatures


def test_an_export_with_other_weights_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    networks = [popularity.Popular(shares) for shares in ([0.1, 0.2, 0.3], [0.3, 0.2, 0.1])]
    combination = Combination("mean", (0.5, 0.5))
    monkeypatch.setattr(Combination, "__call__", lambda self, members: members[0])
    with pytest.raises(errors.KerastagError, match="results of .* differ by 0.1 from the model's; not written"):
        saved_model.export(ServedModel(networks, tags.Vocabulary(TAGS), combination, 2), tmp_path / "served" / "1")
    assert not list(tmp_path.rglob("*.pb"))


@pytest.mark.parametrize(
    ("precision", "signature", "difference", "passes"),
    [
        ("float32", "serving_default", 9e-6, True),
        ("float32", "taggram", 2e-5, False),
        ("float32", "embed", 2e-5, False),
        ("mixed_bfloat16", "network_1", 9e-3, True),
        ("mixed_bfloat16", "classify_wav", 2e-2, False),
        ("mixed_bfloat16", "embed", 4e-2, True),
        ("mixed_bfloat16", "embed", 6e-2, False),
        ("float32", "metadata", np.inf, False),
    ],
)
def test_how_much_may_differ(precision, signature, difference, passes, tmp_path, monkeypatch):
    found = {"serving_default": 1e-7, signature: difference}
    monkeypatch.setattr(saved_model, "save", lambda served, folder: (folder / "saved_model.pb").write_bytes(EMPTY))
    monkeypatch.setattr(saved_model.checking, "check", lambda *given: checking.CheckResult(found, None))
    networks = [popularity.Popular([0.1, 0.2, 0.3], precision=precision)]
    arguments = ServedModel(networks, tags.Vocabulary(TAGS), Combination(), 2), tmp_path / "1"
    if passes:
        assert saved_model.export(*arguments).difference == (1e-7 if signature == "embed" else difference)  # of a score
    else:
        with pytest.raises(errors.KerastagError, match=f"results of {signature} differ by .*; not written"):
            saved_model.export(*arguments)
    assert (tmp_path / "1").exists() == passes


def test_an_export_needs_a_threshold_for_each_tag():
    networks = [popularity.Popular([0.1, 0.2, 0.3])]
    with pytest.raises(errors.KerastagError, match=r"thresholds are \(2,\) for 3 tags"):
        ServedModel(networks, tags.Vocabulary(TAGS), Combination(), 2, np.array([0.1, 0.2]))


@pytest.fixture(scope="module", params=["float32", "mixed_bfloat16"])
def folded(request, network):
    return folding.fold(network(num_channels=8), request.param)


@pytest.fixture(scope="module")
def folder(folded, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "1"
    saved_model.save(ServedModel([folded], tags.Vocabulary(TAGS), Combination(), 2), folder)
    return folder


@pytest.fixture(scope="module")
def graph(folder):
    """All nodes, those of functions included; and the functions."""
    (meta,) = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs
    library = meta.graph_def.library.function
    return [*meta.graph_def.node, *(node for function in library for node in function.node_def)], library


def test_weights_are_stored_once_and_nothing_beside_them(folded, folder):
    (stored,) = (folder / "variables").glob("*.data-*")
    weights = sum(np.asarray(weight).nbytes for weight in folded.weights)
    assert weights <= stored.stat().st_size < weights + 20_000  # the object graph


def test_constants_are_stored_once(graph, folder):
    large = collections.Counter(
        node.attr["value"].tensor.tensor_content for node in graph[0] if node.op == "Const" and node.ByteSize() > 20_000
    )
    assert sorted(map(len, large)) == [27_864, 257 * 128 * 4]  # resampling kernels, mel bands
    assert set(large.values()) == {1}
    assert (folder / "saved_model.pb").stat().st_size < 1_000_000


def test_the_graph_is_for_inference_in_plain_tensorflow(graph):
    nodes, library = graph
    operations = {node.op for node in nodes}
    assert {"Conv2D", "While", "RFFT"} <= operations
    unwanted = ("PyFunc", "Dropout", "Random", "Grad", "Backprop", "Xla", "Assign")
    found = {operation for operation in operations if any(word in operation for word in unwanted)}
    assert found <= {"AssignVariableOp"}  # of loading
    assert not [function.signature.name for function in library if "grad" in function.signature.name.lower()]
    attributes = [one.attr for one in (*nodes, *library)]
    assert not [name for each in attributes for name, value in each.items() if "Xla" in name and value.b]
