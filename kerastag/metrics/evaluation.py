"""Labels and scores of a split to the figures that metrics.json keeps."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from kerastag.metrics import groups, label_ranking, matrices, ranking
from kerastag.metrics.documents import Areas, Figures, GroupAreas


def evaluate(
    labels: np.ndarray,
    scores: np.ndarray,
    tag_names: Sequence[str],
    class_counts: np.ndarray | None = None,
    head_over: int = groups.HEAD_OVER,
    tail_at_most: int = groups.TAIL_AT_MOST,
    named_groups: Mapping[str, np.ndarray] | None = None,
) -> Figures:
    """PR-AUC and ROC-AUC of every tag, their means over all tags (macro) and over groups, and micro figures.

    Micro figures rank all (track, tag) pairs in one list. A tag without positive tracks has neither area, one
    without negative tracks no ROC-AUC: such figures are None, left out of the means, and the tags are listed.
    A tag with one and the same score everywhere counts as it stands: ROC-AUC 0.5, PR-AUC its share of positives.

    Args:
      labels: 0 or 1, (num_tracks, num_tags).
      scores: any finite numbers, higher for likelier tags, (num_tracks, num_tags).
      tag_names: the tags in column order, (num_tags,).
      class_counts: training tracks with each tag, (num_tags,); without them there are no groups.
      head_over: see groups.members.
      tail_at_most: see groups.members.
      named_groups: further groups, bool masks (num_tags,) each, as groups.read gives them.

    Returns:
      A dict of plain Python values without NaN, ready for JSON: pr_auc_macro, roc_auc_macro, pr_auc_micro,
      roc_auc_micro, lwlrap, hit_rate_at_K, num_tracks, num_tags, tags_without_positives,
      tags_without_negatives, constant_tags, per_tag {tag: {pr_auc, roc_auc, positives}}
      and, with counts or named groups, groups {head|middle|tail|name: {pr_auc, roc_auc, num_tags}}.

    Raises:
      KerastagError: shapes differ, labels are not 0 or 1, or a score is not finite.
    """
    labels, scores = matrices.checked(labels, scores, tag_names)
    per_tag = [_areas(labels[:, column], scores[:, column]) for column in range(len(tag_names))]
    micro = _areas(labels.ravel(), scores.ravel())
    positives = labels.sum(axis=0)  # (num_tags,)
    results: Figures = {
        "pr_auc_macro": _mean(areas["pr_auc"] for areas in per_tag),
        "roc_auc_macro": _mean(areas["roc_auc"] for areas in per_tag),
        "pr_auc_micro": micro["pr_auc"],
        "roc_auc_micro": micro["roc_auc"],
        "lwlrap": label_ranking.lwlrap(labels, scores),
        "num_tracks": len(labels),
        "num_tags": len(tag_names),
        "tags_without_positives": _where(tag_names, positives == 0),
        "tags_without_negatives": _where(tag_names, positives == len(labels)),
        "constant_tags": _where(tag_names, (scores == scores[0]).all(axis=0)),
        "per_tag": {
            tag: {**areas, "positives": int(n)} for tag, areas, n in zip(tag_names, per_tag, positives, strict=True)
        },
    }
    for k in label_ranking.top_ks(len(tag_names)):
        results[label_ranking.hit_rate_name(k)] = label_ranking.hit_rate(labels, scores, k)
    masks = groups.all_members(len(tag_names), class_counts, head_over, tail_at_most, named_groups)
    if masks:
        results["groups"] = _by_group(per_tag, masks)
    return results


def popularity_scores(class_counts: np.ndarray, num_tracks: int) -> np.ndarray:
    """Scores of the baseline that knows only how often a tag occurs: the same for every track.

    Each tag's ROC-AUC is 0.5 and its PR-AUC the share of its positives, so macro PR-AUC is the mean share.

    Args:
      class_counts: training tracks with each tag, (num_tags,).
      num_tracks: the number of tracks to score.

    Returns:
      Each tag's share of all tags given in training, float32 (num_tracks, num_tags).
    """
    counts = np.asarray(class_counts, np.float64)
    return np.tile((counts / max(counts.sum(), 1)).astype(np.float32), (num_tracks, 1))


def _areas(labels: np.ndarray, scores: np.ndarray) -> Areas:
    counts = ranking.threshold_counts(labels, scores)
    return {"pr_auc": ranking.pr_auc(*counts), "roc_auc": ranking.roc_auc(*counts)}


def _where(tag_names: Sequence[str], mask: np.ndarray) -> list[str]:
    return [tag for tag, is_listed in zip(tag_names, mask, strict=True) if is_listed]


def _mean(values: Iterable[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None


def _by_group(per_tag: Sequence[Areas], masks: Mapping[str, np.ndarray]) -> dict[str, GroupAreas]:
    results: dict[str, GroupAreas] = {}
    for group, mask in masks.items():
        members = [areas for areas, is_member in zip(per_tag, mask, strict=True) if is_member]
        results[group] = {
            "pr_auc": _mean(areas["pr_auc"] for areas in members),
            "roc_auc": _mean(areas["roc_auc"] for areas in members),
            "num_tags": len(members),
        }
    return results
