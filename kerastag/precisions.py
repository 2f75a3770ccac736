"""The precision policy: half precision where the hardware is fast in it."""

import pathlib

NAMES = ("auto", "float32", "mixed_float16", "mixed_bfloat16")
_BFLOAT16_CAPABILITY = (8, 0)


def choose(name: str) -> str:
    """The Keras policy for `name`: "auto" is the half precision that the hardware is fast in, else float32.

    That is bfloat16, which needs no loss scaling, on GPUs of compute capability 8 (Ampere) or more and on CPUs with AMX
    or a fast AVX-512 bfloat16, and float16 on older GPUs.
    """
    if name != "auto":
        return name
    if has_gpu():
        return "mixed_bfloat16" if _compute_capability() >= _BFLOAT16_CAPABILITY else "mixed_float16"
    return "mixed_bfloat16" if _is_fast_in_bfloat16(cpu_flags()) else "float32"


def has_gpu() -> bool:
    """Whether TensorFlow sees a GPU, and may use it."""
    import tensorflow as tf

    return bool(tf.config.get_visible_devices("GPU"))


def _compute_capability() -> tuple[int, int]:
    """The least of the visible GPUs'; (0, 0) where TensorFlow does not know."""
    import tensorflow as tf

    details = map(tf.config.experimental.get_device_details, tf.config.get_visible_devices("GPU"))
    return min((each.get("compute_capability") or (0, 0) for each in details), default=(0, 0))


def _is_fast_in_bfloat16(flags: set[str]) -> bool:
    """Whether a CPU multiplies bfloat16 matrices faster than float32 ones.

    With AVX-512 AMD's do, and Intel's Cooper Lake; Intel's later ones, known by avx512_fp16, leave it to AMX, and take
    twice as long as in float32 where a virtual machine hides that.
    """
    return "amx_bf16" in flags or ("avx512_bf16" in flags and "avx512_fp16" not in flags)


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
