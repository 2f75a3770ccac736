"""HDF5 files of weights, looked at before they are read: one may state more than it holds, or lead elsewhere."""

import h5py

MOST_UNPACKED = 4  # times its size; weights hardly shrink
_SLACK = 1 << 20  # bytes


def check(file: h5py.File, num_bytes: int) -> None:
    """Checks that an open file holds plain arrays of its own, which take little more memory than itself.

    Args:
      file: the file.
      num_bytes: its size.

    Raises:
      ValueError: it does not.
      OSError, KeyError, RuntimeError: it is damaged.
    """
    left, waiting, seen = MOST_UNPACKED * num_bytes + _SLACK, [file["/"]], set()
    while waiting:
        group = waiting.pop()
        place = h5py.h5o.get_info(group.id).addr
        if place in seen:
            raise ValueError(f"{group.name} is there twice")
        seen.add(place)
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{name} leads elsewhere")
            there = group[name]
            if isinstance(there, h5py.Group):
                waiting.append(there)
                continue
            left -= _size(there)  # however often it is linked to
            if left < 0:
                raise ValueError("it unpacks to more than it is")


def _size(there: h5py.HLObject) -> int:
    """Bytes of an array. Raises ValueError: it is none, or lies in other files."""
    if not isinstance(there, h5py.Dataset) or there.dtype.kind not in "fiub":
        raise ValueError(f"{there.name} is no array of numbers")
    if there.external or there.is_virtual:
        raise ValueError(f"{there.name} lies in another file")
    return int(there.size or 0) * there.dtype.itemsize
