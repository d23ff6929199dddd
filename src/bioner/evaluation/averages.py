"""Rows of a definition: micro, macro and weighted averages, and one for each type."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bioner.evaluation.ratios import Counts, macro

Row = dict[str, Any]
"""definition, average, type, metric, value."""
Ratio = Callable[[Counts], float | None]
Ratios = Mapping[str, Ratio]
PRF: Ratios = {"precision": Counts.precision, "recall": Counts.recall, "f1": Counts.f1}


def full_rows(definition: str, types: Sequence[str], total: Counts, by_type: Sequence[Counts], ratios: Ratios) -> Iterator[Row]:
    """Micro, macro, weighted and type rows of a definition whose ratios come from one set of counts.

    Args:
        total: counts of all mentions together; not always the sum over types (SemEval's partial ignores types).
        by_type: counts of each type, in the order of `types`.
    """
    yield from micro_rows(definition, total, ratios)
    for metric, ratio in ratios.items():
        yield row(definition, "macro", "", metric, macro(by_type, ratio))
    for metric, ratio in ratios.items():
        yield row(definition, "weighted", "", metric, weighted([(count.gold, ratio(count)) for count in by_type]))
    for kind, counts in zip(types, by_type, strict=True):
        yield from value_rows(definition, "type", kind, _measured(counts, ratios))


def micro_rows(definition: str, counts: Counts, ratios: Ratios) -> Iterator[Row]:
    """Ratios of all mentions (or words) together, and the counts that they are made of."""
    yield from value_rows(definition, "micro", "", _measured(counts, ratios))


def accuracy(anything: int) -> Ratios:
    """correct / gold of what is judged; where that is nothing 0, if there was `anything` on either side, else undefined."""
    return {"accuracy": lambda counts: 0.0 if anything and not counts.gold else counts.recall()}


def value_rows(definition: str, average: str, kind: str, values: Mapping[str, Any]) -> Iterator[Row]:
    for metric, value in values.items():
        yield row(definition, average, kind, metric, value)


def row(definition: str, average: str, kind: str, metric: str, value: Any) -> Row:
    return {"definition": definition, "average": average, "type": kind, "metric": metric, "value": value}


def weighted(values: Sequence[tuple[int, float | None]]) -> float | None:
    """Mean over types of (gold, value), weighted by gold: seqeval's and scikit-learn's `weighted`; None without gold.

    Under recall it equals the micro average; a type that was only predicted weighs nothing, so that its false
    positives leave this average.
    """
    gold = sum(number for number, _ in values)
    return sum(number * (value or 0.0) for number, value in values) / gold if gold else None


def total(counts: Sequence[Counts]) -> Counts:
    """Counts of all types together."""
    return Counts(sum(c.gold for c in counts), sum(c.predicted for c in counts), sum(c.correct for c in counts))


def counts_of(gold: Any, predicted: Any, correct: Any) -> list[Counts]:
    """Counts from three arrays of the same length."""
    return [Counts(g, p, c) for g, p, c in zip(gold.tolist(), predicted.tolist(), correct.tolist(), strict=True)]


def _measured(counts: Counts, ratios: Ratios) -> dict[str, Any]:
    values: dict[str, Any] = {metric: ratio(counts) for metric, ratio in ratios.items()}
    return values | {"gold": counts.gold, "predicted": counts.predicted, "correct": counts.correct}
