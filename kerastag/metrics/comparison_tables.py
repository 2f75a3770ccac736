"""What comparison.compare finds, as tables that say plainly which differences are noise."""

from typing import Any

from kerastag import tags
from kerastag.metrics import comparison, tables

_COLUMNS = {
    "difference": "difference",
    "low": "low",
    "high": "high",
    "probability_above_zero": "P(> 0)",
    "p_holm": "p (Holm)",
}


def of_comparison(result: dict[str, Any]) -> list[tables.Table]:
    """Headline figures of all pairs, then the PR-AUC of every tag, one table a pair."""
    return [headline(result), *(by_tag(result, number) for number in range(len(result["pairs"])))]


def headline(result: dict[str, Any]) -> tables.Table:
    """Differences of every headline figure, pair by pair."""
    pairs = result["pairs"]
    rows = tuple(
        (
            tables.figure_title(row["figure"], row["over"]),
            f"{pair['first']} - {pair['second']}",
            *(row[name] for name in _COLUMNS),
            _verdict(pair, row),
        )
        for number in range(len(pairs[0]["means"]))
        for pair, row in ((pair, pair["means"][number]) for pair in pairs)
    )
    note = (
        f"low..high: {100 * result['level']:g} % intervals, {result['num_resamples']} resamples of "
        f"{result['num_clusters']} {result['unit']}, the same for all. {_rule(len(pairs), 'pairs')}"
    )
    return tables.Table(("figure", "pair", *_COLUMNS.values(), "verdict"), rows, note)


def by_tag(result: dict[str, Any], pair_number: int = 0, figure: str = "pr_auc") -> tables.Table:
    """Differences of one figure of every tag in one pair, from the most positive down."""
    pair = result["pairs"][pair_number]
    found = [row for row in pair["per_tag"] if row["figure"] == figure]
    names = tags.Vocabulary([row["over"] for row in found]).short_names
    rows = [
        (name, *(row[column] for column in _COLUMNS), _verdict(pair, row))
        for name, row in zip(names, found, strict=True)
    ]
    rows.sort(key=lambda row: (row[1] is None, -(row[1] or 0), row[0]))
    num_tested = sum(row["p"] is not None for row in found)
    num_real = sum(row["verdict"] in ("first", "second") for row in found)
    note = (
        f"{tables.figure_title(figure)}, {pair['first']} - {pair['second']}: {num_real} of {num_tested} tags "
        f"differ by more than noise. {_rule(num_tested, 'tags')}"
    )
    least = 2 * num_tested / (result["num_resamples"] + 1)
    if least >= comparison.SIGNIFICANCE:
        note += f" With {result['num_resamples']} resamples no p can be below {min(1.0, least):.3f}: take more."
    return tables.Table(("tag", *_COLUMNS.values(), "verdict"), tuple(rows), note)


def _verdict(pair: dict[str, Any], row: dict[str, Any]) -> str | None:
    return f"{pair[row['verdict']]} is better" if row["verdict"] in ("first", "second") else row["verdict"]


def _rule(count: int, things: str) -> str:
    corrected = f"p is corrected for {count} {things} (Holm); a" if count > 1 else "A"
    return f"{corrected} difference is noise unless p < {comparison.SIGNIFICANCE:g}."
