"""Scores of all folds pooled: one count over the out-of-fold predictions, beside the mean over folds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from bioner.evaluation.ratios import Counts
from bioner.reporting.collected import Cell, FoldSeed, Scores, System

RATIOS = {"precision": Counts.precision, "recall": Counts.recall, "f1": Counts.f1}
POOLED = ("strict", "span", "partial", "ent_type", "exact_recall", "jaccard")
"""Definitions that are a ratio of the counts printed with them."""


def pooled(scores: Scores, system: System, cell: Cell) -> float | None:
    """A cell from the counts of all folds together, in [0, 1]: the mean over seeds.

    None for definitions other than `POOLED`, averages other than `micro` and `type`, and with a single fold.
    """
    if cell.definition not in POOLED or cell.average not in ("micro", "type"):
        return None
    ratio = RATIOS.get(cell.metric, Counts.jaccard if cell.definition == "jaccard" else Counts.recall)
    counts = [scores.by_run(system, cell._replace(metric=metric)) for metric in ("gold", "predicted", "correct")]
    runs = counts[0].keys() & counts[1].keys() & counts[2].keys()
    if len({fold for fold, _ in runs}) < 2:
        return None
    values = [ratio(_counts(counts, [run for run in runs if run[1] == seed])) for seed in sorted({seed for _, seed in runs})]
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _counts(counts: Sequence[Mapping[FoldSeed, float]], runs: Sequence[FoldSeed]) -> Counts:
    gold, predicted, correct = (sum(count[run] for run in runs) for count in counts)
    return Counts(int(gold), int(predicted), correct)
