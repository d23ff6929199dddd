"""Precision, recall, F1 and their kin from three counts, and what they are when nothing was there to count."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of gold and predicted mentions (or words), and of those that agree.

    `correct` is a multiple of 0.5 under the partial definition. Ratios are in [0, 1]; a ratio with
    denominator zero is 0.0, unless there is neither gold nor prediction: then it is None.
    """

    gold: int
    predicted: int
    correct: float

    def precision(self) -> float | None:
        """correct / predicted."""
        return self._ratio(self.correct, self.predicted)

    def recall(self) -> float | None:
        """correct / gold."""
        return self._ratio(self.correct, self.gold)

    def f1(self) -> float | None:
        """2 correct / (gold + predicted), the harmonic mean of precision and recall."""
        return self._ratio(2 * self.correct, self.gold + self.predicted)

    def jaccard(self) -> float | None:
        """TP / (TP + FP + FN) = correct / (gold + predicted - correct)."""
        return self._ratio(self.correct, self.gold + self.predicted - self.correct)

    def _ratio(self, numerator: float, denominator: float) -> float | None:
        if denominator:
            return numerator / denominator
        return 0.0 if self.gold or self.predicted else None


def macro(counts: Iterable[Counts], ratio: Callable[[Counts], float | None]) -> float | None:
    """Unweighted mean of a ratio over the types that occur in gold; None if there is none.

    A type that was only predicted has no recall to average; its false positives stay in the micro
    average and in its own row.
    """
    values = [ratio(count) or 0.0 for count in counts if count.gold]
    return sum(values) / len(values) if values else None
