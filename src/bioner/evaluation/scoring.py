"""One set of predictions, scored under every definition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bioner.entities import Document
from bioner.evaluation.averages import Row
from bioner.evaluation.counting import Columns, Integers, Layout, lay_out
from bioner.evaluation.definitions import definition_rows, strict_by_document
from bioner.evaluation.sentences_exact import Splitter, sentence_starts
from bioner.evaluation.tokens import TaggedWords, tag_words

Chosen = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scores:
    """What one set of predictions is worth; each method yields rows without the keys of the run."""

    layout: Layout
    words: TaggedWords
    sentences: Integers | None

    def rows(self) -> list[Row]:
        """definition, average, type, metric, value (see `bioner.evaluation.definitions`).

        Ratios are in [0, 1]. A ratio with denominator zero is 0.0; where neither gold nor
        prediction exists it is None, an empty cell in the file.
        """
        return list(definition_rows(self.layout, self.words, self.sentences))

    def documents(self) -> list[Row]:
        """document, gold, predicted, correct: strict counts of every document, in gold's order."""
        columns = [values.tolist() for values in strict_by_document(self.layout)]
        return [
            {"document": document, "gold": gold, "predicted": predicted, "correct": correct}
            for document, gold, predicted, correct in zip(self.layout.documents, *columns, strict=True)
        ]

    def confusion(self) -> list[Row]:
        """gold_type, predicted_type, count: mentions with the same spans, types compared.

        An empty predicted_type is a missed mention, an empty gold_type a spurious one. Where spans
        carry several types, equal types go together first, the others in alphabetical order; so the
        counts of a gold type add up to its gold mentions, and likewise for predicted types.
        """
        counts = _confused(self.layout)
        names = [*self.layout.types, ""]
        found = [(names[gold], names[predicted], int(counts[gold, predicted])) for gold, predicted in np.argwhere(counts)]
        return [{"gold_type": gold, "predicted_type": predicted, "count": count} for gold, predicted, count in sorted(found)]


def score_documents(gold: Sequence[Document], predicted: Sequence[Document], sentences: Splitter | None = None) -> Scores:
    """Score predicted documents against gold documents of the same ids and texts, in any order.

    Gold is counted from the documents: a mention that is nested, discontiguous or impossible to tag
    stays in the denominator. Mentions of equal spans and type count once, on either side.

    Args:
        sentences: finds the sentences of a gold document; without it there are no rows about sentences.

    Raises:
        BionerError: a document is predicted twice, missing, unknown, or its text differs.
    """
    layout = lay_out(gold, predicted)
    starts = None if sentences is None else sentence_starts(gold, layout.offsets, sentences)
    return Scores(layout, tag_words(layout, [document.text for document in gold]), starts)


def _confused(layout: Layout) -> Integers:
    """Mentions by gold type and predicted type, the last row and column for none, shape (types + 1, types + 1)."""
    types = len(layout.types)
    codes = [columns.codes(types) for columns in (layout.gold, layout.predicted)]
    right = np.isin(codes[0], codes[1], assume_unique=True)
    wrong = np.isin(codes[1], codes[0], assume_unique=True, invert=True)
    missed, spurious = _keyed(layout.gold, ~right, types), _keyed(layout.predicted, wrong, types)
    _, left, other = np.intersect1d(missed[0], spurious[0], assume_unique=True, return_indices=True)
    lone, extra = np.delete(missed[1], left), np.delete(spurious[1], other)
    expected = np.concatenate([layout.gold.type[right], missed[1][left], lone, np.full(len(extra), types)])
    given = np.concatenate([layout.gold.type[right], spurious[1][other], np.full(len(lone), types), extra])
    size = types + 1
    return np.bincount(expected * size + given, minlength=size * size).reshape(size, size).astype(np.int64)


def _keyed(columns: Columns, chosen: Chosen, number: int) -> tuple[Integers, Integers]:
    """A key of each chosen mention, and its type; two of different sides have the same key if each is the n-th at its spans, by type."""
    places, types = columns.place[chosen], columns.type[chosen]
    begins = np.flatnonzero(np.diff(places, prepend=-1))
    nth = np.arange(len(places)) - np.repeat(begins, np.diff(begins, append=len(places)))
    return places * number + nth, types
