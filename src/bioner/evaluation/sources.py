"""What attacks draw on beside the document itself; other wings provide it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Never, Protocol

from bioner.entities import Document, Mention, Span
from bioner.words import split_words

Name = tuple[str, tuple[str, ...]]
"""Surface and concepts of a mention, which travel together."""

Propose = Callable[[Document, Sequence[Span]], Sequence[Sequence[str]]]
"""For each of several words of a document, each masked alone: words that could stand there, the likeliest first."""


class Definition(Protocol):
    """Where a text defines a short form by its long form: half-open spans."""

    @property
    def short(self) -> Span: ...

    @property
    def long(self) -> Span: ...


def _nothing(_: object) -> Sequence[Never]:
    return ()


@dataclass(frozen=True)
class Sources:
    """Names, texts and functions; what a kind of attack does not need may be left empty.

    Attributes:
        definitions: finds the abbreviations that a text defines.
        sentences: spans of a document's sentences, in order.
        replaceable: mentions in one part that no other one overlaps, in reading order.
        synonyms: surfaces of each (concept, entity type) in the fold's training part.
        seen: names of the training part by entity type.
        other: names of the validation and test parts by entity type.
        known: surfaces of all mentions of the training part by entity type, those that cannot be replaced among them.
        held_out: those of the validation and test parts.
        documents: the test documents.
        propose: a masked language model.
        normalized: brings a name into the shape of training texts; those of test documents are as in the original.
    """

    definitions: Callable[[str], Sequence[Definition]] = _nothing
    sentences: Callable[[Document], Sequence[Span]] = _nothing
    replaceable: Callable[[Document], Sequence[Mention]] = _nothing
    synonyms: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)
    seen: Mapping[str, Sequence[Name]] = field(default_factory=dict)
    other: Mapping[str, Sequence[Name]] = field(default_factory=dict)
    known: Mapping[str, Collection[str]] = field(default_factory=dict)
    held_out: Mapping[str, Collection[str]] = field(default_factory=dict)
    documents: Sequence[Document] = ()
    propose: Propose | None = None
    normalized: Callable[[str], str] = str

    @cached_property
    def key(self) -> Callable[[str], str]:
        """What tells names apart, in test documents and in normalized ones alike: their canonical form after normalization."""
        return lru_cache(maxsize=200_000)(lambda surface: canonical(self.normalized(surface)))

    @cached_property
    def seen_names(self) -> dict[str, list[Name]]:
        """Names of the training part by type, each surface once."""
        return {type: distinct(found) for type, found in self.seen.items()}

    @cached_property
    def unseen_names(self) -> dict[str, list[Name]]:
        """Names of the other parts by type that no training mention of any type has."""
        known = set().union(*self._canonical_training.values())
        return {type: [name for name in distinct(found) if self.key(name[0]) not in known] for type, found in self.other.items()}

    @cached_property
    def foreign_names(self) -> dict[str, list[Name]]:
        """For each type the training part's names of other types, those that are names of it too left out, without concepts."""
        own = self._canonical_training
        names = [(surface, ()) for found in self.seen.values() for surface, _ in found]
        return {type: distinct(name for name in names if self.key(name[0]) not in own.get(type, ())) for type in {*self.seen, *self.other}}

    @cached_property
    def _canonical_training(self) -> dict[str, set[str]]:
        """All names of the training part by type, in canonical form."""
        found = {type: {self.key(surface) for surface, _ in names} for type, names in self.seen.items()}
        for type, surfaces in self.known.items():
            found.setdefault(type, set()).update(map(self.key, surfaces))
        return found

    @cached_property
    def protected_words(self) -> set[str]:
        """The words, in small letters, of every name: parts between hyphens and other marks are words too."""
        surfaces = {surface for group in (self.seen, self.other) for names in group.values() for surface, _ in names}
        surfaces.update(surface for group in (self.known, self.held_out) for found in group.values() for surface in found)
        return {word for surface in surfaces for word in words_of(surface)}

    @cached_property
    def whole_sentences(self) -> list[tuple[Document, Span]]:
        """Sentences of the test documents that cut no mention, in order."""
        return [(document, span) for document in self.documents for span in self.sentences(document) if _is_whole(document, span)]


def words_of(surface: str) -> set[str]:
    """The words of a name, in small letters."""
    return {surface[start:end].lower() for start, end in split_words(surface)}


def distinct(names: Iterable[Name]) -> list[Name]:
    """One name for each surface, sorted: a frequent name is drawn no more often than a rare one."""
    found: dict[str, Name] = {}
    for name in names:
        found.setdefault(name[0], name)
    return [found[surface] for surface in sorted(found)]


def canonical(surface: str) -> str:
    """A name without differences of case, white space, Unicode's compatible characters and kinds of dashes."""
    plain = unicodedata.normalize("NFKC", surface).casefold()
    return " ".join("".join("-" if unicodedata.category(letter) == "Pd" else letter for letter in plain).split())


def _is_whole(document: Document, span: Span) -> bool:
    """Whether every mention that reaches over any of a sentence lies in it."""
    touching = (mention for mention in document.mentions if mention.start < span[1] and span[0] < mention.end)
    return all(span[0] <= mention.start and mention.end <= span[1] for mention in touching)
