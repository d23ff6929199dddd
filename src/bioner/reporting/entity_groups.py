"""The paper's Fig. 1: F1 by group of entity types and corpus."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bioner.reporting.cells import deviation, mean
from bioner.reporting.collected import COUNTS, FoldSeed, Scores, System
from bioner.reporting.settings import GROUPS, DatasetSettings, ReportSettings
from bioner.reporting.style import GREY, colour, grid, legend, marker, panels, shared_label


def group_f1(scores: Scores, system: System, dataset: DatasetSettings) -> dict[str, dict[FoldSeed, float]]:
    """Strict micro F1 of each group in each run, in [0, 1]: 2 correct / (gold + predicted), summed over the group's types.

    A group without a scored type is absent; a run in which a group has neither gold nor predicted mentions is left out.
    """
    sums: dict[str, dict[FoldSeed, dict[str, float]]] = defaultdict(lambda: defaultdict(lambda: dict.fromkeys(COUNTS, 0.0)))
    for cell in scores.cells(system):
        if (cell.definition, cell.average) == ("strict", "type") and cell.metric in COUNTS:
            for run, count in scores.by_run(system, cell).items():
                sums[dataset.group(cell.type)][run][cell.metric] += count
    return {
        group: {run: 2 * c["correct"] / (c["gold"] + c["predicted"]) for run, c in sorted(runs.items()) if c["gold"] + c["predicted"]}
        for group, runs in sums.items()
    }


def draw_entity_groups(scores: Scores, systems: Sequence[System], settings: ReportSettings) -> Figure:
    """One panel a corpus, one row a group, one mark a model: mean over folds and seeds, bars of one standard deviation."""
    datasets = [settings.datasets[name] for name in dict.fromkeys(system[0] for system in systems)]
    models = list(settings.models)
    figure, axes = panels(len(datasets), width=3.9, height=0.9 + len(GROUPS) * max(0.42, 0.13 * len(models)))
    for place, (axis, dataset) in enumerate(zip(axes, datasets, strict=True)):
        values = {system[2]: group_f1(scores, system, dataset) for system in systems if system[0] == dataset.name}
        _draw_panel(axis, values, models, frozenset(dataset.groups.values()))
        axis.set_title(dataset.title)
        if place % 3:
            axis.set_yticklabels([])
    handles = [
        axes[0].plot([], [], marker=marker(index), color=colour(index), linestyle="", markeredgecolor="black", markeredgewidth=0.5)[0]
        for index in range(len(models))
    ]
    legend(figure, handles, [settings.models[model].title for model in models])
    shared_label(figure, "Strict micro F1 of the group (%),", "mean ± SD over folds and seeds")
    return figure


def _draw_panel(
    axis: Axes, values: Mapping[str, Mapping[str, Mapping[FoldSeed, float]]], models: Sequence[str], annotated: Set[str]
) -> None:
    step = 0.72 / max(len(models), 1)
    for row, group in enumerate(GROUPS):
        if row % 2:
            axis.axhspan(row - 0.5, row + 0.5, color="#f4f4f4", linewidth=0)
        if not any(groups.get(group) for groups in values.values()):
            scored = any(group in groups for groups in values.values())
            absence = "none in these folds" if scored or group in annotated else "no such type"
            axis.text(50, row, absence, ha="center", va="center", color=GREY, style="italic", fontsize=8)
            continue
        for index, model in enumerate(models):
            runs = values.get(model, {}).get(group, {})
            centre = mean(runs)
            if centre is None:
                continue
            offset = row + (index - (len(models) - 1) / 2) * step
            spread = deviation(runs)
            axis.errorbar(
                100 * centre,
                offset,
                xerr=None if spread is None else 100 * spread,
                fmt=marker(index),
                color=colour(index),
                markersize=5.5,
                markeredgecolor="black",
                markeredgewidth=0.5,
                elinewidth=1,
                capsize=2,
            )
    axis.set(xlim=(-3, 103), ylim=(len(GROUPS) - 0.5, -0.5))
    axis.set_yticks(range(len(GROUPS)), list(GROUPS.values()))
    axis.tick_params(axis="y", length=0)
    grid(axis, "x")
