"""Flags that say who does the work: this process, or actors on a Ray cluster."""

from absl import flags

from kerastag import errors, ray_actors
from kerastag.cli import options

ENGINES = ("local", "ray")
OF_RAY = ("ray_address", "ray_workers", "ray_cpus", "ray_gpus")


def define(values: flags.FlagValues, text: str = "This process, or actors on a Ray cluster.") -> None:
    """The engine, with its line of help, and the cluster."""
    flags.DEFINE_enum("engine", ENGINES[0], ENGINES, text, flag_values=values)
    flags.DEFINE_string(
        "ray_address", None, "Of the Ray cluster, or auto; without it Ray starts on this machine.", flag_values=values
    )
    options.positive(values, "ray_workers", None, "Actors on Ray. Default: as many as its CPUs or GPUs carry.")
    flags.DEFINE_float("ray_cpus", 1.0, "CPUs of each actor on Ray.", 0.0, 1024.0, flag_values=values)
    flags.DEFINE_float(
        "ray_gpus", 0.0, "GPUs of each actor on Ray; 0.5: two actors share one.", 0.0, 64.0, flag_values=values
    )


def cluster_of(values: flags.FlagValues) -> ray_actors.Cluster | None:
    """The cluster that the flags describe; None: this process does the work.

    Raises:
      UsageError: a flag is for Ray, which is not asked for.
    """
    if values.engine == "ray":
        return ray_actors.Cluster(values.ray_address, values.ray_workers, values.ray_cpus, values.ray_gpus)
    given = [f"--{name}" for name in OF_RAY if values[name].present]
    if given:
        raise errors.UsageError(f"{given[0]} is for --engine=ray")
    return None
