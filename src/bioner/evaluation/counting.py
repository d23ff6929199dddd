"""Documents as arrays: gold and predicted mentions as columns that every definition counts from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from bioner.entities import Document, Span
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
    """Gold and predicted mentions of the same documents.

    `documents` are the ids, in gold's order; `offsets` where each one's text begins in all texts laid end to end, and
    the total length, shape (documents + 1,).
    """

    documents: tuple[str, ...]
    types: tuple[str, ...]
    gold: Columns
    predicted: Columns
    parts: dict[int, tuple[Span, ...]]
    offsets: Integers

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
    sides = [_Mentions.of([pair[side] for pair in pairs]) for side in (0, 1)]
    types = tuple(sorted({kind for side in sides for kind in side.types}))
    shapes = sorted({parts for side in sides for parts in side.discontiguous()})
    offsets = np.cumsum([0, *(len(document.text) for document, _ in pairs)])
    raw = [side.table(offsets, types, shapes) for side in sides]
    places = _places(np.concatenate(raw), len(shapes))
    cut = len(raw[0])
    columns = [_distinct(raw[0], places[:cut], len(types)), _distinct(raw[1], places[cut:], len(types))]
    parts: dict[int, tuple[Span, ...]] = {}
    for rows, named in ((raw[0], places[:cut]), (raw[1], places[cut:])):
        for index in np.flatnonzero(rows[:, 3]):
            parts[int(named[index])] = shapes[rows[index, 3] - 1]
    return Layout(tuple(document.id for document, _ in pairs), types, columns[0], columns[1], parts, offsets)


@dataclass(frozen=True, slots=True)
class _Mentions:
    """All mentions of one side, in order: spans of each, their number, type, and how many mentions each document has."""

    spans: list[tuple[Span, ...]]
    parts: Integers
    types: list[str]
    sizes: list[int]

    @classmethod
    def of(cls, documents: Sequence[Document]) -> _Mentions:
        mentions = list(chain.from_iterable(document.mentions for document in documents))
        # a mention is a tuple, and this way no bytecode runs for each of hundreds of thousands
        sizes = [len(document.mentions) for document in documents]
        spans = list(map(itemgetter(1), mentions))
        return cls(spans, _integers(map(len, spans), len(spans)), list(map(itemgetter(2), mentions)), sizes)

    def discontiguous(self) -> Iterator[tuple[Span, ...]]:
        """The spans of mentions in several parts."""
        return (self.spans[index] for index in np.flatnonzero(self.parts > 1).tolist())

    def table(self, offsets: Integers, types: Sequence[str], shapes: Sequence[tuple[Span, ...]]) -> Integers:
        """Rows of document, start, end, shape (0: contiguous) and type, shape (mentions, 5)."""
        count = len(self.spans)
        borders = _integers(chain.from_iterable(chain.from_iterable(self.spans)), 2 * int(self.parts.sum()))
        last = 2 * np.cumsum(self.parts) - 1
        table = np.zeros((count, 5), dtype=np.int64)
        table[:, 0] = np.repeat(np.arange(len(self.sizes)), self.sizes)
        table[:, 1] = borders[last + 1 - 2 * self.parts]
        table[:, 2] = borders[last]
        if shapes:
            numbers = {parts: number for number, parts in enumerate(shapes, 1)}
            table[:, 3] = [numbers.get(parts, 0) for parts in self.spans]
        table[:, 4] = _integers(map({kind: number for number, kind in enumerate(types)}.__getitem__, self.types), count)
        table[:, 1:3] += offsets[table[:, 0], None]
        return table


def _integers(values: Iterable[int], count: int) -> Integers:
    return np.fromiter(values, dtype=np.int64, count=count)


def _places(table: Integers, shapes: int) -> Integers:
    """Numbers that two rows share if and only if start, end and shape agree, shape (mentions,)."""
    if not len(table):
        return np.zeros(0, dtype=np.int64)
    length = table[:, 2] - table[:, 1]
    extents: Integers = np.unique(table[:, 1] * (int(length.max()) + 1) + length, return_inverse=True)[1].astype(np.int64)
    if not shapes:
        return extents
    places: Integers = np.unique(extents * (shapes + 1) + table[:, 3], return_inverse=True)[1].astype(np.int64)
    return places


def _distinct(table: Integers, places: Integers, types: int) -> Columns:
    # places ascend with start, then end, so that sorted codes put mentions in reading order
    first = np.unique(places * types + table[:, 4], return_index=True)[1]
    kept, places = table[first], places[first]
    return Columns(document=kept[:, 0], start=kept[:, 1], end=kept[:, 2], place=places, type=kept[:, 4])
