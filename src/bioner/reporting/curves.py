"""Learning curves and the trajectory of alpha, the weight of cross-entropy in losses that mix it with a CRF's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bioner.reporting.collected import Epoch, FoldSeed, History, System
from bioner.reporting.settings import ReportSettings
from bioner.reporting.style import colour, grid, legend, line_style, panels

Points = list[tuple[float, float]]


def draw_learning_curves(history: History, systems: Sequence[System], settings: ReportSettings) -> Figure | None:
    """Validation F1 in percent by epoch: thin lines are runs, the thick one their mean as far as all runs go; None without values."""
    return _draw(
        history,
        systems,
        settings,
        lambda line: None if line.f1 is None else (line.epoch, 100 * line.f1),
        "Epoch",
        "Validation F1 (%)",
        percent_limits(
            [100 * line.f1 for system in systems for run in history.get(system, {}).values() for line in run if line.f1 is not None]
        ),
    )


def percent_limits(values: Sequence[float]) -> tuple[float, float]:
    """Multiples of ten between which all percentages lie: on an axis from 0 to 100, models that differ by a point are one line."""
    low = min(10 * math.floor(min(values, default=0) / 10), 90)
    return low, max(10 * math.ceil(max(values, default=100) / 10), low + 10)


def draw_alpha(history: History, systems: Sequence[System], settings: ReportSettings) -> Figure | None:
    """Alpha, averaged over each epoch since steps differ between folds, drawn like the learning curves; None where no model has one."""
    label = "α (weight of cross-entropy)"
    return _draw(history, systems, settings, lambda line: None if line.alpha is None else (line.epoch, line.alpha), "Epoch", label, (0, 1))


def _draw(
    history: History,
    systems: Sequence[System],
    settings: ReportSettings,
    point: Callable[[Epoch], tuple[float, float] | None],
    horizontal: str,
    vertical: str,
    limits: tuple[float, float],
) -> Figure | None:
    curves = {system: _points(history.get(system, {}), point) for system in systems}
    curves = {system: runs for system, runs in curves.items() if runs}
    if not curves:
        return None
    datasets = list(dict.fromkeys(system[0] for system in curves))
    shown = [model for model in settings.models if any(system[2] == model for system in curves)]
    order = list(settings.models)
    figure, axes = panels(len(datasets), width=3.9, height=2.9)
    for place, (axis, dataset) in enumerate(zip(axes, datasets, strict=True)):
        for system, runs in curves.items():
            if system[0] == dataset:
                _draw_runs(axis, runs, order.index(system[2]))
        axis.set(title=settings.datasets[dataset].title, xlabel=horizontal, ylim=limits)
        axis.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
        grid(axis, "y")
        if place % 3 == 0:
            axis.set_ylabel(vertical)
    handles = [
        axes[0].plot([], [], color=colour(order.index(model)), linestyle=line_style(order.index(model)), linewidth=2)[0] for model in shown
    ]
    legend(figure, handles, [settings.models[model].title for model in shown])
    return figure


def _points(runs: Mapping[FoldSeed, Sequence[Epoch]], point: Callable[[Epoch], tuple[float, float] | None]) -> list[Points]:
    found = ([value for line in lines if (value := point(line)) is not None] for lines in runs.values())
    return [points for points in found if points]


def mean_curve(runs: Sequence[Points]) -> Points:
    """Mean over runs at the places all of them have: beyond the first stop, a mean would favour the runs that go on."""
    shared = sorted(set.intersection(*({place for place, _ in points} for points in runs)))
    values = [dict(points) for points in runs]
    return [(place, sum(run[place] for run in values) / len(values)) for place in shared]


def _draw_runs(axis: Axes, runs: Sequence[Points], index: int) -> None:
    for points in runs:
        axis.plot(*zip(*points, strict=True), color=colour(index), linewidth=0.7, alpha=0.5)
    middle = mean_curve(runs)
    if middle:
        axis.plot(
            *zip(*middle, strict=True),
            color=colour(index),
            linestyle=line_style(index),
            linewidth=2,
            marker="o" if len(middle) < 3 else "",
            markersize=3,
        )
