"""F1 on clean and attacked test sets, as bars with intervals."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bioner.reporting.attack_curves import weaker_ones
from bioner.reporting.cells import mean, select_attacks
from bioner.reporting.collected import CLEAN, STRICT_F1, Scores, System
from bioner.reporting.intervals import Intervals
from bioner.reporting.settings import ReportSettings
from bioner.reporting.style import bar_colour, grid, hatch, legend, name_ticks, panels


def draw_robustness(scores: Scores, intervals: Intervals, systems: Sequence[System], settings: ReportSettings) -> Figure | None:
    """One panel for each corpus, a bar for each model and condition, 95 % intervals; None without an attack.

    Of an attack in several strengths only the strongest is drawn: the curves have the others.
    """
    attacks = {attack for system in systems for attack in select_attacks(settings, scores, system)} - weaker_ones(settings.attacks)
    conditions = [CLEAN, *sorted(attacks)]
    if len(conditions) == 1:
        return None
    datasets = [settings.datasets[name] for name in dict.fromkeys(system[0] for system in systems)]
    across = 3 if len(settings.models) < 5 else 1
    width = max(3.9, 0.5 + 0.28 * len(settings.models) * (len(conditions) + 1))
    figure, axes = panels(len(datasets), width=width, height=3.1, columns=across)
    for place, (axis, dataset) in enumerate(zip(axes, datasets, strict=True)):
        chosen = [system for system in systems if system[0] == dataset.name]
        _draw_panel(axis, scores, intervals, chosen, conditions)
        name_ticks(axis, [settings.models[system[2]].name for system in chosen], width)
        axis.set_title(dataset.title)
        if place % across == 0:
            axis.set_ylabel("Strict micro F1 (%)")
    legend(figure, axes[0].containers[1::2] or axes[0].containers, conditions)
    return figure


def _draw_panel(axis: Axes, scores: Scores, intervals: Intervals, systems: Sequence[System], conditions: Sequence[str]) -> None:
    width = 0.84 / len(conditions)
    for index, condition in enumerate(conditions):
        places, heights, below, above = [], [], [], []
        for place, system in enumerate(systems):
            centre = mean(scores.by_run(system, STRICT_F1, condition))
            if centre is None:
                continue
            low, high = intervals.f1(system, condition)
            places.append(place + (index - (len(conditions) - 1) / 2) * width)
            heights.append(100 * centre)
            below.append(100 * max(centre - low, 0))
            above.append(100 * max(high - centre, 0))
        axis.bar(
            places,
            heights,
            width * 0.92,
            yerr=(below, above),
            label=condition,
            color=bar_colour(index),
            hatch=hatch(index),
            edgecolor="black",
            linewidth=0.6,
            error_kw={"elinewidth": 1, "capsize": 2},
        )
    axis.set(ylim=(0, 100))
    axis.tick_params(axis="x", length=0)
    grid(axis, "y")
