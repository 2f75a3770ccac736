"""PyTorch checkpoints read without PyTorch, and without running anything that they bring along.

A checkpoint is a pickle, and a pickle is a program. This module has its own interpreter for the few instructions that
tensors in dicts, lists and tuples take; a file that asks for anything else is refused. Both forms of torch.save are
read: the zip archive (since PyTorch 1.6) and the older sequence of pickles with the raw storages after them.
"""

import dataclasses
import io
import os
import pathlib
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np

from kerastag import errors
from kerastag.models import torch_pickle

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_WRAPPERS = ("state_dict", "model", "model_state_dict")
_PREFIXES = ("module.", "model.", "_orig_mod.")  # of DataParallel, of Lightning, of torch.compile
_DAMAGED = (
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, OverflowError, MemoryError),
    *(NotImplementedError, RuntimeError, zipfile.BadZipFile),
)
_DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "<u2",  # the upper half of a float32
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "<u1",
}
