"""The precision policy: half precision where the hardware is fast in it."""

import pathlib

NAMES = ("auto", "float32", "mixed_float16", "mixed_bfloat16")
_FAST_BFLOAT16 = {"amx_bf16", "avx512_bf16"}
_BFLOAT16_CAPABILITY = (8, 0)


def choose(name: str) -> str:
    """The Keras policy for `name`: "auto" is the half precision that the hardware is fast in, else float32.

    That is bfloat16, which needs no loss scaling, on CPUs with AMX or AVX-512 bfloat16 and on GPUs of compute
    capability 8 (Ampere) or more, and float16 on older GPUs.
    """
    if name != "auto":
        return name
    if has_gpu():
        return "mixed_bfloat16" if _compute_capability() >= _BFLOAT16_CAPABILITY else "mixed_float16"
    return "mixed_bfloat16" if cpu_flags() & _FAST_BFLOAT16 else "float32"


def has_gpu() -> bool:
    """Whether TensorFlow sees a GPU, and may use it."""
    import tensorflow as tf

    return bool(tf.config.get_visible_devices("GPU"))


def _compute_capability() -> tuple[int, int]:
    """The least of the visible GPUs'; (0, 0) where TensorFlow does not know."""
    import tensorflow as tf

    details = map(tf.config.experimental.get_device_details, tf.config.get_visible_devices("GPU"))
    return min((each.get("compute_capability") or (0, 0) for each in details), default=(0, 0))


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
