"""Every definition of the metric, as rows of one table.

| definition | what is correct | averages |
| --- | --- | --- |
| strict | same spans and same type | micro, macro, type |
| span | same spans, types ignored | micro |
| partial | SemEval-2013 9.1 partial: exact 1, overlap 0.5, types ignored | micro, macro, type |
| ent_type | SemEval-2013 9.1 type: same type and some overlap, one to one | micro, macro, type |
| type_overlap | any character shared, same type, many to many | micro, macro, type |
| overlap | any character shared, many to many | micro |
| exact_recall | strict: TP / gold | micro, macro, type |
| jaccard | strict: TP / (TP + FP + FN) | micro, macro, type |
| type_accuracy | strict TP / mentions whose spans were found | micro |
| document_exact_match | documents whose mentions are all right, and no others | micro |
| token_accuracy | words with the right tag, O included | micro |
| token_f1 | words with the right tag, O left out | micro, macro, type |
| token_macro_f1 | mean F1 of tags, O included | macro |
| token_weighted_f1 | mean F1 of tags weighted by gold words, O included | macro |

Micro counts all mentions together; macro is the mean over the types that occur in gold of the
evaluated documents; a row of one type looks at the mentions of that type alone, on both sides.
`gold`, `predicted` and `correct` are printed with the micro and type rows that are made of
them; the overlap definitions have no single `correct`, since one prediction may find two mentions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bioner.evaluation.counting import Integers, Layout
from bioner.evaluation.overlaps import Pairs, overlapping_pairs, partial_credit, type_credit
from bioner.evaluation.ratios import Counts, macro
from bioner.evaluation.tokens import averages_with_outside

Row = dict[str, Any]
Ratios = dict[str, Callable[[Counts], float | None]]
PRF: Ratios = {"precision": Counts.precision, "recall": Counts.recall, "f1": Counts.f1}


def definition_rows(layout: Layout, confusion: Integers) -> Iterator[Row]:
    """Rows of definition, average, type, metric and value; value None where nothing can be counted.

    Args:
        layout: the mentions.
        confusion: words by gold and predicted tag (see `bioner.evaluation.tokens.tag_confusion`).
    """
    pairs = overlapping_pairs(layout)
    types = layout.types
    strict = strict_by_type(layout)
    yield from _full("strict", types, _total(strict), strict, PRF)
    yield from _micro("span", _span_counts(layout), PRF)
    yield from _semeval(layout, pairs)
    yield from _overlap_rows(layout, pairs)
    yield from _full("exact_recall", types, _total(strict), strict, {"accuracy": Counts.recall})
    yield from _full("jaccard", types, _total(strict), strict, {"accuracy": Counts.jaccard})
    yield from _micro("type_accuracy", _type_accuracy(layout, _total(strict)), {"accuracy": Counts.recall})
    yield from _micro("document_exact_match", _document_counts(layout), {"accuracy": Counts.recall})
    yield from _token_rows(types, confusion)


def strict_by_type(layout: Layout) -> list[Counts]:
    """Strict counts of each type, in the order of `layout.types`."""
    types = len(layout.types)
    right = np.isin(layout.predicted.codes(types), layout.gold.codes(types), assume_unique=True)
    return _counts(layout.by_type(layout.gold), layout.by_type(layout.predicted), layout.by_type(layout.predicted, right))


def strict_by_document(layout: Layout) -> tuple[Integers, Integers, Integers]:
    """Strict numbers of gold, predicted and correct mentions of each document, each of shape (documents,)."""
    types = len(layout.types)
    right = np.isin(layout.predicted.codes(types), layout.gold.codes(types), assume_unique=True)
    return layout.by_document(layout.gold), layout.by_document(layout.predicted), layout.by_document(layout.predicted, right)


def _counts(gold: Integers, predicted: Integers, correct: Any) -> list[Counts]:
    return [Counts(g, p, c) for g, p, c in zip(gold.tolist(), predicted.tolist(), correct.tolist(), strict=True)]


def _total(counts: list[Counts]) -> Counts:
    return Counts(sum(c.gold for c in counts), sum(c.predicted for c in counts), sum(c.correct for c in counts))


def _span_counts(layout: Layout) -> Counts:
    gold, predicted = np.unique(layout.gold.place), np.unique(layout.predicted.place)
    return Counts(len(gold), len(predicted), len(np.intersect1d(gold, predicted, assume_unique=True)))


def _type_accuracy(layout: Layout, strict: Counts) -> Counts:
    """Gold mentions whose spans were predicted with any type, and those of them with the right one."""
    found = int(np.isin(layout.gold.place, layout.predicted.place).sum())
    return Counts(found, found, strict.correct)


def _document_counts(layout: Layout) -> Counts:
    gold, predicted, correct = strict_by_document(layout)
    number = len(layout.documents)
    return Counts(number, number, int(((gold == correct) & (predicted == correct)).sum()))


def _semeval(layout: Layout, pairs: Pairs) -> Iterator[Row]:
    gold, predicted = layout.by_type(layout.gold), layout.by_type(layout.predicted)
    same = pairs.where(layout.predicted.type[pairs.predicted] == layout.gold.type[pairs.gold])
    for definition, credit in (("partial", partial_credit), ("ent_type", type_credit)):
        overall = Counts(len(layout.gold), len(layout.predicted), float(credit(layout, pairs).sum()))
        by_type = np.bincount(layout.predicted.type, weights=credit(layout, same), minlength=len(layout.types))
        yield from _full(definition, layout.types, overall, _counts(gold, predicted, by_type), PRF)


def _overlap_rows(layout: Layout, pairs: Pairs) -> Iterator[Row]:
    """Many to many: recall over gold mentions that were touched, precision over predictions that touch."""
    same = pairs.where(layout.predicted.type[pairs.predicted] == layout.gold.type[pairs.gold])
    gold, predicted = layout.by_type(layout.gold), layout.by_type(layout.predicted)
    found = np.bincount(layout.gold.type[np.unique(same.gold)], minlength=len(layout.types))
    right = np.bincount(layout.predicted.type[np.unique(same.predicted)], minlength=len(layout.types))
    sides = [_two_sided(*values) for values in zip(gold.tolist(), predicted.tolist(), found.tolist(), right.tolist(), strict=True)]
    total = _two_sided(int(gold.sum()), int(predicted.sum()), int(found.sum()), int(right.sum()))
    yield from _values("type_overlap", "micro", "", total)
    for metric in PRF:
        values = [side[metric] for side in sides if side["gold"]]
        yield _row("type_overlap", "macro", "", metric, sum(values) / len(values) if values else None)
    for kind, side in zip(layout.types, sides, strict=True):
        yield from _values("type_overlap", "type", kind, side)
    found_any, right_any = len(np.unique(pairs.gold)), len(np.unique(pairs.predicted))
    yield from _values("overlap", "micro", "", _two_sided(len(layout.gold), len(layout.predicted), found_any, right_any))


def _two_sided(gold: int, predicted: int, found: int, right: int) -> dict[str, Any]:
    precision, recall = Counts(gold, predicted, right).precision(), Counts(gold, predicted, found).recall()
    f1 = None if precision is None or recall is None else _harmonic(precision, recall)
    return {"precision": precision, "recall": recall, "f1": f1, "gold": gold, "predicted": predicted}


def _harmonic(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _token_rows(types: tuple[str, ...], confusion: Integers) -> Iterator[Row]:
    # tags are O, then B- and I- of each type: two neighbours are one type
    gold, predicted, correct = (
        values[1:].reshape(-1, 2).sum(axis=1) for values in (confusion.sum(axis=1), confusion.sum(axis=0), np.diagonal(confusion))
    )
    words = int(confusion.sum())
    yield from _micro("token_accuracy", Counts(words, words, int(np.trace(confusion))), {"accuracy": Counts.recall})
    by_type = _counts(gold, predicted, correct)
    yield from _full("token_f1", types, _total(by_type), by_type, PRF)
    plain, weighted = averages_with_outside(confusion)
    yield _row("token_macro_f1", "macro", "", "f1", plain)
    yield _row("token_weighted_f1", "macro", "", "f1", weighted)


def _full(definition: str, types: tuple[str, ...], total: Counts, by_type: list[Counts], ratios: Ratios) -> Iterator[Row]:
    yield from _micro(definition, total, ratios)
    for metric, ratio in ratios.items():
        yield _row(definition, "macro", "", metric, macro(by_type, ratio))
    for kind, counts in zip(types, by_type, strict=True):
        yield from _values(definition, "type", kind, _measured(counts, ratios))


def _micro(definition: str, counts: Counts, ratios: Ratios) -> Iterator[Row]:
    yield from _values(definition, "micro", "", _measured(counts, ratios))


def _measured(counts: Counts, ratios: Ratios) -> dict[str, Any]:
    values: dict[str, Any] = {metric: ratio(counts) for metric, ratio in ratios.items()}
    return values | {"gold": counts.gold, "predicted": counts.predicted, "correct": counts.correct}


def _values(definition: str, average: str, kind: str, values: dict[str, Any]) -> Iterator[Row]:
    for metric, value in values.items():
        yield _row(definition, average, kind, metric, value)


def _row(definition: str, average: str, kind: str, metric: str, value: Any) -> Row:
    return {"definition": definition, "average": average, "type": kind, "metric": metric, "value": value}
