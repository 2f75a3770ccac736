"""Hyperparameters of the losses as flags."""

from absl import flags

from kerastag import errors, losses

_DETAILS = (  # name, bounds, what it does
    ("gamma", (0.0, 5.0), "focal losses, hill, splc: how much less easy decisions count; 0: not at all"),
    ("alpha", (0.0, 1.0), "weight of present tags in the focal losses; absent ones have 1 - alpha"),
    ("beta", (0.0, 0.999999), "cb_*: the closer to 1, the closer weights are to the inverse frequency of a tag"),
    ("negative_scale", (0.0, 100.0), "db_*: lambda, by which logits of absent tags are scaled and their loss divided"),
    ("rebalance_alpha", (0.0, 10.0), "db_*: smallest weight of a tag"),
    ("rebalance_beta", (0.0, 1000.0), "db_*: slope of the weight's sigmoid"),
    ("rebalance_mu", (0.0, 1.0), "db_*: midpoint of the weight's sigmoid"),
    ("kappa", (0.0, 10.0), "db_*: scale of the bias by tag; the paper's models have none"),
    ("gamma_negative", (0.0, 10.0), "asl, ral: focusing exponent of absent tags"),
    ("gamma_positive", (0.0, 10.0), "asl, ral: focusing exponent of present tags"),
    ("clip", (0.0, 0.99), "asl, ral: absent tags that score less have no loss"),
    (
        "hill_lambda",
        (0.0, 10.0),
        "hill, ral: lambda in (lambda - p) p^2; below 1.5 confident mistakes count less again",
    ),
    ("margin", (0.0, 10.0), "hill, splc: by which the logits of present tags are lowered"),
    ("tau", (0.0, 1.0), "splc: score above which an absent tag is taken for one whose label is missing"),
    ("positive_temperature", (0.01, 100.0), "two_way: the lower, the more the lowest logit of a present tag counts"),
    ("negative_temperature", (0.01, 100.0), "two_way: the lower, the more the highest logit of an absent tag counts"),
    ("first_coefficient", (-10.0, 10.0), "ral: what the first Taylor coefficient for present tags is lowered by"),
    (
        "second_coefficient",
        (-10.0, 10.0),
        "ral: twice what the second Taylor coefficient for present tags is lowered by",
    ),
)
_DEFAULT = "Default: the loss's own, as published."


def define(values: flags.FlagValues) -> None:
    """Hyperparameters of the losses; None leaves a loss its own default."""
    for name, bounds, text in _DETAILS:
        flags.DEFINE_float(name, None, f"{text[0].upper()}{text[1:]}. {_DEFAULT}", *bounds, flag_values=values)
    text = f"Splc: epochs before labels are corrected; 0: none. {_DEFAULT}"
    flags.DEFINE_integer("start_epoch", None, text, 0, flag_values=values)


def given(values: flags.FlagValues) -> dict[str, float]:
    """The hyperparameters that were given, by name.

    Raises:
      UsageError: the loss has no such hyperparameter.
    """
    names = sorted({name for known in losses.HYPERPARAMETERS.values() for name in known})
    details = {name: getattr(values, name) for name in names if getattr(values, name) is not None}
    for name in details:
        if name not in losses.HYPERPARAMETERS[values.loss]:
            raise errors.UsageError(f"--{name}: the loss {values.loss} has no such hyperparameter")
    return details
