"""Where a network is computed: precision by hardware, XLA where it pays, and why no GPU is used."""

import os

import pytest
import tensorflow as tf

from kerastag import computing, precisions, runtime
from kerastag.training import devices


@pytest.mark.parametrize(
    ("capabilities", "policy"),
    [([(7, 5)], "mixed_float16"), ([(8, 0)], "mixed_bfloat16"), ([(9, 0), (7, 0)], "mixed_float16")],
)
def test_precision_follows_what_the_gpus_are_fast_in(capabilities, policy, monkeypatch):
    details = {number: {"compute_capability": pair} for number, pair in enumerate(capabilities)}
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind=None: list(details))
    monkeypatch.setattr(tf.config.experimental, "get_device_details", details.get)
    assert computing.Computing().policy == policy
    assert computing.Computing("float32").policy == "float32"


@pytest.mark.parametrize(
    ("flags", "policy"),
    [
        ({"avx2", "avx512f"}, "float32"),
        ({"avx512_bf16"}, "mixed_bfloat16"),  # Zen 4, Cooper Lake
        ({"avx512_bf16", "avx512_fp16", "amx_bf16"}, "mixed_bfloat16"),  # Sapphire Rapids
        ({"avx512_bf16", "avx512_fp16"}, "float32"),  # the same where AMX is hidden: half as fast in bfloat16
    ],
)
def test_precision_follows_what_the_cpu_is_fast_in(flags, policy, monkeypatch):
    monkeypatch.setattr(precisions, "cpu_flags", lambda: flags)
    assert computing.Computing().policy == policy


def test_xla_is_for_long_work_on_gpus(monkeypatch):
    automatic, on, off = (computing.Computing(xla=name) for name in ("auto", "on", "off"))
    steps, chunks = computing.TRAINING_STEPS, computing.SCORED_CHUNKS
    assert not automatic.compiles_training(steps) and not automatic.compiles_scoring(chunks)
    assert on.compiles_training(1) and on.compiles_scoring(1)
    monkeypatch.setattr(precisions, "has_gpu", lambda: True)
    assert automatic.compiles_training(steps) and automatic.compiles_scoring(chunks)
    assert not automatic.compiles_training(steps - 1) and not automatic.compiles_scoring(chunks - 1)
    assert not off.compiles_training(steps) and not off.compiles_scoring(chunks)


def test_tf32_is_what_the_flag_says():
    try:
        for name in ("off", "on"):
            computing.Computing(tf32=name).start()
            assert tf.config.experimental.tensor_float_32_execution_enabled() == (name == "on")
    finally:
        computing.Computing().start()


def test_without_a_driver_the_device_line_says_that_no_gpu_was_seen(monkeypatch, tmp_path):
    monkeypatch.setattr(devices, "DRIVER", tmp_path / "none")
    line = devices.describe(devices.strategy("one"), "float32")
    assert line == "device: CPU (no GPU was seen), 1 replica, float32"


def test_with_a_driver_it_says_why_in_tensorflows_words_and_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(devices, "DRIVER", tmp_path)
    line = devices.describe(devices.strategy("one"), "float32")
    assert "\n" not in line and "pip install 'kerastag[gpu]'" in line
    assert "cuda" in line.lower() and "oneDNN" not in line and ".cc:" not in line


def test_what_xla_compiles_is_kept_for_this_machine_and_this_tensorflow(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_auto_jit=0")
    runtime._keep_compiled()
    own, folder, _ = os.environ["TF_XLA_FLAGS"].split()
    assert own == "--tf_xla_auto_jit=0"
    assert folder.split("=")[1].startswith(str(tmp_path / "kerastag" / "xla")) and folder.endswith(tf.__version__)
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_persistent_cache_directory=/elsewhere")
    runtime._keep_compiled()
    assert os.environ["TF_XLA_FLAGS"] == "--tf_xla_persistent_cache_directory=/elsewhere"
