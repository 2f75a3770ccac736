"""Flags of weights that are averaged while training, and what contradicts them."""

from typing import TYPE_CHECKING

from absl import flags

from kerastag import errors
from kerastag.cli import options

if TYPE_CHECKING:
    from kerastag.training import averaging


def define(values: flags.FlagValues) -> None:
    """Which average is kept; by default none."""
    flags.DEFINE_float(
        "ema",
        0.0,
        "Decay of a moving average of the weights over steps, such as 0.999; the better of both on validation is the "
        "model. 0: none.",
        0.0,
        0.99999,
        flag_values=values,
    )
    options.positive(
        values,
        "swa_from",
        None,
        "First epoch of a mean of the weights at the ends of epochs (stochastic weight averaging); the better of both "
        "on validation is the model. Default: none.",
    )


def check(values: flags.FlagValues) -> None:
    """Checks that an average is kept of something, and no more than one.

    Raises:
      UsageError: flags contradict each other.
    """
    if values.ema and values.swa_from is not None:
        raise errors.UsageError("--ema and --swa_from contradict each other: a run keeps one average")
    given = [f"--ema={values.ema:g}"] if values.ema else []
    given += [] if values.swa_from is None else [f"--swa_from={values.swa_from}"]
    if given and values.model == "popular":
        raise errors.UsageError(f"{given[0]}: --model=popular has no weights to average")
    if values.swa_from is not None and values.swa_from > values.epochs:
        raise errors.UsageError(f"{given[0]} is beyond the last epoch, --epochs={values.epochs}")


def averaging_of(values: flags.FlagValues) -> "averaging.Averaging":
    """What the flags say."""
    from kerastag.training import averaging

    return averaging.Averaging(values.ema, values.swa_from)
