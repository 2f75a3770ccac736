"""Flags of what a network hears: how much at once, by which mel front end, and how examples are changed in training."""

from typing import Any

from absl import flags

from kerastag import errors, models

_SHORT_CHUNK = ("short_chunk_resnet", "short_chunk_attention")
_FRONT_END = ("num_mels", "mel_norm", "compression")
_AUGMENTATION = ("time_masks", "frequency_masks", "gain_db", "filter_db", "time_roll")
# the networks that each flag is for
_USERS = {
    "num_blocks": _SHORT_CHUNK,
    "heard_chunks": ("short_chunk_attention", "pool"),
    "attention_layers": ("short_chunk_attention",),
    **dict.fromkeys((*_FRONT_END, *_AUGMENTATION), _SHORT_CHUNK),
}


def define(values: flags.FlagValues) -> None:
    """The recipe's own by default."""
    _define_network(values)
    _define_front_end(values)
    _define_augmentation(values)


def _define_network(values: flags.FlagValues) -> None:
    flags.DEFINE_integer(
        "num_blocks",
        models.RESIDUAL_BLOCKS,
        "Residual blocks of the short-chunk networks; fewer hear less around each place and compute less.",
        1,
        models.RESIDUAL_BLOCKS,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "heard_chunks",
        models.HEARD_CHUNKS,
        "short_chunk_attention and pool: consecutive chunks that are heard together; 6 of the paper's are 27.6 s.",
        2,
        64,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "attention_layers",
        models.ATTENTION_LAYERS,
        "short_chunk_attention: Transformer layers over the chunks.",
        1,
        24,
        flag_values=values,
    )


def _define_front_end(values: flags.FlagValues) -> None:
    flags.DEFINE_integer("num_mels", 128, "Mel bands up to 8 kHz.", 16, 512, flag_values=values)
    flags.DEFINE_enum(
        "mel_norm",
        "none",
        ("none", "slaney"),
        "Mel triangles with a peak of 1, or with an area of 1.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "compression",
        "decibel",
        ("decibel", "pcen"),
        "What the power of a band becomes: decibels, or per-channel energy normalisation.",
        flag_values=values,
    )


def _define_augmentation(values: flags.FlagValues) -> None:
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
    for name, users in _USERS.items():
        if getattr(values, name) != values[name].default and values.model not in users:
            raise errors.UsageError(f"--{name}={getattr(values, name)} needs --model={' or '.join(users)}")
    if values.filter_db and values.compression == "pcen":
        raise errors.UsageError("--filter_db adds decibels, which --compression=pcen does not have")


def options(values: flags.FlagValues) -> dict[str, Any]:
    """All of it as build.Network takes it; what is left as the recipe has it is not named."""
    changed = {name: getattr(values, name) for name in _USERS if getattr(values, name) != values[name].default}
    front_end = {
        "num_mels": changed.get("num_mels"),
        "unit_area": "mel_norm" in changed,
        "compression": changed.get("compression"),
    }
    return {
        "num_blocks": values.num_blocks,
        "heard_chunks": values.heard_chunks,
        "attention_layers": values.attention_layers,
        "front_end": {name: value for name, value in front_end.items() if value},
        "augmentation": {name: changed[name] for name in _AUGMENTATION if name in changed},
    }
