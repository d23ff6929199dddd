"""Sentences whose mentions are all right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from bioner.entities import Document, Span
from bioner.evaluation.averages import Row, micro_rows
from bioner.evaluation.counting import Columns, Integers, Layout
from bioner.evaluation.ratios import Counts

Splitter = Callable[[Document], Sequence[Span]]
"""Gives the sentences of a document: spans in order, disjoint, that hold every character but white space."""


def sentence_starts(documents: Sequence[Document], offsets: Integers, split: Splitter) -> Integers:
    """Where the sentences begin in all texts laid end to end, shape (sentences,).

    The first one of a text begins with the text, so that a mention of the white space before it has a sentence too; for
    that a text of white space alone is one sentence.

    Args:
        documents: in the layout's order.
        offsets: of `Layout`.
    """
    starts: list[int] = []
    for document, offset in zip(documents, offsets.tolist(), strict=False):
        if document.text:
            starts.append(offset)
            starts += [start + offset for start, _ in split(document)[1:]]
    return np.array(starts, dtype=np.int64)


def sentence_rows(layout: Layout, starts: Integers) -> Iterator[Row]:
    """Share of sentences whose mentions are all right, with no others: of all sentences, and of those with gold mentions.

    A mention counts in the sentence in which it begins, on both sides alike.
    """
    types = len(layout.types)
    right = np.isin(layout.predicted.codes(types), layout.gold.codes(types), assume_unique=True)
    gold, predicted = _by_sentence(layout.gold, starts), _by_sentence(layout.predicted, starts)
    correct = _by_sentence(layout.predicted, starts, right)
    exact = (gold == correct) & (predicted == correct)
    for definition, among in (("sentence_exact_match", np.ones(len(starts), dtype=bool)), ("sentence_exact_match_gold", gold > 0)):
        number = int(among.sum())
        yield from micro_rows(definition, Counts(number, number, int((exact & among).sum())), {"accuracy": Counts.recall})


def _by_sentence(columns: Columns, starts: Integers, chosen: npt.NDArray[np.bool_] | None = None) -> Integers:
    """Number of (chosen) mentions that begin in each sentence, shape (sentences,)."""
    if not len(starts):
        return np.zeros(0, dtype=np.int64)
    begins = columns.start if chosen is None else columns.start[chosen]
    places = np.searchsorted(starts, begins, side="right") - 1
    return np.bincount(places, minlength=len(starts)).astype(np.int64)
