"""Figures of what went wrong: kinds of error, and exact recall by length, frequency in training and novelty."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bioner.evaluation.errors import CORRECT, ERROR_KINDS, SPURIOUS
from bioner.evaluation.groups import FREQUENCIES, LENGTHS
from bioner.evaluation.novelty import NOVELTIES
from bioner.reporting.cells import deviation, mean
from bioner.reporting.collected import System
from bioner.reporting.companions import error_shares, group_recall
from bioner.reporting.settings import ReportSettings
from bioner.reporting.style import bar_colour, colour, grid, hatch, legend, marker, panels, shared_label
from bioner.reporting.tallies import Errors, Groups

KINDS = tuple(kind for kind in ERROR_KINDS if kind != CORRECT)
PANELS = {
    "length": ("Words of the mention", LENGTHS),
    "frequency": ("Times in training", tuple(FREQUENCIES)),
    "novelty": ("Novelty", NOVELTIES),
}


def draw_error_kinds(errors: Errors, systems: Sequence[System], settings: ReportSettings) -> Figure | None:
    """One panel for each corpus, a bar for each model: kinds of error of the clean test sets in percent of gold mentions.

    Spurious ones, which are no gold mentions, are in percent of predicted ones and stand apart, left of zero. None without counts.
    """
    systems = [system for system in systems if errors.get(system)]
    if not systems:
        return None
    datasets = list(dict.fromkeys(system[0] for system in systems))
    figure, axes = panels(len(datasets), width=4.4, height=0.9 + 0.36 * len(settings.models))
    for place, (axis, dataset) in enumerate(zip(axes, datasets, strict=True)):
        chosen = [system for system in systems if system[0] == dataset]
        _draw_kinds(axis, errors, chosen)
        axis.set_yticks(range(len(chosen)), [settings.models[system[2]].name if place % 3 == 0 else "" for system in chosen])
        axis.set_title(settings.datasets[dataset].title)
    legend(figure, axes[0].containers, [kind.replace("_", " ") for kind in KINDS])
    shared_label(figure, "← spurious, % of predicted mentions", "other errors, % of gold mentions →", gap=" " * 8)
    return figure


def _draw_kinds(axis: Axes, errors: Errors, systems: Sequence[System]) -> None:
    ends = [0.0] * len(systems)
    for index, kind in enumerate(KINDS):
        side = 1 if kind == SPURIOUS else 0
        widths = [100 * (mean(error_shares(errors, system, kind)[side]) or 0.0) for system in systems]
        starts = [-width for width in widths] if kind == SPURIOUS else list(ends)
        axis.barh(
            range(len(systems)),
            widths,
            0.75,
            left=starts,
            color="white" if kind == SPURIOUS else bar_colour(index),
            hatch=hatch(index),
            edgecolor="black",
            linewidth=0.5,
        )
        if kind != SPURIOUS:
            ends = [end + width for end, width in zip(ends, widths, strict=True)]
    axis.use_sticky_edges = False
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set_ylim(len(systems) - 0.5, -0.5)
    axis.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    axis.tick_params(axis="y", length=0)
    grid(axis, "x")


def draw_recall(groups: Groups, systems: Sequence[System], settings: ReportSettings) -> Figure | None:
    """A row for each corpus, a panel for each way to group, a mark for each model: exact recall, mean ± SD over folds and seeds.

    None without counts.
    """
    systems = [system for system in systems if groups.get(system)]
    if not systems:
        return None
    datasets = list(dict.fromkeys(system[0] for system in systems))
    figure, axes = panels(len(datasets) * len(PANELS), width=3.6, height=2.6, columns=len(PANELS))
    order = list(settings.models)
    for place, axis in enumerate(axes):
        dataset, (group, (title, values)) = datasets[place // len(PANELS)], list(PANELS.items())[place % len(PANELS)]
        for system in systems:
            if system[0] == dataset:
                _draw_recalls(axis, groups, system, group, values, order.index(system[2]), len(order))
        axis.set_xticks(range(len(values)), list(values))
        axis.set(xlim=(-0.5, len(values) - 0.5), ylim=(-3, 103), xlabel=title, title=settings.datasets[dataset].title)
        grid(axis, "y")
        if place % len(PANELS) == 0:
            axis.set_ylabel("Exact recall (%)")
    handles = [
        axes[0].plot([], [], marker=marker(index), color=colour(index), linestyle="", markeredgecolor="black", markeredgewidth=0.5)[0]
        for index in range(len(order))
    ]
    legend(figure, handles, [settings.models[model].title for model in order])
    return figure


def _draw_recalls(axis: Axes, groups: Groups, system: System, group: str, values: Sequence[str], index: int, models: int) -> None:
    step = 0.7 / max(models, 1)
    recalls = [group_recall(groups, system, group, value) for value in values]
    points = [
        (place + (index - (models - 1) / 2) * step, 100 * centre, 100 * (deviation(found) or 0.0))
        for place, found in enumerate(recalls)
        if (centre := mean(found)) is not None
    ]
    if points:
        places, heights, spreads = zip(*points, strict=True)
        axis.errorbar(
            places,
            heights,
            yerr=spreads,
            fmt=marker(index),
            color=colour(index),
            markersize=5,
            markeredgecolor="black",
            markeredgewidth=0.5,
            elinewidth=1,
            capsize=2,
        )
