"""Documents as arrays: gold and predicted mentions as columns that every definition counts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bioner.entities import Document, Span, entity_types
from bioner.evaluation.strict import pair_documents

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Columns:
    """Distinct mentions of all documents, one element each, sorted by start, end, place and type.

    Offsets count through all texts laid end to end, so that mentions of different documents never
    meet. `place` is a number that two mentions share if and only if their spans are the same;
    `type` is a position in `Layout.types`; `parts` holds the spans of discontiguous mentions by
    place.
    """

    document: Integers
    start: Integers
    end: Integers
    place: Integers
    type: Integers

    def __len__(self) -> int:
        return len(self.start)

    def codes(self, types: int) -> Integers:
        """One number for each combination of place and type."""
        return self.place * types + self.type


@dataclass(frozen=True, slots=True)
class Layout:
    """Gold and predicted mentions of the same documents; `documents` are the ids, in gold's order."""

    documents: tuple[str, ...]
    types: tuple[str, ...]
    gold: Columns
    predicted: Columns
    parts: dict[int, tuple[Span, ...]]

    def by_document(self, columns: Columns, chosen: npt.NDArray[np.bool_] | None = None) -> Integers:
        """Number of (chosen) mentions of each document, shape (documents,)."""
        documents = columns.document if chosen is None else columns.document[chosen]
        return np.bincount(documents, minlength=len(self.documents)).astype(np.int64)

    def by_type(self, columns: Columns, chosen: npt.NDArray[np.bool_] | None = None) -> Integers:
        """Number of (chosen) mentions of each type, shape (types,)."""
        types = columns.type if chosen is None else columns.type[chosen]
        return np.bincount(types, minlength=len(self.types)).astype(np.int64)


def lay_out(gold: Sequence[Document], predicted: Sequence[Document]) -> Layout:
    """Columns of gold and predicted mentions.

    A mention is its spans and its type: annotations that agree in both (for instance with two
    concepts) are one mention, on either side. Nothing else is dropped, however nested,
    discontiguous or impossible to tag.

    Raises:
        BionerError: the documents do not correspond (see `pair_documents`).
    """
    pairs = pair_documents(gold, predicted)
    types = tuple(entity_types([*gold, *predicted]))
    offsets = np.cumsum([0, *(len(document.text) for document, _ in pairs)])
    sides = [[document for document, _ in pairs], [document for _, document in pairs]]
    shapes = sorted({m.spans for side in sides for document in side for m in document.mentions if len(m.spans) > 1})
    raw = [_raw_columns(side, offsets, types, {spans: number for number, spans in enumerate(shapes, 1)}) for side in sides]
    places = _places(np.concatenate(raw), len(shapes))
    cut = len(raw[0])
    columns = [_distinct(raw[0], places[:cut], len(types)), _distinct(raw[1], places[cut:], len(types))]
    parts: dict[int, tuple[Span, ...]] = {}
    for rows, numbers in ((raw[0], places[:cut]), (raw[1], places[cut:])):
        for index in np.flatnonzero(rows[:, 3]):
            parts[int(numbers[index])] = shapes[rows[index, 3] - 1]
    return Layout(tuple(document.id for document, _ in pairs), types, columns[0], columns[1], parts)


def _raw_columns(documents: Sequence[Document], offsets: Integers, types: Sequence[str], shapes: dict[tuple[Span, ...], int]) -> Integers:
    """Rows of document, start, end, shape (0: contiguous) and type, shape (mentions, 5)."""
    type_numbers = {kind: number for number, kind in enumerate(types)}
    rows = [
        (index, m.spans[0][0], m.spans[-1][1], shapes.get(m.spans, 0), type_numbers[m.type])
        for index, document in enumerate(documents)
        for m in document.mentions
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 5)
    table[:, 1:3] += offsets[table[:, 0], None]
    return table


def _places(table: Integers, shapes: int) -> Integers:
    """Numbers that two rows share if and only if start, end and shape agree, shape (mentions,)."""
    if not len(table):
        return np.zeros(0, dtype=np.int64)
    length = table[:, 2] - table[:, 1]
    extents = np.unique(table[:, 1] * (int(length.max()) + 1) + length, return_inverse=True)[1]
    places: Integers = np.unique(extents * (shapes + 1) + table[:, 3], return_inverse=True)[1].astype(np.int64)
    return places


def _distinct(table: Integers, places: Integers, types: int) -> Columns:
    # places ascend with start, then end, so that sorted codes put mentions in reading order
    first = np.unique(places * types + table[:, 4], return_index=True)[1]
    kept, places = table[first], places[first]
    return Columns(document=kept[:, 0], start=kept[:, 1], end=kept[:, 2], place=places, type=kept[:, 4])
