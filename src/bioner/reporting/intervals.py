"""Intervals of a cell, and the promise that they belong to the score that stands beside them."""

from __future__ import annotations

from functools import lru_cache

from bioner.errors import BionerError
from bioner.evaluation.statistics import Cell, cell, folds_of
from bioner.reporting.cells import mean
from bioner.reporting.collected import STRICT_F1, Counts, Scores, System

TOLERANCE = 1e-9


class Intervals:
    """95 % intervals of strict micro scores by bootstrap over documents within folds, each computed once."""

    def __init__(self, scores: Scores, counts: Counts) -> None:
        self._scores = scores
        self._counts = counts
        self.estimates = lru_cache(maxsize=None)(self._estimates)

    def f1(self, system: System, attack: str) -> tuple[float, float]:
        """Low and high bound of F1 in [0, 1]. Raises BionerError as `estimates` does."""
        f1 = self.estimates(system, attack).f1
        assert f1.low is not None and f1.high is not None
        return f1.low, f1.high

    def _estimates(self, system: System, attack: str) -> Cell:
        """Precision, recall and F1 with their intervals in [0, 1].

        Raises BionerError where documents are missing, or their counts do not add up to the collected score.
        """
        name = ", ".join((*system, attack))
        runs = self._counts.get((system, attack), {})
        rows = (
            {"fold": fold, "seed": seed, "document": document, "gold": gold, "predicted": predicted, "correct": correct}
            for (fold, seed), entries in runs.items()
            for document, gold, predicted, correct in entries
        )
        folds = folds_of(rows)
        if not folds:
            raise BionerError(f"{name}: expected rows in the collected documents.csv, found none; run the rule collect again")
        estimates = cell(folds)
        estimate = estimates.f1
        scored = mean(self._scores.by_run(system, STRICT_F1, attack))
        if estimate.mean is None or estimate.low is None or estimate.high is None or scored is None:
            raise BionerError(f"{name}: expected documents with gold or predicted mentions, found none; check the predictions")
        if abs(estimate.mean - scored) > TOLERANCE:
            raise BionerError(
                f"{name}: expected documents.csv to give the F1 of scores.csv, {scored:.6f}, found {estimate.mean:.6f}; "
                "run the rules score and collect again"
            )
        return estimates
