"""The reliability card: for each tag how far its scores can be trusted, in figures and in a word.

The word follows from two ends of intervals over artists, so that it can be checked on the card:

  near chance  lift_low < 1.25: on other artists the tag may rank hardly better than chance
  reliable     lift_low >= 2, low >= 0.1, and the tag's positives come from at least 5 artists
  weak         all others
  unmeasured   no track has the tag

lift is PR-AUC over that of chance, the share of positives; lift_low is the low end of its interval. The bound
1.25 is above 1 because the lift of random scores is: PR-AUC of few positives is above their share. (With
random scores for the artists and tags of MTG-Jamendo's validation split, 1 tag in 100 had a lift_low above 1.25.)
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence

import numpy as np

from kerastag import errors, tags, tsv
from kerastag.metrics import tables
from kerastag.metrics.documents import DecisionFigures, Figures, TagAreas, TagBounds, TagDecisions

HEADER = (
    "tag",
    "pr_auc",
    "low",
    "high",
    "lift",
    "lift_low",
    "threshold",
    "precision",
    "recall",
    "calibrated",
    "word",
)
WORDS = ("reliable", "weak", "near chance", "unmeasured")
NEAR_CHANCE_BELOW = 1.25
RELIABLE_LIFT = 2.0
RELIABLE_PR_AUC = 0.1
RELIABLE_CLUSTERS = 5


@dataclasses.dataclass(frozen=True)
class Row:
    """One tag; figures are None where they are not defined.

    Attributes:
      tag: full name.
      pr_auc: on the split that the card is about, with the interval low .. high.
      lift: PR-AUC over the share of positives; lift_low: the low end of its interval.
      threshold: the score from which the tag is decided; infinity: never.
      precision: precision of the decisions; recall: their recall.
      calibrated: whether the tag's score can be turned into a probability.
      word: one of WORDS.
    """

    tag: str
    pr_auc: float | None
    low: float | None
    high: float | None
    lift: float | None
    lift_low: float | None
    threshold: float
    precision: float
    recall: float
    calibrated: bool
    word: str


def build(
    figures: Figures,
    decided: DecisionFigures,
    thresholds: np.ndarray,
    calibrated: np.ndarray | None = None,
) -> list[Row]:
    """The card of a split.

    Args:
      figures: what metrics.evaluate returned, with what intervals.bootstrap returned under "intervals".
      decided: what decisions.evaluate returned. On the split that the thresholds were fitted on it flatters.
      thresholds: threshold of each tag, (num_tags,).
      calibrated: which tags have a calibration, bool (num_tags,); None: none has.
    """
    return [
        _row(
            tag,
            figures["per_tag"][tag],
            figures["intervals"]["per_tag"][tag],
            figures["num_tracks"],
            decided["per_tag"][tag],
            float(thresholds[column]),
            calibrated is not None and bool(calibrated[column]),
        )
        for column, tag in enumerate(figures["per_tag"])
    ]


def word(low: float | None, lift_low: float | None, num_clusters: int) -> str:
    """One of WORDS, by the rule above.

    Args:
      low: the low end of the interval of PR-AUC.
      lift_low: that of the lift.
      num_clusters: how many artists (or tracks, if these were resampled) the positives come from.
    """
    if low is None or lift_low is None:
        return "unmeasured"
    if lift_low < NEAR_CHANCE_BELOW:
        return "near chance"
    is_reliable = lift_low >= RELIABLE_LIFT and low >= RELIABLE_PR_AUC and num_clusters >= RELIABLE_CLUSTERS
    return "reliable" if is_reliable else "weak"


def word_of(bounds: TagBounds) -> str:
    """The word of a tag by its intervals."""
    pr_auc, lift = bounds["pr_auc"], bounds["lift"]
    return word(pr_auc and pr_auc["low"], lift and lift["low"], bounds["num_clusters"])


def write(path: str | os.PathLike[str], card: Sequence[Row]) -> None:
    """Writes tag_card.tsv: full names, figures in full, nothing where there is none, `yes` or `no`."""
    tsv.write(path, HEADER, [[_cell(getattr(row, name)) for name in HEADER] for row in card])


def read(path: str | os.PathLike[str], vocabulary: tags.Vocabulary) -> dict[str, Row]:
    """Reads tag_card.tsv: rows by full tag name, in the file's order.

    Raises:
      KerastagError: the file is missing or no card, lacks a tag, or a line has an unknown one or what is no figure.
    """
    card = {}
    for number, cells in tsv.read(path, HEADER):
        try:
            row = _parsed(dict(zip(HEADER, cells, strict=False)))
            card[vocabulary.names[vocabulary.index(row.tag)]] = row
        except (errors.KerastagError, ValueError) as error:
            raise errors.KerastagError(f"{path}:{number}: {error}") from None
    for name in vocabulary.names:
        if name not in card:
            raise errors.KerastagError(f"{path}: no line for the tag {name!r}")
    return card


def table(card: Sequence[Row], split: str) -> tables.Table:
    """The card for people, the best tags first; `split`: what precision and recall are measured on."""
    names = dict(zip((row.tag for row in card), tags.Vocabulary([row.tag for row in card]).short_names, strict=True))
    ordered = sorted(card, key=lambda row: (WORDS.index(row.word), -(row.pr_auc or 0), row.tag))
    cells = tuple((names[row.tag], *(_shown(getattr(row, name)) for name in HEADER[1:])) for row in ordered)
    counts = ", ".join(f"{sum(row.word == kind for row in card)} {kind}" for kind in WORDS[:3])
    note = f"{counts}. Precision and recall at the threshold, on the {split} split."
    return tables.Table(("tag", "PR-AUC", "low", "high", "lift", "lift low", *HEADER[6:]), cells, note)


def _row(
    tag: str,
    areas: TagAreas,
    bounds: TagBounds,
    num_tracks: int,
    decided: TagDecisions,
    threshold: float,
    calibrated: bool,
) -> Row:
    pr_auc, lift = bounds["pr_auc"], bounds["lift"]
    return Row(
        tag,
        areas["pr_auc"],
        pr_auc and pr_auc["low"],
        pr_auc and pr_auc["high"],
        tables.lift(areas, num_tracks),
        lift and lift["low"],
        threshold,
        decided["precision"],
        decided["recall"],
        calibrated,
        word_of(bounds),
    )


def _cell(value: str | float | bool | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else repr(float(value))


def _shown(value: str | float | bool | None) -> tables.Cell:
    return _cell(value) if isinstance(value, bool) else value


def _parsed(cells: Mapping[str, str]) -> Row:
    """A row from its cells; raises ValueError."""
    if cells["word"] not in WORDS or cells["calibrated"] not in ("yes", "no"):
        raise ValueError(f"{cells['calibrated']!r}, {cells['word']!r}: not yes or no and a word of the card")

    def figure(name: str) -> float | None:
        return float(cells[name]) if cells[name] else None

    return Row(
        tag=cells["tag"],
        pr_auc=figure("pr_auc"),
        low=figure("low"),
        high=figure("high"),
        lift=figure("lift"),
        lift_low=figure("lift_low"),
        threshold=float(cells["threshold"]),
        precision=float(cells["precision"]),
        recall=float(cells["recall"]),
        calibrated=cells["calibrated"] == "yes",
        word=cells["word"],
    )
