"""The page of a report: what it says first, then its sections."""

import importlib.resources
from collections.abc import Sequence

from kerastag import version
from kerastag.metrics import comparison
from kerastag.reporting import listening, markup, measuring, pairs, results, setting
from kerastag.reporting.markup import Safe, element

_POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"  # nothing from elsewhere


def html(measured: measuring.Measured, title: str | None = None) -> str:
    """A whole HTML document that needs no other file, no script and no network.

    Args:
      measured: what it says.
      title: None: the names of the runs.
    """
    title = title or ", ".join(run.name for run in measured.runs)
    sections = [
        setting.section(measured),
        setting.curves(measured),
        results.section(measured),
        results.tags(measured),
        pairs.section(measured),
        listening.section(measured),
        _explanations(),
    ]
    shown = [section for section in sections if section is not None]
    style = importlib.resources.files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{title}: kerastag report"),
        element("style", Safe(style)),
    )
    body = element(
        "body",
        element("header", element("p", "kerastag report", class_="kicker"), element("h1", title), *_summary(measured)),
        _contents(shown),
        element("main", *(content for _, _, content in shown)),
        element("footer", element("p", f"Made by kerastag {version.__version__}.")),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _summary(measured: measuring.Measured) -> list[Safe]:
    """What a reader who stops here should know."""
    run = measured.runs[0]
    lines = [_headline(measured, number) for number in range(len(measured.runs))]
    parts = [element("ul", *(element("li", line) for line in lines), class_="headlines")]
    if measured.compared is not None:
        parts.append(element("p", _verdict(measured)))
    elif measured.unpaired:
        parts.append(element("p", measured.unpaired, class_="caution"))
    if run.split == "validation":
        told = (
            "Measured on the validation split, which also chose the best epoch, so the figures flatter. "
            "kerastag evaluate --split=test gives those to cite."
        )
        parts.append(element("p", told, class_="caution"))
    return parts


def _headline(measured: measuring.Measured, number: int) -> Safe:
    run, figures = measured.runs[number], measured.found[number].figures
    bounds = figures["intervals"]["pr_auc_macro"]
    chance = measured.popularity[number]
    beside = "" if chance is None else f"; popularity alone has {markup.number(chance, 3)}"
    return markup.joined(
        [
            element("strong", f"{run.name}: macro PR-AUC {markup.interval(figures['pr_auc_macro'], bounds, 3)}"),
            f" on {figures['num_tracks']:,} {run.split} tracks and {figures['num_tags']} tags{beside}.",
        ]
    )


def _verdict(measured: measuring.Measured) -> str:
    """What the paired comparison says of macro PR-AUC."""
    assert measured.compared is not None
    found = [(pair, row) for pair in measured.compared["pairs"] for row in pair["means"] if _is_headline(row)]
    real = [(pair, row) for pair, row in found if row["verdict"] in ("first", "second")]
    if not real:
        many = "Between no two of them is the difference" if len(found) > 1 else "The difference between the two is not"
        return f"{many} in macro PR-AUC more than noise (paired bootstrap, p < {comparison.SIGNIFICANCE:g})."
    told = "; ".join(
        f"{pair[row['verdict']]} is better than {pair['second' if row['verdict'] == 'first' else 'first']} "
        f"by {abs(row['difference']):.3f} (p {row['p_holm']:.2g})"
        for pair, row in real
    )
    others = len(found) - len(real)
    rest = f" The other {'difference is' if others == 1 else f'{others} differences are'} noise." if others else ""
    return f"In macro PR-AUC {told}.{rest}"


def _is_headline(row: dict[str, object]) -> bool:
    return (row["figure"], row["over"]) == ("pr_auc", "macro")


def _contents(shown: Sequence[markup.Section]) -> Safe:
    links = [element("li", element("a", title, href=f"#{identifier}")) for identifier, title, _ in shown]
    return element("nav", element("ul", *links), aria_label="Contents")


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


def _explanations() -> markup.Section:
    terms = [part for term, text in _TERMS.items() for part in (element("dt", term), element("dd", text))]
    return markup.section("terms", "What the words mean", element("dl", *terms))
