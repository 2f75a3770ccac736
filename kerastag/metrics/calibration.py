"""Scores to probabilities, tag by tag: Platt scaling and isotonic regression, fitted on a validation split.

Both keep the order of a tag's scores (isotonic regression makes some equal), so ranking figures hardly
change. Fitting uses scikit-learn; applying what was fitted needs NumPy only, and no more than an exponential
or a linear interpolation, so that a graph can do it as well.
"""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from kerastag import errors, files, json_types
from kerastag.metrics import matrices, reliability, resampling

METHODS = ("platt", "isotonic")
EPSILON = 1e-7  # scores are clipped to EPSILON .. 1 - EPSILON before the logit


@dataclasses.dataclass(frozen=True)
class Platt:
    """probability = sigmoid(slope * logit(score) + intercept); Platt 1999."""

    slope: float
    intercept: float

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-(self.slope * logit(scores) + self.intercept)))


@dataclasses.dataclass(frozen=True)
class Isotonic:
    """Straight lines between knots, level outside them; Zadrozny and Elkan 2002.

    Attributes:
      x: scores, strictly rising.
      y: probabilities, never falling, as many.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]

    @property
    def is_whole(self) -> bool:
        """Whether there are as many of both, in order."""
        rising = bool((np.diff(self.x) > 0).all() and (np.diff(self.y) >= 0).all())
        return 0 < len(self.x) == len(self.y) and rising

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        return np.interp(scores, self.x, self.y)


Map = Platt | Isotonic | None  # None: the tag's scores stay as they are


@dataclasses.dataclass(frozen=True)
class _Content:
    """What calibration.json says."""

    method: str
    tags: Mapping[str, Platt | Isotonic | None]
    expected_calibration_error: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Calibration:
    """One map for each tag.

    Attributes:
      method: one of METHODS.
      maps: by full tag name, in column order.
      errors: expected calibration error, mean over tags: "before" and "after".
    """

    method: str
    maps: Mapping[str, Map]
    errors: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def calibrated(self) -> np.ndarray:
        """Which tags have a map, bool (num_tags,)."""
        return np.array([tag_map is not None for tag_map in self.maps.values()])

    def apply(self, scores: np.ndarray) -> np.ndarray:
        """Probabilities, float64 (num_tracks, num_tags), of scores in [0, 1] with columns in the order of `maps`.

        Raises:
          KerastagError: there are more or fewer columns than maps.
        """
        if scores.ndim != 2 or scores.shape[1] != len(self.maps):
            raise errors.KerastagError(f"scores are {scores.shape} for {len(self.maps)} calibrated tags")
        probabilities = scores.astype(np.float64)
        for column, tag_map in enumerate(self.maps.values()):
            if tag_map is not None:
                probabilities[:, column] = tag_map(probabilities[:, column])
        return probabilities

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes calibration.json: method, errors and for each tag slope and intercept, x and y, or null."""
        content = {
            "method": self.method,
            "epsilon": EPSILON,
            "expected_calibration_error": dict(self.errors),
            "tags": {tag: tag_map and dataclasses.asdict(tag_map) for tag, tag_map in self.maps.items()},
        }
        files.write_json(path, content)

    @classmethod
    def read(cls, path: str | os.PathLike[str], tag_names: Sequence[str]) -> "Calibration":
        """Reads calibration.json, maps in the order of `tag_names`.

        Raises:
          KerastagError: the file is missing or damaged, or lacks a tag.
        """
        try:
            content = json_types.build(_Content, files.read_json(path), ignore_others=True)
            kind = {"platt": Platt, "isotonic": Isotonic}[content.method]
            maps = {tag: content.tags[tag] for tag in tag_names}
            for tag, tag_map in maps.items():
                is_other = tag_map is not None and not isinstance(tag_map, kind)
                if is_other or (isinstance(tag_map, Isotonic) and not tag_map.is_whole):
                    raise ValueError(f"that of {tag!r} is no {content.method} map")
            return cls(content.method, maps, content.expected_calibration_error)
        except (KeyError, TypeError, ValueError) as error:
            raise errors.KerastagError(f"{path}: not a calibration of these tags ({error})") from None


def fit(labels: np.ndarray, scores: np.ndarray, tag_names: Sequence[str], method: str = "platt") -> Calibration:
    """Fits one map for each tag; a tag without positives or without negatives gets none.

    Platt scaling starts from Platt's smoothed targets, so that a few tracks in perfect order do not give a
    step. A tag that ranks worse than chance is given one probability for all tracks, by either method, never
    a turned order.

    Args:
      labels: 0 or 1, (num_tracks, num_tags), of a validation split.
      scores: in [0, 1], (num_tracks, num_tags).
      tag_names: the tags in column order.
      method: one of METHODS.

    Raises:
      KerastagError: an unknown method, a score outside [0, 1], or what matrices.checked refuses.
    """
    if method not in METHODS:
        raise errors.KerastagError(f"unknown calibration {method!r}; there are {', '.join(METHODS)}")
    labels, scores = _checked(labels, scores, tag_names)
    fit_one: Callable[[np.ndarray, np.ndarray], Map] = _fit_platt if method == "platt" else _fit_isotonic
    maps = {
        tag: fit_one(y, s) if 0 < y.sum() < len(y) else None
        for tag, y, s in zip(tag_names, labels.T, scores.astype(np.float64).T, strict=True)
    }
    return Calibration(method, maps)


def fit_and_check(
    labels: np.ndarray,
    scores: np.ndarray,
    tag_names: Sequence[str],
    clusters: resampling.Clusters,
    method: str = "platt",
    num_folds: int = 5,
) -> Calibration:
    """`fit`, with the expected calibration error before and after.

    The error after is of `held_out` probabilities: measured where it was fitted, isotonic regression has none.
    """
    calibration = fit(labels, scores, tag_names, method)
    probabilities = held_out(labels, scores, tag_names, clusters, method, num_folds)
    before, after = (float(reliability.errors_by_tag(labels, values).mean()) for values in (scores, probabilities))
    return dataclasses.replace(calibration, errors={"before": before, "after": after})


def held_out(
    labels: np.ndarray,
    scores: np.ndarray,
    tag_names: Sequence[str],
    clusters: resampling.Clusters,
    method: str = "platt",
    num_folds: int = 5,
) -> np.ndarray:
    """Probabilities of each track by maps fitted on other artists, float64 (num_tracks, num_tags)."""
    labels, scores = _checked(labels, scores, tag_names)
    folds = resampling.folds(clusters.ids, num_folds)
    probabilities = np.empty(scores.shape)
    for fold in range(num_folds):
        inside = folds == fold
        probabilities[inside] = fit(labels[~inside], scores[~inside], tag_names, method).apply(scores[inside])
    return probabilities


def logit(scores: np.ndarray) -> np.ndarray:
    """log(p / (1 - p)) of scores clipped to EPSILON .. 1 - EPSILON."""
    clipped = np.clip(np.asarray(scores, np.float64), EPSILON, 1 - EPSILON)
    return np.log(clipped) - np.log1p(-clipped)


def _fit_platt(labels: np.ndarray, scores: np.ndarray) -> Platt:
    from sklearn import linear_model

    positives, num_tracks = labels.sum(), len(labels)
    target = np.where(labels, (positives + 1) / (positives + 2), 1 / (num_tracks - positives + 2))
    constant = Platt(0.0, float(logit(target.mean())))
    if np.ptp(logit(scores)) < EPSILON:  # one and the same score: there is no slope to fit
        return constant
    regression = linear_model.LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8)
    inputs = np.tile(logit(scores), 2)[:, None]
    regression.fit(inputs, np.repeat([1, 0], num_tracks), np.concatenate([target, 1 - target]))
    slope = float(regression.coef_[0, 0])
    return Platt(slope, float(regression.intercept_[0])) if slope > 0 else constant


def _fit_isotonic(labels: np.ndarray, scores: np.ndarray) -> Isotonic:
    from sklearn import isotonic

    regression = isotonic.IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, labels)
    x, y = regression.X_thresholds_, regression.y_thresholds_
    return Isotonic(tuple(map(float, x)), tuple(map(float, y)))


def _checked(labels: np.ndarray, scores: np.ndarray, tag_names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = matrices.checked(labels, scores, tag_names)
    outside = (scores < 0) | (scores > 1)
    if outside.any():
        row, column = np.argwhere(outside)[0]
        place = f"row {row} (from 0), tag {tag_names[column]!r}"
        raise errors.KerastagError(f"score in {place} is {scores[row, column]}, not in 0 .. 1")
    return labels, scores
