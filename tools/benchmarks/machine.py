"""What a measurement ran on, for the first lines of every benchmark."""

import os
import platform
from importlib import metadata

from kerastag import precisions
from kerastag.runs import run_folder

_FAST = {"amx_bf16", "avx512_bf16", "avx512_fp16", "avx512f", "avx2"}
_PEERS = ("torch", "librosa", "openvino", "tensorflow-serving-api")


def describe() -> str:
    """Two lines: the processor and its instruction sets that matter, and versions."""
    fast = " ".join(sorted(precisions.cpu_flags() & _FAST)) or "neither AVX2 nor AVX-512"
    versions = run_folder.versions()
    for name in _PEERS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    processor = f"{platform.machine()}, {os.cpu_count()} cores, {fast}"
    return f"{processor}\n{', '.join(f'{name} {version}' for name, version in versions.items())}"
