"""What comparison.compare finds, as tables that say plainly which differences are noise."""

from kerastag import tags
from kerastag.metrics import comparison, tables
from kerastag.metrics.documents import Comparison, Difference, Pair

_TITLES = ("difference", "low", "high", "P(> 0)", "p (Holm)")


def of_comparison(result: Comparison) -> list[tables.Table]:
    """Headline figures of all pairs, then the PR-AUC of every tag, one table a pair."""
    return [headline(result), *(by_tag(result, number) for number in range(len(result["pairs"])))]


def headline(result: Comparison) -> tables.Table:
    """Differences of every headline figure, pair by pair."""
    pairs = result["pairs"]
    rows = tuple(
        (
            tables.figure_title(row["figure"], row["over"]),
            f"{pair['first']} - {pair['second']}",
            *_cells(row),
            _verdict(pair, row),
        )
        for number in range(len(pairs[0]["means"]))
        for pair, row in ((pair, pair["means"][number]) for pair in pairs)
    )
    note = (
        f"low..high: {100 * result['level']:g} % intervals, {result['num_resamples']} resamples of "
        f"{result['num_clusters']} {result['unit']}, the same for all. {_rule(len(pairs), 'pairs')}"
    )
    return tables.Table(("figure", "pair", *_TITLES, "verdict"), rows, note)


def by_tag(result: Comparison, pair_number: int = 0, figure: str = "pr_auc") -> tables.Table:
    """Differences of one figure of every tag in one pair, from the most positive down."""
    pair = result["pairs"][pair_number]
    differences = [row for row in pair["per_tag"] if row["figure"] == figure]
    names = tags.Vocabulary([row["over"] for row in differences]).short_names
    ordered = sorted(
        zip(names, differences, strict=True),
        key=lambda named: (named[1]["difference"] is None, -(named[1]["difference"] or 0), named[0]),
    )
    rows = [(name, *_cells(row), _verdict(pair, row)) for name, row in ordered]
    num_tested = sum(row["p"] is not None for row in differences)
    num_real = sum(is_real(row) for row in differences)
    note = (
        f"{tables.figure_title(figure)}, {pair['first']} - {pair['second']}: {num_real} of {num_tested} tags "
        f"differ by more than noise. {_rule(num_tested, 'tags')}"
    )
    least = 2 * num_tested / (result["num_resamples"] + 1)
    if least >= comparison.SIGNIFICANCE:
        note += f" With {result['num_resamples']} resamples no p can be below {min(1.0, least):.3f}: take more."
    return tables.Table(("tag", *_TITLES, "verdict"), tuple(rows), note)


def is_real(row: Difference) -> bool:
    """Whether a difference is more than noise."""
    return row["verdict"] in ("first", "second")


def _cells(row: Difference) -> tuple[float | None, ...]:
    return row["difference"], row["low"], row["high"], row["probability_above_zero"], row["p_holm"]


def _verdict(pair: Pair, row: Difference) -> str | None:
    if not is_real(row):
        return row["verdict"]
    return f"{pair['first'] if row['verdict'] == 'first' else pair['second']} is better"


def _rule(count: int, things: str) -> str:
    corrected = f"p is corrected for {count} {things} (Holm); a" if count > 1 else "A"
    return f"{corrected} difference is noise unless p < {comparison.SIGNIFICANCE:g}."
