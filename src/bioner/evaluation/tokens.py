"""Mentions as IOB2 tags of words: what definitions over words count, and which gold mentions tags cannot say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bioner.evaluation.counting import Columns, Integers, Layout
from bioner.evaluation.units import word_spans
from bioner.tags import REASONS

EXPRESSED = -1
"""In `TaggedWords.lost`: tags represent the mention exactly."""

_NO_UNIT, _OVERLAPS, _DISCONTIGUOUS, _INSIDE = (
    REASONS.index(reason) for reason in ("no unit", "overlaps a longer mention", "discontiguous", "boundary inside a unit")
)


@dataclass(frozen=True, slots=True)
class TaggedWords:
    """The words of all documents as the tag scheme sees them.

    Words are those of `bioner.words.split_words`, tags IOB2 as `bioner.tags.encode` gives them: what the scheme cannot
    express (nested, discontiguous, a border inside a word) is tagged as `encode` says, on both sides alike.

    Attributes:
        gold: tag ids in the order of `TagSet.names` over `Layout.types` (O, then B- and I- of each type), shape (words,).
        predicted: the same for predictions.
        lost: for each gold mention of the layout why tags do not represent it, a position in
            `bioner.tags.REASONS`, or EXPRESSED; shape (gold,).
    """

    gold: Integers
    predicted: Integers
    lost: Integers


def tag_words(layout: Layout, texts: Sequence[str]) -> TaggedWords:
    """Tags of all words; `texts` are those of the layout's documents, in order."""
    starts, ends = word_spans(texts)
    gold, lost = _tags(layout, layout.gold, starts, ends)
    return TaggedWords(gold, _tags(layout, layout.predicted, starts, ends)[0], lost)


def _tags(layout: Layout, mentions: Columns, starts: Integers, ends: Integers) -> tuple[Integers, Integers]:
    """Tags of words, shape (words,), and what keeps each mention from them, shape (mentions,)."""
    first = np.searchsorted(ends, mentions.start, side="right")
    stop = np.maximum(np.searchsorted(starts, mentions.end, side="left"), first)
    tags = np.zeros(len(starts), dtype=np.int64)
    lost = np.full(len(mentions), EXPRESSED, dtype=np.int64)
    covers = stop > first
    lost[~covers] = _NO_UNIT
    alone = _alone(first, stop, covers)
    _write(tags, first[alone], stop[alone], mentions.type[alone])
    contested = np.flatnonzero(covers & ~alone)
    order = np.lexsort((mentions.type[contested], mentions.start[contested], (mentions.start - mentions.end)[contested]))
    for index in contested[order].tolist():
        low, high = int(first[index]), int(stop[index])
        if tags[low:high].any():
            lost[index] = _OVERLAPS
        else:
            tags[low], tags[low + 1 : high] = 1 + 2 * mentions.type[index], 2 + 2 * mentions.type[index]
    kept = np.flatnonzero(lost == EXPRESSED)
    moved = (starts[first[kept]] != mentions.start[kept]) | (ends[stop[kept] - 1] != mentions.end[kept])
    lost[kept[moved]] = _INSIDE
    lost[kept[np.isin(mentions.place[kept], np.array(list(layout.parts), dtype=np.int64))]] = _DISCONTIGUOUS
    return tags, lost


def _alone(first: Integers, stop: Integers, covers: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Whether a mention covers words, none of which another one covers; mentions are sorted by start."""
    chosen = np.flatnonzero(covers)
    opens = np.ones(len(chosen), dtype=bool)
    opens[1:] = first[chosen[1:]] >= np.maximum.accumulate(stop[chosen])[:-1]
    cluster = np.cumsum(opens) - 1
    alone = np.zeros(len(covers), dtype=bool)
    alone[chosen] = np.bincount(cluster)[cluster] == 1
    return alone


def _write(tags: Integers, first: Integers, stop: Integers, types: Integers) -> None:
    """Write mentions that share no word, in place."""
    length = stop - first
    inside = np.repeat(first - np.cumsum(length) + length, length) + np.arange(int(length.sum()))
    tags[inside] = np.repeat(2 + 2 * types, length)
    tags[first] = 1 + 2 * types
