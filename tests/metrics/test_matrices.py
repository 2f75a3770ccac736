"""Only plain matrices of numbers are loaded."""

import pathlib
import pickle

import numpy as np
import pytest

from kerastag import errors, metrics


class Trap:
    """Runs code when it is unpickled."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.float16, np.float32, ">f8"])
def test_matrices_come_back_as_they_were(tmp_path, dtype):
    matrix = np.arange(6).reshape(2, 3).astype(dtype)
    np.save(tmp_path / "a.npy", matrix)
    loaded = metrics.load_matrix(str(tmp_path / "a.npy"))
    assert loaded.dtype == matrix.dtype
    np.testing.assert_array_equal(loaded, matrix)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(3), r"shape \(3,\), not \(tracks, tags\)"),
        (np.zeros((2, 3, 4)), r"shape \(2, 3, 4\), not \(tracks, tags\)"),
        (np.array([["a", "b"]]), "<U1 is not a type of real numbers"),
        (np.zeros((2, 2), complex), "complex128 is not a type of real numbers"),
        (np.zeros((2, 2), [("a", float)]), "is not a type of real numbers"),
    ],
)
def test_other_arrays_are_refused(tmp_path, array, message):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(errors.KerastagError, match=f"a.npy: .*{message}"):
        metrics.load_matrix(tmp_path / "a.npy")


def test_pickles_are_refused_unopened(tmp_path):
    trap = tmp_path / "sprung"
    np.save(tmp_path / "object.npy", np.array([[Trap(trap)]], dtype=object), allow_pickle=True)
    (tmp_path / "bare.npy").write_bytes(pickle.dumps(Trap(trap)))
    with pytest.raises(errors.KerastagError, match="object.npy: pickled objects are not loaded$"):
        metrics.load_matrix(tmp_path / "object.npy")
    with pytest.raises(errors.KerastagError, match="bare.npy: not a .npy file$"):
        metrics.load_matrix(tmp_path / "bare.npy")
    assert not trap.exists()


def test_broken_files_are_refused(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((100, 100)))
    whole = path.read_bytes()
    vast = whole.replace(b"(100, 100), ", b"(10**9, 9), ").replace(b"10**9", b"99999")
    for content in (whole[:-1], whole[:40], whole[:7], vast, whole.replace(b"(100, 100)", b"(100, 1x0)")):
        path.write_bytes(content)
        with pytest.raises(errors.KerastagError, match="a.npy: broken .npy file$"):
            metrics.load_matrix(path)
    np.savez(tmp_path / "b.npz", a=np.zeros((2, 2)))
    for path, reason in ((tmp_path / "b.npz", "not a .npy file"), (tmp_path / "c.npy", "no such file")):
        with pytest.raises(errors.KerastagError, match=reason):
            metrics.load_matrix(path)
    with pytest.raises(errors.KerastagError, match="is a directory"):
        metrics.load_matrix(tmp_path)
