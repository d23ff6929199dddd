"""Robustness curves: F1 against the strength of an attack, epsilon of a perturbation, rate or number of edits of a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bioner.reporting.cells import mean
from bioner.reporting.collected import CLEAN, STRICT_F1, Scores, System
from bioner.reporting.intervals import Intervals
from bioner.reporting.settings import ReportSettings
from bioner.reporting.style import colour, grid, legend, line_style, marker, panels

STRENGTHS = {"epsilon": "ε", "rate": "rate", "edits": "most edits a document"}
"""Settings that say how strong an attack is, with their titles; a curve is of attacks that differ in one of them alone."""
_FOLLOWING = frozenset({"step_size"})
"""Settings that grow with the strength."""


class Curve(NamedTuple):
    """One attack in several strengths: name by strength, rising."""

    title: str
    key: str
    attacks: Mapping[float, str]


def attack_curves(attacks: Mapping[str, Mapping[str, Any]]) -> list[Curve]:
    """Attacks of an experiment that differ in their strength only; those of one strength are in none.

    Two attacks of the same strength and kind that differ in another setting (a seed) are on curves of their own, named by their
    first attack.
    """
    found: dict[tuple[object, ...], dict[float, str]] = {}
    for name, settings in attacks.items():
        for key in (key for key in STRENGTHS if isinstance(settings.get(key), int | float)):
            others = sorted((other, str(value)) for other, value in settings.items() if other != key and other not in _FOLLOWING)
            found.setdefault((settings["kind"], key, *others), {})[float(settings[key])] = name
    chosen = [(str(kind), str(key), dict(sorted(names.items()))) for (kind, key, *_), names in found.items() if len(names) > 1]
    kinds = [kind for kind, _, _ in chosen]
    return [
        Curve(kind if kinds.count(kind) == 1 else f"{kind} ({next(iter(names.values()))} …)", key, names) for kind, key, names in chosen
    ]


def weaker_ones(attacks: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Attacks on a curve that are not its strongest: what bars leave to the curves."""
    return {name for curve in attack_curves(attacks) for name in list(curve.attacks.values())[:-1]}


def draw_attack_curves(scores: Scores, intervals: Intervals, systems: Sequence[System], settings: ReportSettings) -> Figure | None:
    """One panel for each corpus and attack of several strengths, a line for each model, 95 % intervals; clean F1 at 0. None without."""
    curves = attack_curves(settings.attacks)
    datasets = list(dict.fromkeys(system[0] for system in systems))
    if not curves or not datasets:
        return None
    figure, axes = panels(len(datasets) * len(curves), width=3.6, height=2.8, columns=len(curves) if 1 < len(curves) < 5 else 3)
    places = [(dataset, curve) for dataset in datasets for curve in curves]
    order = list(settings.models)
    for axis, (dataset, curve) in zip(axes, places, strict=True):
        for system in systems:
            if system[0] == dataset:
                _draw_line(axis, scores, intervals, system, curve, order.index(system[2]))
        axis.set(title=f"{settings.datasets[dataset].title}: {curve.title}", xlabel=STRENGTHS[curve.key], ylim=(0, 100))
        axis.set_ylabel("Strict micro F1 (%)")
        grid(axis, "y")
    handles = [
        axes[0].plot([], [], color=colour(index), linestyle=line_style(index), marker=marker(index), linewidth=1.5)[0]
        for index in range(len(order))
    ]
    legend(figure, handles, [settings.models[model].title for model in order])
    return figure


def _draw_line(axis: Axes, scores: Scores, intervals: Intervals, system: System, curve: Curve, index: int) -> None:
    points = []
    for strength, attack in {0.0: CLEAN, **curve.attacks}.items():
        centre = mean(scores.by_run(system, STRICT_F1, attack))
        if centre is not None:
            low, high = intervals.f1(system, attack)
            points.append((strength, 100 * centre, 100 * max(centre - low, 0), 100 * max(high - centre, 0)))
    if points:
        strengths, heights, below, above = zip(*points, strict=True)
        axis.errorbar(
            strengths,
            heights,
            yerr=(below, above),
            color=colour(index),
            linestyle=line_style(index),
            marker=marker(index),
            markersize=4,
            linewidth=1.5,
            elinewidth=0.8,
            capsize=2,
        )
