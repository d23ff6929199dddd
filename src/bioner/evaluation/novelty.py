"""How new a mention is to a model: what the training part says about its name and its concept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bioner.entities import NO_CONCEPT, Document, Mention

SEEN, SYNONYM, UNSEEN = "seen", "synonym", "unseen"
NOVELTIES = (SEEN, SYNONYM, UNSEEN)
"""In the order of tables: memorization, synonym and concept generalization of Kim and Kang 2022 (IEEE Access 10:31513)."""


def name_key(surface: str) -> str:
    """A surface form in lower case, white space collapsed: how names are compared."""
    return " ".join(surface.lower().split())


@dataclass(frozen=True, slots=True)
class TrainingNames:
    """What a training part names.

    `frequencies` counts its mentions by type and name (`name_key`); `concepts` are the concept ids of its mentions.
    """

    frequencies: Mapping[tuple[str, str], int]
    concepts: frozenset[str]

    @classmethod
    def of(cls, documents: Iterable[Document]) -> TrainingNames:
        """The names of training documents; variants are no documents of their own and should not be among them."""
        frequencies: Counter[tuple[str, str]] = Counter()
        concepts: set[str] = set()
        for document in documents:
            for mention in document.mentions:
                frequencies[mention.type, name_key(document.surface(mention))] += 1
                concepts.update(mention.concepts)
        return cls(frequencies, frozenset(concepts - NO_CONCEPT))

    def frequency(self, mention: Mention, surface: str) -> int:
        """Number of training mentions of the same type and name."""
        return self.frequencies.get((mention.type, name_key(surface)), 0)

    def novelty(self, mention: Mention, surface: str) -> str:
        """One of `NOVELTIES`.

        `seen`: a training mention of the same type has the name. `synonym`: not seen, but a training mention, of whatever type, has
        one of its concept ids. `unseen`: neither; so a mention without a concept id is never a synonym.

        Args:
            surface: the mention's text as training texts are normalized.
        """
        if self.frequency(mention, surface):
            return SEEN
        return UNSEEN if self.concepts.isdisjoint(mention.concepts) else SYNONYM
