"""Flags of what a network hears: its mel front end, and how examples are changed while it trains."""

from typing import Any

from absl import flags

from kerastag import errors

NETWORKS = ("short_chunk_resnet", "short_chunk_attention")  # that have these options
_FRONT_END: dict[str, Any] = {"num_mels": 128, "mel_norm": "none", "compression": "decibel"}  # the recipe's
_AUGMENTATION = ("time_masks", "frequency_masks", "gain_db", "filter_db", "time_roll")


def define(values: flags.FlagValues) -> None:
    """The front end and augmentation of the paper's network."""
    flags.DEFINE_integer("num_mels", _FRONT_END["num_mels"], "Mel bands up to 8 kHz.", 16, 512, flag_values=values)
    flags.DEFINE_enum(
        "mel_norm",
        _FRONT_END["mel_norm"],
        ("none", "slaney"),
        "Mel triangles with a peak of 1, or with an area of 1.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "compression",
        _FRONT_END["compression"],
        ("decibel", "pcen"),
        "What the power of a band becomes: decibels, or per-channel energy normalisation.",
        flag_values=values,
    )
    for name, what in (("time", "a fifth of a chunk"), ("frequency", "a third of the bands")):
        text = f"SpecAugment: masks along {name} for each example in training, up to {what} wide each."
        flags.DEFINE_integer(f"{name}_masks", 0, text, 0, 20, flag_values=values)
    flags.DEFINE_float(
        "gain_db", 0.0, "Examples in training are louder or softer by up to so many dB.", 0.0, 40.0, flag_values=values
    )
    flags.DEFINE_float(
        "filter_db",
        0.0,
        "FilterAugment: examples in training go through a random equaliser of up to so many dB.",
        0.0,
        40.0,
        flag_values=values,
    )
    flags.DEFINE_bool(
        "time_roll", False, "Examples in training begin anywhere and go on with their start.", flag_values=values
    )


def check(values: flags.FlagValues) -> None:
    """Raises UsageError: a flag of another network than --model, or two that contradict each other."""
    changed = [name for name in (*_FRONT_END, *_AUGMENTATION) if getattr(values, name) != values[name].default]
    if changed and values.model not in NETWORKS:
        raise errors.UsageError(f"--{changed[0]} needs --model={' or '.join(NETWORKS)}, not {values.model}")
    if values.filter_db and values.compression == "pcen":
        raise errors.UsageError("--filter_db adds decibels, which --compression=pcen does not have")


def options(values: flags.FlagValues) -> dict[str, Any]:
    """Both as build.Network takes them; what is left as the recipe has it is not named."""
    front_end: dict[str, Any] = {}
    if values.num_mels != _FRONT_END["num_mels"]:
        front_end["num_mels"] = values.num_mels
    if values.mel_norm == "slaney":
        front_end["unit_area"] = True
    if values.compression != _FRONT_END["compression"]:
        front_end["compression"] = values.compression
    changes = {name: getattr(values, name) for name in _AUGMENTATION if getattr(values, name)}
    return {"front_end": front_end, "augmentation": changes}
