"""The keys of metrics.json, and of the documents that are in it: what figures are while they travel."""

from typing import TypedDict


class Areas(TypedDict):
    """Areas under the two curves; None: not defined for want of positives or negatives."""

    pr_auc: float | None
    roc_auc: float | None


class TagAreas(Areas):
    """Areas of one tag, and how many tracks have it."""

    positives: int


class GroupAreas(Areas):
    """Mean areas of a group of tags, and its size."""

    num_tags: int


class Bounds(TypedDict):
    """A 95 % interval; bias: the mean over resamples minus the figure."""

    low: float
    high: float
    bias: float


class AreaBounds(TypedDict, total=False):
    """Intervals of the areas of a group."""

    pr_auc: Bounds | None
    roc_auc: Bounds | None


class TagBounds(AreaBounds):
    """Intervals of one tag's areas and lift; num_clusters: how many artists or tracks its positives come from."""

    lift: Bounds | None
    num_clusters: int


class Resampled(TypedDict):
    """What a bootstrap drew."""

    unit: str
    num_clusters: int
    num_resamples: int
    seed: int
    level: float


class Intervals(Resampled, total=False):
    """Intervals under the keys of the figures."""

    pr_auc_macro: Bounds | None
    roc_auc_macro: Bounds | None
    pr_auc_micro: Bounds | None
    roc_auc_micro: Bounds | None
    lwlrap: Bounds | None
    hit_rate_at_1: Bounds | None
    hit_rate_at_5: Bounds | None
    groups: dict[str, AreaBounds]
    per_tag: dict[str, TagBounds]


class TagDecisions(TypedDict):
    """Precision, recall and F1 of one tag; decided: how many tracks were given it."""

    precision: float
    recall: float
    f1: float
    decided: int


class DecisionFigures(TypedDict):
    """Precision, recall and F1."""

    precision_macro: float
    recall_macro: float
    f1_macro: float
    precision_micro: float
    recall_micro: float
    f1_micro: float
    per_tag: dict[str, TagDecisions]


class _Difference(TypedDict):
    figure: str
    over: str
    first: float | None
    second: float | None
    difference: float | None
    low: float | None
    high: float | None
    probability_above_zero: float | None
    p: float | None


class Difference(_Difference, total=False):
    """One figure of two sets of scores; p_holm and verdict come with the correction for all tests."""

    p_holm: float | None
    verdict: str | None


class Pair(TypedDict):
    """Two sets of scores by their names, and their differences."""

    first: str
    second: str
    means: list[Difference]
    per_tag: list[Difference]


class Comparison(Resampled):
    """Sets of scores in pairs."""

    names: list[str]
    pairs: list[Pair]


class SpreadRow(TypedDict):
    """One figure over several runs; None: not defined."""

    figure: str
    over: str
    mean: float | None
    deviation_over_runs: float | None
    lowest: float | None
    highest: float | None
    low: float | None
    high: float | None
    deviation_over_resamples: float | None


class SeedSpread(Resampled):
    """Figures over runs that differ by their seeds."""

    num_runs: int
    figures: list[SpreadRow]


class CalibrationFigures(TypedDict):
    """The method, and the expected calibration error before and after."""

    method: str
    expected_calibration_error: dict[str, float]


class Headline(TypedDict):
    """Means over tags (macro), and over all pairs of track and tag (micro)."""

    pr_auc_macro: float | None
    roc_auc_macro: float | None
    pr_auc_micro: float | None
    roc_auc_micro: float | None


class _Figures(Headline):
    lwlrap: float | None
    num_tracks: int
    num_tags: int
    tags_without_positives: list[str]
    tags_without_negatives: list[str]
    constant_tags: list[str]
    per_tag: dict[str, TagAreas]


class Figures(_Figures, total=False):
    """metrics.json: the figures of a split, and what an evaluation adds."""

    hit_rate_at_1: float | None
    hit_rate_at_5: float | None
    groups: dict[str, GroupAreas]
    intervals: Intervals
    decisions: DecisionFigures
    calibration: CalibrationFigures
    popularity_baseline: Headline
    comparison: Comparison
    over_seeds: SeedSpread
    heard_in_part: dict[str, dict[str, object]]
