"""Flags of training that starts from an earlier model: what stays as it is, what learns slower, probes."""

from absl import flags

from kerastag import errors, models

ALL_BUT_HEAD = "all_but_head"


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
        "--model=probe: units of the hidden layer between embedding and tags; 0: none, the probe is linear.",
        0,
        8192,
        flag_values=values,
    )


def frozen_blocks(values: flags.FlagValues) -> int:
    """How many blocks --freeze says.

    Raises:
      UsageError: it is no such number, or contradicts other flags.
    """
    _check_probe(values)
    num_blocks = models.NUM_BLOCKS.get(values.model, 0)
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


def _check_probe(values: flags.FlagValues) -> None:
    """Raises UsageError: flags that have no meaning for --model, or that a probe lacks."""
    if values.layer_decay != 1 and values.model not in models.NUM_BLOCKS:
        raise errors.UsageError(
            f"--layer_decay={values.layer_decay:g}: --model={values.model} has no blocks that learn"
        )
    if values.model != "probe":
        if values.probe_units:
            raise errors.UsageError(f"--probe_units={values.probe_units} needs --model=probe")
        return
    if values.pretrained is None:
        raise errors.UsageError("--model=probe needs --pretrained, the network that it stands on")
    if values.freeze != "none":
        raise errors.UsageError(f"--freeze={values.freeze}: all of --pretrained stays as it is under --model=probe")
    if values.mixup_alpha:
        raise errors.UsageError(
            f"--mixup_alpha={values.mixup_alpha:g} mixes audio, which --model=probe does not train on"
        )
