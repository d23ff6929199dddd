"""Signs that predictions were made, cut or written wrongly: usual bugs of reporting, told by what they leave in the mentions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np

from bioner.evaluation.counting import Columns, Integers, Layout
from bioner.evaluation.overlaps import overlapping_pairs
from bioner.evaluation.scoring import Scores
from bioner.evaluation.tokens import TaggedWords

ENOUGH = 30
"""Mentions (or words of mentions) that a sign must rest on."""
SHIFTS = (-3, -2, -1, 1, 2, 3)
FORGIVING = {
    "strict": ("span", "partial", "ent_type", "type_overlap", "overlap"),
    "span": ("partial", "overlap"),
    "ent_type": ("type_overlap", "overlap"),
    "partial": ("overlap",),
    "type_overlap": ("overlap",),
}
"""Definitions that are never below another one, where no two mentions of a side overlap (as those of most taggers do not)."""


def suspicions(scores: Scores) -> list[str]:
    """What looks wrong with the predictions, a line each, without text of the corpus; empty if nothing does."""
    layout, words = scores.layout, scores.words
    signs = (
        _foreign_types(layout),
        _swapped_types(scores),
        _shifted_tags(words),
        _moved_borders(layout),
        _cut_off(layout),
        _in_pieces(layout),
    )
    return [sign for found in signs for sign in found]


def impossible_order(f1: Mapping[str, float], tolerance: float = 0.0) -> list[str]:
    """Definitions of one report that contradict each other (see FORGIVING), a line each.

    Args:
        f1: F1 by definition, all as shares or all in percent; definitions that it lacks are not looked at.
        tolerance: what rounding may take from a difference, in the same unit.
    """
    pairs = [(low, high) for low, others in FORGIVING.items() for high in others if low in f1 and high in f1]
    return [f"{low} {f1[low]:g} is above {high} {f1[high]:g}, which cannot be" for low, high in pairs if f1[low] > f1[high] + tolerance]


def _foreign_types(layout: Layout) -> Iterator[str]:
    gold, predicted = layout.by_type(layout.gold), layout.by_type(layout.predicted)
    foreign = [kind for kind, g, p in zip(layout.types, gold.tolist(), predicted.tolist(), strict=True) if p and not g]
    if foreign and len(layout.gold):
        yield f"types predicted that gold does not have: {', '.join(foreign)}; another set of labels?"


def _swapped_types(scores: Scores) -> Iterator[str]:
    counts = {(row["gold_type"], row["predicted_type"]): row["count"] for row in scores.confusion()}
    for one, other in combinations(scores.layout.types, 2):
        crossed = counts.get((one, other), 0) + counts.get((other, one), 0)
        straight = counts.get((one, one), 0) + counts.get((other, other), 0)
        if crossed > straight and crossed >= ENOUGH:
            found = f"{one} and {other} are exchanged in {crossed} of {crossed + straight} mentions with the right spans"
            yield f"{found}; label names swapped?"


def _shifted_tags(words: TaggedWords) -> Iterator[str]:
    agreeing = {shift: _agreement(words, shift) for shift in (0, *SHIFTS)}
    best = max(agreeing, key=lambda shift: agreeing[shift])
    if best and agreeing[best] > 2 * agreeing[0] and agreeing[best] >= ENOUGH:
        yield f"tags agree on {agreeing[best]} words of mentions when moved by {-best} words, on {agreeing[0]} as they are; labels shifted?"


def _agreement(words: TaggedWords, shift: int) -> int:
    """Words of mentions whose gold tag is predicted so many words later."""
    gold = words.gold[max(0, -shift) : len(words.gold) - max(0, shift)]
    predicted = words.predicted[max(0, shift) : len(words.predicted) + min(0, shift)]
    return int(((gold == predicted) & (gold > 0)).sum())


def _moved_borders(layout: Layout) -> Iterator[str]:
    """The same difference in characters, at most two, between most predictions and the gold mentions they overlap."""
    pairs = overlapping_pairs(layout)
    starts = layout.predicted.start[pairs.predicted] - layout.gold.start[pairs.gold]
    ends = layout.predicted.end[pairs.predicted] - layout.gold.end[pairs.gold]
    moves = Counter(zip(starts.tolist(), ends.tolist(), strict=True))
    move, number = moves.most_common(1)[0] if moves else ((0, 0), 0)
    if move != (0, 0) and max(map(abs, move)) <= 2 and number >= ENOUGH and 2 * number > len(pairs):
        found = f"{number} of {len(pairs)} predictions begin {move[0]:+d} and end {move[1]:+d} characters from gold"
        yield f"{found}; offsets counted otherwise?"


def _cut_off(layout: Layout) -> Iterator[str]:
    """Gold beyond the last place, counted from the beginning of its document, at which anything is predicted."""
    gold, predicted = _inside(layout, layout.gold, layout.gold.start), _inside(layout, layout.predicted, layout.predicted.end)
    limit = int(predicted.max(initial=0))
    beyond = int((gold >= limit).sum())
    if 2 * len(layout.predicted) > len(gold) - beyond and beyond >= ENOUGH and 50 * beyond > len(gold):
        share = 100 * beyond / len(gold)
        found = f"nothing is predicted beyond character {limit} of any document, where {beyond} gold mentions ({share:.1f} %) lie"
        yield f"{found}; texts cut off?"


def _inside(layout: Layout, columns: Columns, places: Integers) -> Integers:
    """Places in all texts as places in their own document."""
    return places - layout.offsets[columns.document]


def _in_pieces(layout: Layout) -> Iterator[str]:
    """Predictions that continue one of their type without a gap, as when each piece of a word begins a mention."""
    gold, predicted = (_continuing(layout, columns) for columns in (layout.gold, layout.predicted))
    if predicted >= ENOUGH and predicted > 0.1 * len(layout.predicted) and predicted * len(layout.gold) > 5 * gold * len(layout.predicted):
        found = f"{predicted} of {len(layout.predicted)} predictions continue another of their type, {gold} in gold"
        yield f"{found}; B- on each piece of a word?"


def _continuing(layout: Layout, columns: Columns) -> int:
    """Mentions that begin where one of their type ends, with nothing between."""
    types = len(layout.types)
    later = columns.start > layout.offsets[columns.document]
    return int(np.isin((columns.start * types + columns.type)[later], columns.end * types + columns.type).sum())
