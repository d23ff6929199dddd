"""Every figure of an experiment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from matplotlib.figure import Figure

from bioner.commandline import say
from bioner.reporting.attack_curves import draw_attack_curves
from bioner.reporting.cells import select_systems
from bioner.reporting.collected import Confusion, Counts, History, Scores
from bioner.reporting.confusion import draw_confusion
from bioner.reporting.curves import draw_alpha, draw_learning_curves
from bioner.reporting.dataflow import draw_dataflow
from bioner.reporting.entity_groups import draw_entity_groups
from bioner.reporting.error_figures import draw_error_kinds, draw_recall
from bioner.reporting.intervals import Intervals
from bioner.reporting.robustness import draw_robustness
from bioner.reporting.rulegraph import RuleGraph
from bioner.reporting.settings import ReportSettings
from bioner.reporting.style import save_figure, use_style
from bioner.reporting.tallies import Errors, Groups


def write_figures(
    folder: str | Path,
    *,
    settings: ReportSettings,
    scores: Scores,
    counts: Counts,
    confusion: Confusion,
    errors: Errors,
    groups: Groups,
    history: History,
    graph: RuleGraph,
) -> list[Path]:
    """Write the figures of an experiment as svg, png and pdf into a folder; returns the paths.

    dataflow, fig1, confusion_<dataset>, error_kinds, recall, robustness, robustness_curves, learning_curves and alpha. A figure without
    data (no attack or only of one strength, no alpha, an experiment of missing datasets) is not written.
    """
    paths: list[Path] = []
    with use_style():
        drawn = _draw_all(settings, scores, Intervals(scores, counts), confusion, errors, groups, history, graph)
        for name, figure in drawn:
            if figure is not None:
                paths += save_figure(figure, Path(folder) / name, demo=settings.demo)
                say(f"figure {name}")
    return paths


def confusion_model(settings: ReportSettings) -> str:
    """The model whose confusion matrices are drawn: the first that stands for a published row, else the first."""
    reproducing = [model.name for model in settings.models.values() if model.reproduces]
    return next(iter([*reproducing, *settings.models]))


def _draw_all(
    settings: ReportSettings,
    scores: Scores,
    intervals: Intervals,
    confusion: Confusion,
    errors: Errors,
    groups: Groups,
    history: History,
    graph: RuleGraph,
) -> Iterator[tuple[str, Figure | None]]:
    systems = select_systems(settings, scores.systems())
    yield "dataflow", draw_dataflow(graph)
    if not systems:
        return
    yield "fig1", draw_entity_groups(scores, systems, settings)
    for system in systems:
        if system[2] == confusion_model(settings) and confusion.get(system):
            figure = draw_confusion(confusion[system], settings.datasets[system[0]], settings.models[system[2]].title)
            yield f"confusion_{system[0]}", figure
    yield "error_kinds", draw_error_kinds(errors, systems, settings)
    yield "recall", draw_recall(groups, systems, settings)
    yield "robustness", draw_robustness(scores, intervals, systems, settings)
    yield "robustness_curves", draw_attack_curves(scores, intervals, systems, settings)
    yield "learning_curves", draw_learning_curves(history, systems, settings)
    yield "alpha", draw_alpha(history, systems, settings)
