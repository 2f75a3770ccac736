"""What a measurement ran on, for the first lines of every benchmark."""

import dataclasses
import importlib.util
import os
import platform
from importlib import metadata

from kerastag import errors, precisions, runtime
from kerastag.runs import record

_FAST = {"amx_bf16", "avx512_bf16", "avx512_fp16", "avx512f", "avx2"}
_PEERS = ("torch", "librosa", "openvino", "tensorflow-serving-api")


def describe() -> str:
    """Two lines: the processor and its instruction sets that matter, and versions."""
    fast = " ".join(sorted(precisions.cpu_flags() & _FAST)) or "neither AVX2 nor AVX-512"
    versions = record.versions()
    for name in _PEERS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    processor = f"{platform.machine()}, {os.cpu_count()} cores, {fast}"
    return f"{processor}\n{', '.join(f'{name} {version}' for name, version in versions.items())}"


@dataclasses.dataclass(frozen=True)
class Accelerator:
    """What TensorFlow computes on: the GPU's name, None without one, and the policy that precision=auto means there."""

    gpu: str | None
    policy: str


def accelerator() -> Accelerator:
    """This machine's; it starts TensorFlow, so that it is to be asked in a process of its own."""
    runtime.start()
    import tensorflow as tf

    gpus = tf.config.get_visible_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]
    return Accelerator(names[0] if names else None, precisions.choose("auto"))


def need_librosa() -> None:
    """Raises KerastagError where librosa, with which a benchmark compares, is not installed."""
    if importlib.util.find_spec("librosa") is None:
        raise errors.KerastagError("librosa is not installed (pip install 'kerastag[torch]'), nothing to compare with")


def has_torch() -> bool:
    """Whether PyTorch is installed, with which a benchmark compares; prints a line if it is not."""
    try:
        import torch  # noqa: F401  the import itself is the question
    except ImportError:
        print("PyTorch is not installed (pip install 'kerastag[torch]'): no twin")
        return False
    return True
