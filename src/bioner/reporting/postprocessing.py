"""The table of post-processing: the same predictions before and after it."""

from __future__ import annotations

from bioner.evaluation.columns import CLEAN, POSTPROCESSED
from bioner.evaluation.comparisons import Sample, compare
from bioner.reporting.cells import Row, count_folds, count_seeds, mean, percent, select_systems
from bioner.reporting.collected import STRICT_F1, Counts, Scores, System
from bioner.reporting.paired import micro_folds
from bioner.reporting.settings import ReportSettings

POSTPROCESSING_COLUMNS = (
    *("dataset", "model", "precision_before", "precision_after", "recall_before", "recall_after"),
    *("f1_before", "f1_after", "difference", "low", "high", "p", "folds", "seeds"),
)
POSTPROCESSING_HEADINGS = {
    "precision_before": "P before",
    "precision_after": "P after",
    "recall_before": "R before",
    "recall_after": "R after",
    "f1_before": "F1 before",
    "f1_after": "F1 after",
}


def postprocessing_rows(*, settings: ReportSettings, scores: Scores, counts: Counts) -> list[Row]:
    """Strict micro scores of clean predictions before and after post-processing, in percent, of every model on every dataset.

    `difference` is F1 after minus F1 before, with its 95 % interval by paired bootstrap over documents within folds; `p` is
    two-sided, by paired approximate randomization over documents.

    Raises:
        BionerError: the two were not scored on the same documents, or there is nothing to score.
    """
    rows: list[Row] = []
    for system in select_systems(settings, scores.systems()):
        before, after = (Sample.of(micro_folds(counts, system, condition), "micro") for condition in (CLEAN, POSTPROCESSED))
        result = compare(before, after)
        runs = scores.by_run(system, STRICT_F1)
        row = {
            "dataset": settings.datasets[system[0]].title,
            "model": system[2],
            **_ratios(scores, system),
            "difference": f"{100 * result.difference:+.2f}",
            "low": f"{100 * result.low:+.2f}",
            "high": f"{100 * result.high:+.2f}",
            "p": f"{result.p:.4f}",
            "folds": str(count_folds(runs)),
            "seeds": str(count_seeds(runs)),
        }
        rows.append(row)
    return rows


def _ratios(scores: Scores, system: System) -> dict[str, str]:
    return {
        f"{metric}_{when}": percent(mean(scores.by_run(system, STRICT_F1._replace(metric=metric), condition)))
        for metric in ("precision", "recall", "f1")
        for when, condition in (("before", CLEAN), ("after", POSTPROCESSED))
    }
