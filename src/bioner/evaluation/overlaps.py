"""Overlapping pairs of predicted and gold mentions, and SemEval-2013's one-to-one matching of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bioner.evaluation.counting import Columns, Floats, Integers, Layout


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of a predicted and a gold mention that share a character, sorted by predicted, then gold.

    `predicted` and `gold` are positions in the layout's columns; `shared` is the number of
    characters in common and `length` that of the gold mention; all of shape (pairs,).
    """

    predicted: Integers
    gold: Integers
    shared: Integers
    length: Integers

    def where(self, chosen: npt.NDArray[np.bool_]) -> Pairs:
        return Pairs(self.predicted[chosen], self.gold[chosen], self.shared[chosen], self.length[chosen])

    def __len__(self) -> int:
        return len(self.gold)


def overlapping_pairs(layout: Layout) -> Pairs:
    """All pairs that share at least one character; of a discontiguous mention only its parts count."""
    predicted, gold = layout.predicted, layout.gold
    # gold is sorted by start; the running maximum of ends is sorted too, even where gold is nested
    low = np.searchsorted(np.maximum.accumulate(gold.end), predicted.start, side="right")
    high = np.maximum(np.searchsorted(gold.start, predicted.end, side="left"), low)
    left = np.repeat(np.arange(len(predicted)), high - low)
    first = np.repeat(low - np.concatenate(([0], np.cumsum(high - low)[:-1])), high - low) if len(predicted) else low
    right = first + np.arange(len(left))
    shared = np.minimum(predicted.end[left], gold.end[right]) - np.maximum(predicted.start[left], gold.start[right])
    length = gold.end[right] - gold.start[right]
    if layout.parts:
        _count_parts(layout, left, right, shared, length)
    pairs = Pairs(left.astype(np.int64), right.astype(np.int64), shared, length)
    return pairs.where(shared > 0)


def _count_parts(layout: Layout, left: Integers, right: Integers, shared: Integers, length: Integers) -> None:
    """Correct `shared` and `length`, in place, where a mention is discontiguous."""
    places = np.array(sorted(layout.parts), dtype=np.int64)
    concerned = np.isin(layout.predicted.place[left], places) | np.isin(layout.gold.place[right], places)
    for index in np.flatnonzero(concerned):
        ours, theirs = _parts(layout, layout.predicted, int(left[index])), _parts(layout, layout.gold, int(right[index]))
        shared[index] = sum(max(0, min(a[1], b[1]) - max(a[0], b[0])) for a in ours for b in theirs)
        length[index] = sum(end - start for start, end in theirs)


def _parts(layout: Layout, columns: Columns, index: int) -> list[tuple[int, int]]:
    start, end = int(columns.start[index]), int(columns.end[index])
    spans = layout.parts.get(int(columns.place[index]))
    return [(start, end)] if spans is None else [(start + a - spans[0][0], start + b - spans[0][0]) for a, b in spans]


def partial_credit(layout: Layout, pairs: Pairs) -> Floats:
    """SemEval-2013 9.1 'partial': 1 for exact boundaries, 0.5 for others that overlap, types ignored.

    Each prediction, in reading order, takes the first gold mention still free with its exact
    boundaries, else the first free one that it covers by at least 1 % of that one's length (as
    nervaluate >= 1.2.1 does).

    Returns:
        Credit of each predicted mention, shape (predicted,).
    """
    pairs = pairs.where(pairs.shared * 100 >= pairs.length)
    exact = layout.predicted.place[pairs.predicted] == layout.gold.place[pairs.gold]
    return _assign(pairs, (~exact).astype(np.int64), np.where(exact, 1.0, 0.5), len(layout.predicted))


def type_credit(layout: Layout, pairs: Pairs) -> Floats:
    """SemEval-2013 9.1 'ent_type': 1 for a gold mention of the same type that overlaps.

    Each prediction, in reading order, takes the free gold mention of its type with the closest
    boundaries, else uses up, for no credit, the first free one of another type.

    Returns:
        Credit of each predicted mention, shape (predicted,).
    """
    pairs = pairs.where(pairs.shared * 100 >= pairs.length)
    predicted, gold = layout.predicted, layout.gold
    same = predicted.type[pairs.predicted] == gold.type[pairs.gold]
    distance = np.abs(predicted.start[pairs.predicted] - gold.start[pairs.gold]) + np.abs(
        predicted.end[pairs.predicted] - gold.end[pairs.gold]
    )
    rank = np.where(same, distance, np.iinfo(np.int64).max)
    return _assign(pairs, rank, same.astype(np.float64), len(predicted))


def _assign(pairs: Pairs, rank: Integers, credit: Floats, predictions: int) -> Floats:
    """Give each prediction, in order, its free gold mention of least rank (the first among equals).

    Pairs that compete with no other are settled at once; the few others one after another.
    """
    result = np.zeros(predictions)
    if not len(pairs):
        return result
    alone = (np.bincount(pairs.predicted)[pairs.predicted] == 1) & (np.bincount(pairs.gold)[pairs.gold] == 1)
    result[pairs.predicted[alone]] = credit[alone]
    contested = np.flatnonzero(~alone)
    order = contested[np.lexsort((pairs.gold[contested], rank[contested], pairs.predicted[contested]))]
    taken: set[int] = set()
    last = -1
    for index, prediction, target in zip(order.tolist(), pairs.predicted[order].tolist(), pairs.gold[order].tolist(), strict=True):
        if prediction != last and target not in taken:
            taken.add(target)
            last = prediction
            result[prediction] = credit[index]
    return result
