"""Every figure of an experiment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from matplotlib.figure import Figure

from bioner.commandline import say
from bioner.reporting.cells import select_systems
from bioner.reporting.collected import Confusion, Counts, History, Scores
from bioner.reporting.confusion import draw_confusion
from bioner.reporting.curves import draw_alpha, draw_learning_curves
from bioner.reporting.dataflow import draw_dataflow
from bioner.reporting.entity_groups import draw_entity_groups
from bioner.reporting.intervals import Intervals
from bioner.reporting.robustness import draw_robustness
from bioner.reporting.rulegraph import RuleGraph
from bioner.reporting.settings import ReportSettings
from bioner.reporting.style import save_figure, use_style


def write_figures(
    folder: str | Path,
    *,
    settings: ReportSettings,
    scores: Scores,
    counts: Counts,
    confusion: Confusion,
    history: History,
    graph: RuleGraph,
) -> list[Path]:
    """Write fig1, confusion_<dataset>, robustness, learning_curves, alpha and dataflow as svg, png and pdf into a folder.

    A figure without data (no attack, no alpha, an experiment of missing datasets) is not written. Returns the paths.
    """
    paths: list[Path] = []
    with use_style():
        for name, figure in _draw_all(settings, scores, counts, confusion, history, graph):
            if figure is not None:
                paths += save_figure(figure, Path(folder) / name, demo=settings.demo)
                say(f"figure {name}")
    return paths


def confusion_model(settings: ReportSettings) -> str:
    """The model whose confusion matrices are drawn: the first that stands for a published row, else the first."""
    reproducing = [model.name for model in settings.models.values() if model.reproduces]
    return next(iter([*reproducing, *settings.models]))


def _draw_all(
    settings: ReportSettings, scores: Scores, counts: Counts, confusion: Confusion, history: History, graph: RuleGraph
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
    yield "robustness", draw_robustness(scores, Intervals(scores, counts), systems, settings)
    yield "learning_curves", draw_learning_curves(history, systems, settings)
    yield "alpha", draw_alpha(history, systems, settings)
