"""Which devices a run uses: one, or all of one kind by a MirroredStrategy."""

import os
import pathlib
import re
import subprocess
import sys

import tensorflow as tf

from kerastag import cluster, errors, precisions

NAMES = ("auto", "one", "mirrored", "multi_worker")
DRIVER = pathlib.Path("/proc/driver/nvidia/version")
_LOG_PREFIX = re.compile(r"^([IWEF]\d{4} |\d{4}-).*?\] ")  # of TensorFlow's lines: level, time, thread, file
_OF_GPUS = re.compile(r"cuda|cudnn|dlopen|\bGPUs? (will|lib)", re.IGNORECASE)


def strategy(name: str = "auto", num_devices: int | None = None) -> tf.distribute.Strategy:
    """The strategy of that name.

    Args:
      name: "one" device, "mirrored" over several, "auto": mirrored where more than one GPU is visible; "multi_worker":
        all devices of several processes, see kerastag.cluster, which waits for them and must come before all else that
        TensorFlow does.
      num_devices: how many devices to mirror over; None: all GPUs, or one CPU. Without GPUs the CPU is divided
        into that many virtual devices, which tests the arithmetic and gains no speed.

    Raises:
      KerastagError: there are fewer devices than asked for, or a process is not told its place.
    """
    if name == "multi_worker":
        return tf.distribute.MultiWorkerMirroredStrategy(_resolver(cluster.place()))
    kind = "GPU" if precisions.has_gpu() else "CPU"
    if num_devices is not None and kind == "CPU":
        _divide_cpu(num_devices)
    names = [device.name.replace("/physical_device:", "") for device in tf.config.list_logical_devices(kind)]
    wanted = num_devices or (len(names) if kind == "GPU" else 1)
    if wanted > len(names):
        raise errors.KerastagError(f"{wanted} devices are asked for, and there are {len(names)} {kind}s", "num_devices")
    if name == "mirrored" or (name == "auto" and wanted > 1):
        # collectives of virtual CPUs are slower than adding up on one, and two strategies' would get mixed up
        reduction = tf.distribute.ReductionToOneDevice() if kind == "CPU" else None
        return tf.distribute.MirroredStrategy(names[:wanted], cross_device_ops=reduction)
    return tf.distribute.OneDeviceStrategy(names[0])


def _resolver(place: cluster.Place) -> tf.distribute.cluster_resolver.ClusterResolver:
    """What tells TensorFlow the addresses of all processes."""
    if place.scheduler == cluster.TF_CONFIG:
        return tf.distribute.cluster_resolver.TFConfigClusterResolver()
    # it knows the nodes; GPUs it divides itself, where Slurm shows each task its own, and it needs some
    slurm = tf.distribute.cluster_resolver.SlurmClusterResolver(
        gpus_per_node=place.count, gpus_per_task=1, auto_set_gpu=False
    )
    spec, (role, number) = slurm.cluster_spec(), slurm.get_task_info()
    gpus = {"GPU": len(tf.config.list_physical_devices("GPU"))}
    return tf.distribute.cluster_resolver.SimpleClusterResolver(spec, "", role, number, "", gpus, "grpc")


def describe(strategy: tf.distribute.Strategy, precision: str) -> str:
    """One line that says which devices are used, and why no GPU is among them."""
    gpus = tf.config.get_visible_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]
    kind = ", ".join(names[: strategy.num_replicas_in_sync]) if gpus else f"CPU ({_why_no_gpu()})"
    replicas = strategy.num_replicas_in_sync
    here = len(strategy.extended.worker_devices)
    several = f", of which {here} here" if here < replicas else ""
    return f"device: {kind}, {replicas} replica{'s' if replicas > 1 else ''}{several}, {precision}"


def _why_no_gpu() -> str:
    """That none was seen; where a driver serves some, why TensorFlow does not use them, in its own words."""
    if not DRIVER.exists():
        return "no GPU was seen"
    said = subprocess.run(
        [sys.executable, "-c", "import tensorflow as tf; tf.config.list_physical_devices('GPU')"],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "0"},  # this process has silenced what TensorFlow says as it starts
        capture_output=True,
        text=True,
        check=False,
    ).stderr
    reasons = [_LOG_PREFIX.sub("", line).strip() for line in said.splitlines() if _OF_GPUS.search(line)]
    reason = " ".join(dict.fromkeys(reasons)) or "TensorFlow does not say why"
    return f"a GPU's driver is here, and TensorFlow sees no GPU: {reason} CUDA's libraries: pip install 'kerastag[gpu]'"


def _divide_cpu(num_devices: int) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * num_devices)
    except RuntimeError:  # TensorFlow is in use already, with the devices it has
        if len(tf.config.list_logical_devices("CPU")) < num_devices:
            raise errors.KerastagError(
                f"{num_devices} devices are asked for, and the CPU is in use as one", "num_devices"
            ) from None
