"""The table of what can be had."""

from kerastag.metrics import tables
from kerastag.published import catalogue, places

_HEADER = ("model", "tags", "input", "licence", "size", "PR-AUC", "ROC-AUC", "here", "source")


def table() -> tables.Table:
    """One row for each model of the catalogue: what it takes, what it costs, how good it is said to be."""
    rows = tuple(
        (
            entry.name,
            len(entry.tag_names),
            f"{entry.sample_rate / 1000:g} kHz {entry.chunk_seconds:g} s",
            entry.licence_text,
            entry.size,
            entry.pr_auc or None,
            entry.roc_auc or None,
            "yes" if places.holds(places.folder(entry.name), entry) else "no",
            entry.source.place,
        )
        for entry in catalogue.ENTRIES.values()
    )
    return tables.Table(_HEADER, rows)


def notes() -> list[str]:
    """What the figures are of, and what else must be known of single models, a line each."""
    entries = catalogue.ENTRIES.values()
    by_split: dict[str, list[str]] = {}
    for entry in entries:
        if entry.measured_on:
            by_split.setdefault(entry.measured_on, []).append(entry.name)
    lines = [f"Figures of {', '.join(names)}: as published, on {split}." for split, names in by_split.items()]
    return lines + [f"{entry.name}: {entry.note}" for entry in entries if entry.note]
