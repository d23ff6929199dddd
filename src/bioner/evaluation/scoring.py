"""One set of predictions, scored under every definition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bioner.entities import Document
from bioner.evaluation.counting import Columns, Integers, Layout, lay_out
from bioner.evaluation.definitions import Row, definition_rows, strict_by_document
from bioner.evaluation.strict import pair_documents
from bioner.evaluation.tokens import tag_confusion


@dataclass(frozen=True, slots=True)
class Scores:
    """What one set of predictions is worth; each method yields rows without the keys of the run."""

    layout: Layout
    confusion_of_tags: Integers

    def rows(self) -> list[Row]:
        """definition, average, type, metric, value (see `bioner.evaluation.definitions`).

        Ratios are in [0, 1]. A ratio with denominator zero is 0.0; where neither gold nor
        prediction exists it is None, an empty cell in the file.
        """
        return list(definition_rows(self.layout, self.confusion_of_tags))

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
        counts = Counter(_confused(self.layout))
        return [{"gold_type": gold, "predicted_type": predicted, "count": counts[gold, predicted]} for gold, predicted in sorted(counts)]


def score_documents(gold: Sequence[Document], predicted: Sequence[Document]) -> Scores:
    """Score predicted documents against gold documents of the same ids and texts, in any order.

    Gold is counted from the documents: a mention that is nested, discontiguous or impossible to tag
    stays in the denominator. Mentions of equal spans and type count once, on either side.

    Raises:
        BionerError: a document is predicted twice, missing, unknown, or its text differs.
    """
    layout = lay_out(gold, predicted)
    return Scores(layout, tag_confusion(pair_documents(gold, predicted), layout.types))


def _confused(layout: Layout) -> Iterator[tuple[str, str]]:
    types = layout.types
    codes = [columns.codes(len(types)) for columns in (layout.gold, layout.predicted)]
    right = np.isin(codes[0], codes[1], assume_unique=True)
    for kind in layout.gold.type[right].tolist():
        yield types[kind], types[kind]
    wrong = np.isin(codes[1], codes[0], assume_unique=True, invert=True)
    missed, spurious = _by_place(layout.gold, ~right), _by_place(layout.predicted, wrong)
    for place, expected in missed.items():
        given = spurious.pop(place, [])
        for gold, predicted in zip(expected, given, strict=False):
            yield types[gold], types[predicted]
        for gold in expected[len(given) :]:
            yield types[gold], ""
        for predicted in given[len(expected) :]:
            yield "", types[predicted]
    for given in spurious.values():
        for predicted in given:
            yield "", types[predicted]


def _by_place(columns: Columns, chosen: npt.NDArray[np.bool_]) -> dict[int, list[int]]:
    """Types of the chosen mentions by place, in alphabetical order."""
    found: dict[int, list[int]] = {}
    for place, kind in zip(columns.place[chosen].tolist(), columns.type[chosen].tolist(), strict=True):
        found.setdefault(place, []).append(kind)
    return found
