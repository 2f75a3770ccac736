"""HDF5 files that state more than they hold, or lead elsewhere, cost no more than being looked at."""

import tracemalloc

import h5py
import numpy as np
import pytest

from kerastag import errors, models
from kerastag.models import hdf5, loading
from kerastag.training import pretrained


def plain(file):
    group = file.create_group("layers/dense/vars")
    group.attrs["name"] = "dense"
    group["0"], group["1"] = np.ones((300, 4), np.float32), np.zeros(4, np.float32)


def terabytes(file):
    file["layers/dense/vars"].create_dataset("2", (1 << 20, 1 << 20), np.float32)  # of which nothing is stored


def zeros(file):
    content = np.zeros(10_000_000, np.float32)
    file["layers/dense/vars"].create_dataset("2", data=content, chunks=True, compression="gzip")


def many_names_of_one(file):
    file["layers/dense/vars/big"] = np.ones(100_000, np.float32)
    for number in range(2, 40):
        file["layers/dense/vars"][str(number)] = file["layers/dense/vars/big"]


def outside(file):
    file["layers/dense/vars"]["2"] = h5py.ExternalLink("/etc/passwd", "/x")


def soft(file):
    file["layers/dense/vars"]["2"] = h5py.SoftLink("/layers/dense/vars/0")


def raw_bytes_of_another_file(file):
    file["layers/dense/vars"].create_dataset("2", (4,), np.uint8, external=[("/etc/passwd", 0, 4)])


def virtual(file):
    layout = h5py.VirtualLayout((4,), np.float32)
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
    file["layers/dense/vars"].create_virtual_dataset("2", layout)


def circle(file):
    file["layers/dense/vars/2"] = file["layers"]


def texts(file):
    file["layers/dense/vars"].create_dataset("2", data=["a"], dtype=h5py.string_dtype())


ATTACKS = {
    terabytes: "unpacks to more",
    zeros: "unpacks to more",
    many_names_of_one: "unpacks to more",
    outside: "leads elsewhere",
    soft: "leads elsewhere",
    raw_bytes_of_another_file: "lies in another file",
    virtual: "lies in another file",
    circle: "is there twice",
    texts: "is no array of numbers",
}


def test_plain_arrays_are_read(tmp_path):
    with h5py.File(tmp_path / "a.weights.h5", "w") as file:
        plain(file)
        hdf5.check(file, 5000)
    assert [value.shape for value in loading.read_weights(tmp_path / "a.weights.h5")["dense"]] == [(300, 4), (4,)]


@pytest.mark.parametrize(("attack", "words"), ATTACKS.items(), ids=[attack.__name__ for attack in ATTACKS])
def test_what_states_more_than_it_holds_or_leads_elsewhere_is_refused(attack, words, tmp_path):
    path = tmp_path / "a.weights.h5"
    with h5py.File(path, "w") as file:
        plain(file)
        attack(file)
    network = models.popular([0.5])
    tracemalloc.start()
    with pytest.raises(errors.KerastagError, match=rf"a\.weights\.h5: no weights of Keras \(.*{words}"):
        pretrained.load(network, path, ["a"])
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10 << 20
