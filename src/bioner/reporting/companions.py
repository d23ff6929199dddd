"""The companions of Table 1: every definition of the metric, kinds of error, and recall by group."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bioner.evaluation.errors import ERROR_KINDS
from bioner.evaluation.groups import GROUPS, value_order
from bioner.reporting.cells import Row, count_folds, count_seeds, deviation, mean, percent, select_systems
from bioner.reporting.collected import COUNTS, Cell, FoldSeed, Scores, System
from bioner.reporting.pooling import pooled
from bioner.reporting.settings import ReportSettings
from bioner.reporting.tallies import Errors, Groups

DEFINITION_COLUMNS = (
    "dataset",
    "model",
    "definition",
    "average",
    "type",
    "metric",
    "value",
    "sd",
    "low",
    "high",
    "pooled",
    "folds",
    "seeds",
)
ERROR_COLUMNS = ("dataset", "model", "error", "gold", "predicted", "gold_share", "predicted_share", "folds", "seeds")
RECALL_COLUMNS = ("dataset", "model", "group", "value", "gold", "found", "recall", "sd", "folds", "seeds")


Bounds = Callable[[System, Cell], tuple[float, float] | None]
"""The interval of a cell on the clean test set, in [0, 1], where there is one."""


def definition_rows(*, settings: ReportSettings, scores: Scores, bounds: Bounds) -> list[Row]:
    """Every definition of the metric on the clean test sets: mean and sample standard deviation over folds and seeds, in percent.

    `low` and `high`: 95 % interval of the strict micro scores and of the strict macro F1, by bootstrap over documents within folds.
    `pooled`: from the counts of all folds together, where there are several folds and the definition is a ratio of counts.
    """
    rows: list[Row] = []
    for system in select_systems(settings, scores.systems()):
        for cell in scores.cells(system):
            runs = scores.by_run(system, cell)
            if cell.metric in COUNTS or not runs:
                continue
            low, high = bounds(system, cell) or (None, None)
            values = {
                "value": percent(mean(runs)),
                "sd": percent(deviation(runs)),
                "low": percent(low),
                "high": percent(high),
                "pooled": percent(pooled(scores, system, cell)),
            }
            rows.append({"dataset": settings.datasets[system[0]].title, "model": system[2], **cell._asdict(), **values, **_sizes(runs)})
    return rows


def definition_columns(settings: ReportSettings) -> tuple[str, ...]:
    """Columns of the table by definition: what a row is, then the models."""
    return ("dataset", "definition", "average", "metric", *settings.models, "folds", "seeds")


def definitions_beside(*, settings: ReportSettings, scores: Scores) -> list[Row]:
    """The averages of every definition as a table for people: a column for each model, mean ± standard deviation in percent.

    Values by type are left out; they are in table1_definitions.csv.
    """
    systems = select_systems(settings, scores.systems())
    rows: list[Row] = []
    for dataset in dict.fromkeys(system[0] for system in systems):
        own = [system for system in systems if system[0] == dataset]
        cells = {cell for system in own for cell in scores.cells(system) if cell.average != "type" and cell.metric not in COUNTS}
        for cell in sorted(cells, key=_definition_order):
            by_model = {system[2]: scores.by_run(system, cell) for system in own}
            some = next((runs for runs in by_model.values() if runs), None)
            if some is None:
                continue
            printed = {model: _spread(by_model.get(model, {})) for model in settings.models}
            names = {"definition": cell.definition, "average": cell.average, "metric": cell.metric}
            rows.append({"dataset": settings.datasets[dataset].title, **names, **printed, **_sizes(some)})
    return rows


def _definition_order(cell: Cell) -> tuple[object, ...]:
    return cell.definition != "strict", cell.definition, ("micro", "macro", "weighted").index(cell.average), cell.metric


def _spread(runs: Mapping[FoldSeed, float]) -> str:
    spread = percent(deviation(runs))
    return percent(mean(runs)) + (f" ± {spread}" if spread else "")


def error_rows(*, settings: ReportSettings, systems: Sequence[System], errors: Errors) -> list[Row]:
    """Kinds of error on the clean test sets (bioner.evaluation.errors), each kind of every model.

    `gold` and `predicted` are the mentions of that kind in all runs together; the shares are of all gold and all predicted
    mentions, means over folds and seeds, in percent.
    """
    rows: list[Row] = []
    for system in systems:
        runs = errors.get(system, {})
        for kind in ERROR_KINDS if runs else ():
            sides = [run[kind] for run in runs.values() if kind in run]
            shares = error_shares(errors, system, kind)
            rows.append(
                {
                    "dataset": settings.datasets[system[0]].title,
                    "model": system[2],
                    "error": kind,
                    "gold": str(sum(side.gold for side in sides)),
                    "predicted": str(sum(side.predicted for side in sides)),
                    "gold_share": percent(mean(shares[0])),
                    "predicted_share": percent(mean(shares[1])),
                    **_sizes(runs),
                }
            )
    return rows


def error_shares(errors: Errors, system: System, kind: str) -> tuple[dict[FoldSeed, float], dict[FoldSeed, float]]:
    """The share of a kind of error among gold and among predicted mentions in each run, in [0, 1]; runs without any are left out."""
    shares: tuple[dict[FoldSeed, float], dict[FoldSeed, float]] = ({}, {})
    for run, kinds in errors.get(system, {}).items():
        for side, found in enumerate(shares):
            if total := sum(counts[side] for counts in kinds.values()):
                found[run] = (kinds[kind][side] if kind in kinds else 0) / total
    return shares


def recall_rows(*, settings: ReportSettings, systems: Sequence[System], groups: Groups) -> list[Row]:
    """Exact recall on the clean test sets by length, frequency in training, and novelty of mentions.

    `gold` and `found` are of all runs together; `recall` is the mean over the folds and seeds that have such mentions, in percent.
    """
    rows: list[Row] = []
    for system in systems:
        runs = groups.get(system, {})
        keys = {key for run in runs.values() for key in run}
        for group, value in sorted(keys, key=lambda key: (GROUPS.index(key[0]), value_order(*key))):
            found = [run[group, value] for run in runs.values() if (group, value) in run]
            recalls = group_recall(groups, system, group, value)
            rows.append(
                {
                    "dataset": settings.datasets[system[0]].title,
                    "model": system[2],
                    "group": group,
                    "value": value,
                    "gold": str(sum(counts.gold for counts in found)),
                    "found": str(sum(counts.found for counts in found)),
                    "recall": percent(mean(recalls)),
                    "sd": percent(deviation(recalls)),
                    **_sizes(recalls),
                }
            )
    return rows


def group_recall(groups: Groups, system: System, group: str, value: str) -> dict[FoldSeed, float]:
    """Exact recall of a group in each run that has such mentions, in [0, 1]."""
    found = {run: counts.get((group, value)) for run, counts in groups.get(system, {}).items()}
    return {run: counts.found / counts.gold for run, counts in found.items() if counts and counts.gold}


def _sizes(runs: Mapping[FoldSeed, object]) -> dict[str, str]:
    return {"folds": str(count_folds(runs)), "seeds": str(count_seeds(runs))}
