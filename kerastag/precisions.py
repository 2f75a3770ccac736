"""The precision policy: half precision where the hardware is fast in it."""

import pathlib

NAMES = ("auto", "float32", "mixed_float16", "mixed_bfloat16")
_FAST_BFLOAT16 = {"amx_bf16", "avx512_bf16"}


def choose(name: str) -> str:
    """The Keras policy for `name`: "auto" is float16 on GPUs, bfloat16 on CPUs that are fast in it, else float32."""
    if name != "auto":
        return name
    if has_gpu():
        return "mixed_float16"
    return "mixed_bfloat16" if cpu_flags() & _FAST_BFLOAT16 else "float32"


def has_gpu() -> bool:
    """Whether TensorFlow sees a GPU."""
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def has_amx() -> bool:
    """Whether the CPU multiplies bfloat16 matrices in tiles, eight times as fast as AVX-512 does."""
    return "amx_bf16" in cpu_flags()


def cpu_flags() -> set[str]:
    """The instruction sets that Linux reports for the first CPU; empty elsewhere."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return next((set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), set())
