"""Flags of training that starts from an earlier model: what stays as it is, what learns slower, probes."""

from typing import TYPE_CHECKING, Any

from absl import flags

from kerastag import errors, models

if TYPE_CHECKING:
    from kerastag.models.foreign import source

ALL_BUT_HEAD = "all_but_head"
_BASE_DETAILS = ("base_input", "base_output", "base_sample_rate", "base_chunk_seconds")


def define(values: flags.FlagValues) -> None:
    """What becomes of the weights of --pretrained."""
    flags.DEFINE_string(
        "freeze",
        "none",
        f"What stays as --pretrained has it: none, {ALL_BUT_HEAD}, or the number of blocks from the input on "
        f"({', '.join(f'{name}: up to {count}' for name, count in models.NUM_BLOCKS.items())}).",
        flag_values=values,
    )
    flags.DEFINE_float(
        "layer_decay",
        1.0,
        "Each block learns at the rate of the block after it times this, the head at --learning_rate; 1: all alike.",
        0.01,
        1.0,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "probe_units",
        0,
        "--model=probe or pool: units of the hidden layer between embedding and tags; 0: none, the head is linear.",
        0,
        8192,
        flag_values=values,
    )
    _define_base(values)


def _define_base(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "base",
        None,
        "--model=probe or pool: what it stands on in place of --pretrained, any network from waveform to embedding: "
        "the folder of a TensorFlow SavedModel, or an .onnx file.",
        flag_values=values,
    )
    for what, verb in (("input", "takes"), ("output", "gives")):
        flags.DEFINE_string(
            f"base_{what}", None, f"Name of what --base {verb}; default: the only one there is.", flag_values=values
        )
    flags.DEFINE_integer(
        "base_sample_rate",
        None,
        "Sample rate of the waveforms that --base takes, in Hz.",
        1000,
        192_000,
        flag_values=values,
    )
    flags.DEFINE_float(
        "base_chunk_seconds",
        None,
        "Length of the waveforms that --base takes, in seconds.",
        0.01,
        600.0,
        flag_values=values,
    )


def start(values: flags.FlagValues, resumed: bool) -> dict[str, Any]:
    """What training starts from, and what of it stays as it is, as build.Network takes it."""
    return {
        "pretrained": None if resumed else values.pretrained,
        "foreign": None if resumed else _foreign_base(values),
        "frozen_blocks": frozen_blocks(values),
    }


def _foreign_base(values: flags.FlagValues) -> "source.Source | None":
    """What the flags say of --base; None: it is not given. It is not read yet."""
    if values.base is None:
        return None
    from kerastag.models.foreign import source

    names = (values.base_input, values.base_output)
    return source.Source(values.base, values.base_sample_rate, values.base_chunk_seconds, *names)


def frozen_blocks(values: flags.FlagValues) -> int:
    """How many blocks --freeze says.

    Raises:
      UsageError: it is no such number, or contradicts other flags.
    """
    _check_base(values)
    _check_probe(values)
    num_blocks = models.NUM_BLOCKS.get(values.model, 0) - (models.RESIDUAL_BLOCKS - values.num_blocks)
    number = {"none": "0", ALL_BUT_HEAD: str(num_blocks)}.get(values.freeze, values.freeze)
    if not (number.isascii() and number.isdigit()):
        raise errors.UsageError(f"--freeze={values.freeze}: not none, {ALL_BUT_HEAD} or a number of blocks")
    if values.freeze == "none":
        return 0
    if values.model not in models.NUM_BLOCKS:
        raise errors.UsageError(f"--freeze={values.freeze}: --model={values.model} has nothing to freeze")
    if int(number) > num_blocks:
        raise errors.UsageError(f"--freeze={values.freeze}: {values.model} has {num_blocks} blocks before its head")
    if int(number) and values.pretrained is None:
        raise errors.UsageError(f"--freeze={values.freeze} needs --pretrained: fresh weights would never learn")
    return int(number)


def _check_base(values: flags.FlagValues) -> None:
    """Raises UsageError: --base contradicts other flags, or something is missing or of no use beside it."""
    if values.base is None:
        details = [name for name in _BASE_DETAILS if getattr(values, name) is not None]
        if details:
            raise errors.UsageError(f"--{details[0]} needs --base")
        return
    if values.model not in models.PROBES:
        raise errors.UsageError("--base needs --model=probe or pool, a head on what it gives")
    if values.pretrained is not None:
        raise errors.UsageError("--base and --pretrained contradict each other: a probe stands on one network")
    if values.base_sample_rate is None or values.base_chunk_seconds is None:
        raise errors.UsageError("--base needs --base_sample_rate and --base_chunk_seconds, the waveforms that it takes")


def _check_probe(values: flags.FlagValues) -> None:
    """Raises UsageError: flags that have no meaning for --model, or that a probe lacks."""
    if values.layer_decay != 1 and values.model not in models.NUM_BLOCKS:
        raise errors.UsageError(
            f"--layer_decay={values.layer_decay:g}: --model={values.model} has no blocks that learn"
        )
    model = f"--model={values.model}"
    if values.model not in models.PROBES:
        if values.probe_units:
            raise errors.UsageError(f"--probe_units={values.probe_units} needs --model=probe or pool")
        return
    if values.pretrained is None and values.base is None:
        raise errors.UsageError(f"{model} needs --pretrained or --base, the network that it stands on")
    if values.freeze != "none":
        raise errors.UsageError(f"--freeze={values.freeze}: all of its base stays as it is under {model}")
    if values.mixup_alpha:
        raise errors.UsageError(f"--mixup_alpha={values.mixup_alpha:g} mixes audio, which {model} does not train on")
