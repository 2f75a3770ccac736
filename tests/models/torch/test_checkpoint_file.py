"""Checkpoints of PyTorch in both forms: what is read, and that nothing in them is ever run."""

import collections
import os
import pathlib
import pickle
import zipfile

import numpy as np
import pytest

from kerastag import errors
from kerastag.models.torch import checkpoint_file
from tools.attacks import torch_writer

WRITERS = [torch_writer.write_zip, torch_writer.write_sequence]
both_forms = pytest.mark.parametrize("write", WRITERS, ids=["zip", "sequence"])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.pth"


def _refusal(path):
    with pytest.raises(errors.KerastagError) as caught:
        checkpoint_file.read(path)
    message = str(caught.value)
    assert message.startswith(str(path)) and "\n" not in message
    return message


@both_forms
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_state_dict_comes_back(write, protocol, path, rng):
    arrays = {
        "layer1.conv_1.weight": rng.normal(0, 1, (4, 3, 3, 3)).astype(np.float32),
        "layer1.bn_1.num_batches_tracked": np.int64(12),
        "none": np.zeros((0, 3), np.float32),
    }
    write(path, torch_writer.state_dict(arrays), protocol)
    read = checkpoint_file.read(path)
    assert list(read) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype and read[name].shape == np.shape(array)


@both_forms
@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u1", "b1"])
def test_every_usual_dtype(write, dtype, path):
    array = np.array([[0, 1, 2], [3, 4, 100]]).astype(dtype)
    write(path, torch_writer.state_dict({"x": array}))
    read = checkpoint_file.read(path)["x"]
    assert read.dtype == (np.float32 if dtype == "f2" else np.dtype(dtype))
    np.testing.assert_array_equal(read, array)


@both_forms
def test_bfloat16_becomes_float32(write, path):
    numbers = np.array([1.0, -2.5, 3e38, 0.0], np.float32)
    upper_halves = (numbers.view(np.uint32) >> 16).astype(np.uint16)
    write(path, {"x": torch_writer.tensor(upper_halves, "0", "BFloat16")})
    read = checkpoint_file.read(path)["x"]
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, numbers, rtol=2**-7)


@both_forms
def test_views_of_one_storage(write, path):
    base = np.arange(24, dtype=np.float32).reshape(4, 6)
    storage = torch_writer.Storage("7", "Float", base.tobytes(), 24)
    views = {
        "all": torch_writer.Tensor(storage, 0, (4, 6), (6, 1)),
        "transposed": torch_writer.Tensor(storage, 0, (6, 4), (1, 6)),
        "every_other_column": torch_writer.Tensor(storage, 1, (4, 3), (6, 2)),
        "corner": torch_writer.Parameter(torch_writer.Tensor(storage, 23, (), ())),
    }
    write(path, views)
    read = checkpoint_file.read(path)
    expected = {"all": base, "transposed": base.T, "every_other_column": base[:, 1::2], "corner": base[3, 5]}
    for name, array in expected.items():
        np.testing.assert_array_equal(read[name], array)


@both_forms
@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict"])
def test_a_training_checkpoint_gives_its_state_dict_without_prefixes(write, key, path):
    state = torch_writer.state_dict({"module.a.weight": np.ones(2), "module.model.b.bias": np.zeros(3)})
    write(path, {"epoch": 3, "best": 0.5, "rates": [1e-3, None, True], key: state, "note": ("a", -1)})
    assert list(checkpoint_file.read(path)) == ["a.weight", "model.b.bias"]


@both_forms
def test_a_prefix_of_some_names_stays(write, path):
    write(path, torch_writer.state_dict({"module.a": np.ones(2), "b": np.zeros(3)}))
    assert list(checkpoint_file.read(path)) == ["module.a", "b"]


class _Hostile:
    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced


@both_forms
@pytest.mark.parametrize("function", [os.system, eval, getattr, collections.Counter, pickle.loads])
def test_a_hostile_file_is_refused_and_runs_nothing(write, function, path, tmp_path):
    marker = tmp_path / "was_run"
    write(path, {"x": torch_writer.tensor(np.ones(2), "0"), "y": _Hostile(function, f"touch {marker}")})
    message = _refusal(path)
    assert "refused" in message and f".{function.__name__}'" in message
    assert not marker.exists()


# each would run `touch MARKER`, or prepare it, in Python's unpickler
HOSTILE_PICKLES = {
    "plain pickle": b"cos\nsystem\n(S'touch MARKER'\ntR.",
    "instance": b"(S'touch MARKER'\nios\nsystem\n.",
    "object": b"(cos\nsystem\nS'touch MARKER'\no.",
    "by stack": b"\x80\x04\x8c\x02os\x8c\x06system\x93(S'touch MARKER'\ntR.",
    "extension": b"\x82\x01.",
    "attributes of a function": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x01\x00\x00\x00aK\x01sb.",
    "call of a storage": b"\x80\x02ctorch\nFloatStorage\n)R.",
    "another object": b"\x80\x02ccollections\nOrderedDict\n)\x81.",
    "dotted name": b"\x80\x04\x8c\x05torch\x8c\x10_utils.os.system\x93.",
}


@pytest.mark.parametrize("name", HOSTILE_PICKLES)
@pytest.mark.parametrize("form", ["alone", "zip"])
def test_a_hostile_pickle_is_refused_and_runs_nothing(name, form, path, tmp_path):
    data = HOSTILE_PICKLES[name].replace(b"MARKER", os.fsencode(tmp_path / "was_run"))
    if form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", data)
    else:
        path.write_bytes(data)
    assert "refused" in _refusal(path)
    assert not (tmp_path / "was_run").exists()


@both_forms
@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (7,), (1,)),
        (1, (6,), (1,)),
        (0, (2, 3), (4, 1)),
        (-1, (2,), (1,)),
        (5, (2,), (-1,)),
        (0, (-2,), (1,)),
        (0, (2**40,), (0,)),
        (0, (2,), (2**62,)),
        (0, (2, 3), (3,)),
        (0, (2.0,), (1,)),
    ],
)
def test_a_tensor_out_of_its_storage_is_refused(write, offset, size, stride, path):
    storage = torch_writer.Storage("0", "Float", bytes(24), 6)
    write(path, {"x": torch_writer.Tensor(storage, offset, size, stride)})
    assert "damaged" in _refusal(path)


@both_forms
@pytest.mark.parametrize("numel", [7, 2**40, 2**62])
def test_a_storage_that_states_more_than_it_has_is_refused(write, numel, path):
    storage = torch_writer.Storage("0", "Float", bytes(24), numel)
    write(path, {"x": torch_writer.Tensor(storage, 0, (6,), (1,))})
    assert "damaged" in _refusal(path)


@both_forms
def test_a_truncated_file_is_refused_wherever_it_ends(write, path, rng):
    write(path, torch_writer.state_dict({"x": rng.normal(0, 1, (9, 9)).astype(np.float32)}))
    whole = path.read_bytes()
    for length in range(0, len(whole), 17):
        path.write_bytes(whole[:length])
        _refusal(path)


def test_a_zip_that_unpacks_to_more_than_it_is_is_refused(path):
    state = torch_writer.state_dict({"x": np.zeros(1_000_000, np.float32)})
    torch_writer.write_zip(path, state, compression=zipfile.ZIP_DEFLATED)
    assert "unpacks to more" in _refusal(path)


def test_many_tensors_of_one_storage_are_refused(path):
    storage = torch_writer.Storage("0", "Half", bytes(20_000), 10_000)  # each would be float32 of its own
    torch_writer.write_zip(path, {str(n): torch_writer.Tensor(storage, 0, (10_000,), (1,)) for n in range(100)})
    assert "more than the file" in _refusal(path)


def test_a_call_again_and_again_with_a_long_list_is_refused(path):
    pairs = b"".join(b"(X\x04\x00\x00\x00%04dK\x01t" % number for number in range(5_000))
    named = b"ccollections\nOrderedDict\nq\x00](" + pairs + b"e\x85q\x01"
    path.write_bytes(b"\x80\x02" + named + b"h\x00h\x01R" * 5_000 + b".")
    assert "too many items" in _refusal(path)


@pytest.mark.parametrize(
    "content", [b"", b"# a text file\n", b"PK\x03\x04 and no more", pickle.dumps({"a": 1}), bytes(100)]
)
def test_a_file_that_is_no_checkpoint_is_refused(content, path):
    path.write_bytes(content)
    assert "no PyTorch checkpoint" in _refusal(path)


@both_forms
@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [1, 2], torch_writer.tensor(np.ones(2), "0")])
def test_a_checkpoint_without_a_state_dict_is_refused(write, content, path):
    write(path, content)
    assert "it holds no" in _refusal(path)


def test_a_deeply_nested_key_does_not_end_the_process(path):
    path.write_bytes(b"\x80\x02}" + b")" + b"\x85" * 200_000 + b"K\x01s.")
    assert "a key" in _refusal(path)


def test_a_missing_file_is_an_error_of_the_system(path):
    with pytest.raises(FileNotFoundError):
        checkpoint_file.read(path)


def test_a_file_that_torch_wrote(shared):
    state = checkpoint_file.read(shared("data/mtg_vggish_baseline.pth"))
    assert len(state) == 42
    assert state["conv_1.weight"].shape == (64, 1, 3, 3) and state["conv_1.weight"].dtype == np.float32
    assert state["bn_5.num_batches_tracked"].shape == ()


@pytest.fixture
def shared():
    """A function from a name to a file that is not part of the project; skips without it."""

    def find(name):
        path = pathlib.Path(__file__).parents[4] / "shared" / name
        if not path.is_file():
            pytest.skip(f"{name} is not here")
        return path

    return find
