"""The companions of Table 1: every definition of the metric, and robustness under attack."""

from __future__ import annotations

from bioner.reporting.cells import Row, count_folds, count_seeds, deviation, mean, percent, select_systems
from bioner.reporting.collected import COUNTS, STRICT_F1, Scores
from bioner.reporting.intervals import Intervals
from bioner.reporting.settings import ReportSettings

DEFINITION_COLUMNS = ("dataset", "model", "definition", "average", "type", "metric", "value", "sd", "folds", "seeds")
ROBUSTNESS_COLUMNS = (
    "dataset",
    "model",
    "attack",
    "f1_clean",
    "f1_attacked",
    "relative_drop",
    "precision",
    "recall",
    "f1_low",
    "f1_high",
    "folds",
    "seeds",
)


def definition_rows(*, settings: ReportSettings, scores: Scores) -> list[Row]:
    """Every definition of the metric on the clean test sets: mean and sample standard deviation over folds and seeds, in percent."""
    rows: list[Row] = []
    for system in select_systems(settings, scores.systems()):
        for cell in scores.cells(system):
            runs = scores.by_run(system, cell)
            if cell.metric in COUNTS or not runs:
                continue
            values = {
                "value": percent(mean(runs)),
                "sd": percent(deviation(runs)),
                "folds": str(count_folds(runs)),
                "seeds": str(count_seeds(runs)),
            }
            rows.append({"dataset": settings.datasets[system[0]].title, "model": system[2], **cell._asdict(), **values})
    return rows


def robustness_rows(*, settings: ReportSettings, scores: Scores, intervals: Intervals) -> list[Row]:
    """Strict micro scores under each attack; `relative_drop` = (F1 clean - F1 attacked) / F1 clean, in percent."""
    rows: list[Row] = []
    for system in select_systems(settings, scores.systems()):
        clean = mean(scores.by_run(system, STRICT_F1))
        for attack in scores.attacks(system):
            runs = scores.by_run(system, STRICT_F1, attack)
            attacked = mean(runs)
            if clean is None or attacked is None:
                continue
            low, high = intervals.f1(system, attack)
            row = {
                "dataset": settings.datasets[system[0]].title,
                "model": system[2],
                "attack": attack,
                "f1_clean": percent(clean),
                "f1_attacked": percent(attacked),
                "relative_drop": percent((clean - attacked) / clean) if clean else "",
                "precision": percent(mean(scores.by_run(system, STRICT_F1._replace(metric="precision"), attack))),
                "recall": percent(mean(scores.by_run(system, STRICT_F1._replace(metric="recall"), attack))),
                "f1_low": percent(low),
                "f1_high": percent(high),
                "folds": str(count_folds(runs)),
                "seeds": str(count_seeds(runs)),
            }
            rows.append(row)
    return rows
