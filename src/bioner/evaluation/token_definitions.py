"""Definitions that count words, or what tag sequences hold, instead of mentions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from bioner.evaluation.averages import PRF, Row, accuracy, counts_of, full_rows, micro_rows, row, total, value_rows, weighted
from bioner.evaluation.counting import Integers, Layout
from bioner.evaluation.ratios import Counts
from bioner.evaluation.tokens import EXPRESSED, TaggedWords
from bioner.tags import REASONS


def token_rows(types: Sequence[str], words: TaggedWords) -> Iterator[Row]:
    """Definitions that count words by gold tag and predicted tag."""
    tags = tag_confusion(words, types)
    gold, predicted, correct = tags.sum(axis=1), tags.sum(axis=0), np.diagonal(tags)
    number, inside = int(tags.sum()), int(gold[1:].sum())
    yield from micro_rows("token_accuracy", Counts(number, number, int(correct.sum())), {"accuracy": Counts.recall})
    of_gold = Counts(inside, inside, int(correct[1:].sum()))
    yield from micro_rows("entity_token_accuracy", of_gold, accuracy(inside + int(predicted[1:].sum())))
    # tags are O, then B- and I- of each type: two neighbours are one type
    by_type = counts_of(*(side[1:].reshape(-1, 2).sum(axis=1) for side in (gold, predicted, correct)))
    yield from full_rows("token_f1", types, total(by_type), by_type, PRF)
    yield from _untagged_rows(types, tags)
    yield from _rows_with_outside(gold, predicted, correct)


def tag_confusion(words: TaggedWords, types: Sequence[str]) -> Integers:
    """Number of words by gold tag and predicted tag, shape (tags, tags), in the order of `TagSet.names`."""
    size = 1 + 2 * len(types)
    return np.bincount(words.gold * size + words.predicted, minlength=size * size).reshape(size, size).astype(np.int64)


def _untagged_rows(types: Sequence[str], tags: Integers) -> Iterator[Row]:
    """Words with the right type, whatever their prefix; and words in any mention."""
    edges = np.concatenate(([0], 1 + 2 * np.arange(len(types)))).astype(np.int64)
    kinds = np.add.reduceat(np.add.reduceat(tags, edges, axis=0), edges, axis=1)
    by_type = counts_of(kinds.sum(axis=1)[1:], kinds.sum(axis=0)[1:], np.diagonal(kinds)[1:])
    yield from full_rows("token_type_f1", types, total(by_type), by_type, PRF)
    inside = Counts(int(kinds[1:].sum()), int(kinds[:, 1:].sum()), int(kinds[1:, 1:].sum()))
    yield from micro_rows("token_entity_f1", inside, PRF)


def _rows_with_outside(gold: Integers, predicted: Integers, correct: Any) -> Iterator[Row]:
    """F1 over all tags, O included, micro, macro and weighted, as scikit-learn takes them without `labels`.

    The mean is over tags that occur in gold or in the predictions. None where there are no words.
    """
    by_tag = [count for count in counts_of(gold, predicted, correct) if count.gold or count.predicted]
    everything = total(by_tag)
    yield row("token_micro_f1", "micro", "", "f1", everything.f1())
    values = [(count.gold, count.f1()) for count in by_tag]
    yield row("token_macro_f1", "macro", "", "f1", sum(value or 0.0 for _, value in values) / len(values) if values else None)
    yield row("token_weighted_f1", "weighted", "", "f1", weighted(values))


def sequence_rows(types: Sequence[str], words: TaggedWords) -> Iterator[Row]:
    """What a report over tag sequences says (seqeval's default): both sides as the tags hold them.

    Gold that the tags lost is not counted, and gold that they moved is counted where they say it is. The macro
    average is over types that occur on either side, as seqeval takes it.
    """
    sides = [_spelled(tags) for tags in (words.gold, words.predicted)]
    _, left, right = np.intersect1d(sides[0][0], sides[1][0], assume_unique=True, return_indices=True)
    same = (sides[0][1][left] == sides[1][1][right]) & (sides[0][2][left] == sides[1][2][right])
    number = [np.bincount(kinds, minlength=len(types)) for kinds in (sides[0][2], sides[1][2], sides[0][2][left][same])]
    by_type = counts_of(*number)
    seen = [count for count in by_type if count.gold or count.predicted]
    for line in full_rows("seqeval", types, total(by_type), by_type, PRF):
        if line["average"] == "macro":
            values = [PRF[line["metric"]](count) or 0.0 for count in seen]
            line["value"] = sum(values) / len(values) if values else None
        yield line


def _spelled(tags: Integers) -> tuple[Integers, Integers, Integers]:
    """First word, word after the last, and type of the mentions in well-formed IOB2 tags."""
    begins = np.flatnonzero(tags % 2 == 1)
    ends = np.append(np.flatnonzero((tags % 2 == 1) | (tags == 0)), len(tags))
    return begins, ends[np.searchsorted(ends, begins, side="right")], (tags[begins] - 1) // 2


def ceiling_rows(layout: Layout, words: TaggedWords) -> Iterator[Row]:
    """The highest strict recall that any IOB2 tagger of whole words can reach, and what keeps it from 1.

    `recall` is the share of gold mentions that the tags represent exactly; `lost_<reason>` the share lost for each
    reason of `bioner.tags.REASONS` that occurs.
    """
    expressed = words.lost == EXPRESSED
    found = layout.by_type(layout.gold, expressed)
    by_type = counts_of(layout.by_type(layout.gold), found, found)
    everything = total(by_type)
    lost = np.bincount(words.lost[~expressed], minlength=len(REASONS)).tolist()
    yield from ceiling("ceiling", everything, dict(zip(REASONS, lost, strict=True)))
    for kind, counts in zip(layout.types, by_type, strict=True):
        yield from value_rows("ceiling", "type", kind, {"recall": counts.recall(), "gold": counts.gold, "correct": int(counts.correct)})


def ceiling(definition: str, counts: Counts, lost: dict[str, int]) -> Iterator[Row]:
    """Micro rows of a ceiling on recall: `counts.correct` of `counts.gold` can be said, `lost` of them not, by reason."""
    yield from value_rows(definition, "micro", "", {"recall": counts.recall(), "gold": counts.gold, "correct": int(counts.correct)})
    for reason, number in lost.items():
        if number:
            yield row(definition, "micro", "", f"lost_{reason.replace(' ', '_')}", number / counts.gold)
