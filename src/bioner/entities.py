"""Document, passage and mention: the one form in which every corpus travels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Span = tuple[int, int]
"""Half-open interval [start, end) in code points of a document's text."""

SPLITS = ("train", "validation", "test")

NO_CONCEPT = frozenset({"", "-", "-1"})
"""What corpora write in the place of a concept identifier where there is none."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A contiguous part of a document (`title`, `abstract`, `line`, ...), as a half-open interval."""

    start: int
    end: int
    kind: str


class Mention(NamedTuple):
    """A typed span of text; a tuple, because corpora have hundreds of thousands and nothing else is made as fast.

    `spans` has more than one element only for a discontiguous mention, sorted by start.
    `concepts` are identifiers in the corpus's own vocabulary, possibly none.
    `score` is a probability in [0, 1], set on predicted mentions only.
    """

    id: str
    spans: tuple[Span, ...]
    type: str
    concepts: tuple[str, ...] = ()
    score: float | None = None

    @property
    def start(self) -> int:
        return self.spans[0][0]

    @property
    def end(self) -> int:
        return self.spans[-1][1]

    def at(self, *spans: Span) -> Mention:
        """The same mention elsewhere."""
        return self._replace(spans=spans)


@dataclass(frozen=True, slots=True)
class Document:
    """A text with its passages and mentions; `split` is the corpus's official one, or None.

    `meta` carries what later steps need and is JSON: `source` (id of the document that an
    augmented variant was made from), `augmentation` (its kind), `edits` (the offset map of
    normalization, see `bioner.preparation.offsets`).
    """

    id: str
    text: str
    mentions: tuple[Mention, ...] = ()
    passages: tuple[Passage, ...] = ()
    split: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """Id of the document this one was made from; its own id when it is an original."""
        return str(self.meta.get("source", self.id))

    def surface(self, mention: Mention) -> str:
        """The text of a mention, the parts of a discontiguous one joined by a blank."""
        return " ".join(self.text[start:end] for start, end in mention.spans)


def sort_mentions(mentions: Iterable[Mention]) -> tuple[Mention, ...]:
    """Mentions in reading order: by spans, then type, then id."""
    return tuple(sorted(mentions, key=lambda mention: (mention.spans, mention.type, mention.id)))


def entity_types(documents: Iterable[Document]) -> list[str]:
    """Every entity type annotated in the documents, sorted."""
    return sorted({mention.type for document in documents for mention in document.mentions})
