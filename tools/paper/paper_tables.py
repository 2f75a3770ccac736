"""The systems and published figures of Knox et al. 2020, and the tables that set one's own figures beside them."""

import dataclasses
import statistics
from collections.abc import Sequence
from typing import Any

from kerastag.metrics import tables

FIGURES = ("pr_auc", "roc_auc", "head", "middle", "tail")  # the last three: mean PR-AUC of a group of tags
_AREAS = (("PR-AUC", "pr_auc"), ("ROC-AUC", "roc_auc"))
_GROUPS = (("head", "head"), ("middle", "middle"), ("tail", "tail"))
Figures = dict[str, float | None]


@dataclasses.dataclass(frozen=True)
class System:
    """A row of the tables.

    Attributes:
      name: name of the preset, without `paper_`; or the ensemble.
      table: 1, the paper's; or 2, what the paper speaks of without a figure.
      published: FIGURES, as many as the paper has.
      outside_data: whether the paper trains it with Music4All and pretrained weights, too.
    """

    name: str
    table: int
    published: tuple[float, ...] = ()
    outside_data: bool = True

    @property
    def preset(self) -> str:
        """The name of its preset."""
        return f"paper_{self.name}"

    def paper(self, figure: str) -> float | None:
        """A published figure; None if the paper does not have it."""
        return dict(zip(FIGURES, self.published, strict=False)).get(figure)


ENSEMBLE = System("ensemble", 1, (0.161, 0.781, 0.182, 0.179, 0.109))
MEMBERS = ("bce", "focal", "cb_focal", "db_focal")
SYSTEMS = (  # on the test split of MTG-Jamendo mood/theme
    System("bce", 1, (0.150, 0.766, 0.179, 0.163, 0.101)),
    System("focal", 1, (0.156, 0.778, 0.174, 0.171, 0.113)),
    System("cb_focal", 1, (0.153, 0.773, 0.173, 0.170, 0.104)),
    System("db_focal", 1, (0.153, 0.768, 0.173, 0.170, 0.105)),
    System("vggish", 1, (0.107, 0.725), outside_data=False),
    System("popular", 1, (0.031, 0.500), outside_data=False),
    System("bce_mixup", 2),
    System("class_aware", 2),
    System("jamendo_only", 2, outside_data=False),
    System("receptive_field_3s69", 2, outside_data=False),
    System("receptive_field_4s6", 2, outside_data=False),
)
TITLES = {
    1: "Table 1: loss functions, their ensemble, and the baselines",
    2: "Table 2: sampling, mixup, training data and receptive field",
}


def systems_of(table: int, names: Sequence[str]) -> list[System]:
    """The systems of a table among `names`; the ensemble stands after its members if all of them are there."""
    systems = [system for system in SYSTEMS if system.table == table and system.name in names]
    if table == 1 and set(MEMBERS) <= set(names):
        systems.insert(1 + max(systems.index(system) for system in systems if system.name in MEMBERS), ENSEMBLE)
    return systems


def headline(results: dict[str, Any]) -> Figures:
    """FIGURES of what `metrics.evaluate` returns; None for a group without tags."""
    areas = {"pr_auc": results["pr_auc_macro"], "roc_auc": results["roc_auc_macro"]}
    return {**areas, **{name: results["groups"][name]["pr_auc"] for name in ("head", "middle", "tail")}}


def summary(runs: Sequence[Figures], figure: str) -> tuple[float | None, float | None]:
    """Mean over runs and standard deviation (n - 1); None where there is none."""
    numbers = [number for run in runs if (number := run[figure]) is not None]
    if not numbers or len(numbers) < len(runs):
        return None, None
    return statistics.fmean(numbers), statistics.stdev(numbers) if len(numbers) > 1 else None


def areas_table(systems: Sequence[System], runs: dict[str, list[Figures]]) -> tables.Table:
    """Mean areas over all tags.

    Args:
      systems: one a row.
      runs: figures of the runs that succeeded, by the system's name.
    """
    header, lines = _columns(systems, runs, _AREAS)
    counts = [len(runs.get(system.name, [])) for system in systems]
    counted = [(line[0], count, *line[1:]) for line, count in zip(lines, counts, strict=True)]
    return tables.Table((header[0], "runs", *header[1:]), tuple(counted), _note(systems))


def groups_table(systems: Sequence[System], runs: dict[str, list[Figures]], note: str = "") -> tables.Table:
    """Mean PR-AUC over the tags of each group; see `areas_table`."""
    header, lines = _columns(systems, runs, _GROUPS)
    return tables.Table(header, tuple(lines), note)


def distances_table(systems: Sequence[System], runs: dict[str, list[Figures]]) -> tables.Table:
    """Our mean less the published figure, of each system that has both; the published ones have three decimals."""
    titles = (*_AREAS, *_GROUPS)
    lines = []
    for system in systems:
        pairs = [(summary(runs.get(system.name, []), figure)[0], system.paper(figure)) for _, figure in titles]
        cells = [None if None in pair else f"{pair[0] - pair[1]:+.4f}" for pair in pairs]
        lines.append((system.name, *cells))
    return tables.Table(("ours less paper", *(name for name, _ in titles)), tuple(lines))


def _columns(
    systems: Sequence[System], runs: dict[str, list[Figures]], figures: Sequence[tuple[str, str]]
) -> tuple[tuple[str, ...], list[tuple[tables.Cell, ...]]]:
    """The header, and a line of cells for each system: of every figure the paper's, our mean and its deviation."""
    header = ("system", *(title for name, _ in figures for title in (f"{name} paper", "ours", "sd")))
    lines: list[tuple[tables.Cell, ...]] = []
    for system in systems:
        cells: list[tables.Cell] = [system.name]
        for _, figure in figures:
            published = system.paper(figure)
            cells += [None if published is None else f"{published:.3f}", *summary(runs.get(system.name, []), figure)]
        lines.append(tuple(cells))
    return header, lines


def _note(systems: Sequence[System]) -> str:
    notes = []
    if any(system.published for system in systems):
        notes.append(
            "Paper: the test split of MTG-Jamendo mood/theme; models trained with Music4All from Million Song weights."
        )
    names = [system.name for system in systems if not system.published]
    if names:
        notes.append(f"{', '.join(names)}: no figure in the paper.")
    if "bce_mixup" in names:
        notes.append("The paper's figure for bce may be with mixup: its code's README trains it so.")
    return " ".join(notes)
