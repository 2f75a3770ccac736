"""The page of a report: what it says first, then its sections."""

import dataclasses

from kerastag import names, templates, version
from kerastag.metrics import comparison, comparison_tables
from kerastag.metrics.documents import Difference, Pair
from kerastag.reporting import listening, measuring, pairs, results, setting, views

# nothing from elsewhere
_CONTENT_POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"
_TITLES = {  # of the sections
    "setting": "What was trained",
    "curves": "How it went",
    "results": "How good it is",
    "tags": "Tag by tag",
    "pairs": "Which is better",
    "examples": "What it hears",
    "terms": "What the words mean",
}
_TERMS = {
    "PR-AUC": "Area under the precision-recall curve, as scikit-learn's average precision; chance is the tag's "
    "share of the tracks.",
    "ROC-AUC": "Probability that a track with the tag scores above one without; chance is 0.5.",
    "macro, micro": "Mean over tags; over all pairs of track and tag together.",
    "lwlrap": "Label-weighted label-ranking average precision: how far up a track's own tags stand among all.",
    "head, middle, tail": "Tags with over 550, up to 550 and at most 200 training tracks.",
    "[low, high]": "95 % interval from a bootstrap over artists, where artists are known, else over tracks.",
    "lift": "PR-AUC over that of chance.",
    "reliable, weak, near chance": "By the low ends of the intervals: reliable tags have a lift of at least 2, a "
    "PR-AUC of at least 0.1 and five artists; near chance is a lift under 1.25.",
    "noise": "A difference whose p-value, from a paired bootstrap and after Holm's correction, is 0.05 or more.",
}


@dataclasses.dataclass(frozen=True)
class Headline:
    """One run in a line: its macro PR-AUC, and what that was measured on."""

    name: str
    pr_auc: str
    measured_on: str


def html(measured: measuring.Measured, title: str | None = None) -> str:
    """A whole HTML document that needs no other file, no script and no network.

    Args:
      measured: what it says.
      title: None: the names of the runs.
    """
    sections: dict[str, object] = {
        "setting": setting.setting(measured),
        "curves": setting.curves(measured),
        "results": results.results(measured),
        "tags": results.tags(measured),
        "pairs": pairs.pairs(measured),
        "examples": listening.shown_examples(measured),
        "terms": _TERMS,
    }
    values = {
        "title": names.line(title or ", ".join(run.name for run in measured.runs)),
        "titles": {identifier: name for identifier, name in _TITLES.items() if sections[identifier]},
        "content_policy": _CONTENT_POLICY,
        "version": version.__version__,
        "headlines": [_headline(measured, number) for number in range(len(measured.runs))],
        "verdict": _verdict(measured),
        "cautions": _cautions(measured),
        **sections,
    }
    return templates.render(__package__, "report.html.j2", values)


def _headline(measured: measuring.Measured, number: int) -> Headline:
    run, figures = measured.runs[number], measured.assessments[number].figures
    chance = measured.popularity[number]
    beside = "" if chance is None else f"; popularity alone has {views.number(chance, 3)}"
    return Headline(
        run.name,
        views.interval(figures["pr_auc_macro"], figures["intervals"]["pr_auc_macro"], 3),
        f"{figures['num_tracks']:,} {run.split} tracks and {figures['num_tags']} tags{beside}",
    )


def _cautions(measured: measuring.Measured) -> list[str]:
    """What a reader who stops at the top should know."""
    cautions = [measured.unpaired] if measured.unpaired else []
    if measured.runs[0].split == "validation":
        cautions.append(
            "Measured on the validation split, which also chose the best epoch, so the figures flatter. "
            "kerastag evaluate --split=test gives those to cite."
        )
    return cautions


def _verdict(measured: measuring.Measured) -> str:
    """What the paired comparison says of macro PR-AUC; empty without one."""
    if measured.compared is None:
        return ""
    tested = [(pair, row) for pair in measured.compared["pairs"] for row in pair["means"] if _is_headline(row)]
    real = [(pair, row) for pair, row in tested if comparison_tables.is_real(row)]
    if not real:
        if len(tested) > 1:
            many = "Between no two of them is the difference"
        else:
            many = "The difference between the two is not"
        return f"{many} in macro PR-AUC more than noise (paired bootstrap, p < {comparison.SIGNIFICANCE:g})."
    told = "; ".join(_better(pair, row) for pair, row in real)
    others = len(tested) - len(real)
    rest = f" The other {'difference is' if others == 1 else f'{others} differences are'} noise." if others else ""
    return f"In macro PR-AUC {told}.{rest}"


def _better(pair: Pair, row: Difference) -> str:
    names = (pair["first"], pair["second"])
    better, worse = names if row["verdict"] == "first" else names[::-1]
    return f"{better} is better than {worse} by {abs(row['difference'] or 0):.3f} (p {row['p_holm']:.2g})"


def _is_headline(row: Difference) -> bool:
    return (row["figure"], row["over"]) == ("pr_auc", "macro")
