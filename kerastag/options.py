"""Flags that several commands share, and what they stand for."""

import pathlib

from absl import flags

from kerastag import audio, errors, precisions
from kerastag.data import demo

DEMO = "demo"
SPLITS = ("train", "validation", "test")


def define_data(values: flags.FlagValues) -> None:
    """Where the music is."""
    flags.DEFINE_string(
        "data_dir",
        None,
        "Folder of audio with train.tsv, validation.tsv and test.tsv. Without it the built-in demo set is used.",
        flag_values=values,
    )


def define_splits(values: flags.FlagValues) -> None:
    """Split files that do not have the usual names."""
    for name in SPLITS:
        text = f"The {name} split file, if it is not {name}.tsv in --data_dir"
        if name == "train":
            flags.DEFINE_list("train_split", None, text + "; several with commas.", flag_values=values)
        else:
            flags.DEFINE_string(f"{name}_split", None, text + ".", flag_values=values)


def define_reading(values: flags.FlagValues) -> None:
    """How audio becomes chunks."""
    flags.DEFINE_integer(
        "batch_size", 32, "Chunks per step, over all devices together.", lower_bound=1, flag_values=values
    )
    flags.DEFINE_enum(
        "decoder",
        "soundfile",
        audio.DECODERS,
        "Who decodes audio: soundfile reads only the part it needs; tfio is tensorflow-io, inside the graph.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "input_dtype",
        "int16",
        ("int16", "float32"),
        "What chunks are on their way to the device; int16 takes half the memory and transfer.",
        flag_values=values,
    )


def define_devices(values: flags.FlagValues) -> None:
    """What computes, and in which precision."""
    flags.DEFINE_enum(
        "precision",
        "auto",
        precisions.NAMES,
        "Of the network; auto is float16 on GPUs, bfloat16 on CPUs that are fast in it, else float32. "
        "The mel front end is always float32.",
        flag_values=values,
    )


def define_verbosity(values: flags.FlagValues) -> None:
    """How much is said."""
    flags.DEFINE_integer(
        "verbosity",
        0,
        "1 shows tracebacks and TensorFlow's own log.",
        lower_bound=0,
        upper_bound=1,
        flag_values=values,
    )


def positive(values: flags.FlagValues, name: str, default: int | None, text: str) -> None:
    """Defines a flag for a count of at least 1."""
    flags.DEFINE_integer(name, default, text, lower_bound=1, flag_values=values)


def require(values: flags.FlagValues, *names: str) -> None:
    """Checks that flags without a default were given.

    Raises:
      UsageError: one is missing.
    """
    for name in names:
        if getattr(values, name) is None:
            raise errors.UsageError(f"--{name} is needed")


def data_folder(data_dir: str | None) -> pathlib.Path:
    """The folder of `--data_dir`, or of the demo set, which is made on first use.

    Raises:
      KerastagError: there is no such folder.
    """
    if data_dir is None:
        return demo.ensure()
    folder = pathlib.Path(data_dir)
    if not folder.is_dir():
        raise errors.KerastagError(f"{data_dir}: no such folder")
    return folder
