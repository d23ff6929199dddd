"""The headline figures of an experiment as nested numbers, for `dvc metrics`."""

from __future__ import annotations

from bioner.reporting.cells import mean, percent, select_systems
from bioner.reporting.collected import STRICT_F1, Scores
from bioner.reporting.settings import ReportSettings

METRICS = ("precision", "recall", "f1")

Metrics = dict[str, dict[str, dict[str, float]]]
"""By dataset, by model: precision, recall and f1 in percent."""


def headline_metrics(*, settings: ReportSettings, scores: Scores) -> Metrics:
    """Strict micro figures as Table 1 prints them: means over folds and seeds, in percent with two decimals.

    An undefined figure (precision where nothing was predicted) is left out. Raises BionerError where a dataset and model
    of the experiment has no scores.
    """
    metrics: Metrics = {}
    for system in select_systems(settings, scores.systems()):
        printed = {metric: percent(mean(scores.by_run(system, STRICT_F1._replace(metric=metric)))) for metric in METRICS}
        metrics.setdefault(system[0], {})[system[2]] = {metric: float(figure) for metric, figure in printed.items() if figure}
    return metrics
